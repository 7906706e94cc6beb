"Frames to label: what is picked, what is written, and what is never changed"

import os
import re
import shutil
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest
from conftest import assert_error, file_contents

from posebook.core import PosebookError
from posebook.data.labels import read_labels
from posebook.labeling.pick_frames import pick_frames, pick_project_frames, save_frames, some_frames
from posebook.video.files import open_video, write_video
from posebook.video.read import read_frames


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    "Two films of 120 frames of different animals"
    from posebook.toy import Toy

    folder = tmp_path_factory.mktemp("films")
    for i in range(2):
        write_video(folder / f"day{i}.mp4", Toy(i, 96, 96).render(120)[0], threads=1)
    return folder


@pytest.fixture
def lab(films, tmp_path):
    "A project with nothing but videos"
    shutil.copytree(films, tmp_path / "lab/videos")
    return tmp_path / "lab"


def number(image):
    return int(re.search(r"(\d+)\.png$", image)[1])


def test_videos_become_a_label_table(run_command, lab):
    code, text = run_command("frames", lab, "-n", 5, "--keypoints", "nose,tail base", "--keypoints", "tail_tip")
    assert code == 0 and "day0.mp4: 3 frame(s)" in text and "day1.mp4: 2 frame(s)" in text, text
    labels = read_labels(lab / "CollectedData.csv")
    assert labels.keypoint_names == ["nose", "tail base", "tail_tip"] and len(labels) == 5
    assert np.isnan(labels.keypoints).all()
    for image, path in zip(labels.images, labels.paths()):
        video, i = list(read_frames(lab / f"videos/{path.parent.name}.mp4")), number(image)
        for k in range(max(0, i - 2), min(119, i + 2) + 1):
            np.testing.assert_array_equal(cv2.imread(str(path.with_name(f"img{k:08d}.png")))[..., ::-1], video[k])
    assert [p.name for p in lab.rglob(".*")] == [".CollectedData.csv.lock"]  # nothing half written is left


def test_the_same_for_the_same_seed(lab, films, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(films, other / "videos")
    first, second = (pick_project_frames(o, 8, keypoints=["nose"]) for o in (lab, other))
    assert first == second and len(first) == 8
    assert file_contents(lab).keys() == file_contents(other).keys()
    assert len(pick_project_frames(lab, 2, seed=1)) == 2


def test_a_second_call_adds_other_frames(project, run_command):
    before = file_contents(project)
    labels = (project / "CollectedData.csv").read_text()
    assert run_command("frames", project, "-n", 2, "--neighbors", 1)[0] == 0
    result = run_command("frames", project, "-n", 2, "--neighbors", 1)
    after = file_contents(project)
    assert result[0] == 0 and (project / "CollectedData.csv").read_text().startswith(labels)
    assert all(after[p] == before[p] for p in before if p != "CollectedData.csv")
    images = read_labels(project / "CollectedData.csv").images
    assert len(set(images)) == len(images) > 12
    for image in images[12:]:
        others = [number(o) for o in images if o != image and o.split("/")[1] == image.split("/")[1]]
        assert min(abs(number(image) - o) for o in others) > 5 or image.split("/")[1] not in images[0]


def test_existing_rows_and_images_stay(project):
    path, image = project / "CollectedData.csv", project / "labeled-data/toy0/img00000001.png"
    text = path.read_text().replace("\n", "\r\n").rstrip()  # as Excel leaves it
    path.write_bytes(text.encode())
    image.parent.mkdir(exist_ok=True)
    image.write_bytes(b"mine")
    new = save_frames(project, project / "videos/toy0.mp4", [0, 0])
    assert new == ["labeled-data/toy0/img00000000.png"] and image.read_bytes() == b"mine"
    assert path.read_bytes() == (text + "\r\nlabeled-data/toy0/img00000000.png" + "," * 36 + "\r\n").encode()
    assert save_frames(project, project / "videos/toy0.mp4", [0]) == []
    assert path.read_bytes().count(b"img00000000") == 1


def test_deeplabcut_tables(lab):
    "Paths in three columns, and numbers with fewer digits"
    head = "scorer,,,anna,anna\nbodyparts,,,nose,nose\ncoords,,,x,y\n"
    (lab / "CollectedData_anna.csv").write_text(head + "labeled-data,day0,img050.png,12.50,3\n")
    assert save_frames(lab, lab / "videos/day0.mp4", [50, 60]) == ["labeled-data/day0/img00000060.png"]
    assert (lab / "CollectedData_anna.csv").read_text().endswith("12.50,3\nlabeled-data,day0,img00000060.png,,\n")
    picks = [number(o) for o in pick_project_frames(lab, 4, videos=["day0"])]
    assert min(abs(i - k) for i in picks for k in (50, 60)) > 5


def test_chosen_videos(run_command, lab, tmp_path):
    elsewhere = tmp_path / "elsewhere/night.mp4"
    elsewhere.parent.mkdir()
    shutil.copy(lab / "videos/day0.mp4", elsewhere)
    code, text = run_command("frames", lab, "-n", 3, "--video", "day1", "--video", elsewhere, "--keypoints", "nose")
    assert code == 0, text
    assert {p.name for p in (lab / "labeled-data").iterdir()} == {"day1", "night"}
    assert_error(run_command("frames", lab, "--video", "dya1"), "no such video", "did you mean 'day1.mp4'")
    shutil.copy(lab / "videos/day0.mp4", lab / "videos/day0.avi")
    assert_error(run_command("frames", lab), "two videos are called day0")


def test_project_settings_are_used(lab, tmp_path):
    "Videos elsewhere, names from the YAML, and a box"
    (tmp_path / "films").mkdir()
    shutil.move(lab / "videos/day0.mp4", tmp_path / "films/day0.mp4")
    shutil.rmtree(lab / "videos")
    (lab / "posebook.yaml").write_text(
        f"posebook: 1\ndata:\n  video_dir: {tmp_path / 'films'}\n  csv_file: labels.csv\n"
        "  keypoint_names: [nose]\n  box: [0, 0, 96, 48]\n"
    )
    assert len(pick_project_frames(lab, 3)) == 3
    assert read_labels(lab / "labels.csv").keypoint_names == ["nose"]


def test_errors_of_a_project(run_command, lab, tmp_path):
    assert_error(run_command("frames", tmp_path / "nowhere"), "no such folder")
    (tmp_path / "empty").mkdir()
    assert_error(run_command("frames", tmp_path / "empty"), "this is no project", "posebook init")
    assert_error(run_command("frames", lab), "what are the keypoints called", "--keypoints")
    assert_error(run_command("frames", lab, "-n", 0, "--keypoints", "nose"), "0 frames")
    shutil.copytree(lab, tmp_path / "bare")
    for p in (tmp_path / "bare/videos").iterdir():
        p.unlink()
    assert_error(run_command("frames", tmp_path / "bare", "--keypoints", "nose"), "no video in this folder")
    (lab / "CollectedData.csv").write_text("scorer,a\nbodyparts,nose\n")
    assert_error(run_command("frames", lab), "header rows are missing")
    (lab / "CollectedData.csv").write_text("scorer,a,a\nbodyparts,nose,nose\ncoords,x,y\n")
    assert_error(run_command("frames", lab, "--keypoints", "tail"), "the keypoints are nose already")
    assert not (lab / "labeled-data").exists()


def test_unreadable_videos(run_command, lab):
    (lab / "videos/aaa.mp4").write_text("not a video")
    (lab / "videos/empty.mp4").write_bytes(b"")
    with av.open(str(lab / "videos/cut.mkv"), "w") as c:
        s = c.add_stream("libx264", rate=25)
        s.height = s.width = 96
        s.pix_fmt = "yuv420p"
        for f in read_frames(lab / "videos/day0.mp4"):
            c.mux(s.encode(av.VideoFrame.from_ndarray(f, format="rgb24")))
        c.mux(s.encode())
    content = (lab / "videos/cut.mkv").read_bytes()
    (lab / "videos/cut.mkv").write_bytes(content[: len(content) * 2 // 3])
    result = run_command("frames", lab, "-n", 10, "--keypoints", "nose")
    assert result[0] == 3
    for message in (
        "2 of 5 videos could not be used",
        "aaa.mp4: this cannot be read",
        "empty.mp4: the video is empty",
        "the others are done",
        "done except for: aaa.mp4, empty.mp4",
    ):
        assert message in result[1], result[1]
    labels = read_labels(lab / "CollectedData.csv")
    assert {o.split("/")[1] for o in labels.images} >= {"day0", "day1"}
    assert all(p.is_file() for p in labels.paths())
    assert_error(run_command("frames", lab, "-n", 3, "--video", "aaa"), "aaa.mp4: this cannot be read")


def test_frames_that_cannot_be_decoded(lab, caplog):
    "What is picked and saved is what tracking would call by the same number"
    path = lab / "videos/day0.mp4"
    with open_video(path) as (container, stream):
        packets = [(p.pos, p.size) for p in container.demux(stream) if p.size]
    hole = bytearray(path.read_bytes())
    for pos, size in packets[30:33]:
        hole[pos : pos + size] = bytes(size)
    path.write_bytes(hole)
    readable = []
    with pytest.raises(PosebookError):
        for f in read_frames(path):
            readable.append(f)
    picks = pick_frames(path, 6)
    assert len(readable) == 120 and [i for i, f in enumerate(readable) if f is None]
    assert len(picks) == 6 and "cannot be decoded: " in caplog.messages[0]
    for i, f in some_frames(path, picks):
        np.testing.assert_array_equal(f, readable[i])


def test_fewer_frames_than_asked(run_command, lab, tmp_path):
    (lab / "videos/day1.mp4").unlink()
    code, text = run_command("frames", lab, "-n", 500, "--keypoints", "nose")
    assert code == 0 and "500 were asked for" in text
    n = len(read_labels(lab / "CollectedData.csv"))
    assert 50 < n <= 120
    code, text = run_command("frames", lab, "-n", 5)
    assert code == 0 and "0 row(s)" in text and len(read_labels(lab / "CollectedData.csv")) == n
    with pytest.raises(PosebookError, match="no frame 120"):
        save_frames(lab, lab / "videos/day0.mp4", [120])
    with pytest.raises(PosebookError, match="no frame -1"):
        save_frames(lab, lab / "videos/day0.mp4", [-1])


def test_a_folder_that_cannot_be_written(run_command, lab, monkeypatch):
    import errno
    from pathlib import Path

    def denied(self, *args):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", denied)
    assert_error(run_command("frames", lab, "-n", 3, "--keypoints", "nose"), "permission denied")
    assert not (lab / "CollectedData.csv").exists()


def test_a_long_video_is_not_held_in_memory(tmp_path):
    "What the process grows by is far from what the frames are together"
    path = tmp_path / "long.mp4"
    with av.open(str(path), "w") as c:
        s = c.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "40"})
        s.width, s.height, s.pix_fmt = 1280, 720, "yuv420p"
        image = np.zeros((720, 1280, 3), np.uint8)
        for i in range(360):
            image[:] = 60
            image[200:500, 3 * i : 3 * i + 80] = 200
            c.mux(s.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        c.mux(s.encode())
    code = (
        "import resource, sys; from posebook.labeling.pick_frames import pick_frames\n"
        "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "before = used(); picks = pick_frames(sys.argv[1], 10)\n"
        "print(len(picks), used() - before)"
    )
    if sys.platform != "linux":
        pytest.skip("memory is counted in other units here")
    output = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"MPLBACKEND": "agg"},
    ).stdout.split()
    assert int(output[0]) == 10 and float(output[1]) < 300  # all frames are 995 MB
