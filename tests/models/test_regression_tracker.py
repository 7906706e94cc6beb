"The tracker that names coordinates"
import pytest

from posebook.core import PosebookError
from posebook.testing import short_run, try_tracker


@pytest.mark.parametrize("loss", ["likelihood", "mse", "rmse"])
def test_supervised_regression(loss): try_tracker("regression", f"model.regression_loss_type={loss}")
def test_semisupervised_regression(): try_tracker("regression", losses_to_use=["temporal", "pca_multiview", "pca_singleview"])
def test_plain_regression(): try_tracker("regression", "model.neck=none", "model.args.grid=1", "model.args.hidden=0")


def test_losses_on_maps_need_maps():
    with pytest.raises(PosebookError, match="temporal_heatmap_kl needs .*_pred"): short_run("regression", losses_to_use=["temporal_heatmap_kl"])
