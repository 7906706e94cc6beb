"""Missing, occluded and visible keypoints get the same target heatmaps as in Lightning Pose 2.4.3.

Its numbers were written by reference/peer_states.py, by its own dataset class; nothing here imports it."""

from types import SimpleNamespace

import numpy as np
import peer_states
import pytest
import torch
from conftest import assert_near, lightning_pose_decoder, read_reference

from posebook.config.read import check_config
from posebook.data.dataset import LabeledDataset, collate
from posebook.data.preprocess import Preprocess
from posebook.models.heatmap import HeatmapTracker
from posebook.training.setup import get_labels

reference = read_reference("peer_states")


def heatmaps(folder, uniform):
    "Target heatmaps, through the label table, the dataset and the tracker"
    size, stride = peer_states.SIZE, 2**peer_states.NUM_HALVINGS
    data = {"csv_file": "CollectedData.csv", "data_dir": str(folder)}
    cfg = check_config({"data": data, "training": {"uniform_heatmaps_for_nan_keypoints": uniform}})
    dataset = LabeledDataset(get_labels(cfg), Preprocess((size, size)))
    batch = collate([dataset[i] for i in range(len(dataset))])
    network = SimpleNamespace(decoder=lightning_pose_decoder(stride))
    tracker = SimpleNamespace(network=network, stride=stride, sigma=1.25)
    return HeatmapTracker.target_heatmaps(
        tracker, batch["keypoints"], batch["affine"], (size // stride,) * 2, batch["visible"]
    ).numpy()


def full(rows):
    "The maps of a reference, in which a map of equal values is one number"
    size = peer_states.SIZE // 2**peer_states.NUM_HALVINGS
    return np.array([[np.broadcast_to(o, (size, size)) for o in row] for row in rows])


def kind(maps):
    "0: zeros, 1: uniform, 2: a peak; for each map"
    peak = np.ptp(maps.reshape(*maps.shape[:2], -1), axis=-1) > 1e-3
    return np.where(peak, 2, maps.sum((-1, -2)).round())


@pytest.mark.parametrize("name", peer_states.CASES)
def test_target_heatmaps_are_equal(tmp_path, name):
    text, uniform = peer_states.CASES[name]
    peer_states.write_project(tmp_path, text)
    ours, theirs = heatmaps(tmp_path, uniform), full(reference[name])
    assert kind(ours).tolist() == kind(theirs).tolist()
    if name.startswith("states"):  # as written in the table
        assert kind(ours).tolist() == [[2, 1, 1, 0], [0, 2, 2, 2], [1, 1, 1, 1]]
    peaks = lambda maps: maps.reshape(-1, maps[0, 0].size).argmax(-1)
    assert peaks(ours).tolist() == peaks(theirs).tolist()
    assert_near(torch.tensor(ours), theirs, 1e-5)


def test_labels_at_the_origin_have_no_target(tmp_path):
    "Lightning Pose learns a peak in the first heatmap pixel"
    peer_states.write_project(tmp_path, peer_states.ORIGIN)
    assert kind(heatmaps(tmp_path, False))[0].tolist() == [2, 0, 2, 0]
    assert reference["origin"][0][1::2] == [0, 0] and min(reference["origin"][0][::2]) > 0
