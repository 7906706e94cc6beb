"What somebody else defines has a name like everything else"
import pytest
from torch import nn

from posebook.core import backbones, models
from posebook.models.backbones import Backbone
from posebook.testing import try_tracker


@backbones("of_a_test")
def of_a_test(weights:str=None): # none
    "Two strided convolutions, at strides 4 and 8"
    return Backbone([nn.Conv2d(3, 8, 5, 4, 2), nn.Conv2d(8, 16, 3, 2, 1)], (8, 16), (4, 8))


@pytest.mark.parametrize("model_type", ["heatmap", "heatmap_mhcrnn", "regression"])
@pytest.mark.parametrize("losses_to_use", [(), ("temporal",)])
def test_a_backbone_trains_under_every_tracker(model_type, losses_to_use):
    try_tracker(model_type, "model.backbone=of_a_test", losses_to_use=losses_to_use, steps=20)


def test_every_registered_tracker_is_tested_here():
    assert {"heatmap", "heatmap_mhcrnn", "regression"} == {k for k, o in models.items() if o.__module__.startswith("posebook.")}
