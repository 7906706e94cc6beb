"A mistake in a definition is an error that names the definition and what to change"

import pytest
import torch
from torch import nn

from posebook.backbones.base import Backbone
from posebook.core import PosebookError, backbones, callbacks, losses, models
from posebook.losses.base import Loss
from posebook.models.heatmap import HeatmapTracker
from posebook.models.supervised import BaseSupervisedTracker
from posebook.testing import check_outputs, short_run


@pytest.fixture
def register():
    "Register definitions for one test"
    added = []

    def add(registry, definition):
        registry("mistake")(definition)
        added.append(registry)

    yield add
    for registry in added:
        del registry["mistake"]


def error_of(*settings, losses_to_use=(), steps=2, error=PosebookError):
    with pytest.raises(error) as caught:
        short_run("heatmap", *settings, losses_to_use=losses_to_use, steps=steps)
    return str(caught.value)


def error_of_tracker(register, tracker):
    register(models, tracker)
    return error_of("model.model_type=mistake")


def labeled(change):
    "A tracker whose `get_loss_inputs_labeled` returns changed outputs"

    class Changed(HeatmapTracker):
        def get_loss_inputs_labeled(self, batch):
            return change(super().get_loss_inputs_labeled(batch))

    return Changed


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda o: tuple(o.values()), "get_loss_inputs_labeled: it returns tuple, not a dict"),
        (lambda o: {k: v for k, v in o.items() if k != "keypoints_targ"}, "keypoints_targ is missing"),
        (
            lambda o: {**o, "keypoints_pred": o["keypoints_pred"].flatten(1)},
            "keypoints_pred has the shape (6, 36)\n  -> return it in pixels of the frame, with the shape (B, 18, 2)",
        ),
    ],
)
def test_wrong_outputs_of_labeled_frames(register, change, message):
    assert message in error_of_tracker(register, labeled(change))


def test_a_parameter_that_nothing_gives(register):
    class Deep(HeatmapTracker):
        def __init__(self, num_keypoint, **kwargs):
            super().__init__(**kwargs)

    message = error_of_tracker(register, Deep)
    assert message.startswith("model.args: Deep needs a value for 'num_keypoint'\n")
    assert "posebook passes: num_keypoints, keypoint_names" in message


def test_a_tracker_that_drops_the_settings_of_every_tracker(register):
    class Closed(HeatmapTracker):
        def __init__(self, num_keypoints):
            super().__init__(num_keypoints=num_keypoints, weights=None)

    assert "Closed.__init__: the tracker has no losses" in error_of_tracker(register, Closed)


def test_a_tracker_without_a_head(register):
    class Headless(HeatmapTracker):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.network.head = None

    assert "the network has no head" in error_of_tracker(register, Headless)


def test_supervised_losses_that_is_no_list_of_a_class_method(register):
    class OneName(HeatmapTracker):
        @classmethod
        def supervised_losses(cls, model_cfg):
            return "heatmap_mse"

    assert "OneName.supervised_losses: this is not a class method" in error_of_tracker(register, OneName)


def test_features_that_would_not_be_used():
    with pytest.raises(PosebookError, match=r"Unused.get_representations: training and prediction do not call"):

        class Unused(HeatmapTracker):
            def get_representations(self, images=None, windows=None, levels=()):
                return images


@pytest.mark.parametrize(
    "value, message",
    [
        (lambda o: (o - o.detach()).mean(0), "the loss mistake returns a tensor of shape (18, 2), not a scalar"),
        (lambda o: 3.0, "the loss mistake returns float, not a scalar tensor"),
        (lambda o: o.sum() * float("nan"), "the training loss (mistake_loss) is not finite since step 1"),
    ],
)
def test_wrong_values_of_a_loss(register, value, message):
    class Mistake(Loss):
        def forward(self, keypoints_pred, keypoints_targ, **_):
            return value(keypoints_pred)

    register(losses, Mistake)
    assert message in error_of(losses_to_use=["mistake"])


def test_a_loss_that_does_not_take_all_outputs(register):
    class Narrow(Loss):
        def forward(self, keypoints_pred, keypoints_targ):
            return keypoints_pred.mean()

    register(losses, Narrow)
    assert "the loss mistake does not accept all outputs" in error_of(losses_to_use=["mistake"])


@pytest.mark.parametrize(
    "registry, base",
    [(losses, "posebook.losses.base.Loss"), (callbacks, "lightning.pytorch.Callback")]
    + [(models, "posebook.models.supervised.BaseSupervisedTracker")],
)
def test_definitions_of_another_class(registry, base):
    for definition in (type("Other", (nn.Module,), {}), lambda **_: 0.0):
        with pytest.raises(PosebookError, match=f"it is not a subclass of {base}"):
            registry("mistake")(definition)
    assert "mistake" not in registry


def stages(*strides):
    return [nn.Conv2d(i, o, s + 1, s, s // 2) for i, o, s in zip((3, 4, 4, 4), (4, 4, 4, 4), strides)]


@pytest.mark.parametrize(
    "backbone, message, error",
    [
        (lambda: nn.Sequential(*stages(4, 2)), "it returns Sequential, not a Backbone", PosebookError),
        (lambda: Backbone(stages(4, 2), (4,), (4, 8)), "it has 2 stages, but 1 channels and 2 strides", PosebookError),
        (
            lambda: Backbone(stages(4, 2), (4, 8), (4, 8)),
            "stage 1 of the backbone returns the shape (4, 12, 12)",
            AssertionError,
        ),
        (
            lambda: Backbone(stages(2, 2), (4, 4), (4, 8)),
            "stage 0 of the backbone returns the shape (4, 48, 48)",
            AssertionError,
        ),
    ],
)
def test_wrong_backbones(register, backbone, message, error):
    register(backbones, lambda weights=None: backbone())
    assert message in error_of("model.backbone=mistake", error=error)


@pytest.mark.parametrize(
    "returned, message",
    [
        (lambda o: (o["keypoints_pred"], o["confidences"]), "`predict_step` returns tuple, not a dict"),
        (
            lambda o: {"confidences": o["confidences"]},
            "`predict_step` does not return 'keypoints_pred', but confidences",
        ),
        (lambda o: {**o, "confidences": o["confidences"][..., None]}, r"of shape \(1, 18, 1\), not \(1, 18\)"),
    ],
)
def test_wrong_predictions(register, returned, message):
    class Mistake(HeatmapTracker):
        def predict_step(self, batch, batch_idx=0):
            return returned(super().predict_step(batch, batch_idx))

    register(models, Mistake)
    with pytest.raises(AssertionError, match=message):
        check_outputs(short_run("mistake", steps=2))


def test_the_base_class_takes_a_network_with_other_features(register):
    "The features of `network_class` are those of training and prediction"

    class Halved(HeatmapTracker.network_class):
        def get_features(self, images=None, levels=()):
            return super().get_features(images, levels) / 2

    class Tracker(HeatmapTracker):
        network_class = Halved

    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    both = [o(num_keypoints=2, weights=None).eval() for o in (HeatmapTracker, Tracker)]
    both[1].load_state_dict(both[0].state_dict())
    with torch.no_grad():
        whole, half = (o.network.get_features(images) for o in both)
    assert torch.equal(whole / 2, half) and whole.any()
    assert issubclass(Tracker, BaseSupervisedTracker)
