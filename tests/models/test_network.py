"A network is built, loaded and exported without Lightning and without a config"

import subprocess
import sys

import numpy as np
import pytest
import torch

from posebook.core import PosebookError, backbones, decoders, necks
from posebook.data.geometry import apply_affine, invert
from posebook.inference.predictor import Predictor
from posebook.models.network import ConvHead, Network
from posebook.testing import register_tiny, short_run
from posebook.toy import Toy
from posebook.training.checkpoints import checkpoint_of, load_weights


def make_network(num_keypoints):
    register_tiny()
    backbone = backbones["tiny"]()
    neck = necks["pyramid"](backbone.channels, backbone.strides, 4)
    head = ConvHead(neck.num_features, num_keypoints, 4, 4)
    return Network(backbone, neck, head, decoders["windowed_soft_argmax"](4, 1.5)).eval()


@pytest.fixture(scope="module")
def predictor(tiny_model):
    return Predictor.from_folder(tiny_model, "cpu")


@pytest.fixture(scope="module")
def network(predictor, tiny_model):
    "Made by hand, with the weights of the model folder's checkpoint"
    network = make_network(len(predictor.names))
    load_weights(network, checkpoint_of(tiny_model))
    return network


def test_a_loaded_network_predicts_what_the_predictor_does(network, predictor):
    frames = Toy(1, 120, 100).render(5)[0]
    images, affines = predictor.preprocess(frames)
    with torch.no_grad():
        predictions = network.predict(images)
    keypoints = apply_affine(invert(torch.from_numpy(affines).float()), predictions["keypoints"])
    expected_keypoints, expected_confidences = predictor.frames(frames)
    np.testing.assert_allclose(keypoints, expected_keypoints, atol=1e-3)
    np.testing.assert_allclose(predictions["confidences"], expected_confidences, atol=1e-5)


def test_a_network_is_exported_with_any_number_of_frames(network):
    images = torch.randint(0, 256, (4, 3, 96, 96), dtype=torch.uint8)
    with torch.no_grad():
        frames = torch.export.Dim("frames", min=1, max=64)
        exported = torch.export.export(network, (images,), dynamic_shapes={"images": {0: frames}}).module()
        for n in (1, 4):
            torch.testing.assert_close(exported(images[:n]), network(images[:n]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("model_type", ["heatmap", "heatmap_mhcrnn", "regression"])
def test_a_tracker_predicts_what_its_network_does(model_type):
    tracker = short_run(model_type, steps=2).tracker.eval()
    batch = {
        "images": torch.randint(0, 256, (4, 3, 96, 96), dtype=torch.uint8),
        "windows": torch.tensor([[0, 0, 1, 2, 3], [0, 1, 2, 3, 3]]) if tracker.context > 1 else None,
    }
    with torch.no_grad():
        of_network = tracker.network.predict(batch["images"], batch["windows"])
        n = len(of_network["keypoints"])
        doubling = torch.tensor([[2.0, 0, 0], [0, 2.0, 0]]).expand(n, 2, 3)  # the frame is half as large
        of_tracker = tracker.predict_step({**batch, "affine": doubling})
    assert of_network["keypoints"].isfinite().all() and (of_network["confidences"] > 0).all()
    torch.testing.assert_close(of_tracker["keypoints_pred"], of_network["keypoints"] / 2)
    torch.testing.assert_close(of_tracker["confidences"], of_network["confidences"])


def test_a_checkpoint_of_an_older_version_is_an_error(network, tmp_path):
    "Before networks had a name of their own, a tracker's tensors were called backbone..., neck... and head..."
    tracker = torch.nn.ModuleDict({"network": make_network(network.head.layer.out_channels)})
    torch.save({"state_dict": network.state_dict()}, tmp_path / "old.ckpt")
    with pytest.raises(PosebookError, match="of an older version of posebook"):
        load_weights(tracker, tmp_path / "old.ckpt")


def test_a_network_needs_no_lightning():
    code = """
import sys
from posebook.core import backbones, decoders
from posebook.models.network import ConvHead, Network
from posebook.models.necks import Pyramid
from posebook.backbones.efficientnet_lite import efficientnet_lite0
from posebook.data.heatmaps import WindowedSoftArgmax
backbone = efficientnet_lite0(weights=None)
neck = Pyramid(backbone.channels, backbone.strides)
Network(backbone, neck, ConvHead(48, 3, 4, 4), WindowedSoftArgmax())
assert not {"lightning", "pytorch_lightning", "omegaconf", "posebook.config.schema"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_frozen_stages_give_the_same_for_a_few_frames_at_a_time():
    "In training on a processor two frames of 256 x 256 run at a time; in evaluation all run at once"
    network = make_network(3)
    network.freeze(3)
    images = torch.randint(0, 256, (5, 3, 256, 256), dtype=torch.uint8)
    at_once = network.eval().get_levels(images)
    num_frames = []
    network.backbone.stages[0].register_forward_hook(lambda module, args, output: num_frames.append(len(output)))
    in_parts = network.train().get_levels(images)
    assert num_frames == [2, 2, 1]
    assert all(torch.equal(a, b) for a, b in zip(at_once, in_parts))
    assert [len(network.get_levels(images, stages=n)) for n in (1, 2, 4)] == [1, 2, 4]
