"Checkpoints that are damaged, diverged, or of another model"

import shutil

import numpy as np
import pytest
import torch
from conftest import FOUR_STEPS, equal_weights, load_weights

from posebook.config.read import read_config
from posebook.core import PosebookError
from posebook.data.splits import read_split
from posebook.training.checkpoints import load_checkpoint
from posebook.training.fit import TrainingRun, train_tracker


def test_a_damaged_or_diverged_checkpoint_is_refused(model, tmp_path):
    from posebook.inference.predictor import Predictor

    for spoil in ("flipped", "diverged", "another"):
        folder = tmp_path / spoil
        shutil.copytree(model, folder)
        path = folder / "checkpoints/last.ckpt"
        state = torch.load(path, weights_only=True)
        if spoil == "flipped":
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 4
            path.write_bytes(data)
        else:
            if spoil == "diverged":
                next(iter(state["state_dict"].values())).fill_(float("nan"))
            torch.save(state, path)
        with pytest.raises(PosebookError, match="has changed since the training wrote it"):
            Predictor.from_folder(folder, "cpu")
        (folder / "posebook.json").unlink()  # a folder of before, or a file alone
        if spoil == "another":
            Predictor.from_folder(folder, "cpu")
        else:
            with pytest.raises(PosebookError, match="damaged|not finite"):
                Predictor.from_folder(folder, "cpu")


def test_other_files_are_no_checkpoints(toy_project, tmp_path):
    for content in ([1, 2], torch.ones(3), {"state_dict": 5}, {"state_dict": {"a": 5}}):
        torch.save(content, tmp_path / "odd.ckpt")
        with pytest.raises(PosebookError, match="no checkpoint of a tracker"):
            TrainingRun(read_config(toy_project, [f"model.checkpoint={tmp_path / 'odd.ckpt'}"]), tmp_path)


def test_a_bit_that_says_encrypted(model, tmp_path):
    "The zip archive of a checkpoint has a flag for encrypted files"
    data = bytearray((model / "checkpoints/last.ckpt").read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] ^= 1
    (tmp_path / "f.ckpt").write_bytes(data)
    with pytest.raises(PosebookError, match="not complete"):
        load_checkpoint(tmp_path / "f.ckpt")


def test_any_flipped_bit_is_a_clear_error(model, tmp_path):
    "Outside of a model folder, where no hash is recorded: an error, or the weights are as they were"
    data, rng, intact = (model / "checkpoints/last.ckpt").read_bytes(), np.random.default_rng(0), load_weights(model)
    positions = [
        *rng.integers(0, len(data), 20),
        *(len(data) - rng.integers(1, 20_000, 60)),
    ]  # the directory of the archive is at its end
    errors = 0
    for i in positions:
        (tmp_path / "f.ckpt").write_bytes(data[:i] + bytes([data[i] ^ 1 << rng.integers(8)]) + data[i + 1 :])
        try:
            state = load_checkpoint(tmp_path / "f.ckpt")["state_dict"]
        except PosebookError:
            errors += 1
        else:
            assert equal_weights(intact, state)
    assert errors > 20


def test_another_checkpoint_of_the_folder_may_replace_it(model, tmp_path):
    from posebook.inference.predictor import Predictor

    folder = shutil.copytree(model, tmp_path / "m")
    shutil.copy(folder / "checkpoints/best.ckpt", folder / "checkpoints/last.ckpt")
    Predictor.from_folder(folder, "cpu")


def test_checkpoints_of_other_models(model, toy_project, tmp_path):
    with pytest.raises(PosebookError, match="checkpoint of another model"):
        TrainingRun(
            read_config(toy_project, ["model.backbone=resnet18", "model.weights=null", f"model.checkpoint={model}"]),
            tmp_path,
        )
    content = (model / "checkpoints/last.ckpt").read_bytes()
    (tmp_path / "half.ckpt").write_bytes(content[: len(content) // 2])
    with pytest.raises(PosebookError, match="only partly written"):
        load_checkpoint(tmp_path / "half.ckpt")
    torch.save({"state_dict": {}, "code": tmp_path}, tmp_path / "code.ckpt")
    with pytest.raises(PosebookError, match="holds code"):
        load_checkpoint(tmp_path / "code.ckpt")
    TrainingRun(read_config(toy_project, [f"model.checkpoint={model}"]), tmp_path)  # one that does


def test_a_note_counts_test_frames_of_the_earlier_training(project, tmp_path, caplog):
    "With other fractions the frames are divided anew, so frames that the old model was trained with are test frames"
    settings = [*FOUR_STEPS, "training.train_prob=0.8"]
    old = train_tracker(project, *settings, out=tmp_path / "old", progress=False)
    trained = {o for o, (name, _) in read_split(old / "split.csv").items() if name == "train"}
    TrainingRun(read_config(project, [*settings, f"model.checkpoint={old}"]), tmp_path)
    assert "training frames of" not in caplog.text  # the same split
    settings = ["training.train_prob=0.5", "training.val_prob=0.1", f"model.checkpoint={old}"]
    run = TrainingRun(read_config(project, settings), tmp_path)
    count, total = sum(run.labels.images[i] in trained for i in run.split["test"]), len(run.split["test"])
    assert count and f"{count} of {total} test frames" in caplog.text
    assert f"were training frames of {old}, so the errors of these sets are too small" in caplog.text
