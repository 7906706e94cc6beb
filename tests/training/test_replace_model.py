"Replacing a model: the old one stays until the new one is complete"

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import FOUR_STEPS, Interrupt, file_contents, rename_that_fails
from lightning.pytorch import Callback

from posebook.core import PosebookError
from posebook.model_folder import edit_manifest, finish_model_folder, newest_folder, read_manifest, record_files
from posebook.training.checkpoints import load_checkpoint
from posebook.training.fit import train_tracker


def test_overwrite_replaces_what_is_listed_when_the_new_model_is_complete(project, run_command):
    model, calls = project / "models/m", []
    assert run_command("train", project, *FOUR_STEPS, "--out", model)[0] == 0
    (model / "notes.txt").write_text("mine")
    (model / "video_preds").mkdir(exist_ok=True)
    (model / "video_preds/mine.csv").write_text("also mine")
    (model / "evaluate").mkdir()
    (model / "evaluate/old.csv").write_text("listed")
    record_files(model / "evaluate/old.csv")
    before = file_contents(model)

    def record(run):
        calls.append((run.folder.name, file_contents(model) == before, newest_folder(model)))

    train_tracker(
        project, *FOUR_STEPS, "training.rng_seed_model_pt=7", out=model, overwrite=True, progress=False, complete=record
    )
    assert calls == [("m.new", True, project / "models/m.new")]
    after = file_contents(model)
    assert (
        after["notes.txt"] == b"mine"
        and after["video_preds/mine.csv"] == b"also mine"
        and "evaluate/old.csv" not in after
    )
    assert after["checkpoints/last.ckpt"] != before["checkpoints/last.ckpt"]
    assert [o.name for o in (project / "models").iterdir()] == ["m"] and "replaces" not in read_manifest(model)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_killed_replacement_leaves_the_old_model_and_can_be_resumed(project, run_command):
    "Killed while it trains: the old model predicts; --resume finishes NAME.new and puts it in its place"
    model = project / "models/m"
    assert run_command("train", project, *FOUR_STEPS, "--out", model)[0] == 0
    before = file_contents(model)
    args = [
        sys.executable,
        "-c",
        "from posebook.cli import main; main()",
        "train",
        project,
        "training.accelerator=cpu",
        "training.max_steps=60",
        "training.check_val_every_n_epoch=1",
        "eval.predict_vids_after_training=false",
        "--out",
        model,
        "--overwrite",
    ]
    p, last = (
        subprocess.Popen([str(o) for o in args], stderr=subprocess.DEVNULL),
        project / "models/m.new/checkpoints/last.ckpt",
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not last.exists():
        time.sleep(0.01)
    os.kill(p.pid, signal.SIGKILL)
    p.wait()
    assert last.exists() and file_contents(model) == before
    code, text = run_command("evaluate", model)
    assert code == 0, text
    assert newest_folder(model) == project / "models/m.new"  # what `watch` shows
    code, text = run_command("train", project, "--out", model, "--resume")
    assert code == 0 and f"the model is in {model};" in text, text
    assert [o.name for o in (project / "models").iterdir()] == ["m"]
    assert read_manifest(model)["trained"] and load_checkpoint(model / "checkpoints/last.ckpt")["global_step"] == 60


@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("next_command", ["resume", "overwrite"])
def test_each_step_of_the_exchange_can_be_interrupted(tmp_path, monkeypatch, step, next_command):
    from posebook.model_folder import start_model_folder

    def fill(folder, text):
        for name in ("config.yaml", "checkpoints/last.ckpt"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
            record_files(folder / name)
        with edit_manifest(folder) as manifest:
            manifest["trained"] = True

    model = tmp_path / "m"
    fill(start_model_folder(model), "old")
    for name in ("a.txt", "b.txt"):
        (model / name).write_text("mine")
    fill(start_model_folder(model, overwrite=True), "new")
    monkeypatch.setattr(Path, "rename", rename_that_fails(step))
    with pytest.raises(KeyboardInterrupt):
        finish_model_folder(model)
    monkeypatch.undo()
    if next_command == "overwrite":
        fill(start_model_folder(model, overwrite=True), "newer")
    finish_model_folder(model)
    assert (
        (model / "config.yaml").read_text()
        == (model / "checkpoints/last.ckpt").read_text()
        == ("new" if next_command == "resume" else "newer")
    )
    assert [(model / o).read_text() for o in ("a.txt", "b.txt")] == ["mine"] * 2
    assert [o.name for o in tmp_path.iterdir()] == ["m"] and not {"replaces", "replaced"} & {*read_manifest(model)}


def test_a_model_named_new_or_old_is_not_removed(toy_project, tmp_path):
    for name in ("m", "m.new", "k", "k.old"):
        train_tracker(toy_project, *FOUR_STEPS, out=tmp_path / name, progress=False)
    before = file_contents(tmp_path)
    for name, occupied in (("m", "m.new"), ("k", "k.old")):
        with pytest.raises(PosebookError, match=f"{occupied}: this folder is needed"):
            train_tracker(toy_project, *FOUR_STEPS, out=tmp_path / name, overwrite=True, progress=False)
        assert file_contents(tmp_path) == before


def test_a_link_to_a_model_folder_is_the_folder(toy_project, tmp_path):
    "An interrupted replacement goes on through a link, too; what is not complete replaces nothing"
    train_tracker(toy_project, *FOUR_STEPS, out=tmp_path / "m", progress=False)
    (tmp_path / "link").symlink_to(tmp_path / "m")
    before = file_contents(tmp_path / "m")
    with pytest.raises(KeyboardInterrupt):
        train_tracker(
            toy_project,
            "training.accelerator=cpu",
            "training.max_steps=8",
            "training.check_val_every_n_epoch=1",
            out=tmp_path / "link",
            overwrite=True,
            progress=False,
            callbacks=[Interrupt(5)],
        )
    assert file_contents(tmp_path / "m") == before and newest_folder(tmp_path / "link") == tmp_path / "m.new"
    with pytest.raises(PosebookError, match="not complete"):
        finish_model_folder(tmp_path / "link")
    assert file_contents(tmp_path / "m") == before
    train_tracker(None, out=tmp_path / "link", resume=True, progress=False)
    assert (
        load_checkpoint(tmp_path / "link/checkpoints/last.ckpt")["global_step"] == 8
        and (tmp_path / "link").is_symlink()
    )


def test_two_trainings_do_not_share_a_folder(toy_project, tmp_path):
    "Neither a second --overwrite nor a second --resume touches the folder that the first is writing"
    train_tracker(toy_project, *FOUR_STEPS, out=tmp_path / "m", progress=False)
    errors = []

    class Second(Callback):
        def on_train_start(self, trainer, tracker):
            for options in (dict(overwrite=True), dict(resume=True)):
                try:
                    train_tracker(
                        toy_project,
                        *(FOUR_STEPS if "overwrite" in options else ()),
                        out=tmp_path / "m",
                        progress=False,
                        **options,
                    )
                except PosebookError as e:
                    errors.append(str(e))

    train_tracker(toy_project, *FOUR_STEPS, out=tmp_path / "m", overwrite=True, progress=False, callbacks=[Second()])
    assert len(errors) == 2 and "another training is writing" in errors[0], errors
