"An interrupted training continues exactly"

import shutil
import subprocess

import pandas as pd
import pytest
from conftest import VALIDATE_EACH_EPOCH, Interrupt, command_line, equal_weights, load_weights, small_disk

from posebook.config.read import read_config
from posebook.core import PosebookError
from posebook.training.checkpoints import load_checkpoint
from posebook.training.fit import train_tracker


@pytest.mark.parametrize("cached", ["true", "false"])
def test_resume_is_exact(toy_project, tmp_path, cached):
    settings = [
        *VALIDATE_EACH_EPOCH,
        "training.max_steps=14",
        "training.unfreezing_step=4",
        f"training.cache_features={cached}",
    ]
    uninterrupted = train_tracker(toy_project, *settings, out=tmp_path / "whole", progress=False)
    with pytest.raises(KeyboardInterrupt):
        train_tracker(toy_project, *settings, out=tmp_path / "broken", progress=False, callbacks=[Interrupt(9)])
    assert load_checkpoint(tmp_path / "broken/checkpoints/last.ckpt")["global_step"] == 8  # two steps an epoch
    train_tracker(None, out=tmp_path / "broken", resume=True, progress=False)
    assert load_checkpoint(tmp_path / "broken/checkpoints/last.ckpt")["global_step"] == 14
    assert equal_weights(load_weights(uninterrupted), load_weights(tmp_path / "broken"))
    logs = pd.read_csv(tmp_path / "broken/logs/metrics.csv")
    assert len(logs) == len(pd.read_csv(uninterrupted / "logs/metrics.csv")) and logs.step.is_monotonic_increasing


def test_resume_after_a_full_disk(toy_project, tmp_path):
    "There is room for the checkpoints of the head and not for those of the backbone"
    disk = small_disk(tmp_path / "disk", 40 * 2**20)
    settings = [*VALIDATE_EACH_EPOCH, "training.max_steps=10", "training.unfreezing_step=4"]
    try:
        args = command_line("train", toy_project, "--out", disk / "model")
        run = subprocess.run([*args, *settings], capture_output=True, text=True)
        assert run.returncode == 2 and ".ckpt: the disk is full" in run.stderr, (run.returncode, run.stderr)
        assert str(disk / "model/checkpoints") in run.stderr and "Traceback" not in run.stderr
        files = sorted(p.name for p in (disk / "model/checkpoints").iterdir() if not p.name.endswith(".lock"))
        assert files == ["best.ckpt", "last.ckpt"]  # no temporary file remains
        subprocess.run(["mount", "-o", f"remount,size={300 * 2**20}", str(disk)], check=True)
        run = subprocess.run([*args, "--resume"], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert load_checkpoint(disk / "model/checkpoints/last.ckpt")["global_step"] == 10
    finally:
        subprocess.run(["umount", "-l", str(disk)])


def test_resume_keeps_frames_and_settings(project, tmp_path, caplog):
    "Ten labels more, at the front of the table: the weights are those of a training that nobody interrupted"
    settings, table = (
        [*VALIDATE_EACH_EPOCH, "training.max_steps=10", "training.train_prob=0.5"],
        project / "CollectedData.csv",
    )
    uninterrupted = train_tracker(project, *settings, out=tmp_path / "whole", progress=False)
    with pytest.raises(KeyboardInterrupt):
        train_tracker(project, *settings, out=tmp_path / "broken", progress=False, callbacks=[Interrupt(7)])
    header, rows = table.read_text().splitlines()[:3], table.read_text().splitlines()[3:]
    new_rows = []
    for i, row in enumerate(rows[:10]):
        image, _, cells = row.partition(",")
        shutil.copy(project / image, project / f"labeled-data/toy0/more{i}.png")
        new_rows.append(f"labeled-data/toy0/more{i}.png,{cells}")
    table.write_text("\n".join([*header, *new_rows, *rows]) + "\n")
    for setting in ("training.rng_seed_data_pt=3", "training.train_prob=0.9", "training.accelerator=auto"):
        with pytest.raises(PosebookError, match="cannot be set"):
            train_tracker(project, setting, out=tmp_path / "broken", resume=True, progress=False)
    with pytest.raises(PosebookError, match="of the project"):
        train_tracker(tmp_path / "other.yaml", out=tmp_path / "broken", resume=True, progress=False) if (
            tmp_path / "other.yaml"
        ).write_text("posebook: 1") else None
    train_tracker(project, out=tmp_path / "broken", resume=True, progress=False)
    assert equal_weights(load_weights(uninterrupted), load_weights(tmp_path / "broken"))
    assert any("10 frame(s) were labeled since" in o and "model.checkpoint=" in o for o in caplog.messages), (
        caplog.messages
    )

    from posebook.evaluation.evaluate import evaluate_model

    split = (uninterrupted / "split.csv").read_bytes()
    metrics = evaluate_model(tmp_path / "broken")
    labels = pd.read_csv(tmp_path / "broken/predictions.csv", header=[0, 1, 2], index_col=0)
    sets = dict(zip(labels.index, labels.iloc[:, -1]))
    assert {k for k, v in sets.items() if v == "new"} == {o.split(",")[0] for o in new_rows} and "new" in metrics
    stored = pd.read_csv(tmp_path / "broken/split.csv", index_col=0).set
    assert all(sets[k] == v for k, v in stored.items()) and (tmp_path / "broken/split.csv").read_bytes() == split
    table.write_text("\n".join([*header, *new_rows, *rows[1:]]) + "\n")
    with pytest.raises(PosebookError, match="1 frame.* have no label any more"):
        train_tracker(None, out=tmp_path / "broken", resume=True, progress=False)


def test_the_length_may_change_on_resume(toy_project, tmp_path):
    folder = train_tracker(
        toy_project, *VALIDATE_EACH_EPOCH, "training.max_steps=4", out=tmp_path / "model", progress=False
    )
    train_tracker(None, "training.max_steps=8", out=folder, resume=True, progress=False)
    assert load_checkpoint(folder / "checkpoints/last.ckpt")["global_step"] == 8
    assert read_config(folder / "config.yaml").training.max_steps == 8


def test_max_time_counts_over_interruptions(toy_project, tmp_path):
    settings = [*VALIDATE_EACH_EPOCH, "training.max_time=00:00:00:06"]
    with pytest.raises(KeyboardInterrupt):
        train_tracker(toy_project, *settings, out=tmp_path / "model", progress=False, callbacks=[Interrupt(8)])
    spent = load_checkpoint(tmp_path / "model/checkpoints/last.ckpt")["seconds_spent"]
    assert 0 < spent < 6
    train_tracker(None, out=tmp_path / "model", resume=True, progress=False)
    assert load_checkpoint(tmp_path / "model/checkpoints/last.ckpt")["seconds_spent"] >= 6


def test_resume_with_unlabeled_video_is_exact(toy_project, tmp_path):
    settings = [
        *VALIDATE_EACH_EPOCH,
        "training.max_steps=10",
        "training.unfreezing_step=2",
        "model.losses_to_use=[temporal,pca_multiview]",
        "dali.base.train.sequence_length=6",
        "callbacks.anneal_weight.start=0.2",
    ]
    uninterrupted = train_tracker(toy_project, *settings, out=tmp_path / "whole", progress=False)
    with pytest.raises(KeyboardInterrupt):
        train_tracker(toy_project, *settings, out=tmp_path / "broken", progress=False, callbacks=[Interrupt(7)])
    train_tracker(None, out=tmp_path / "broken", resume=True, progress=False)
    assert equal_weights(load_weights(uninterrupted), load_weights(tmp_path / "broken"))
