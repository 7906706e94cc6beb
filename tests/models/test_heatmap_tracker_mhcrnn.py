"The context tracker"

import pytest
import torch
from conftest import IDENTITY, make_tracker

from posebook.core import losses
from posebook.data.heatmaps import gaussian_heatmaps
from posebook.testing import try_tracker


@pytest.mark.parametrize("context", [3, 5])
def test_supervised_mhcrnn(context):
    try_tracker("heatmap_mhcrnn", f"model.context={context}")


def test_semisupervised_mhcrnn():
    try_tracker("heatmap_mhcrnn", losses_to_use=["temporal", "pca_multiview", "unimodal_kl"])


def test_deconv_head_without_neck():
    try_tracker("heatmap_mhcrnn", "model.neck=none", "model.head=deconv")


def test_labeled_windows_hold_the_neighbors():
    run = try_tracker("heatmap_mhcrnn", "training.cache_features=false", steps=4)
    batch = next(iter(run.data.train_dataloader()))
    assert batch["windows"].shape[1] == 5 and len(batch["images"]) == batch["windows"].numel()  # neighbors are there
    assert len({tuple(o.flatten().tolist()) for o in batch["images"][:5]}) == 5


def test_each_frame_passes_the_backbone_once():
    run, batch_sizes = try_tracker("heatmap_mhcrnn", steps=4), []
    run.tracker.network.backbone.stages[0].register_forward_hook(lambda m, i, o: batch_sizes.append(len(o)))
    video = torch.zeros(20, 3, 96, 96, dtype=torch.uint8)
    with torch.no_grad():
        features = run.tracker.get_representations(video)
    assert features.shape[:2] == (20, 5) and batch_sizes == [20]


def test_the_temporal_loss_takes_two_heads_as_two_sequences():
    "There is no step from the last frame of one head to the first frame of the other"
    tracker = make_tracker("heatmap_mhcrnn", True).eval()
    trajectory = torch.stack([20 + 3.0 * torch.arange(16), torch.full((16,), 60.0)], -1)[:, None].expand(16, 2, 2)
    maps = gaussian_heatmaps(trajectory, (24, 24)).add(1e-9).log()
    tracker.forward = lambda batch: torch.cat([maps, maps])
    frames = torch.arange(16)
    batch = dict(affine=IDENTITY.expand(16, 2, 3), windows=frames[:, None], sequence=torch.zeros(16), frame=frames)
    assert losses["temporal"](epsilon=5.0)(**tracker.get_loss_inputs_unlabeled(batch)) == 0
