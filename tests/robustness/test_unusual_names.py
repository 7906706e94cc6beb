"Unusual names of keypoints, videos and folders work to the end"

import csv
import shutil

import pytest
from conftest import TINY_CONFIG

NAMES = ["${a}", "1e3", "a,b", "a: b", 'say "x"', "[0]", "null", "x" * 250]


@pytest.fixture
def project(toy_project, tmp_path):
    "A project in a folder with an unusual name"
    project = shutil.copytree(toy_project, tmp_path / "mice [2024], #1 ${day}")
    (project / "posebook.yaml").write_text(TINY_CONFIG)
    return project


def rename_keypoints(project, names):
    path = project / "CollectedData.csv"
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    keypoints = list(dict.fromkeys(rows[1][1:]))
    new = dict(zip(keypoints, names))
    rows[1] = [rows[1][0], *(new.get(o, o) for o in rows[1][1:])]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_keypoints(project, tiny_model, run_command):
    from posebook.data.tables import read_predictions

    rename_keypoints(project, NAMES)
    out, video = project / "models/m", project / "videos/toy0.mp4"
    code, text = run_command("train", project, "--out", out, "--no-progress", "data.csv_file=Collected*.csv")
    assert code == 0, text
    for command in (["predict", out, video, "--save-heatmaps"], ["evaluate", out]):
        code, text = run_command(*command)
        assert code == 0, text
    assert read_predictions(out / "video_preds/toy0.csv")[1][: len(NAMES)] == NAMES


def test_video(project, tiny_model, run_command, tmp_path):
    "A name that FFmpeg or a shell would read as something else"
    plain = project / "videos/toy0.mp4"
    odd = shutil.copy(plain, project / "videos/a,b [c] ${d} %03d:1.mp4")
    for video in (plain, odd):
        code, text = run_command("predict", tiny_model, video, "--out", tmp_path / "out", "--labeled-video")
        assert code == 0, text
    assert (tmp_path / "out" / f"{odd.stem}.csv").read_bytes() == (tmp_path / "out/toy0.csv").read_bytes()
    assert (tmp_path / "out/labeled_videos" / f"{odd.stem}_labeled.mp4").stat().st_size > 1000


def test_a_name_that_is_not_text(project, tiny_model, run_command, tmp_path):
    from conftest import assert_error

    video = shutil.copy(project / "videos/toy0.mp4", tmp_path / "a\udcff.mp4")
    assert_error(run_command("predict", tiny_model, video, "--out", tmp_path / "out"), "not text in UTF-8", "rename")
