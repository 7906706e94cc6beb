import os
import shutil
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
MIRROR_MOUSE = ROOT.parent/"shared/data/mirror-mouse"


def pytest_configure(config): config.addinivalue_line("markers", "gpu: needs an NVIDIA GPU")


@pytest.fixture(scope="session", autouse=True)
def settings_folder(tmp_path_factory):
    "The list of trusted plug-ins is the tests' own, not the user's"
    os.environ["POSEBOOK_SETTINGS"] = str(tmp_path_factory.mktemp("settings"))
    os.environ.pop("POSEBOOK_TRUST", None)


@pytest.fixture(scope="session")
def root(): return ROOT


def reading_order(root=ROOT):
    "The notebooks in the order of the sidebar, which is the order in which they are read"
    def expand(contents):
        for entry in [contents] if isinstance(contents, str) else contents:
            if isinstance(entry, dict): yield from expand(entry["contents"])
            else: yield from sorted((root/"nbs").glob(entry))
    return list(expand(yaml.safe_load((root/"_quarto.yml").read_text())["website"]["sidebar"]["contents"]))


@pytest.fixture(scope="session")
def mirror_mouse():
    if not MIRROR_MOUSE.is_dir(): pytest.skip("the mirror-mouse data set is not beside the checkout")
    return MIRROR_MOUSE


@pytest.fixture(scope="session")
def toy_project(tmp_path_factory):
    "A small project of the toy animal, not to be changed"
    from posebook.toy import Toy
    from posebook.project.toy_project import make_toy_project
    return make_toy_project(Toy(0, 96, 96), tmp_path_factory.mktemp("toy")/"project", labels=12, frames=40)


@pytest.fixture
def project(toy_project, tmp_path):
    "A copy of it, to be broken"
    return Path(shutil.copytree(toy_project, tmp_path/"project"))


@pytest.fixture(scope="session")
def model(toy_project, tmp_path_factory):
    "A model folder after a few steps of training"
    from posebook.training.fit import train_tracker
    return train_tracker(toy_project, "training.max_steps=20", "training.accelerator=cpu", out=tmp_path_factory.mktemp("model")/"model", say=lambda line: None)


@pytest.fixture
def run_command(capsys):
    "Run the command line's words in this process, and return the exit code and the output"
    from posebook.cli import main
    def run(*words):
        with pytest.raises(SystemExit) as e: main([str(o) for o in words])
        return e.value.code, "".join(capsys.readouterr())
    return run


@pytest.fixture(scope="session")
def browser():
    "Headless Chromium, the system's own; one for all tests, since Playwright runs but once in a process"
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium: pytest.skip("there is no chromium on this machine")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()
