"Early stopping and trainings that diverge"

import json

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import VALIDATE_EACH_EPOCH, Interrupt, equal_weights, load_weights
from lightning.pytorch import Callback

from posebook.core import PosebookError
from posebook.training.checkpoints import load_checkpoint
from posebook.training.fit import train_tracker

# a rate at which the validation loss soon rises, and validation not after every epoch
EARLY = [
    "training.accelerator=cpu",
    "training.max_steps=400",
    "training.early_stopping=true",
    "training.early_stop_patience=2",
    "training.optimizer_params.learning_rate=0.05",
]


@pytest.mark.parametrize("every", ["null", "5"])
def test_patience_counts_validations(toy_project, tmp_path, every):
    "The training ends when two validations in a row are not the best, and the model is that of the best"
    folder = train_tracker(
        toy_project, *EARLY, f"training.check_val_every_n_epoch={every}", out=tmp_path / "model", progress=False
    )
    log = pd.read_csv(folder / "logs/metrics.csv").dropna(subset="val_supervised_loss")
    loss = log.val_supervised_loss.to_numpy()
    worse = loss > np.minimum.accumulate(loss)
    assert [i for i in range(1, len(loss)) if worse[i - 1] and worse[i]] == [len(loss) - 1], loss
    assert load_checkpoint(folder / "checkpoints/last.ckpt")["global_step"] == log.step.iloc[loss.argmin()] + 1
    assert log.step.iloc[-1] + 1 < 400


def test_early_stopping_waits_for_min_steps_and_a_time_limit_does_not(toy_project, tmp_path):
    stopped = train_tracker(toy_project, *EARLY, out=tmp_path / "a", progress=False)
    steps = int(pd.read_csv(stopped / "logs/metrics.csv").step.max()) + 1
    settings = [*EARLY, f"training.min_steps={steps + 10}"]
    held = train_tracker(toy_project, *settings, out=tmp_path / "b", progress=False)
    held_steps = int(pd.read_csv(held / "logs/metrics.csv").step.max()) + 1
    assert steps + 10 <= held_steps < 400
    settings = [*EARLY, "training.min_steps=100000", "training.max_steps=12"]
    limited = train_tracker(toy_project, *settings, out=tmp_path / "c", progress=False)
    assert int(pd.read_csv(limited / "logs/metrics.csv").step.max()) + 1 <= 12


def test_resume_with_early_stopping_is_exact(toy_project, tmp_path, caplog):
    settings = [*EARLY, "training.check_val_every_n_epoch=2"]
    uninterrupted = train_tracker(toy_project, *settings, out=tmp_path / "whole", progress=False)
    end = int(pd.read_csv(uninterrupted / "logs/metrics.csv").step.max()) + 1
    with pytest.raises(KeyboardInterrupt):
        train_tracker(toy_project, *settings, out=tmp_path / "broken", progress=False, callbacks=[Interrupt(end - 3)])
    train_tracker(None, out=tmp_path / "broken", resume=True, progress=False)
    assert equal_weights(load_weights(uninterrupted), load_weights(tmp_path / "broken"))
    train_tracker(None, out=tmp_path / "broken", resume=True, progress=False)  # it has ended
    assert "the training is already complete" in caplog.messages and equal_weights(
        load_weights(uninterrupted), load_weights(tmp_path / "broken")
    )


class Infinite(Callback):
    "Fill weights with NaN or infinity, before a batch, a validation or a checkpoint"

    def __init__(self, what, step):
        self.what, self.step = what, step

    def on_train_batch_start(self, trainer, tracker, *args):
        if self.what == "loss" and trainer.global_step == self.step:
            next(tracker.network.head.parameters()).data.fill_(float("nan"))

    def on_validation_epoch_start(self, trainer, tracker):
        if self.what == "validation" and trainer.global_step >= self.step:
            next(tracker.network.head.parameters()).data.fill_(float("inf"))

    def on_validation_end(self, trainer, tracker):
        if self.what == "weights" and trainer.global_step == self.step:
            next(tracker.network.head.parameters()).data.fill_(float("inf"))


@pytest.mark.parametrize(
    "what, step, message",
    [
        ("loss", 6, r"training loss \(heatmap_cross_entropy_loss\) is not finite since step 7"),
        ("validation", 8, "validation loss is not finite since step 8"),
        ("weights", 10, "of the weights' tensors are not finite since step 10"),
    ],
)
@pytest.mark.parametrize("early", ["false", "true"])
def test_a_diverged_training_is_an_error(toy_project, tmp_path, what, step, message, early):
    with pytest.raises(PosebookError, match=message) as e:
        train_tracker(
            toy_project,
            *VALIDATE_EACH_EPOCH,
            "training.max_steps=10",
            f"training.early_stopping={early}",
            out=tmp_path / "model",
            progress=False,
            callbacks=[Infinite(what, step)],
        )
    assert "learning_rate" in str(e.value)
    assert all(torch.isfinite(v).all() for v in load_weights(tmp_path / "model").values())
    assert not json.loads((tmp_path / "model/posebook.json").read_text())["trained"]
