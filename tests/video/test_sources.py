"The video sources give the same frames"

import pytest
import torch

from posebook.data.dataset import LabeledDataset
from posebook.data.labels import read_labels
from posebook.data.preprocess import Preprocess
from posebook.video.clips import RandomSequences
from posebook.video.dali import dali_installed
from posebook.video.stream import TorchSource, VideoStream


@pytest.mark.skipif(not dali_installed(), reason="DALI is not here")
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
    from posebook.data.dataset import read_image

    data = LabeledDataset(read_labels(mirror_mouse / "CollectedData.csv"), Preprocess((256, 256)))
    path = data.windows[0][0]
    assert torch.equal(data[0]["images"], TorchSource(Preprocess((256, 256))).model_inputs([read_image(path)]))
