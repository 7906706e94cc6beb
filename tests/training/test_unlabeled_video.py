"Training with unlabeled video"

import numpy as np
import pandas as pd
from conftest import VALIDATE_EACH_EPOCH, make_tracker, small_batch

from posebook.data.preprocess import Preprocess
from posebook.losses.factory import LossFactory
from posebook.training.fit import train_tracker


def test_annealing_leaves_the_supervised_weight(toy_project, tmp_path):
    settings = [
        *VALIDATE_EACH_EPOCH,
        "training.max_steps=12",
        "training.log_every_n_steps=1",
        "dali.base.train.sequence_length=6",
        "model.losses_to_use=[temporal,pca_multiview]",
        "losses.temporal.log_weight=0",
        "callbacks.anneal_weight.start=0.3",
        "callbacks.anneal_weight.over=0.5",
    ]
    out = train_tracker(toy_project, *settings, out=tmp_path / "m", progress=False)
    log = pd.read_csv(out / "logs/metrics.csv")
    assert log.train_heatmap_cross_entropy_weight.dropna().eq(0.5).all()
    importance = log.total_unsupervised_importance.dropna()
    assert importance.is_monotonic_increasing and importance.iloc[0] < 0.3 and importance.iloc[-1] > 0.9
    assert np.allclose(log.train_temporal_weight.dropna(), 0.5 * importance)


def test_the_supervised_loss_is_not_annealed():
    "The weight of unlabeled video does not change the loss of the labels, in a regression tracker either"
    supervised = LossFactory({"regression_mse": {}})
    tracker, batch = make_tracker("regression", True, grid=2, loss_factory=supervised).eval(), small_batch()
    values = []
    for tracker.total_unsupervised_importance in (1.0, 0.5, 0.0):
        values.append(tracker.training_step(dict(labeled=batch, unlabeled={}), 0).item())
    assert values[0] > 0 and values == [values[0]] * 3


def test_unlabeled_video_needs_no_gpu(toy_project):
    from posebook.video.clips import RandomSequences

    stream = RandomSequences(sorted((toy_project / "videos").glob("*.mp4")), Preprocess((96, 96)), length=4)
    supervised = LossFactory({"heatmap_cross_entropy": {}})
    unsupervised = LossFactory({"temporal": {"epsilon": 0.0, "prob_threshold": 0.0}})
    tracker = make_tracker("heatmap", True, loss_factory=supervised, loss_factory_unsupervised=unsupervised)
    tracker.training_step(dict(labeled=small_batch(), unlabeled=next(stream.batches())), 0).backward()
    assert any(o.grad is not None and o.grad.abs().sum() > 0 for o in tracker.network.head.parameters())
