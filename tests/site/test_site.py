"The site in a browser without internet"

import functools
import html
import http.server
import io
import re
import shutil
import threading
from configparser import ConfigParser
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from conftest import reading_order
from PIL import Image

try:
    from playwright import sync_api
except ImportError:
    sync_api = None


@pytest.fixture(scope="session")
def site(root, tmp_path_factory):
    "The site, built once in a copy of the checkout"
    pytest.importorskip("nbdev", reason="the site is built with the tools of development")
    from posebook import book

    copy = tmp_path_factory.mktemp("checkout")
    shutil.copy(root / "settings.ini", copy)
    for name in ("nbs", "posebook"):
        shutil.copytree(root / name, copy / name)
    return book.site(copy)


class Page(HTMLParser):
    "What a page holds and what it points to"

    def __init__(self, path):
        super().__init__()
        self.links, self.ids, self.sidebar, self.turns, self.depth = [], set(), [], {}, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if "id" in a:
            assert a["id"] not in self.ids, f"two things are called {a['id']}"
            self.ids.add(a["id"])
        self.links += [a[k] for k in ("href", "src") if a.get(k)]
        if tag == "div":
            self.depth.append(a.get("class") or "")
        if tag == "a" and a.get("href"):
            if "sidebar-item-text" in (a.get("class") or ""):
                self.sidebar.append(a["href"])
            for direction in ("previous", "next"):
                if self.depth and f"nav-page-{direction}" in self.depth[-1]:
                    self.turns[direction] = a["href"]

    def handle_endtag(self, tag):
        if tag == "div":
            self.depth.pop()


@pytest.fixture(scope="session")
def pages(site):
    return {p: Page(p) for p in sorted(site.rglob("*.html"))}


def leads_to(page, href):
    return (page.parent / unquote(href.split("#")[0])).resolve() if href.split("#")[0] else page


def in_order(root):
    "The book in the order in which it is read, as paths of pages"
    return [p.relative_to(root / "nbs").with_suffix(".html") for p in reading_order(root)]


def test_every_notebook_is_a_page_and_has_its_place(root, site, pages):
    order = in_order(root)
    assert {p.relative_to(site) for p in pages} == set(order)
    for path, page in pages.items():
        assert [leads_to(path, o).relative_to(site) for o in page.sidebar] == order, path.name
        i = order.index(path.relative_to(site))
        turns = {way: leads_to(path, o).relative_to(site) for way, o in page.turns.items()}
        expected = {"previous": order[i - 1] if i else None, "next": order[i + 1] if i + 1 < len(order) else None}
        assert turns == {k: v for k, v in expected.items() if v}, path.name


def test_no_link_or_image_is_missing(site, pages):
    broken, count = [], 0
    for path, page in pages.items():
        for href in page.links:
            if re.match(r"(https?|mailto|data|javascript):", href):
                continue
            target, _, anchor = href.partition("#")
            to = leads_to(path, href)
            if to.is_dir():
                to = to / "index.html"
            count += 1
            if not to.is_file() or anchor and to.suffix == ".html" and unquote(anchor) not in pages[to].ids:
                broken.append((path.name, href))
    assert not broken
    assert count > 1000


def test_every_image_has_a_description(site, pages):
    count = 0
    for path in pages:
        for image in re.findall(r"<img\b[^>]*>", path.read_text(encoding="utf-8")):
            alt = re.search(r'\balt="([^"]*)"', image)
            assert alt and len(alt[1]) > 10, (path.name, image[-200:])
            count += 1
    assert count > 90


def test_names_lead_to_their_pages_and_sources(root, site, pages):
    text = (site / "models/07_heatmap.html").read_text(encoding="utf-8")
    assert 'href="04_supervised.html#posebook.models.supervised.BaseSupervisedTracker"' in text
    settings = ConfigParser(delimiters=["="])
    settings.read(root / "settings.ini", encoding="utf-8")
    git = settings["DEFAULT"]["git_url"]
    line = re.search(
        rf'{git}/blob/main/posebook/models/heatmap.py#L(\d+)"[^>]*>source</a>',
        text.split("predictions to pixels of the frame")[1],
    )[1]
    assert "def to_frame(" in "".join(
        (root / "posebook/models/heatmap.py").read_text().splitlines()[int(line) - 1 : int(line) + 1]
    )
    assert f'{git}/blob/main/nbs/models/07_heatmap.ipynb' in text


def test_no_page_knows_where_it_was_made(root, site, pages):
    private = [str(root), str(site.parent), str(Path.home()), "/tmp/tmp"]
    for p in (*pages, site / "scripts/pages.js", site / "llms.txt", *site.rglob("*.llms.md"), *site.rglob("*.ipynb")):
        text = html.unescape(re.sub(r"base64,[^\"]*", "", p.read_text(encoding="utf-8")))
        assert not [o for o in private if len(o) > 1 and re.search(rf"{re.escape(o)}(?![\w.])", text)], p.name


@pytest.fixture(scope="session")
def served(site):
    "The site's address on a server of its own"

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def visit(browser, served):
    "Open a page; at the end nothing may have been fetched elsewhere, or complained"
    faults, contexts = [], []

    def visit(page="index.html", width=1440, scheme="light", base=served, **kwargs):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **kwargs))
        tab = contexts[-1].new_page()
        tab.on("console", lambda m: m.type == "error" and faults.append((tab.url, m.text)))
        tab.on("pageerror", lambda e: faults.append((tab.url, str(e))))
        tab.on("request", lambda r: r.url.startswith((served, "file:", "data:")) or faults.append((tab.url, r.url)))
        tab.goto(f"{base}/{page}")
        return tab

    yield visit
    for context in contexts:
        context.close()
    assert not faults


@pytest.mark.parametrize("width", [390, 1440])
def test_each_page_fits_the_screen(site, pages, served, visit, width):
    tab = visit(width=width)
    for p in pages:
        tab.goto(f"{served}/{p.relative_to(site)}")
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), p.name
        out = tab.evaluate("""[...document.querySelectorAll('main img, main svg')].filter(o =>
            o.getBoundingClientRect().right > innerWidth || o.complete === false || o.naturalWidth === 0).length""")
        assert not out, f"{p.name}: {out} images"
        # what is wider than the page scrolls in its own place
        cut = tab.evaluate("""[...document.querySelectorAll('main table, main pre')].filter(o => {
            const box = o.closest('.sd-table, .scroll') || o.closest('div.sourceCode') || o;
            return box.getBoundingClientRect().right > innerWidth + 1
                && getComputedStyle(box).overflowX == 'visible' }).length""")
        assert not cut, f"{p.name}: {cut} tables or cells"


def test_a_table_that_scrolls_shows_it(site, visit, pages):
    "On a phone, the right edge of a wide table is darker; once it is scrolled to its end, the left edge"
    tab = visit(width=390)
    found = 0
    for p in pages:
        if "dataframe" not in p.read_text(encoding="utf-8"):
            continue
        tab.goto(p.as_uri())
        for table in tab.locator("main table.dataframe").all():
            if not table.evaluate("o => o.scrollWidth > o.clientWidth + 40"):
                continue
            found += 1
            for scrolled in (False, True):
                table.evaluate("(o, to) => { o.scrollLeft = to }", 1e4 if scrolled else 0)
                pixels = np.asarray(Image.open(io.BytesIO(table.screenshot())).convert("L"))
                left, right = np.median(pixels[:, 1]), np.median(pixels[:, -2])
                assert (left < 225 <= 250 <= right) if scrolled else (right < 225 <= 250 <= left), p.name
    assert found


def test_the_sidebar_walks_through_the_book(root, visit):
    order = in_order(root)
    tab = visit()
    for i, page in enumerate(order):
        assert tab.url.endswith(f"/{page}")
        active_link = tab.locator("#quarto-sidebar a.sidebar-link.active")
        sync_api.expect(active_link).to_have_attribute("href", re.compile(f"(^|/){re.escape(page.name)}$"))
        sync_api.expect(active_link).to_be_in_viewport()
        if i + 1 < len(order):
            link = tab.locator("#quarto-sidebar a.sidebar-link[href]").nth(i + 1)
            for section in link.locator("xpath=ancestor::ul[contains(@class, 'sidebar-section')]").all():
                if "show" not in section.get_attribute("class").split():
                    tab.locator(
                        f"#quarto-sidebar .sidebar-item-text[data-bs-target='#{section.get_attribute('id')}']"
                    ).click()
            link.click()


def test_the_internals_are_folded_until_the_reader_is_there(visit):
    tab = visit()
    heading = tab.get_by_role("button", name="Internals", exact=True)
    section = tab.get_by_role("button", name="Config", exact=True)
    sync_api.expect(section).not_to_be_visible()
    heading.press("Enter")  # by keyboard
    sync_api.expect(section).to_be_visible()
    tab = visit("models/07_heatmap.html")
    sync_api.expect(tab.locator("#quarto-sidebar a.active")).to_be_in_viewport()
    sync_api.expect(tab.locator("#quarto-sidebar a", has_text="Config schema")).not_to_be_visible()


def test_the_source_of_a_chapter_is_folded(visit):
    tab = visit("models/07_heatmap.html")
    source = tab.locator("details.code-fold", has_text="class HeatmapTracker(")
    code = source.locator("pre")
    sync_api.expect(code).not_to_be_visible()
    sync_api.expect(tab.locator("pre", has_text="tracker = HeatmapTracker(").first).to_be_visible()
    summary = source.locator("summary")
    assert summary.inner_text() == "Source of HeatmapTracker"
    summary.press("Enter")
    sync_api.expect(code).to_be_visible()
    assert tab.evaluate("document.body.textContent").count("class HeatmapTracker(") == 1  # for the browser's own search


@pytest.mark.parametrize("name", ["tutorials/01_first_tracker", "how_to/track_videos_and_images"])
def test_a_page_can_be_downloaded_as_a_notebook(root, visit, name):
    tab = visit(f"{name}.html")
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Download notebook").click()
    assert download.value.suggested_filename == f"{Path(name).name}.ipynb"
    assert Path(download.value.path()).read_bytes() == (root / f"nbs/{name}.ipynb").read_bytes()


def test_every_tutorial_and_how_to_page_has_its_notebook(root, site, pages):
    for folder in ("tutorials", "how_to"):
        for p in (root / f"nbs/{folder}").glob("*.ipynb"):
            assert (site / folder / p.name).read_bytes() == p.read_bytes()
            assert p.name in pages[site / folder / f"{p.stem}.html"].links


def test_every_page_has_a_markdown_text(root, site, pages):
    listed = re.findall(r"^- \[[^\]]+\]\(([^)]+)\): \S", (site / "llms.txt").read_text(encoding="utf-8"), re.M)
    assert listed == [p.with_suffix(".llms.md").as_posix() for p in in_order(root)]
    for name in listed:
        path = site / name
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# ") and len(text) < 60_000 and not re.search("base64,[^\"]{1000}", text), name
        assert path.name in pages[Path(str(path).replace(".llms.md", ".html"))].links
        prose = re.sub(r"```.*?```|``.*?``|`[^`]*`|^    .*$", "", text, flags=re.S | re.M)
        for link in re.findall(r"\]\(([^)\s]+)\)", prose):
            if not re.match(r"(https?|mailto):|#", link):
                assert (path.parent / unquote(link.split("#")[0])).exists(), (name, link)


@pytest.mark.parametrize("base", ["served", "file"])
def test_search_finds_a_class(site, visit, served, base):
    tab = visit("tutorials/01_first_tracker.html", base=served if base == "served" else site.as_uri())
    tab.get_by_placeholder("Search").fill("HeatmapTracker")
    first = tab.get_by_role("option").first
    first.wait_for()
    assert "The heatmap tracker › HeatmapTracker" in first.inner_text()
    first.click()
    tab.wait_for_url("**/models/07_heatmap.html#*")
    assert tab.locator("h1").inner_text() == "The heatmap tracker"


def test_search_by_keyboard(visit):
    tab = visit()
    box = tab.get_by_role("combobox", name="Search")
    tab.keyboard.press("/")
    sync_api.expect(box).to_be_focused()
    tab.keyboard.type("likelihood")
    options = tab.get_by_role("option")
    options.first.wait_for()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    sync_api.expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == options.nth(1).get_attribute("id")
    assert options.nth(1).locator("mark").count()
    target = options.nth(1).get_attribute("href")
    tab.keyboard.press("Enter")
    tab.wait_for_url(target)
    tab.keyboard.press("Control+k")
    sync_api.expect(box).to_be_focused()
    box.fill("xylophone zebrafish")
    sync_api.expect(tab.locator("#search-results")).to_have_text("No page has “xylophone zebrafish”.")
    tab.keyboard.press("Escape")
    sync_api.expect(tab.locator("#search-results")).not_to_be_visible()


@pytest.fixture(scope="session")
def first_pages(browser, site):
    "The search on the start page from the disk: from a question to the first three pages"
    tab = browser.new_page()
    tab.goto((site / "index.html").as_uri())

    def first_pages(question):
        tab.get_by_placeholder("Search").fill(question)
        tab.locator(f"#search-results[data-query='{question}']").wait_for()
        addresses = tab.get_by_role("option").evaluate_all("options => options.map(option => option.href)")
        return [unquote(o).removeprefix(f"{site.as_uri()}/").partition(".html")[0] for o in addresses[:3]]

    yield first_pages
    tab.close()


# what a reader types, and the pages that answer it; one of them is among the first three
QUESTIONS = {
    "multiple animals": "index how_to/troubleshooting how_to/train_on_deeplabcut how_to/train_on_sleap",
    "out of memory": "how_to/use_a_gpu how_to/troubleshooting",
    "image_resize_dims": "reference/configuration how_to/choose_settings",
    "GPU": "how_to/use_a_gpu",
    "csv": "how_to/read_results reference/files",
    "label frames": "how_to/label_frames",
    "confidence": "how_to/read_results tutorials/03_is_it_good",
    "likelihood": "how_to/read_results tutorials/03_is_it_good",
    "DLC": "how_to/train_on_deeplabcut explanations/coming_from_deeplabcut",
    "SLEAP": "how_to/train_on_sleap explanations/coming_from_sleap",
    "resume": "how_to/continue_a_training how_to/process_many_videos how_to/track_videos_and_images",
    "speed": "explanations/speed how_to/read_results how_to/use_a_gpu",
    "cite": "how_to/cite",
    "plugin": "how_to/add_a_backbone how_to/add_a_head tutorials/08_add_a_model reference/configuration",
    "crop": "reference/configuration how_to/choose_settings how_to/troubleshooting",
    "occluded": "how_to/label_frames tutorials/07_context",
    "learning rate": "reference/configuration how_to/choose_settings",
    "install": "index how_to/use_a_gpu how_to/troubleshooting",
    "test set": "tutorials/03_is_it_good how_to/choose_settings how_to/troubleshooting",
    "fine tune": "how_to/continue_a_training how_to/correct_and_retrain",
    "skeleton": "reference/configuration explanations/coming_from_sleap how_to/train_on_sleap",
    "16-bit": "how_to/troubleshooting data/00_images",
    "how many frames should I label": "how_to/choose_settings how_to/label_frames",
    "pandas": "how_to/read_results",
    "movement": "how_to/read_results",
    "custom loss": "how_to/add_a_loss tutorials/09_add_a_loss",
    "new backbone": "how_to/add_a_backbone",
    "hundreds of videos": "how_to/process_many_videos",
    "bad frames": "how_to/correct_and_retrain tutorials/04_bad_frames",
    "exit code": "how_to/track_videos_and_images reference/command_line",
    "--labeled-video": "reference/command_line how_to/track_videos_and_images",
    "early stopping": "reference/configuration how_to/choose_settings",
    "unlabeled video": "tutorials/06_unlabeled_video explanations/why_unlabeled_video",
    "Lightning Pose config": "how_to/train_on_lightning_pose explanations/coming_from_lightning_pose",
    "3D cameras": "index how_to/troubleshooting",
    "mirror": "index tutorials/06_unlabeled_video reference/configuration how_to/choose_settings",
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_search_finds_the_right_page(first_pages, question):
    assert {*first_pages(question)} & {*QUESTIONS[question].split()}


def test_search_finds_the_beginning_of_a_word_but_not_its_middle(first_pages):
    assert first_pages("deeplabc")[0] == first_pages("deeplabcut")[0]
    assert first_pages("econdary") == []  # and fetch nothing that is near it


def test_the_index_of_the_search_is_small(site):
    assert (site / "scripts/pages.js").stat().st_size < 1_000_000


def test_phone_opens_the_list_of_chapters(visit):
    tab = visit("models/07_heatmap.html", width=390)
    link = tab.locator("#quarto-sidebar a.sidebar-link", has_text="Your first tracker")
    sync_api.expect(link).not_to_be_in_viewport()
    tab.get_by_label("Toggle sidebar navigation").click()
    sync_api.expect(tab.locator("#quarto-sidebar a.active")).to_be_in_viewport()  # the list begins where one is
    link.click()
    assert tab.url.endswith("tutorials/01_first_tracker.html")


def test_copy_button_copies_the_code(visit):
    tab = visit("data/03_geometry.html", permissions=["clipboard-read", "clipboard-write"])
    block = tab.locator(".code-copy-outer-scaffold:visible").first
    block.hover()
    block.locator("button").click()
    tab.locator(".code-copy-button-checked").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()") == block.locator("code").inner_text()


CONTRAST = """() => {
    const rgb = text => text.match(/[\\d.]+/g).map(Number);
    const light = c => c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
    const paper = o => { const layers = [];
        for (; o; o = o.parentElement) layers.push(rgb(getComputedStyle(o).backgroundColor));
        return layers.reverse().reduce((under, c) =>
            under.map((v, i) => v + (c[i] - v) * (c[3] ?? 1)), [255, 255, 255]) };
    const text = 'main :is(p, li, td, th, h1, h2, h3, code, a, span), #quarto-sidebar span, #TOC a';
    return [...document.querySelectorAll(text)]
        .filter(o => [...o.childNodes].some(n => n.nodeType == 3 && n.data.trim()) && o.offsetParent)
        .map(o => { const [a, b] = [light(rgb(getComputedStyle(o).color)), light(paper(o))];
                    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
                    return [ratio, a > b, o.textContent.slice(0, 40), o.className] }) }"""


@pytest.mark.parametrize("page", ["index.html", "tutorials/06_unlabeled_video.html", "models/07_heatmap.html"])
def test_dark_is_readable(visit, page):
    tab = visit(page, scheme="dark")
    tab.locator("html.quarto-dark, body.quarto-dark").wait_for()
    contrasts = tab.evaluate(CONTRAST)
    assert len(contrasts) > 50
    assert not [o for o in contrasts if o[0] < 4 or not o[1]]
    # pictures are drawn for white paper
    white = tab.evaluate("[...document.querySelectorAll('main img')].map(o => getComputedStyle(o).backgroundColor)")
    assert set(white) <= {"rgb(255, 255, 255)"}
    tab.locator(".quarto-color-scheme-toggle").click()
    tab.wait_for_function("!document.querySelector('.quarto-dark')")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
