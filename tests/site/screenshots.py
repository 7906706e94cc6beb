"""Screenshots of all pages of the site, 1440 and 390 pixels wide.

`python tests/site/screenshots.py _site OUT` writes OUT/WIDTH/PAGE.png, and fails if a page is wider than the screen or
writes an error to the browser's console. `python -m posebook.book site` makes `_site`.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTHS = (1440, 390)


def photograph(site, out):
    "Write the screenshots and return what is wrong, a line for each fault"
    faults = []
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for width in WIDTHS:
            tab = browser.new_page(viewport={"width": width, "height": 900})
            for page in sorted(site.rglob("*.html")):
                name = page.relative_to(site).with_suffix("").as_posix()
                errors = []

                def note(message, errors=errors):
                    if message.type == "error":
                        errors.append(message.text)

                tab.on("console", note)
                tab.goto(page.as_uri())
                tab.wait_for_load_state("load")
                tab.remove_listener("console", note)
                faults += [f"{name}, {width} px: {text}" for text in errors]
                if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    faults.append(f"{name}, {width} px: wider than the screen")
                path = out / str(width) / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                tab.screenshot(path=str(path), full_page=True)
        browser.close()
    return faults


if __name__ == "__main__":
    found = photograph(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
    print("\n".join(found) or "no page is wider than the screen, and none has an error")
    sys.exit(bool(found))
