"The heatmap tracker, as every tracker is tested: it learns, says what it must, comes back, answers for every frame"

import pytest

from posebook.bench_training import video_losses
from posebook.testing import (
    check_learns,
    check_outputs,
    check_prediction,
    check_reloads,
    check_unlabeled,
    short_run,
    try_tracker,
)


def test_supervised_heatmap():
    try_tracker("heatmap")


def test_semisupervised_heatmap():
    try_tracker("heatmap", losses_to_use=["temporal", "pca_singleview", "pca_multiview"])


def check_slow_learner(*settings, **kwargs):
    "All checks but that of the error, which these reach only after hundreds of steps"
    run = short_run("heatmap", "training.log_every_n_steps=1", *settings, **kwargs)
    for check in (check_learns, check_prediction, check_reloads, check_outputs):
        check(run)
    return run


def test_unsupervised_heatmap_losses():
    run = check_slow_learner(
        losses_to_use=["temporal_heatmap_mse", "temporal_heatmap_kl", "unimodal_mse", "unimodal_kl", "unimodal_js"],
    )
    check_unlabeled(run)


def test_deconv_head_without_neck():
    check_slow_learner("model.neck=none", "model.head=deconv")


def test_loss_through_the_decoder():
    try_tracker("heatmap", losses_to_use=["coordinate"])


@pytest.mark.parametrize("loss", ["mse", "kl", "js"])
def test_heatmap_losses(loss):
    try_tracker("heatmap", f"model.heatmap_loss_type={loss}")


@pytest.mark.parametrize("model_type", ["heatmap", "heatmap_mhcrnn", "regression"])
def test_every_loss_of_video_has_a_gradient_in_the_backbone(model_type):
    names = video_losses(model_type)
    strict = [f"losses.{k}.epsilon=0" for k in names if k.startswith(("temporal", "pca"))]
    strict += [f"losses.{k}.prob_threshold=0" for k in names if k.startswith("temporal")]
    run = short_run(
        model_type,
        "dali.base.train.sequence_length=16",
        "dali.context.train.batch_size=20",
        *strict,
        losses_to_use=names,
        steps=4,
    )
    values = check_unlabeled(run)  # raises if a gradient does not arrive
    assert set(values) == set(names) and min(values.values()) > 0
