"Labels of SLEAP"

import inspect
from pathlib import Path

import numpy as np
import pytest

from posebook.data.labels import read_labels
from posebook.project.project import init_project
from posebook.video.read import read_frames


@pytest.mark.parametrize("embed", [False, "user"], ids=["slp", "pkg.slp"])
def test_labels_of_slp_files(toy_project, tmp_path, embed):
    sleap_io = pytest.importorskip("sleap_io")
    labels = read_labels(toy_project / "CollectedData.csv")
    video, skeleton = (
        sleap_io.load_video(str(toy_project / "videos/toy0.mp4")),
        sleap_io.Skeleton([str(o) for o in labels.keypoint_names]),
    )
    rows = [i for i, o in enumerate(labels.images) if "/toy0/" in o][:3]
    number = lambda i: int(Path(labels.images[i]).stem[3:])
    frames = [
        sleap_io.LabeledFrame(
            video=video,
            frame_idx=number(i),
            instances=[sleap_io.Instance.from_numpy(labels.keypoints[i], skeleton=skeleton)],
        )
        for i in rows
    ]
    sleap_io.Labels(frames).save(str(tmp_path / ("a.pkg.slp" if embed else "a.slp")), embed=embed, verbose=False)
    init_project(tmp_path)
    found = read_labels(tmp_path / "CollectedData.csv")
    assert found.images == [labels.images[i] for i in rows] and found.keypoint_names == labels.keypoint_names
    np.testing.assert_allclose(found.keypoints, labels.keypoints[rows], atol=1e-6)
    from PIL import Image

    for path, i in zip(found.paths(), rows):
        theirs = next(f for n, f in enumerate(read_frames(toy_project / "videos/toy0.mp4")) if n == number(i))
        assert np.abs(np.asarray(Image.open(path)).astype(int) - theirs).max() <= 3


def test_a_point_that_is_not_visible_is_occluded(toy_project, tmp_path, caplog):
    sleap_io = pytest.importorskip("sleap_io")
    skeleton = sleap_io.Skeleton(["nose", "paw", "tail"])
    instance = sleap_io.Instance.from_numpy(np.array([[10.0, 20], [30, 40], [np.nan] * 2]), skeleton=skeleton)
    instance.points["visible"][1] = False
    video = sleap_io.load_video(str(toy_project / "videos/toy0.mp4"))
    frame = sleap_io.LabeledFrame(video=video, frame_idx=3, instances=[instance])
    sleap_io.Labels([frame]).save(str(tmp_path / "a.slp"), verbose=False)
    init_project(tmp_path)
    assert "1 keypoint(s) are occluded" in caplog.text and "paw 1" in caplog.text
    labels = read_labels(tmp_path / "CollectedData.csv")
    assert labels.visible.tolist() == [[2, 1, 0]] and labels.keypoints[0, 0].tolist() == [10, 20]


def test_a_point_that_sleap_placed_itself_is_missing(toy_project, tmp_path):
    "SLEAP adds the points that the frame before lacks, as not visible; a person has not touched them"
    sleap_io = pytest.importorskip("sleap_io")
    skeleton = sleap_io.Skeleton(["nose", "paw", "tail"])
    instance = sleap_io.Instance.from_numpy(np.array([[10.0, 20], [30, 40], [50, 60]]), skeleton=skeleton)
    instance.points["visible"] = [True, False, False]
    instance.points["complete"] = [True, True, False]
    frame = sleap_io.LabeledFrame(
        video=sleap_io.load_video(str(toy_project / "videos/toy0.mp4")), frame_idx=3, instances=[instance]
    )
    sleap_io.Labels([frame]).save(str(tmp_path / "a.slp"), verbose=False)
    init_project(tmp_path)
    assert read_labels(tmp_path / "CollectedData.csv").visible.tolist() == [[2, 1, 0]]


def save(path, frames, skeleton=None, embed=False, **labels):
    "Write a SLEAP file of frames: (video, frame number, list of positions (K, 2) of instances)"
    sleap_io = pytest.importorskip("sleap_io")
    skeleton = skeleton or sleap_io.Skeleton(["nose", "tail"])
    instance = lambda points: (
        points
        if isinstance(points, (sleap_io.Instance, sleap_io.PredictedInstance))
        else sleap_io.Instance.from_numpy(np.array(points, float), skeleton=skeleton)
    )
    frames = [
        sleap_io.LabeledFrame(video=video, frame_idx=i, instances=[instance(o) for o in instances])
        for video, i, instances in frames
    ]
    sleap_io.Labels(frames, **labels).save(str(path), embed=embed, verbose=False)


def film(path, brightness, frames=6, size=(32, 48)):
    "Write a video whose frames have one brightness, which grows by 10 with each frame"
    from posebook.video.files import write_video

    path.parent.mkdir(parents=True, exist_ok=True)
    images = [np.full((*size, 3), brightness + 10 * i, np.uint8) for i in range(frames)]
    write_video(path, images, 10, threads=1)
    return pytest.importorskip("sleap_io").load_video(str(path))


def brightness(labels):
    from posebook.data.images import read_image

    return [round(float(read_image(o).mean())) for o in labels.paths()]


POINTS = [[4.0, 5], [20, 21]]
FULL = [[1.0, 2], [3, 4]]


@pytest.mark.parametrize("embed", [False, "user"], ids=["slp", "pkg.slp"])
def test_two_videos_of_one_name_have_their_own_images(tmp_path, embed):
    videos = [film(tmp_path / f"{o}/cam0.mp4", b) for o, b in (("left", 20), ("right", 120))]
    path = tmp_path / ("project/a.pkg.slp" if embed else "project/a.slp")
    path.parent.mkdir()
    save(path, [(videos[0], 2, [POINTS]), (videos[1], 2, [POINTS])], embed=embed)
    init_project(path.parent)
    found = read_labels(path.parent / "CollectedData.csv")
    assert found.images == [f"labeled-data/{o}/img00000002.png" for o in ("cam0", "right_cam0")]
    np.testing.assert_allclose(brightness(found), [40, 140], atol=3)


def test_two_image_sequences_in_folders_of_one_name(tmp_path):
    sleap_io = pytest.importorskip("sleap_io")
    from PIL import Image

    videos = []
    for i, day in enumerate(("mon", "tue")):
        (tmp_path / day / "cam0").mkdir(parents=True)
        paths = [tmp_path / day / f"cam0/{k}.png" for k in range(3)]
        for k, path in enumerate(paths):
            Image.fromarray(np.full((32, 48), 100 * i + 10 * k, np.uint8)).save(path)
        videos.append(sleap_io.load_video([str(o) for o in paths]))
    save(tmp_path / "a.slp", [(o, 1, [POINTS]) for o in videos])
    found = read_labels(tmp_path / "a.slp")
    assert found.images == [f"labeled-data/{o}/img00000001.png" for o in ("cam0", "tue_cam0")]
    assert brightness(found) == [10, 110]


def test_an_image_of_another_video_is_not_used(tmp_path):
    first, second = film(tmp_path / "left/cam0.mp4", 20), film(tmp_path / "right/cam0.mp4", 120)
    save(tmp_path / "a.slp", [(first, 2, [POINTS])])
    read_labels(tmp_path / "a.slp")
    save(tmp_path / "a.slp", [(second, 2, [POINTS])])  # the first video was removed from the file
    from posebook.core import PosebookError

    with pytest.raises(PosebookError, match="image of the video left/cam0, not of right/cam0"):
        read_labels(tmp_path / "a.slp")


def test_equal_skeletons_empty_instances_and_predictions(tmp_path):
    sleap_io = pytest.importorskip("sleap_io")
    video = film(tmp_path / "run.mp4", 20)
    one, two = sleap_io.Skeleton(["nose", "tail"]), sleap_io.Skeleton(["tail", "nose"])
    person = lambda points, skeleton: sleap_io.Instance.from_numpy(np.array(points, float), skeleton=skeleton)
    predicted = sleap_io.PredictedInstance.from_numpy(np.array(FULL), skeleton=one)
    nothing = np.full((2, 2), np.nan)
    frames = [
        (video, 1, [person(POINTS, one), person(nothing, one), predicted]),
        (video, 2, [person(FULL, two)]),
        (video, 3, [predicted]),
        (video, 4, [person(nothing, one)]),
    ]
    save(tmp_path / "a.slp", frames)
    found = read_labels(tmp_path / "a.slp")
    assert found.keypoint_names == ["nose", "tail"]
    assert [Path(o).name for o in found.images] == ["img00000001.png", "img00000002.png"]
    assert found.keypoints.tolist() == [POINTS, FULL[::-1]]


def test_tracks_suggestions_and_frames_without_an_animal(tmp_path):
    sleap_io = pytest.importorskip("sleap_io")
    if "is_negative" not in inspect.signature(sleap_io.LabeledFrame).parameters:
        pytest.skip("this version of sleap-io does not mark frames without an animal")
    video, skeleton = film(tmp_path / "run.mp4", 20), sleap_io.Skeleton(["nose", "tail"])
    tracks = [sleap_io.Track("a"), sleap_io.Track("b")]
    frames = [
        sleap_io.LabeledFrame(
            video=video,
            frame_idx=i,
            instances=[sleap_io.Instance.from_numpy(np.array(POINTS), skeleton=skeleton, track=tracks[i])],
        )
        for i in range(2)
    ]
    frames.append(sleap_io.LabeledFrame(video=video, frame_idx=2, instances=[], is_negative=True))
    suggestions = [sleap_io.SuggestionFrame(video=video, frame_idx=4)]
    sleap_io.Labels(frames, suggestions=suggestions).save(str(tmp_path / "a.slp"), verbose=False)
    found = read_labels(tmp_path / "a.slp")
    assert [Path(o).stem for o in found.images] == ["img00000000", "img00000001", "img00000002"]
    assert found.visible.tolist() == [[2, 2], [2, 2], [1, 1]]


def test_newest_version_and_hidden_files(tmp_path, caplog):
    video = film(tmp_path / "run.mp4", 20)
    for i, name in enumerate(("labels.v001", "labels.v002", "labels.v010"), 1):
        save(tmp_path / f"{name}.slp", [(video, k, [POINTS]) for k in range(i)])
    (tmp_path / "._labels.v010.slp").write_bytes(b"Mac OS X")
    init_project(tmp_path)
    assert len(read_labels(tmp_path / "CollectedData.csv")) == 3
    assert "from labels.v010.slp, not from its other versions: labels.v001.slp, labels.v002.slp" in caplog.text


@pytest.mark.parametrize("recorded", ["/lab/day1/run.mp4", "D:\\lab\\day1\\run.mp4"])
def test_a_video_that_was_moved(tmp_path, recorded):
    video = film(tmp_path / "run.mp4", 20)
    (tmp_path / "project/videos").mkdir(parents=True)
    video.replace_filename(recorded, open=False)
    save(tmp_path / "project/a.slp", [(video, 3, [POINTS])])
    (tmp_path / "run.mp4").rename(tmp_path / "project/videos/run.mp4")
    found = read_labels(tmp_path / "project/a.slp")
    assert found.images == ["labeled-data/run/img00000003.png"]
    np.testing.assert_allclose(brightness(found), [50], atol=3)


def test_a_moved_video_of_another_size_is_refused(tmp_path):
    from posebook.core import PosebookError

    video = film(tmp_path / "run.mp4", 20)
    save(tmp_path / "a.slp", [(video, 3, [POINTS])])
    (tmp_path / "run.mp4").unlink()
    with pytest.raises(PosebookError, match="copy the video to this path or into the project's folder videos"):
        read_labels(tmp_path / "a.slp")
    film(tmp_path / "videos/run.mp4", 20, size=(64, 64))
    with pytest.raises(PosebookError, match="not the size of the labeled video, 48 x 32"):
        read_labels(tmp_path / "a.slp")


def test_frames_after_the_end_of_the_video_are_left_out(tmp_path, caplog):
    video = film(tmp_path / "run.mp4", 20)
    save(tmp_path / "a.slp", [(video, i, [POINTS]) for i in (2, 9)])
    found = read_labels(tmp_path / "a.slp")
    assert [Path(o).stem for o in found.images] == ["img00000002"]
    assert "1 labeled frame(s) are after the end of the video and are left out: 9 of" in caplog.text


def test_a_color_video_that_sleap_reads_as_gray_stays_in_color(tmp_path):
    from posebook.data.images import read_image
    from posebook.video.files import write_video

    write_video(tmp_path / "run.mp4", [np.full((32, 48, 3), (200, 40, 40), np.uint8)] * 3, 10, threads=1)
    video = pytest.importorskip("sleap_io").load_video(str(tmp_path / "run.mp4"), grayscale=True)
    save(tmp_path / "a.slp", [(video, 1, [POINTS])])
    red, green, _ = read_image(read_labels(tmp_path / "a.slp").paths()[0]).mean((0, 1))
    assert red > 180 and green < 60


def test_the_two_unicode_spellings_of_a_keypoint_are_one(tmp_path):
    sleap_io = pytest.importorskip("sleap_io")
    from unicodedata import normalize

    video = film(tmp_path / "run.mp4", 20)
    instances = [
        sleap_io.Instance.from_numpy(np.array(POINTS), skeleton=sleap_io.Skeleton([normalize(form, "né"), "tail"]))
        for form in ("NFC", "NFD")
    ]
    save(tmp_path / "a.slp", [(video, i, [o]) for i, o in enumerate(instances)])
    found = read_labels(tmp_path / "a.slp")
    assert found.keypoint_names == [normalize("NFC", "né"), "tail"] and found.keypoints.tolist() == [POINTS] * 2


def later(path, seconds):
    import os

    time = path.stat().st_mtime + seconds
    os.utime(path, (time, time))


@pytest.fixture
def grown(tmp_path):
    "A project whose SLEAP file has a new frame and a moved point since the import; the table has a frame more"
    video = film(tmp_path / "run.mp4", 20)
    save(tmp_path / "a.slp", [(video, i, [POINTS]) for i in (0, 1)])
    init_project(tmp_path)
    table = tmp_path / "CollectedData.csv"
    (tmp_path / "labeled-data/run/img00000005.png").write_bytes(
        (tmp_path / "labeled-data/run/img00000000.png").read_bytes()
    )
    table.write_text(table.read_text() + "labeled-data/run/img00000005.png,7,8,9,10\n")
    save(tmp_path / "a.slp", [(video, 0, [POINTS]), (video, 1, [FULL]), (video, 3, [FULL])])
    later(tmp_path / "a.slp", 10)
    return tmp_path


def test_labels_that_grew_are_noted_and_imported(grown, caplog):
    from posebook import commands
    from posebook.formats.label_import import import_notes

    table = grown / "CollectedData.csv"
    former = table.read_bytes()
    [note] = import_notes(grown, table)
    assert note == (
        "a.slp is newer than CollectedData.csv, and 2 frame(s) in it have other labels; "
        f"to import them: posebook init {grown} --update"
    )
    assert not (grown / "labeled-data/run/img00000003.png").exists()  # a note saves no images
    config = (grown / "posebook.yaml").read_bytes()
    assert commands.init(grown, update=True) == table
    labels = read_labels(table)
    assert [Path(o).stem[-1] for o in labels.images] == ["0", "1", "5", "3"]
    assert labels.keypoints.tolist() == [POINTS, FULL, [[7, 8], [9, 10]], FULL]
    assert brightness(labels.select([3]))[0] == pytest.approx(50, abs=3)
    assert (grown / "CollectedData.csv.bak").read_bytes() == former
    assert (grown / "posebook.yaml").read_bytes() == config
    later(grown / "a.slp", 10)  # saved again without a change
    assert import_notes(grown, table) == []


def test_train_evaluate_and_label_note_that_labels_grew(grown, caplog, monkeypatch):
    from posebook.evaluation.evaluate import evaluate_model
    from posebook.notebook import label
    from posebook.training.fit import train_tracker

    note, settings = "--update", ("training.max_steps=2", "training.accelerator=cpu")
    model = train_tracker(grown, *settings, out=grown / "models/a", progress=False)
    assert caplog.text.count(note) == 1
    evaluate_model(model)
    assert caplog.text.count(note) == 2
    monkeypatch.setattr(label, "require_notebook", lambda name: None)
    label.label(grown)
    assert caplog.text.count(note) == 3


def test_a_slp_file_as_csv_file_is_always_read_itself(grown, caplog):
    from posebook.config.read import read_config
    from posebook.training.setup import get_labels

    assert len(get_labels(read_config(grown, ["data.csv_file=a.slp"]))) == 3


def test_labels_of_another_person_are_not_compared(grown):
    from posebook.formats.label_import import import_notes

    table = grown / "CollectedData.csv"
    table.write_text(table.read_text().replace("sleap", "anna"))
    later(grown / "a.slp", 20)
    assert import_notes(grown, table) == []
