"The report: names, paths and logs become text of the page, never HTML"

import re
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import unquote

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
from posebook.evaluation.plots import jpeg, plot_confidence, plot_frame
from posebook.evaluation.report import _templates, report
from posebook.model_folder import new_model_folder
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
        for tag, name, value in Page(page).attributes:
            if name in ("src", "xlink:href") or name == "href" and tag != "a":
                assert value.startswith(("#", "data:")), (tag, value)
        assert (
            "--paper" in page
            and "@media (prefers-color-scheme: dark)" in page
            and "@import" not in page
            and "<link" not in page
        )


def links(folder):
    "The links of a report"
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    return [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]


@pytest.mark.parametrize("name", ["video", HOSTILE])
def test_links_lead_to_files_that_exist(tmp_path, name):
    folder = evaluated(tmp_path / "project", ["nose"], "image", name)
    assert not [o for o in links(folder) if "labeled_videos" in o or "evaluate" in o]
    video = folder / f"video_preds/labeled_videos/{name}_labeled.mp4"
    for path in (video, folder / "evaluate/tuesday/report.html"):
        path.parent.mkdir(parents=True)
        path.write_text("")
    report(folder)
    found = links(folder)
    assert not [o for o in found if not (folder / unquote(o)).is_file()]
    relative = [p.relative_to(folder).as_posix() for p in (video, folder / f"video_preds/{name}.csv")]
    assert {*relative, "predictions.csv", "metrics.json", "evaluate/tuesday/report.html"} <= {unquote(o) for o in found}


def test_a_report_on_other_labels_links_to_that_of_the_model(tmp_path):
    folder = evaluated(tmp_path / "project", ["nose"], "image", "video")
    other = folder / "evaluate/tuesday"
    other.mkdir(parents=True)
    for name in ("predictions.csv", "predictions_pixel_error.csv"):
        (other / name).write_bytes((folder / name).read_bytes())
    report(folder, other)
    assert links(other) == ["predictions.csv", "predictions_pixel_error.csv", "../../report.html"]
    assert all((other / o).is_file() for o in links(other))


def test_every_figure_has_a_description(pages):
    for page in pages:
        labels = re.findall(r'<svg [^>]*aria-label="([^"]*)"', page)
        assert len(labels) == page.count("<svg ") == 8 and all(len(o) > 30 for o in labels)
        assert re.search(r"Errors by keypoint. Median error: train \d", labels[0])
        alts = [value for tag, name, value in Page(page).attributes if (tag, name) == ("img", "alt")]
        assert len(alts) == 4 and all("largest error is" in o for o in alts)


def test_a_time_limit_that_ended_the_training_is_named(tmp_path):
    folder = evaluated(tmp_path / "project", ["nose"], "image", "video")
    assert "time limit" not in (folder / "report.html").read_text(encoding="utf-8")
    new_model_folder(folder, steps=312, time_limit_reached=True)
    assert "ended this training after 312 steps" in report(folder).read_text(encoding="utf-8")


def test_the_skeleton_is_drawn_in_images():
    "A line between two labels colors the pixels in the middle between them"
    image, labels = np.zeros((60, 60, 3), np.uint8), np.array([[10.0, 30], [50, 30]])

    def middle(lines, confidences=(1.0, 1.0)):
        predicted = labels + [[0, 15]]
        fig = plot_frame(image, labels, predicted, np.array(confidences), crop=False, lines=lines)
        pixels = cv2.imdecode(np.frombuffer(jpeg(fig), np.uint8), cv2.IMREAD_COLOR)
        height, width = pixels.shape[:2]
        return [bool(pixels[int(height * y), width // 2].max() > 60) for y in (30.5 / 60, 45.5 / 60)]

    assert middle([]) == [False, False] and middle([[0, 1]]) == [True, True]
    assert middle([[0, 1]], (0.9, 0.2)) == [True, False]


def test_the_confidence_axis_is_that_of_the_data():
    confidences = np.linspace(0.97, 1, 40)[:, None]
    fig = plot_confidence(confidences, np.linspace(9, 1, 40)[:, None])
    for ax in fig.axes:
        low, high = ax.get_xlim()
        assert 0.96 < low <= 0.97 and 1 <= high < 1.01
    medians = fig.axes[0].lines[0]
    assert len(medians.get_xdata()) == 10 and (np.diff(medians.get_ydata()) < 0).all()
    for values in (np.ones((5, 1)), np.zeros((5, 1)), np.full((5, 1), np.nan)):
        plot_confidence(values, np.ones((5, 1)))


def test_a_table_that_scrolls_shows_it(pages, browser, tmp_path):
    (tmp_path / "report.html").write_text(pages[0], encoding="utf-8")
    page = browser.new_page(viewport=dict(width=390, height=900))
    page.goto((tmp_path / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    table = page.locator(".scroll").first
    assert table.evaluate("o => o.scrollWidth > o.clientWidth")

    def edges():  # brightness of the outermost pixels at the left and at the right, below the text
        pixels = cv2.imdecode(np.frombuffer(table.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
        return int(np.median(pixels[:, 1])), int(np.median(pixels[:, -2]))

    left, right = edges()
    assert left >= 250 and right < 225
    table.evaluate("o => { o.scrollLeft = 1e4 }")
    left, right = edges()
    assert left < 225 and right >= 250
    page.close()


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
