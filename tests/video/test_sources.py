"The video sources give the same frames"

import sys

import numpy as np
import pytest
import torch
from conftest import moving_frames, write_film

from posebook.core import PosebookError
from posebook.data.dataset import LabeledDataset
from posebook.data.labels import read_labels
from posebook.data.preprocess import Preprocess
from posebook.inference.predictor import Predictor, load_tracker
from posebook.video import dali
from posebook.video.clips import RandomSequences
from posebook.video.dali import dali_installed
from posebook.video.stream import TorchSource, VideoStream

needs_dali = pytest.mark.skipif(not dali_installed(), reason="DALI is not here")


@needs_dali
def test_torch_and_dali_agree(mirror_mouse):
    path = mirror_mouse / "videos/test_vid.mp4"
    for size, box in (((256, 256), None), ((128, 160), [20, 30, 300, 200])):
        streams = (VideoStream(path, Preprocess(size, box), source=o, batch_size=64) for o in ("torch", "dali"))
        for a, b, _ in zip(*streams, range(3)):
            error = (a["images"].int() - b["images"].int()).abs()
            assert error[..., 1:-1, 1:-1].max() <= 2 and (error > 2).float().mean() < 1e-4
            assert (a["affine"] == b["affine"]).all()


@pytest.mark.gpu
@pytest.mark.skipif(not (dali_installed() and torch.cuda.is_available()), reason="there is no GPU here")
def test_dali_on_a_gpu_agrees(mirror_mouse):
    path = mirror_mouse / "videos/test_vid.mp4"
    images = torch.cat([b["images"] for b in VideoStream(path, Preprocess((256, 256)), batch_size=64)])
    stream = VideoStream(path, Preprocess((256, 256)), batch_size=64, source="dali", device="cuda")
    images_dali = torch.cat([b["images"].cpu() for b in stream])
    assert images.shape == images_dali.shape
    assert (images.int() - images_dali.int()).abs()[..., 1:-1, 1:-1].float().mean() < 2
    batches = [
        RandomSequences([path], Preprocess((256, 256)), length=8, memory=0, source=source, device=device).batches()
        for source, device in (("torch", "cpu"), ("dali", "cuda"))
    ]
    for a, b, _ in zip(*batches, range(5)):
        assert (a["images"].int() - b["images"].cpu().int()).abs().float().mean() < 2


def test_labeled_images_and_video_are_resized_alike(mirror_mouse):
    from posebook.data.images import read_image

    data = LabeledDataset(read_labels(mirror_mouse / "CollectedData.csv"), Preprocess((256, 256)))
    path = data.windows[0][0]
    assert torch.equal(data[0]["images"], TorchSource(Preprocess((256, 256))).model_inputs([read_image(path)]))


@pytest.mark.parametrize("source", ["torch", pytest.param("dali", marks=needs_dali)])
def test_a_box_for_each_frame(tmp_path, source):
    """Images and affines are those of each frame with its own box, from any start.

    DALI resizes the outermost pixels of a crop differently; within, two gray levels are allowed as for whole videos."""
    frames = moving_frames(20)
    path = write_film(tmp_path / "a.mkv", frames, "ffv1", "bgr0")
    boxes = np.random.default_rng(0).uniform((-30, -30, 40, 40), (60, 60, 120, 120), (20, 4))
    preprocess = Preprocess((64, 96), fit="letterbox")
    images, affines = preprocess(frames[5:], boxes[5:])
    batches = list(VideoStream(path, preprocess, batch_size=8, start=5, source=source, boxes=boxes))
    errors = (torch.cat([b["images"] for b in batches]).int() - images.int()).abs()
    for error, box in zip(errors, boxes[5:]):
        *_, h, w, top, left = preprocess.placement(frames.shape[1:3], box)
        if source == "torch":
            assert error.max() == 0
        assert error[:, top + 1 : top + h - 1, left + 1 : left + w - 1].max() <= 2
    assert torch.equal(torch.cat([b["affine"] for b in batches]), torch.from_numpy(affines).float())
    with pytest.raises(PosebookError, match="without context"):
        VideoStream(path, preprocess, context=3, boxes=boxes)
    for wrong in (boxes[1:], np.concatenate([boxes, boxes])):
        with pytest.raises(PosebookError, match=f"{len(wrong)} boxes, but 20 frames"):
            list(VideoStream(path, preprocess, boxes=wrong))


@pytest.mark.skipif(sys.platform != "linux", reason="DALI exists only for Linux")
def test_a_gpu_without_dali_uses_torch_and_says_so_once(monkeypatch, caplog):
    monkeypatch.setattr(dali, "dali_installed", lambda: False)
    dali._warn_without_dali.cache_clear()
    assert [dali.pick_source("auto", o) for o in ("cuda", "cpu", "cuda", "mps")] == ["torch"] * 4
    assert [o.getMessage().split(": ")[-1] for o in caplog.records] == ["pip install nvidia-dali-cuda130"]
    dali._warn_without_dali.cache_clear()
    assert dali.pick_source("auto", "cpu") == dali.pick_source("torch", "cuda") == "torch"
    assert len(caplog.records) == 1  # without a GPU, or if torch was chosen, there is nothing to say
    with pytest.raises(PosebookError, match="pip install nvidia-dali-cuda130"):
        dali.pick_source("dali", "cuda")


def test_the_machine_that_tracks_decides_between_dali_and_torch(tiny_model):
    for of_training in ("dali", "torch"):
        tracker, cfg = load_tracker(tiny_model)
        cfg.dali.backend = of_training
        assert Predictor(tracker, cfg, "cpu").source == "torch"
        assert Predictor(tracker, cfg, "cpu", backend="torch").source == "torch"
