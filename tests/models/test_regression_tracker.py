"The regression tracker"

import pytest
import torch
from conftest import assert_near, make_tracker, small_batch

from posebook.core import PosebookError
from posebook.data.geometry import apply_affine
from posebook.data.preprocess import Preprocess
from posebook.testing import short_run, try_tracker


@pytest.mark.parametrize("loss", ["likelihood", "mse", "rmse"])
def test_supervised_regression(loss):
    try_tracker("regression", f"model.regression_loss_type={loss}")


def test_semisupervised_regression():
    try_tracker("regression", losses_to_use=["temporal", "pca_multiview", "pca_singleview"])


def test_plain_regression():
    try_tracker("regression", "model.neck=none", "model.args.grid=1", "model.args.hidden=0")


def test_heatmap_losses_need_heatmaps():
    with pytest.raises(PosebookError, match="temporal_heatmap_kl needs .*_pred"):
        short_run("regression", losses_to_use=["temporal_heatmap_kl"])


def test_predictions_are_in_frame_pixels():
    "A network that is exactly right in model pixels is right in the frame"
    tracker, batch = make_tracker("regression", grid=2).eval(), small_batch()
    batch["affine"] = torch.tensor(Preprocess((96, 96)).affine((406, 396))).float().expand(2, 2, 3)
    exact = apply_affine(batch["affine"], batch["keypoints"]), torch.ones(2, 2)
    tracker.network.forward = lambda *inputs: exact
    assert_near(tracker.predict_step(batch)["keypoints_pred"], batch["keypoints"], 1e-3)
