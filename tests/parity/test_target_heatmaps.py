"""Target heatmaps equal those of Lightning Pose 2.4.3.

Its numbers were written by reference/peer_parts.py in an environment of its own; nothing here imports it."""

from types import SimpleNamespace

import peer_parts
import pytest
import torch
from conftest import IDENTITY, assert_near, lightning_pose_decoder, read_reference

from posebook.core import decoders
from posebook.data.heatmaps import gaussian_heatmaps
from posebook.data.preprocess import Preprocess
from posebook.models.heatmap import HeatmapTracker

reference = read_reference("parts")


def on_map(name):
    """Return the stride, the heatmap's size, and the keypoints in posebook's pixels.

    Lightning Pose puts heatmap pixel 0 at pixel 0, posebook at (stride - 1) / 2."""
    height, width, num_halvings = peer_parts.SIZES[name]
    stride = 2**num_halvings
    return stride, (height // stride, width // stride), peer_parts.places(name) + (stride - 1) / 2


@pytest.mark.parametrize("name", peer_parts.SIZES)
def test_target_heatmaps_are_equal_after_a_shift(name):
    stride, size, positions = on_map(name)
    maps = gaussian_heatmaps(positions, size, stride, 1.25)
    if name == "fine":
        maps = maps[..., ::4, ::4]
    listed = torch.tensor(reference["heatmaps"][name])
    assert_near(maps[:, [0, 1, 2, 3, 5]], listed[:, [0, 1, 2, 3, 5]], 1e-6)


def target(positions, affine, size, stride, sigma=1.25, visible=None, decoder=lightning_pose_decoder):
    network = SimpleNamespace(decoder=decoder(stride))
    tracker = SimpleNamespace(network=network, stride=stride, sigma=sigma)
    return HeatmapTracker.target_heatmaps(tracker, positions, affine, size, visible)


@pytest.mark.parametrize("name", peer_parts.SIZES)
def test_target_heatmaps_of_resized_frames_are_equal(name):
    "With `decode: lightning_pose` the affine holds the shift, with the half pixels of the resize"
    (height, width, _), (stride, size, _) = peer_parts.SIZES[name], on_map(name)
    for grow in (1, 1.7, 3):
        frame = round(height * grow), round(width * grow)
        affine = torch.tensor(Preprocess((height, width)).affine(frame)).float()[None]
        positions = peer_parts.places(name) * torch.tensor([frame[1] / width, frame[0] / height])
        maps = target(positions, affine, size, stride)
        if name == "fine":
            maps = maps[..., ::4, ::4]
        assert_near(maps[:, [0, 1, 4, 5]], torch.tensor(reference["heatmaps"][name])[:, [0, 1, 4, 5]], 1e-5)


def test_labels_outside_the_heatmap_get_no_target():
    """Lightning Pose has targets from x = 0 to 127.5 (the image is 128 wide).

    With `decode: lightning_pose` posebook covers the heatmap's own pixels, half a heatmap pixel further left."""
    x = torch.arange(-6, 135, 0.5)
    positions = torch.stack([x, torch.full_like(x, 60.0)], -1)[None]

    def first_and_last(maps):
        return x[maps[0].sum((-1, -2)) > 0][[0, -1]].tolist()

    theirs = first_and_last(target(positions, IDENTITY, (32, 32), 4))
    assert theirs == [reference["edges"]["first"] - 1.5, reference["edges"]["last"] - 2]
    ours = target(positions, IDENTITY, (32, 32), 4, sigma=1.5, decoder=decoders["windowed_soft_argmax"])
    assert first_and_last(ours) == [0.0, 127.0]  # the image's edges are at -0.5 and 127.5


def test_occluded_keypoints_get_uniform_target_heatmaps():
    positions, size = peer_parts.places("plain"), (12, 16)
    maps = target(positions, IDENTITY, size, 4, visible=torch.tensor([[2, 2, 2, 2, 2, 1]]))
    assert_near(maps[0, 5, 3, 4], reference["heatmaps"]["uniform_cell"], 1e-5)
    compared = [0, 1, 4, 5]  # the others are at the edges, see above
    sums = torch.tensor(reference["heatmaps"]["uniform"])[0]
    assert_near(maps.sum((-1, -2))[0, compared], sums[compared], 1e-4)
