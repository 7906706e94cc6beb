"""The commands on the how-to and reference pages run, in the order of the page, in a folder with its files

A page shows commands in blocks of the language `sh`. Its files are those of `example`, the plug-ins of the page (cells
that begin with `# NAME.py`), and what `PREPARE` adds."""

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
from posebook.core import kinds
from posebook.data.labels import Labels, read_labels

PAGES = sorted(p for o in ("how_to", "reference") for p in (ROOT / "nbs" / o).glob("*.ipynb"))
OTHER_PROGRAMS = ("pip", "jupyter", "python3", ".")  # lines that begin with these are not run here


def page_cells(page):
    return json.loads(page.read_text(encoding="utf-8"))["cells"]


def markdown(cell):
    "The Markdown of a cell, or of its outputs"
    if cell["cell_type"] == "markdown":
        return "".join(cell["source"])
    return "\n".join("".join(o.get("data", {}).get("text/markdown", "")) for o in cell.get("outputs", []))


def commands(page):
    "The commands of the page's `sh` blocks, without comments, pipes and redirections, as lists of words"
    blocks = re.findall(r"^```sh\n(.*?)^```", "\n".join(map(markdown, page_cells(page))), re.M | re.S)
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


def write_plugins(page, folder):
    "Write the cells of a page that are plug-in files"
    for cell in page_cells(page):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and (match := re.match(r"# (\w+\.py)\n", source)):
            (folder / match[1]).write_text(source, encoding="utf-8")


@pytest.fixture
def registries():
    "Remove what the plug-ins of a page have registered"
    before = {kind: set(registry.load()) for kind, registry in kinds.items()}
    yield
    for kind, registry in kinds.items():
        for name in set(registry) - before[kind]:
            del registry[name]


def track_videos_and_images(folder):
    "The files of this page"
    for image in (folder / "mouse/labeled-data/toy0").glob("*.png"):
        (folder / "frames").mkdir(exist_ok=True)
        shutil.copy(image, folder / "frames")
    shutil.copytree(folder / "videos", folder / "data")
    shutil.copy(folder / "new.mp4", folder / "cam0.mp4")
    shutil.copytree(folder / "mouse/models/first", folder / "mouse/models/second")
    return {"MODEL": "mouse/models/first", "M1": "mouse/models/first", "M2": "mouse/models/second"}


def copy_media(source, target):
    "Copy the images and videos of a project"
    for name in ("labeled-data", "videos"):
        shutil.copytree(source / name, target / name)
    return target


def label_frames(folder):
    "The files of this page"
    shutil.copytree(folder / "videos", folder / "my-mouse/videos")
    return {}


def train_on_deeplabcut(folder):
    "The files of this page: a project of DeepLabCut, and one with two animals"
    table = (folder / "mouse/CollectedData.csv").read_text().splitlines()
    names, columns = table[1].split(",")[1::2], len(table[1].split(",")) - 1
    two = [line + "," + line.split(",", 1)[1] for line in table]
    two.insert(1, "individuals" + ",black" * columns + ",white" * columns)
    for name, lines, keys in (
        ("reach-anna-2026-11-24", table, {"bodyparts": names}),
        ("two-mice", two, {"bodyparts": "MULTI!", "multianimalbodyparts": names}),
    ):
        project = copy_media(folder / "mouse", folder / name)
        (project / "config.yaml").write_text(json.dumps({"Task": "reach", "scorer": "anna", **keys}))
        header = [o.replace(",", ",,,", 1) for o in lines if "/" not in o]
        for video in (project / "labeled-data").iterdir():
            rows = [o.replace("/", ",", 2) for o in lines if f"/{video.name}/" in o]
            (video / "CollectedData_anna.csv").write_text("\n".join([*header, *rows]))
    return {}


def train_on_sleap(folder):
    "The files of this page: a SLEAP file of two frames"
    sleap_io = pytest.importorskip("sleap_io")
    shutil.copytree(folder / "videos", folder / "flies/videos")
    video, skeleton = sleap_io.load_video(str(folder / "flies/videos/cam0.mp4")), sleap_io.Skeleton(["nose", "tail"])
    frames = [
        sleap_io.LabeledFrame(
            video=video,
            frame_idx=i,
            instances=[sleap_io.Instance.from_numpy(np.array([[10.0 + i, 20], [30, 40]]), skeleton=skeleton)],
        )
        for i in range(0, 20, 2)
    ]
    sleap_io.Labels(frames).save(str(folder / "flies/labels.slp"), verbose=False)
    return {}


def train_on_lightning_pose(folder):
    "The files of this page: a project of Lightning Pose, and a model of its keypoints"
    model, _ = write_lightning_pose_model(folder / "lp-model")
    toy = read_labels(folder / "mouse/CollectedData.csv")
    project = copy_media(folder / "mouse", folder / "mouse-lp")
    Labels(toy.images, toy.keypoints[:, :3], ["a", "b", "c"]).write(project / "CollectedData.csv")
    text = (model / "config.yaml").read_text()
    for path in (project, model):
        (path / "config.yaml").write_text(text.replace(f"data_dir: {model}", f"data_dir: {project}"))
    return {}


def add_a_file_format(folder):
    "A project whose labels are in a COCO file"
    project = folder / "coco_mouse"
    for name in ("labeled-data", "videos"):
        shutil.copytree(folder / "mouse" / name, project / name)
    labels = read_labels(folder / "mouse/CollectedData.csv")
    rows = np.nan_to_num(np.dstack([labels.keypoints, labels.visible])).reshape(len(labels), -1)
    content = {
        "images": [{"id": i, "file_name": o} for i, o in enumerate(labels.images)],
        "categories": [{"keypoints": labels.keypoint_names}],
        "annotations": [{"image_id": i, "keypoints": row} for i, row in enumerate(rows.tolist())],
    }
    (project / "annotations.json").write_text(json.dumps(content))
    return {}


def add_a_video_source(folder):
    "A recording that is an array, and one among the videos of the project"
    from posebook.video.read import read_frames

    frames = np.stack(list(read_frames(folder / "new.mp4")))
    np.save(folder / "recording.npy", frames)
    np.save(folder / "mouse/videos/array.npy", frames)
    return {}


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
PREPARE = {
    o.__name__: o
    for o in (
        add_a_file_format,
        add_a_video_source,
        command_line,
        label_frames,
        track_videos_and_images,
        train_on_deeplabcut,
        train_on_lightning_pose,
        train_on_sleap,
    )
}


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda p: p.stem)
def test_commands_of_a_page(page, example, run_command, tmp_path, monkeypatch, registries):
    folder = Path(shutil.copytree(example, tmp_path / "example"))
    write_plugins(page, folder)
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
