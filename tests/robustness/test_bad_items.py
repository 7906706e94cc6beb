"A few bad items do not stop the others: they are named, and the command ends with exit code 3"

import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import TINY_CONFIG, assert_error, moving_frames, write_film
from harness import TRAIN

from posebook.core import PosebookError
from posebook.data.labels import read_labels


def assert_done_except(result, *items):
    code, text = result
    assert code == 3 and "Traceback" not in text, text
    last = text.splitlines()[-1]
    assert last.startswith("done except for: "), text
    for item in items:
        assert item in last, text


def words(workspace, line):
    return line.format(root=workspace, project=workspace / "project", model=workspace / "model").split()


def set_label(project, row, keypoint, x):
    path = project / "CollectedData.csv"
    table = pd.read_csv(path, header=None, dtype=str, keep_default_na=False)
    table.iloc[3 + row, 1 + 2 * keypoint : 3 + 2 * keypoint] = [str(x), "10"]
    table.to_csv(path, header=False, index=False)


def test_one_label_off_its_frame(workspace, run_command):
    project = workspace / "project"
    set_label(project, 2, 0, 5000)
    before = read_labels(project / "CollectedData.csv")
    labels = before.check()
    assert len(labels) == len(before) and labels.visible[2, 0] == 0 and np.isnan(labels.keypoints[2, 0]).all()
    assert_done_except(run_command(*words(workspace, TRAIN)), f"nose_side of {labels.images[2]}")
    assert (workspace / "out/checkpoints/last.ckpt").is_file() and (workspace / "out/report.html").is_file()


def test_labels_off_most_frames_of_one_video(workspace, run_command):
    "The video was resized after labeling"
    labels = read_labels(workspace / "project/CollectedData.csv")
    in_video = [i for i, o in enumerate(labels.groups()) if o == labels.groups()[0]]
    assert len(in_video) < len(labels) and len(in_video) > 2
    for row in in_video[: len(in_video) // 2 + 1]:
        set_label(workspace / "project", row, 0, 5000)
    assert_error(run_command(*words(workspace, TRAIN)), "far outside their image", "resized or cropped")


def test_deleted_and_damaged_images(workspace, run_command):
    labels = read_labels(workspace / "project/CollectedData.csv")
    for path in labels.paths()[:2]:
        path.unlink()
    labels.paths()[2].write_bytes(labels.paths()[2].read_bytes()[:200])
    assert labels.check().images == labels.images[3:]
    assert_done_except(run_command(*words(workspace, TRAIN)), *labels.images[:3])
    split = pd.read_csv(workspace / "out/split.csv")
    assert sorted(split.iloc[:, 0]) == sorted(labels.images[3:])
    for path in labels.paths()[3 : len(labels) // 2 + 1]:
        path.unlink()
    with pytest.raises(PosebookError, match="image.s. of the CSV do not exist"):
        labels.check()


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a", "b", "c"):
        write_film(folder / f"{name}.mp4", moving_frames(12))
    return folder


def tables(folder):
    return {p.stem: len(p.read_text().splitlines()) - 3 for p in folder.glob("*.csv")}


def test_two_formats_of_a_video(workspace, videos, run_command, tmp_path):
    write_film(videos / "a.avi", moving_frames(12))
    predict = "predict", workspace / "model"
    assert_done_except(run_command(*predict, videos, "--out", tmp_path / "out"), "a.avi, a.mp4")
    assert tables(tmp_path / "out") == {"b": 12, "c": 12}
    assert_error(run_command(*predict, videos / "a.avi", videos / "a.mp4"), "two inputs are called a")


def test_files_that_macos_leaves(workspace, videos, run_command, tmp_path):
    for name in ("._a.mp4", ".DS_Store", "__MACOSX/._a.mp4"):
        (videos / name).parent.mkdir(exist_ok=True)
        (videos / name).write_bytes(b"\0\5\x16\7")
    code, text = run_command("predict", workspace / "model", videos, "--out", tmp_path / "out")
    assert code == 0 and tables(tmp_path / "out") == {"a": 12, "b": 12, "c": 12}, text


def test_a_text_and_a_damaged_video_among_videos(workspace, videos, run_command, tmp_path):
    (videos / "notes.mp4").write_text("a text")
    data = write_film(videos / "cut.mkv", moving_frames(120)).read_bytes()
    (videos / "cut.mkv").write_bytes(data[: len(data) // 2])
    result = run_command("predict", workspace / "model", videos, "--out", tmp_path / "out")
    assert_done_except(result, "frames of cut.mkv", "notes")
    rows = tables(tmp_path / "out")
    assert 0 < rows.pop("cut") < 120 and rows == {"a": 12, "b": 12, "c": 12}
    content = (tmp_path / "out/cut.csv").read_bytes()
    result = run_command("predict", workspace / "model", videos, "--out", tmp_path / "out", "--resume")
    assert_done_except(result, "frames of cut.mkv", "notes.mp4")
    assert tables(tmp_path / "out").keys() == {"a", "b", "c", "cut"}
    assert (tmp_path / "out/cut.csv").read_bytes() == content
    for more in ([], ["--resume"]):
        result = run_command("predict", workspace / "model", videos / "cut.mkv", "--out", tmp_path / "one", *more)
        assert_done_except(result, "frames of cut.mkv")
    for name in ("a", "b", "c"):
        (videos / f"{name}.mp4").write_text("a text")
    result = run_command("predict", workspace / "model", videos, "--out", tmp_path / "most")
    assert_error(result, "4 of 5 videos could not be tracked")
    assert [*tables(tmp_path / "most")] == ["cut"]


def test_python_gets_the_tables_and_a_warning(workspace, videos, tmp_path, caplog):
    import posebook

    (videos / "notes.mp4").write_text("a text")
    written = posebook.predict(workspace / "model", videos, out=tmp_path / "out", progress=False)
    assert [o.name for o in written] == ["a.csv", "b.csv", "c.csv"]
    assert any("notes.mp4" in o for o in caplog.messages)


def test_an_ensemble_without_a_bad_video(workspace, videos, run_command, tmp_path):
    (videos / "b.mp4").write_text("a text")
    shutil.copytree(workspace / "model", workspace / "second")
    models = workspace / "model", workspace / "second"
    result = run_command("predict", *models, videos, "--ensemble", "--out", tmp_path / "out")
    assert_done_except(result, "b")
    assert tables(tmp_path / "out") == {"a": 12, "c": 12}


def test_a_bad_video_in_a_training(workspace, run_command):
    project = workspace / "project"
    (project / "videos/notes.mp4").write_text("a text")
    (project / "posebook.yaml").write_text(TINY_CONFIG.replace("predict_vids_after_training: false", ""))
    result = run_command(*words(workspace, TRAIN), "model.losses_to_use=[temporal]")
    assert_done_except(result, "notes")
    assert sorted(p.stem for p in (workspace / "out/video_preds").glob("*.csv")) == ["toy0", "toy1"]
    for video in (project / "videos").glob("toy*.mp4"):
        video.write_text("a text")
    result = run_command(*words(workspace, TRAIN.replace("/out", "/other")))
    assert_done_except(result, "tracking of the videos")
    assert (workspace / "other/report.html").is_file()


def test_picking_frames_without_a_bad_video(workspace, run_command):
    (workspace / "project/videos/notes.mp4").write_text("a text")
    result = run_command("frames", workspace / "project", "-n", 4)
    assert_done_except(result, "notes.mp4")
    assert "labeled-data/toy0" in result[1] and "labeled-data/toy1" in result[1]
