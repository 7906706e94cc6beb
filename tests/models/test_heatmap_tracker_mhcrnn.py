"The tracker that looks around in time"
import pytest
import torch

from posebook.testing import try_tracker


@pytest.mark.parametrize("context", [3, 5])
def test_supervised_mhcrnn(context): try_tracker("heatmap_mhcrnn", f"model.context={context}")
def test_semisupervised_mhcrnn(): try_tracker("heatmap_mhcrnn", losses_to_use=["temporal", "pca_multiview", "unimodal_kl"])
def test_deconv_head_without_neck(): try_tracker("heatmap_mhcrnn", "model.neck=none", "model.head=deconv")


def test_labeled_windows_hold_the_neighbors():
    run = try_tracker("heatmap_mhcrnn", "training.cache_features=false", steps=4)
    batch = next(iter(run.data.train_dataloader()))
    assert batch["windows"].shape[1] == 5 and len(batch["images"]) == batch["windows"].numel()      # neighbors of toy frames are there
    assert len({tuple(o.flatten().tolist()) for o in batch["images"][:5]}) == 5


def test_each_frame_passes_the_backbone_once():
    run, batch_sizes = try_tracker("heatmap_mhcrnn", steps=4), []
    run.tracker.backbone.stages[0].register_forward_hook(lambda m, i, o: batch_sizes.append(len(o)))
    video = torch.zeros(20, 3, 96, 96, dtype=torch.uint8)
    with torch.no_grad(): features = run.tracker.get_representations(video)
    assert features.shape[:2] == (20, 5) and batch_sizes == [20]
