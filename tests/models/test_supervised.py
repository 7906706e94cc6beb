"The training step of supervised trackers"

import torch
from conftest import make_tracker, small_batch

from posebook.losses.factory import LossFactory


def test_a_frozen_backbone_gets_no_gradient_and_keeps_its_statistics():
    tracker = make_tracker("heatmap", loss_factory=LossFactory({"heatmap_cross_entropy": {}})).train()
    before = {k: v.clone() for k, v in tracker.network.backbone.state_dict().items()}
    tracker.training_step(small_batch(), 0).backward()
    assert all(p.grad is None for p in tracker.network.backbone.parameters())
    assert any(p.grad is not None for p in tracker.network.head.parameters())
    assert all(torch.equal(v, before[k]) for k, v in tracker.network.backbone.state_dict().items())
