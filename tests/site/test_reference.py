"The reference pages show today's commands and keys, and every file that posebook writes"

import ast
import json
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

import posebook

PAGES = ROOT / "nbs/reference"


def cells(page):
    return json.loads((PAGES / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def stored(page):
    "The Markdown that each cell of a page has as its output, by the code of the cell"
    texts = {}
    for cell in cells(page):
        for output in cell.get("outputs", []):
            code = source(cell).removeprefix("#| echo: false\n")
            texts[code] = "".join(output["data"]["text/markdown"])
    return texts


def headings(page):
    texts = [*(source(c) for c in cells(page) if c["cell_type"] == "markdown"), *stored(page).values()]
    return {o.partition(":")[0] for text in texts for o in re.findall(r"(?m)^##+ (.*)", text)}


@pytest.mark.parametrize("page", ["command_line", "configuration"])
def test_stored_texts_are_those_of_today(page):
    "In a process of its own: other tests register definitions"
    texts = stored(page)
    code = "import json, sys\nfrom posebook import reference_pages as r\nMarkdown = str\n"
    code += "print(json.dumps([eval(o, vars(r) | dict(Markdown=str)) for o in json.load(sys.stdin)]))"
    process = subprocess.run([sys.executable, "-c", code], input=json.dumps([*texts]), capture_output=True, text=True)
    assert not process.returncode, process.stderr
    assert len(texts) > 14 and json.loads(process.stdout) == [*texts.values()]


def test_every_command_has_a_section_with_what_its_help_shows(run_command):
    from posebook.cli import COMMANDS

    texts = {k: v for k, v in stored("command_line").items() if "command_help" in k}
    assert [ast.literal_eval(k[len("Markdown(command_help(") : -2]) for k in texts] == [*COMMANDS]
    for name, text in zip(COMMANDS, texts.values(), strict=True):
        assert f"posebook {name}" in headings("command_line")
        _, shown = run_command(name, "--help")
        shown = re.sub(r"\s+", "", shown)
        for row in re.findall(r"(?m)^\| `.*", text):
            options, _, meaning = re.fullmatch(r"\| (.*?) \| (.*?) \| (.*) \|", row).groups()
            for option in re.findall(r"`(.*?)`", options):
                assert option in shown or option.lower() in shown, option
            if "`" not in meaning and "\\" not in meaning:
                assert re.sub(r"\s+", "", meaning) in shown, meaning
        for example in text.split("```sh\n")[1].splitlines()[:-1]:
            assert re.sub(r"\s+", "", example) in shown, example
        rows = len(re.findall(r"(?m)^\| `-", text))
        assert rows == len(re.findall(r"(?m)^  -", run_command(name, "--help")[1])) - 1, name  # without --help


def test_every_key_has_a_heading():
    from posebook.config.read import _key_paths
    from posebook.reference_pages import key_schemas

    keys = {*_key_paths(), *(k for k, _ in key_schemas())}
    assert len(keys) > 90 and keys <= headings("configuration")


def test_settings_of_definitions_are_accepted(run_command, toy_project, tmp_path):
    "Each setting in the tables of definitions can be set with its default; `build` checks the names"
    from posebook.config.read import read_config

    tables = [text for code, text in stored("configuration").items() if "registered_definitions" in code]
    rows = re.findall(r"(?m)^\| `([\w.]+\.[\w.]+)` \| `(.*?)` \|", "\n".join(tables))
    assert len(rows) > 60
    for key, default in rows:
        cfg = read_config(toy_project, [f"{key}={default}"]).model_dump()
        for name in key.split("."):
            cfg = cfg[name]


# Files


def patterns():
    "The patterns of the files, by heading: `NAME` stands for any name"
    found, heading = {}, ""
    for cell in cells("files"):
        for line in source(cell).splitlines():
            heading = line[3:] if line.startswith("## ") else heading
            if line.startswith("| `"):
                found.setdefault(heading, []).extend(re.findall(r"`(.*?)`", line.split(" | ")[0]))
    del found["Elsewhere"]
    return found


def matches(pattern, path):
    return re.fullmatch(re.sub(r"[A-Z]{2,}", "[^/]+", re.escape(pattern).replace(r"\-", "-")), path)


# Where the files of a heading are, in the folder of the test
FOLDERS = {
    "In the project": "project/",
    "In the model folder": "project/models/first/",
    "Results on labeled frames": "project/models/first/(evaluate/more/)?",
    "Prediction tables of videos": "(project/models/first/video_preds|mean(/first|/second)?|tables/day1|tables)/",
    "Prediction tables of images": "project/models/first/image_preds/toy0/",
}
# Files of other tests: `inference` interrupts commands, `formats` imports labels, `cli` has two views
ELSEWHERE = ["visibility.csv", "CollectedData.csv.bak", ".part", "pca_multiview_error.csv"]


@pytest.fixture(scope="module")
def work(toy_project, tmp_path_factory):
    "A folder in which all commands have run, and the files that were there before"
    from posebook.cli import main

    root = tmp_path_factory.mktemp("files")
    shutil.copytree(toy_project, root / "project", ignore=shutil.ignore_patterns("models", "posebook.yaml"))
    (root / "videos/day1").mkdir(parents=True)
    for name in ("new.mp4", "videos/cam0.mp4", "videos/day1/cam0.mp4"):
        shutil.copy(root / "project/videos/toy0.mp4", root / name)
    shutil.copy(root / "project/CollectedData.csv", root / "project/more.csv")
    (root / "mine.py").write_text("# no definitions")
    before = {p for p in root.rglob("*") if p.is_file()}

    def run(*words):
        with pytest.raises(SystemExit) as e:
            main([str(root / o[1:]) if o.startswith("/") else o for o in words])
        assert e.value.code == 0, words

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("posebook.notebook.open_label._run_jupyterlab", lambda path: 0)
        model = "/project/models/first"
        run("init", "/project")
        run("frames", "/project", "-n", "2", "--video", "toy0")
        run("label", "/project")
        settings = ("max_steps=4", "accelerator=cpu", "ckpt_every_n_epochs=1", "check_val_every_n_epoch=1")
        settings = [f"training.{o}" for o in settings]
        run(
            "train", "/project", *settings, "eval.save_vids_after_training=true", "--plugin", "/mine.py", "--out", model
        )
        shutil.copytree(root / "project/models/first", root / "second")
        run("predict", model, "/new.mp4", "--labeled-video", "--save-heatmaps")
        run("predict", model, "/videos", "--out", "/tables")
        run("predict", model, "/project/labeled-data/toy0", "--labeled-video")
        run("predict", model, "/second", "/new.mp4", "--ensemble", "--out", "/mean")
        run("evaluate", model)
        run("evaluate", model, "--csv", "/project/more.csv")
        run("smooth", f"{model}/video_preds/new.csv")
    return root, before


def test_every_file_has_a_row_and_every_row_a_file(work):
    root, before = work
    assert patterns().keys() == FOLDERS.keys()
    new = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and p not in before]
    new = [o for o in new if not o.startswith("second/")]
    found = set()
    for path in new:
        rows = [
            (heading, pattern)
            for heading, folder in FOLDERS.items()
            for pattern in patterns()[heading]
            if (m := re.match(folder, path)) and matches(pattern, path[m.end() :])
        ]
        assert rows, f"{path} has no row"
        found.update(rows)
    given = {("In the project", o) for o in ("CollectedData.csv", "videos/VIDEO.mp4")}
    rows = {(heading, pattern) for heading, all_rows in patterns().items() for pattern in all_rows}
    assert {o for o in rows - found - given if not o[1].endswith(tuple(ELSEWHERE))} == set()


def test_a_model_folder_with_the_needed_files_tracks(work, tmp_path):
    root, _ = work
    for name in ("config.yaml", "posebook.json", "checkpoints/last.ckpt", "plugins/mine.py"):
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "project/models/first" / name, tmp_path / "model" / name)
    [table] = posebook.predict(tmp_path / "model", root / "new.mp4", progress=False)
    assert table.read_text() == (root / "project/models/first/video_preds/new.csv").read_text()


def test_the_columns_of_the_tables(work):
    model = work[0] / "project/models/first"
    lines = lambda name: (model / name).read_text().splitlines()
    assert [o.split(",")[0] for o in lines("video_preds/new.csv")[:4]] == ["scorer", "bodyparts", "coords", "0"]
    assert lines("video_preds/new.csv")[2].split(",")[1:4] == ["x", "y", "likelihood"]
    assert lines("predictions.csv")[0].endswith(",set")
    assert lines("predictions_pixel_error.csv")[0].endswith(",set")
    assert lines("split.csv")[0] == "image,set,position"
    assert {*json.loads((model / "metrics.json").read_text())["train"]["all"]} == {
        *("count", "mean", "median", "p90", "p95", "pck5", "pck10")
    }
    for name in ("temporal_norm", "pca_singleview_error", "moved"):
        [header, *rows] = lines(f"video_preds/details/new_{name}.csv")
        assert header.startswith(",") and rows[0].startswith("0,")
