"Backbones, video sources and packages that others define are used by name"

import os
import subprocess
import sys

import pytest
from torch import nn

from posebook.backbones.base import Backbone
from posebook.core import PosebookError, backbones, decoders, models, sources
from posebook.data.heatmaps import WindowedSoftArgmax
from posebook.models.heatmap import HeatmapTracker
from posebook.testing import short_run, try_tracker
from posebook.video.stream import TorchSource


@backbones("of_a_test")
def of_a_test(weights: str = None):  # none
    "Two strided convolutions, at strides 4 and 8"
    return Backbone([nn.Conv2d(3, 8, 5, 4, 2), nn.Conv2d(8, 16, 3, 2, 1)], (8, 16), (4, 8))


@pytest.mark.parametrize("model_type", ["heatmap", "heatmap_mhcrnn", "regression"])
@pytest.mark.parametrize("losses_to_use", [(), ("temporal",)])
def test_a_backbone_trains_under_every_tracker(model_type, losses_to_use):
    try_tracker(model_type, "model.backbone=of_a_test", losses_to_use=losses_to_use, steps=20)


@sources("of_a_test")
class Counting(TorchSource):
    "As torch, and counts"

    frames = 0

    def model_inputs(self, frames, boxes=None):
        Counting.frames += len(frames)
        return super().model_inputs(frames, boxes)


def test_a_video_source_serves_training_and_prediction():
    from posebook.inference.predict import predict_single_video
    from posebook.inference.predictor import Predictor

    run = short_run("heatmap", "dali.backend=of_a_test", losses_to_use=["temporal"], steps=8)
    trained = Counting.frames
    assert trained > 0
    predictor = Predictor(run.tracker, run.cfg)
    predict_single_video(run.data.sequences.videos[0], predictor, run.folder / "out")
    assert Counting.frames == trained + 30  # each frame once


class Sharper(WindowedSoftArgmax):
    "As the default, of heatmaps to a power"

    def __init__(self, stride, sigma, power: float = 1.0):
        super().__init__(stride, sigma)
        self.power = power


@pytest.mark.parametrize("model_type", ["heatmap", "heatmap_mhcrnn"])
def test_a_decoder_has_settings(model_type):
    decoders("of_a_test")(Sharper)
    settings = "model.decode=of_a_test", "model.args.decode_args.power=2"
    try:
        tracker = short_run(model_type, *settings, steps=2).tracker
        assert (tracker.network.decoder.power, tracker.network.decoder.stride) == (2, 4)
        with pytest.raises(PosebookError, match="decode_args: Sharper has no setting 'powr'"):
            HeatmapTracker(3, weights=None, decode="of_a_test", decode_args={"powr": 2})
    finally:
        del decoders["of_a_test"]


def test_every_registered_tracker_is_tested_here():
    assert {"heatmap", "heatmap_mhcrnn", "regression"} == {
        k for k, o in models.items() if o.__module__.startswith("posebook.")
    }


THEIR_PACKAGE = '''
from posebook.core import losses
from posebook.losses.base import Loss

@losses("theirs")
class Theirs(Loss):
    "What they minimize"
    def __init__(self, strength:float=3., # of it
                 **kwargs): super().__init__(**kwargs)

import numpy as np
from posebook.core import formats
from posebook.data.labels import Labels
from posebook.formats.base import Format

@formats("theirs")
class Theirs(Format):
    "Their labels"
    video_suffixes = (".theirs",)
    def find_labels(self, project): return project/"labels.txt"
    def read_labels(self, path, root): return Labels(["a.png"], np.array([[[1., 2.]]]), ["nose"], root)
    def video_facts(self, path): return 9, 40, 60, 30.
    def video_frames(self, path, start):
        for i in range(start, 9): yield np.random.default_rng(i).integers(0, 255, (40, 60, 3), np.uint8)
'''


def test_a_package_with_an_entry_point_is_known_by_name(tmp_path):
    (tmp_path / "their_package.py").write_text(THEIR_PACKAGE)
    info = tmp_path / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[posebook]\ntheirs = their_package\n")
    run = lambda *words: subprocess.run(
        [sys.executable, "-c", "from posebook.cli import main; main()", *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert "What they minimize" in run("list").stdout
    (tmp_path / "project").mkdir()
    run("init", tmp_path / "project", "--full")
    assert "strength: 3.0   of it" in (tmp_path / "project/posebook.yaml").read_text()
    assert "a.png,1,2" in (tmp_path / "project/CollectedData.csv").read_text()
    (tmp_path / "project/videos").mkdir()
    (tmp_path / "project/videos/day1.theirs").touch()
    process = run("frames", tmp_path / "project", "-n", 2)
    assert len(list((tmp_path / "project/labeled-data/day1").glob("*.png"))) > 2, process.stderr
