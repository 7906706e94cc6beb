"The report: names, paths and logs become text of the page, never HTML"

from html.parser import HTMLParser
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from jinja2 import UndefinedError

from posebook.config.read import check_config
from posebook.config.write import save_config
from posebook.data.labels import Labels
from posebook.data.preprocess import Preprocess
from posebook.data.splits import write_split
from posebook.evaluation.evaluate import evaluate_model
from posebook.evaluation.metrics import read_pixel_errors, write_pixel_errors
from posebook.evaluation.report import _templates, report
from posebook.training.setup import resolve

# no slash: it is used as a file name too
HOSTILE = "<script>alert(1)<&script>\"'&amp; {{ 7*7 }}<img src=x onerror=alert(1)>"
KEYPOINTS = ["</td><script>k()</script>", "it's \"><b onclick=k()>&lt;", "nose"]


class Page(HTMLParser):
    """Collect the tags, attributes and text that a browser would see.

    Those of drawings are kept apart, since their number depends on the lengths of names."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.drawn, self.text, self.open = [], [], set(), {}, []
        self.feed(text)
        self.close()

    def handle_startendtag(self, tag, attributes):
        if "svg" in self.open:
            self.drawn |= {(tag, name) for name, _ in attributes}
        else:
            self.tags.append(tag)
            self.attributes += [(tag, *pair) for pair in attributes]

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data


def evaluated(root, keypoint_names, image_name, video_name, log="0,9,20.,3.\n"):
    "A model folder with twelve labeled images, a log and a tracked video, as an evaluation leaves it"
    rng, names = np.random.default_rng(0), [f"images/{image_name}{i:02}.png" for i in range(12)]
    (root / "images").mkdir(parents=True)
    for name in names:
        (root / name).write_bytes(cv2.imencode(".png", np.full((64, 64, 3), 90, np.uint8))[1].tobytes())
    labels = Labels(names, rng.uniform(10, 50, (12, len(keypoint_names), 2)), keypoint_names, root)
    labels.write(root / "CollectedData.csv")
    cfg = resolve(
        check_config({"posebook": 1, "data": {"data_dir": str(root)}, "training": {"accelerator": "cpu"}}), labels
    )
    folder = root / "models" / image_name
    save_config(cfg, folder / "config.yaml")
    write_split(
        folder / "split.csv", names, {"train": range(6), "val": range(6, 8), "test": range(8, 12), "unused": []}
    )

    def predict_batch(batch):
        rows = batch["index"].numpy()
        shape = len(rows), len(keypoint_names)
        keypoints = labels.keypoints[rows] + rng.normal(size=(*shape, 2))
        return dict(keypoints_pred=keypoints, confidences=np.full(shape, 0.9))

    predictor = SimpleNamespace(
        cfg=cfg,
        names=keypoint_names,
        preprocess=Preprocess((64, 64)),
        scorer="pretended",
        context=1,
        label_sizes=[],
        predict_batch=predict_batch,
    )
    (folder / "logs").mkdir()
    (folder / "video_preds").mkdir()
    (folder / "logs/metrics.csv").write_text("epoch,step,train_pixel_error,train_supervised_loss\n" + log)
    quoted = '"' + keypoint_names[0].replace('"', '""') + '"'
    table = [
        "scorer,p,p,p",
        "bodyparts" + f",{quoted}" * 3,
        "coords,x,y,likelihood",
        *(f"{t},{10 + np.sin(t):.2f},20,0.9" for t in range(20)),
    ]
    (folder / f"video_preds/{video_name}.csv").write_text("\n".join(table) + "\n")
    evaluate_model(folder, predictor=predictor)
    return folder


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    "The page of a project with harmless names, and that of one in which every name is hostile"
    plain = evaluated(tmp_path_factory.mktemp("plain") / "project", ["ear", "tail", "nose"], "image", "video")
    hostile = evaluated(tmp_path_factory.mktemp("hostile") / HOSTILE, KEYPOINTS, HOSTILE, HOSTILE)
    return [(folder / "report.html").read_text(encoding="utf-8") for folder in (plain, hostile)]


def test_hostile_names_add_no_tag_and_no_attribute(pages):
    plain, hostile = map(Page, pages)
    assert hostile.tags == plain.tags and "script" not in hostile.tags and not hostile.open
    assert [pair[:2] for pair in hostile.attributes] == [pair[:2] for pair in plain.attributes]
    assert hostile.drawn <= plain.drawn and ("text", "style") in hostile.drawn


def test_hostile_names_are_shown_as_they_are(pages):
    page = Page(pages[1])
    assert page.text["h1"] == f"{HOSTILE}: tracking report" and page.text["title"] == f"{HOSTILE}: posebook report"
    assert all(name in page.text["td"] for name in KEYPOINTS)
    assert f"{HOSTILE}, the first 20 frames" in page.text["h3"]
    assert f"images/{HOSTILE}" in page.text["b"] and HOSTILE in page.text["p"]
    assert any(
        tag == "img" and name == "alt" and value.startswith(f"images/{HOSTILE}") for tag, name, value in page.attributes
    )


def test_a_hostile_log_adds_no_tag(tmp_path):
    "Text where a log has numbers becomes text of a figure"
    quoted = '"' + HOSTILE.replace('"', '""') + '"'
    folder = evaluated(tmp_path / "project", ["nose"], "image", "video", log=f"{quoted},9,{quoted},{quoted}\n")
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert (
        "script" not in page.tags
        and not {"script", "img"} & {tag for tag, _ in page.drawn}
        and HOSTILE[:8] in page.text["text"]
    )


def test_the_page_is_one_file(pages):
    for page in pages:
        assert not [
            value
            for _, name, value in Page(page).attributes
            if name in ("src", "href", "xlink:href") and not value.startswith(("#", "data:"))
        ]
        assert (
            "--paper" in page
            and "@media (prefers-color-scheme: dark)" in page
            and "@import" not in page
            and "<link" not in page
        )


def test_the_page_says_what_is_not_there(tmp_path):
    "No label to compare with, no log, no images; and more videos than it shows"
    folder = evaluated(tmp_path / "project", ["nose"], "image", "video")
    for name in "abc":
        (folder / f"video_preds/{name}.csv").write_bytes((folder / "video_preds/video.csv").read_bytes())
    (folder / "logs/metrics.csv").unlink()
    page = Page(report(folder).read_text(encoding="utf-8"))
    assert "1 more video not shown." in page.text["p"] and "no learning curves" in page.text["p"]
    images, names, errors, split = read_pixel_errors(folder / "predictions_pixel_error.csv")
    write_pixel_errors(
        folder / "predictions_pixel_error.csv", Labels(images, np.zeros((12, 1, 2)), names), errors * np.nan, split
    )
    page = Page(report(folder).read_text(encoding="utf-8"))
    assert "No frame has a label to compare with." in page.text["p"] and "table" not in page.tags
    (tmp_path / "project/CollectedData.csv").unlink()
    assert "frames of" not in Page(report(folder).read_text(encoding="utf-8")).text["p"]


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(UndefinedError, match="is undefined"):
        _templates.get_template("report.html").render(project="p")


def test_in_a_browser_no_script_runs(pages, browser, tmp_path):
    (tmp_path / "report.html").write_text(pages[1], encoding="utf-8")
    page = browser.new_page()
    dialogs, requests = [], []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((tmp_path / "report.html").as_uri())
    assert (
        page.title() == f"{HOSTILE}: posebook report"
        and page.locator("script, img:not([src^='data:']), [onclick], [onerror]").count() == 0
    )
    assert not dialogs and [url for url in requests if not url.startswith("data:")] == [
        (tmp_path / "report.html").as_uri()
    ]
    page.close()
