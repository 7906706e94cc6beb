"The widgets, in Python and in JupyterLab"

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest

from posebook.core import PosebookError
from posebook.data.labels import read_labels
from posebook.notebook.label import label
from posebook.notebook.label_table import LabelingSession
from posebook.project.toy_project import make_toy_project
from posebook.toy import Toy


def test_outside_a_notebook_says_what_to_do(project):
    with pytest.raises(PosebookError, match="jupyter lab"):
        label(project)


def test_untouched_cells_keep_their_text(project):
    path = project / "CollectedData.csv"
    lines = path.read_bytes().splitlines(True)
    cells = lines[4].split(b",")
    cells[1:3] = b"1.500", b"2e0"
    lines[4] = b",".join(cells)
    path.write_bytes(b"\xef\xbb\xbf" + b"".join(lines).replace(b"\n", b"\r\n") + b"\r\n")
    before = path.read_bytes().split(b"\r\n")
    session = LabelingSession(project)
    session.set_labels(session.images[1], {session.names[2]: (3, 4.567)})
    session.save()
    after = path.read_bytes().split(b"\r\n")
    assert [i for i, (x, y) in enumerate(zip(before, after)) if x != y] == [4] and len(before) == len(after)
    x, y = before[4].split(b","), after[4].split(b",")
    assert y[5:7] == [b"3.00", b"4.57"] and y[:5] + y[7:] == x[:5] + x[7:]


def test_a_labeled_project_is_done_and_an_empty_row_is_not(project):
    assert LabelingSession(project).first_unfinished() is None
    path = project / "CollectedData.csv"
    image = read_labels(path).images[3]
    path.write_text(
        "".join(o if image not in o else image + "," * 36 + "\n" for o in path.read_text().splitlines(True))
    )
    session = LabelingSession(project)
    assert session.first_unfinished() == image
    for name in session.names[:-1]:
        session.set_labels(image, {name: (5, 5)})
    session.save()
    assert LabelingSession(project).first_unfinished() == image
    session.set_labels(image, {session.names[-1]: "occluded"})
    session.save()
    assert LabelingSession(project).first_unfinished() is None
    assert read_labels(path).visible[3].tolist() == [2] * 17 + [1]


def test_the_first_occluded_keypoint_adds_the_states_to_the_table(project):
    path = project / "CollectedData.csv"
    before, session = read_labels(path), LabelingSession(project)
    image, names = session.images[0], session.names
    session.set_labels(image, {names[0]: "occluded", names[1]: None, names[2]: (3, 4), names[3]: "missing"})
    session.save()
    after = read_labels(path)
    assert after.visible[0, :4].tolist() == [1, 0, 2, 0] and after.keypoints[0, 2].tolist() == [3, 4]
    np.testing.assert_array_equal(after.keypoints[1:], before.keypoints[1:])
    np.testing.assert_array_equal(after.visible[1:], before.visible[1:])
    assert LabelingSession(project).labels(image)[:4] == ["occluded", None, (3, 4), "missing"]
    session.set_labels(image, {name: "occluded" for name in names})  # no animal
    session.save()
    assert read_labels(path).visible[0].tolist() == [1] * 18 and LabelingSession(project).is_done(image)


def test_two_people_of_whom_one_adds_the_states(project):
    anna, rick = LabelingSession(project), LabelingSession(project)
    image, names = anna.images[0], anna.names
    anna.set_labels(image, {names[0]: (5, 6)})
    rick.set_labels(image, {names[1]: "occluded"})
    assert rick.save() == [] and anna.save() == []
    labels = read_labels(project / "CollectedData.csv")
    assert labels.visible[0, :2].tolist() == [2, 1] and labels.keypoints[0, 0].tolist() == [5, 6]
    anna.set_labels(image, {names[2]: "occluded"})
    rick.set_labels(image, {names[3]: (7, 8)})
    assert anna.save() == [] and rick.save() == []
    labels = read_labels(project / "CollectedData.csv")
    assert labels.visible[0, 1:4].tolist() == [1, 1, 2] and labels.keypoints[0, 3].tolist() == [7, 8]


def test_many_savers_lose_nothing(project):
    "Two people save a hundred labels each into one table, in turns and at once"
    import threading

    people = [LabelingSession(project) for _ in range(2)]

    def work(me):
        for i in range(50):
            image = people[me].images[i % 6 + 6 * me]
            people[me].set_labels(image, {people[me].names[i % 18]: (me, i)})
            people[me].save()

    threads = [threading.Thread(target=work, args=[i]) for i in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for o in people:
        o.save()
    labels = read_labels(people[0].path)
    for me in range(2):
        for i in range(32, 50):
            assert labels.keypoints[i % 6 + 6 * me, i % 18].tolist() == [me, i]
    assert not list(project.glob("*.conflict*"))


@contextlib.contextmanager
def jupyterlab(folder):
    "A server of its own: address, token"
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    token, own = secrets.token_hex(8), folder / ".jupyter"
    env = {
        **os.environ,
        "IPYTHONDIR": str(own / "ipython"),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
    }
    env.update({f"JUPYTER_{k}_DIR": str(own / k.lower()) for k in ("CONFIG", "DATA", "RUNTIME")})
    settings = own / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    with open(folder / "lab.log", "w") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={token}",
                f"--ServerApp.root_dir={folder}",
            ],
            cwd=folder,
            env=env,
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(300):
            assert server.poll() is None, (folder / "lab.log").read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token={token}", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", token
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def write_notebook(path, *cells):
    cells = [
        dict(cell_type="code", source=c, metadata={}, outputs=[], execution_count=None, id=f"cell{i}")
        for i, c in enumerate(cells)
    ]
    spec = dict(name="python3", display_name="python3", language="python")
    path.write_text(json.dumps(dict(cells=cells, metadata=dict(kernelspec=spec), nbformat=4, nbformat_minor=5)))


class Notebook:
    "A notebook in the browser"

    def __init__(self, page, url, token, name):
        self.page, self.address = page, f"{url}/doc/tree/{name}?token={token}"

    def open(self):
        self.page.goto(self.address)
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        self.page.wait_for_function(
            "document.querySelector('#jp-main-statusbar')?.innerText.includes('| Idle')", timeout=60_000
        )

    def run(self, cell=0, shows=".pb"):
        self.page.locator(".jp-CodeCell .cm-content").nth(cell).click()
        self.page.keyboard.press("Control+Enter")
        self.page.locator(".jp-CodeCell").nth(cell).locator(shows).first.wait_for(timeout=60_000)


@pytest.fixture(scope="module")
def lab(tmp_path_factory, browser):
    for name in ("jupyterlab", "anywidget"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    folder = tmp_path_factory.mktemp("lab")
    with jupyterlab(folder) as (url, token):
        yield folder, url, token


def until(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


class Hand:
    "A hand on the labeling widget"

    def __init__(self, page):
        self.page = page
        self.view("v => v.frameView.bitmap && v.frameView.bitmap.width")
        page.wait_for_function("document.querySelector('.pb').labelView.frameView.bitmap")

    def view(self, f):
        return self.page.locator(".pb").first.evaluate(f"e => ({f})(e.labelView)")

    def screen(self, x, y):  # of a pixel of the frame
        box = self.page.locator(".pb-overlay").bounding_box()
        zoom, left, top = self.view("v => [v.frameView.zoom, v.frameView.left, v.frameView.top]")
        return box["x"] + left + (x + 0.5) * zoom, box["y"] + top + (y + 0.5) * zoom

    def click(self, x, y):
        self.page.mouse.click(*self.screen(x, y))

    def wheel(self, x, y, by):
        self.page.mouse.move(*self.screen(x, y))
        for _ in range(by):
            self.page.mouse.wheel(0, -200)
        self.page.wait_for_timeout(100)

    def drag(self, start, end):
        self.page.mouse.move(*self.screen(*start))
        self.page.mouse.down()
        to = self.screen(*end)
        self.page.mouse.move(to[0] - 5, to[1] - 5)
        self.page.mouse.move(*to)
        self.page.mouse.up()

    def key(self, key):
        self.page.keyboard.press(key)


def test_labeling_in_jupyterlab(browser, lab):
    folder, url, token = lab
    toy = Toy(0, 320, 256)
    project = make_toy_project(toy, folder / "toy", labels=6, videos=1, frames=30)
    path = project / "CollectedData.csv"
    lines = path.read_text().splitlines(True)
    path.write_text("".join(o if i in (0, 1, 2, 4) else o.split(",")[0] + "," * 36 + "\n" for i, o in enumerate(lines)))
    write_notebook(folder / "a.ipynb", "from posebook.notebook.label import label\nw = label('toy')\nw")
    page = browser.new_page(viewport=dict(width=1280, height=1000))
    errors = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    book = Notebook(page, url, token, "a.ipynb")
    book.open()
    book.run()
    hand, names = Hand(page), toy.keypoint_names
    labels = lambda: read_labels(path)
    image, point = labels().images[0], lambda k, i=0: labels().keypoints[i, k]
    near = lambda k, xy, i=0: np.abs(point(k, i) - xy).max() <= 0.5  # NaN is not
    assert hand.view("v => v.image") == image and "1 of 6 frames done" in page.locator(".pb-count").inner_text()

    hand.click(60, 70)  # the whole frame
    until(lambda: near(0, (60, 70)))
    hand.wheel(200, 100, 3)  # about the pointer
    zoomed = hand.view("v => v.frameView.zoom")
    assert zoomed > 5
    hand.click(201.25, 103.75)
    until(lambda: near(1, (201.25, 103.75)))
    assert np.abs(point(1) - (201.25, 103.75)).max() <= 0.6 / zoomed  # a screen pixel is a part of a frame's
    hand.wheel(200, 100, 6)
    assert hand.view("v => v.frameView.zoom") > 50
    hand.click(200, 100)
    until(lambda: near(2, (200, 100)))
    assert np.abs(point(2) - (200, 100)).max() <= 0.02
    hand.key("f")
    page.mouse.wheel(0, -150)
    before = hand.view("v => [v.frameView.left, v.frameView.top]")
    hand.drag((150, 150), (170, 140))  # an empty place: the frame moves
    assert hand.view("v => [v.frameView.left, v.frameView.top]") != before and np.isnan(point(3)).all()
    hand.key("f")

    hand.drag((60, 70), (90.5, 40.5))
    until(lambda: near(0, (90.5, 40.5)))
    hand.key("z")
    until(lambda: near(0, (60, 70)))
    hand.key("z")
    until(lambda: np.isnan(point(2)).all() and hand.view("v => v.keypoint") == 2)
    hand.key("w")
    hand.key("s")
    hand.key("x")  # JupyterLab would cut the cell
    until(lambda: near(0, (60, 70)) and (labels().visible[0] == 1).sum() == 1)
    assert page.locator(".jp-CodeCell").count() == 1
    page.mouse.move(*hand.screen(200, 200))
    hand.key("Delete")
    assert page.locator('.pb-row[data-state="occluded"]').count() == 1

    hand.key("Enter")  # the second is done already
    assert hand.view("v => v.image") == labels().images[2]
    page.wait_for_function("document.querySelector('.pb').labelView.frameView.bitmap")
    hand.click(10, 12)
    hand.key("Shift+X")
    until(lambda: near(0, (10, 12), 2) and ",NA" not in path.read_text().splitlines()[5])
    assert "2 of 6 frames done" in page.locator(".pb-count").inner_text()
    hand.key("0")  # no animal in this frame
    until(lambda: (labels().visible[2] == 1).all())
    assert page.locator('.pb-row[data-state="occluded"]').count() == len(names)
    hand.key("z")
    until(lambda: near(0, (10, 12), 2))
    hand.view("v => v.selectKeypoint(1)")
    hand.key("m")
    until(lambda: labels().visible[2].tolist().count(0) == 1 and labels().visible[2, 1] == 0)
    assert page.locator('.pb-row[data-state="missing"]').count() == 1
    hand.key("a")
    hand.key("a")
    hand.key("d")
    assert hand.view("v => v.image") == labels().images[1]
    assert hand.view("v => v.keypoint") is None  # this frame is complete
    hand.key("s")
    hand.key("s")
    assert hand.view("v => v.names[v.keypoint]") == names[1]

    (project / labels().images[3]).unlink()  # goes on with the others
    hand.view("v => { v.bitmaps.clear(); v.goTo(v.imageNames[3]); }")
    page.wait_for_selector(".pb-note[data-error='1']")
    assert "no such file" in page.locator(".pb-note").inner_text()
    hand.key("d")
    page.wait_for_function("document.querySelector('.pb').labelView.frameView.bitmap")
    hand.click(30, 31)
    until(lambda: near(0, (30, 31), 4))

    text = path.read_text()  # somebody else writes
    fifth = text.splitlines()[7]
    path.write_text(text.replace(fifth, fifth.replace("30.", "33.")).replace(",NA,NA\n", ",44,45\n", 1))
    hand.click(50, 51)
    until(lambda: near(1, (50, 51), 4))
    assert point(0, 4)[0] >= 33

    book.open()  # the page is loaded again
    book.run()
    hand = Hand(page)
    assert hand.view("v => v.image") == image  # one keypoint is still open there
    assert near(0, (60, 70)) and abs(hand.view("v => v.currentLabels[0][0]") - 60) <= 0.5
    lines = [o.split(",") for o in path.read_text().splitlines()]
    assert lines[4] == [o.split(",") for o in path.read_text().splitlines()][4] and not errors
    page.close()


def test_a_complete_frame_is_changed_only_on_purpose(browser, lab):
    "Extra clicks, several steps of undo and redo, the keyboard alone, a zoomed click, the table of keys"
    folder, url, token = lab
    toy = Toy(0, 320, 256)
    project = make_toy_project(toy, folder / "three", labels=3, videos=1, frames=30)
    path = project / "CollectedData.csv"
    images = read_labels(path).images
    header = "scorer,,,,,,\nbodyparts,nose,nose,ear,ear,tail,tail\ncoords,x,y,x,y,x,y\n"
    path.write_text(header.replace("scorer,,,,,,", "scorer" + ",me" * 6) + "".join(f"{o},,,,,,\n" for o in images))
    (project / "posebook.yaml").write_text("posebook: 1\ndata: {skeleton: [[nose, ear], [ear, tail]]}\n")
    write_notebook(
        folder / "c.ipynb",
        "from posebook.notebook.label import label\nlabel('three')",
        "label('three', auto_advance=True)",
    )
    page = browser.new_page(viewport=dict(width=1280, height=1000))
    errors = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    book = Notebook(page, url, token, "c.ipynb")
    book.open()
    book.run()
    hand = Hand(page)
    positions = lambda row=0: read_labels(path).keypoints[row]
    saved = lambda *points, row=0: until(lambda: np.abs(positions(row)[: len(points)] - points).max() <= 0.5)
    unlabeled = lambda k, row=0: until(lambda: np.isnan(positions(row)[k]).all())
    hint = page.locator(".pb-hint")
    assert hint.inner_text() == "click places nose"
    assert hand.view("v => v.lines") == [[0, 1], [1, 2]]

    hand.click(60, 70)
    hand.click(60, 70)  # the second click of a double click
    assert hand.view("v => v.keypoint") == 1
    hand.click(100, 80)
    hand.click(150, 90)
    saved((60, 70), (100, 80), (150, 90))
    assert hint.inner_text() == "complete: Enter for the next frame" and hand.view("v => v.keypoint") is None
    table, sent = path.read_bytes(), hand.view("v => v.lastSent")
    hand.click(200, 150)
    page.wait_for_timeout(600)
    hand.click(210, 160)
    hand.key("x")
    hand.key("ArrowLeft")
    assert hand.view("v => v.lastSent") == sent and path.read_bytes() == table
    page.wait_for_timeout(600)
    hand.click(150, 90)  # selects the tail; a click elsewhere does not move it
    assert hand.view("v => v.keypoint") == 2 and "tail has a position" in hint.inner_text()
    hand.click(210, 160)
    assert hand.view("v => v.lastSent") == sent
    page.keyboard.down("Shift")
    hand.click(210, 160)
    page.keyboard.up("Shift")
    saved((60, 70), (100, 80), (210, 160))
    hand.drag((60, 70), (80, 60))
    saved((80, 60), (100, 80), (210, 160))
    assert hand.view("v => v.keypoint") is None

    hand.key("Control+z")  # five steps back, three forward
    saved((60, 70), (100, 80), (210, 160))
    hand.key("Control+z")
    saved((60, 70), (100, 80), (150, 90))
    for k in (2, 1, 0):
        hand.key("Control+z")
        unlabeled(k)
    hand.key("Control+z")
    page.locator(".pb-note", has_text="there is nothing to undo").wait_for()
    hand.key("Control+Shift+Z")
    saved((60, 70))
    hand.key("Control+y")
    saved((60, 70), (100, 80))
    hand.key("Shift+Z")
    saved((60, 70), (100, 80), (150, 90))

    page.locator(".pb-hint[data-complete='1']").wait_for()
    hand.key("Enter")  # the keyboard alone
    assert hand.view("v => v.image") == images[1]
    page.wait_for_function("document.querySelector('.pb').labelView.frameView.bitmap")
    page.mouse.move(5, 5)
    hand.key("ArrowRight")
    x, y = hand.view("v => v.cross")
    assert abs(x - 160.5) <= 0.01 and abs(y - 127.5) <= 0.01  # one pixel right of the middle
    hand.key("Shift+ArrowUp")
    hand.key("Space")
    saved((160.5, 117.5), row=1)
    hand.key("Shift+ArrowDown")
    hand.key("Space")
    saved((160.5, 117.5), (160.5, 127.5), row=1)
    hand.key("w")
    hand.key("w")
    sent = hand.view("v => v.lastSent")
    page.keyboard.down("Shift")
    for _ in range(3):
        page.keyboard.down("ArrowLeft")  # held: one change
    page.keyboard.up("ArrowLeft")
    page.keyboard.up("Shift")
    saved((130.5, 117.5), row=1)
    assert hand.view("v => v.lastSent") == sent + 1
    hand.key("z")
    saved((160.5, 117.5), row=1)
    zoom = hand.view("v => v.frameView.zoom")
    hand.key("+")
    assert hand.view("v => v.frameView.zoom") == pytest.approx(1.5 * zoom)
    hand.key("f")
    assert hand.view("v => v.frameView.zoom") == pytest.approx(zoom)
    hand.view("v => v.selectKeypoint(2)")
    hand.wheel(40, 50, 4)
    hand.click(41.25, 52.5)
    saved((160.5, 117.5), (160.5, 127.5), (41.25, 52.5), row=1)
    assert np.abs(positions(1)[2] - (41.25, 52.5)).max() <= 0.6 / hand.view("v => v.frameView.zoom")

    table = page.locator(".pb-keys")
    assert not table.is_visible()
    hand.key("?")
    assert table.is_visible() and "zoom around the pointer" in table.inner_text()
    hand.key("?")
    assert not table.is_visible()
    assert page.get_by_role("button", name="redo").get_attribute("title") == "key: ⇧Z"

    before = positions(0).copy()
    page.locator(".jp-CodeCell").nth(0).locator(".pb").evaluate("e => e.remove()")
    book.run(1)  # auto_advance
    hand = Hand(page)
    assert hand.view("v => v.image") == images[2]
    hand.view("v => v.goTo(v.imageNames[0])")
    page.wait_for_function("document.querySelector('.pb').labelView.frameView.bitmap")
    hand.view("v => { v.el.focus(); v.selectKeypoint(0); }")
    hand.key("Delete")
    unlabeled(0)
    hand.click(30, 40)  # completes the first frame
    assert hand.view("v => v.image") == images[2]
    saved((30, 40), *before[1:])
    page.wait_for_function("document.querySelector('.pb').labelView.frameView.bitmap")
    hand.click(20, 20)
    hand.key("Shift+M")
    assert hint.inner_text() == "all frames are complete"
    until(lambda: read_labels(path).visible[2].tolist() == [2, 0, 0])
    assert not errors
    page.close()


@pytest.fixture
def tracked(lab):
    "A toy and a model folder of which two mistakes are known: the confidence of frame 62, and a jump in frame 40"
    from posebook.data.tables import PredictionTable, write_temporal_norm

    folder, toy = lab[0] / "review", Toy(0, 160, 160)
    project = make_toy_project(toy, folder / "toy", labels=8, videos=2, frames=90)
    _, found, _ = toy.render(90, 1)
    sure = np.full(found.shape[:2], 0.9)
    found[40, 3] += (25, -30)
    sure[62, 5] = 0.1
    preds = folder / "model/video_preds"
    preds.mkdir(parents=True)
    (folder / "model/config.yaml").write_text(f"posebook: 1\ndata: {{data_dir: {project}}}\n")
    table = PredictionTable(preds / "toy1.csv", "me", toy.keypoint_names)
    table.open(0)
    table.add(np.arange(90), found, sure)
    table.close()
    table.finish()
    write_temporal_norm(table.path, preds / "details/toy1_temporal_norm.csv")
    return folder, project


def test_reviewing_in_jupyterlab(browser, lab, tracked):
    folder, project = tracked
    write_notebook(
        lab[0] / "review/a.ipynb", "from posebook.notebook.review import review\nreview('model', 'toy/videos/toy1.mp4')"
    )
    page = browser.new_page(viewport=dict(width=1280, height=1100))
    book = Notebook(page, *lab[1:], "review/a.ipynb")
    book.open()
    book.run()
    view = lambda f: page.locator(".pb").first.evaluate(f"e => ({f})(e.reviewView)")
    at = lambda i: page.wait_for_function(f"document.querySelector('.pb').reviewView.frame === {i}", timeout=10_000)
    at(0)
    page.locator(".pb-timeline button").nth(0).click()
    at(62)
    assert "paw_hind_left_side, 0.10" in page.locator(".pb-note").inner_text()
    page.keyboard.press("2")
    page.wait_for_function("[40, 41].includes(document.querySelector('.pb').reviewView.frame)")
    page.keyboard.press("1")
    page.keyboard.press("Shift+Digit1")
    page.keyboard.press("d")
    page.keyboard.press("a")
    canvas = page.locator(".pb-timeline canvas").nth(0)
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + 10.5 / 90 * box["width"], box["y"] + 20)  # frame 10
    at(10)
    page.mouse.click(box["x"] + 62.5 / 90 * box["width"], box["y"] + 20)
    at(62)
    page.keyboard.press("l")
    image = "labeled-data/toy1/img00000062.png"
    until(lambda: (project / "CollectedData.csv").read_text().splitlines()[-1] == image + "," * 36)
    assert {p.name for p in (project / "labeled-data/toy1").glob("*.png")} >= {f"img{i:08d}.png" for i in range(60, 65)}
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('.pb').reviewView.frame > 66")
    page.keyboard.press("Space")
    assert view("v => v.playStart") is None and LabelingSession(project).first_unfinished() == image
    page.close()


def test_watching_in_jupyterlab(browser, lab):
    from posebook.model_folder import edit_manifest, new_model_folder

    run = lab[0] / "run"
    new_model_folder(run)
    (run / "logs").mkdir()
    head, row = (
        "step,train_supervised_loss,train_pixel_error,val_supervised_loss,val_pixel_error\n",
        "{0},{1},{1},{1},{1}\n",
    )
    (run / "logs/metrics.csv").write_text(head + row.format(1, 9.0))
    write_notebook(lab[0] / "w.ipynb", "from posebook.notebook.watch import watch\nw = watch('run', interval=.2)")
    page = browser.new_page(viewport=dict(width=1280, height=800))
    book = Notebook(page, *lab[1:], "w.ipynb")
    book.open()
    book.run(shows=".pb-chart")
    page.locator(".pb-count", has_text="step 1, training").wait_for(timeout=10_000)
    with open(run / "logs/metrics.csv", "a") as f:
        f.write(row.format(20, 4.0))
    page.locator(".pb-count", has_text="step 20, training").wait_for(timeout=10_000)
    with edit_manifest(run) as manifest:
        manifest["trained"] = True
    page.locator(".jp-OutputArea-output img").wait_for(timeout=20_000)  # the figure that stays
    assert page.locator(".pb").count() == 0
    page.close()
