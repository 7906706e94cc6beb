"Backbones, video sources and packages that others define are used by name"

import os
import subprocess
import sys

import pytest
from torch import nn

from posebook.backbones.base import Backbone
from posebook.core import backbones, models, sources
from posebook.testing import try_tracker
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
    from posebook.testing import short_run

    run = short_run("heatmap", "dali.backend=of_a_test", losses_to_use=["temporal"], steps=8)
    trained = Counting.frames
    assert trained > 0
    predictor = Predictor(run.tracker, run.cfg)
    predict_single_video(run.data.sequences.videos[0], predictor, run.folder / "out")
    assert Counting.frames == trained + 30  # each frame once


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
