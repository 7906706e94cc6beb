"Labels of SLEAP"

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
