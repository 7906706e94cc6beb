"The heatmap tracker, as every tracker is tested: it learns, says what it must, comes back, answers for every frame"
import pytest

from posebook.testing import try_tracker


def test_supervised_heatmap(): try_tracker("heatmap")
def test_semisupervised_heatmap(): try_tracker("heatmap", losses_to_use=["temporal", "pca_singleview", "pca_multiview"])
def test_losses_on_maps(): try_tracker("heatmap", losses_to_use=["temporal_heatmap_mse", "temporal_heatmap_kl", "unimodal_mse", "unimodal_kl", "unimodal_js"])
def test_deconv_head_without_neck(): try_tracker("heatmap", "model.neck=none", "model.head=deconv")
def test_loss_through_the_decoder(): try_tracker("heatmap", losses_to_use=["coordinate"])


@pytest.mark.parametrize("loss", ["mse", "kl", "js"])
def test_heatmap_losses(loss): try_tracker("heatmap", f"model.heatmap_loss_type={loss}")
