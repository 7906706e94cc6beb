"""The commands on the how-to and reference pages run, in the order of the page, in a folder with its files

A page shows commands in blocks of the language `sh`. Its files are those of `example`, and what `PREPARE` adds."""

import glob
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import FOUR_STEPS, ROOT, write_lightning_pose_model

import posebook

PAGES = sorted(p for o in ("how_to", "reference") for p in (ROOT / "nbs" / o).glob("*.ipynb"))
OTHER_PROGRAMS = ("pip", "jupyter", "python3", ".")  # lines that begin with these are not run here


def markdown(cell):
    "The Markdown of a cell, or of its outputs"
    if cell["cell_type"] == "markdown":
        return "".join(cell["source"])
    return "\n".join("".join(o.get("data", {}).get("text/markdown", "")) for o in cell.get("outputs", []))


def commands(page):
    "The commands of the page's `sh` blocks, without comments, pipes and redirections, as lists of words"
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    blocks = re.findall(r"^```sh\n(.*?)^```", "\n".join(map(markdown, cells)), re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").replace("&&", "\n").splitlines()
    words = (shlex.split(re.sub(r" [|>] .*", "", line), comments=True) for line in lines)
    return [o for o in words if o]


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    "A folder with the project `mouse`, its model `mouse/models/first`, and new videos; not to be changed"
    from posebook.project.toy_project import make_toy_project
    from posebook.toy import Toy
    from posebook.video.files import write_video

    root, toy = tmp_path_factory.mktemp("example"), Toy(0, 96, 96)
    make_toy_project(toy, root / "mouse", labels=12, videos=2, frames=40)
    posebook.train(root / "mouse", *FOUR_STEPS, out=root / "mouse/models/first", progress=False)
    frames, _, _ = toy.render(30)
    for name in ("new.mp4", "videos/cam0.mp4", "videos/day1/cam0.mp4"):
        write_video(root / name, frames)
    return root


def track_videos_and_images(folder):
    "The files of this page"
    for image in (folder / "mouse/labeled-data/toy0").glob("*.png"):
        (folder / "frames").mkdir(exist_ok=True)
        shutil.copy(image, folder / "frames")
    shutil.copytree(folder / "videos", folder / "data")
    shutil.copy(folder / "new.mp4", folder / "cam0.mp4")
    shutil.copytree(folder / "mouse/models/first", folder / "mouse/models/second")
    return {"MODEL": "mouse/models/first", "M1": "mouse/models/first", "M2": "mouse/models/second"}


def command_line(folder):
    "The files of the examples of all commands"
    (folder / "mouse/posebook.yaml").unlink()
    for name in ("rat/videos/cam0.mp4", "mice/videos/cam0.mp4"):
        (folder / name).parent.mkdir(parents=True)
        shutil.copy(folder / "new.mp4", folder / name)
    header = ("scorer,me,me,me,me", "individuals,mouse1,mouse1,mouse2,mouse2", "bodyparts,nose,nose,nose,nose")
    (folder / "mice/CollectedData.csv").write_text(
        "\n".join([*header, "coords,x,y,x,y", "labeled-data/cam0/img0.png,1,2,3,4"])
    )
    for name in ("CollectedData.csv", "labeled-data"):
        copy = shutil.copytree if name == "labeled-data" else shutil.copy
        (folder / "more").mkdir(exist_ok=True)
        copy(folder / "mouse" / name, folder / "more" / name)
    write_lightning_pose_model(folder / "lp_model")
    for name in ("my_loss.py", "mouse/models/first/plugins/my_loss.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("# no definitions")
    return {}


# What a page needs besides `example`; each function returns the values of the page's words in capital letters
PREPARE = {"track_videos_and_images": track_videos_and_images, "command_line": command_line}


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda p: p.stem)
def test_commands_of_a_page(page, example, run_command, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(example, tmp_path / "example"))
    values = PREPARE.get(page.stem, lambda folder: {})(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("posebook.notebook.open_label._run_jupyterlab", lambda path: 0)
    # `bench` and `demo` take minutes: the chapter 82_bench and `tests/package` run them
    monkeypatch.setattr("posebook.bench.bench", lambda *args: {})
    monkeypatch.setattr("posebook.commands.train", lambda *args, out, progress: out)
    monkeypatch.setattr(
        "posebook.project.toy_project.make_toy_project",
        lambda toy, folder, **k: (folder / "videos").mkdir(parents=True),
    )
    monkeypatch.setattr("posebook.project.toy_project.errors_against_truth", lambda *args: np.ones(3))
    for words in commands(page):
        if words[0] in OTHER_PROGRAMS:
            continue
        assert words[0] == "posebook", words
        words = [values.get(o, o) for o in words[1:]]
        words = [o for w in words for o in (sorted(glob.glob(w)) if "*" in w else [w])]
        if words[0] == "train" and "--resume" not in words:
            words += FOUR_STEPS
        code, text = run_command(*words)
        assert code == 0, (words, text)
