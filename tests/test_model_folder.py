"Model folders: nothing is removed that posebook did not write, and an older model stays until a new one is complete"
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lightning.pytorch import Callback

from posebook.core import PosebookError
from posebook.model_folder import edit_manifest, finish_model_folder, newest_folder, read_manifest
from posebook.model_folder import record_files
from posebook.training.checkpoints import load_checkpoint
from posebook.training.fit import train_tracker

quiet = lambda line: None
QUICK = ("training.accelerator=cpu", "training.max_steps=4", "eval.predict_vids_after_training=false")


def file_contents(folder): return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


# ---- folders that are not ours

@pytest.mark.parametrize("name", ["config.yaml", "posebook.yaml", "pose_cfg.yaml"])
@pytest.mark.parametrize("command", ["train", "convert"])
def test_overwrite_leaves_a_project_alone(run_command, project, tmp_path, name, command):
    "As every project of DeepLabCut or Lightning Pose has it, there is a config.yaml"
    if name != "posebook.yaml": (project/name).write_text("Task: reach" if name == "pose_cfg.yaml" else "posebook: 1")
    before = file_contents(project)
    words = ["train", project, *QUICK] if command == "train" else ["convert", lightning_pose_model(tmp_path/"theirs")]
    code, text = run_command(*words, "--out", project, "--overwrite")
    assert code == 2 and file_contents(project) == before, text
    assert "posebook did not make this folder" in text or "must not be or contain" in text
    assert "--overwrite" not in text


def lightning_pose_model(folder):
    from test_convert import their_folder
    return their_folder(folder)[0]


def test_convert_leaves_its_source_alone(run_command, tmp_path):
    folder = lightning_pose_model(tmp_path/"theirs")
    before = file_contents(folder)
    for out in (folder, tmp_path):
        assert run_command("convert", folder, "--out", out, "--overwrite")[0] == 2
        assert file_contents(folder) == before


def test_no_model_goes_where_data_are(run_command, project, monkeypatch):
    (project/"labeled-data/toy0/notes").mkdir()
    (project/"posebook.json").write_text(json.dumps({"posebook": "0", "files": ["CollectedData.csv"], "checkpoints": {}}))
    before = file_contents(project)
    for out in (project, project.parent, Path.home(), project/"labeled-data", project/"labeled-data/new", project/"labeled-data/toy0", project/"labeled-data/toy0/new",
                project/"videos", project/"videos/model"):
        for more in ([], ["--overwrite"]):
            code, text = run_command("train", project, *QUICK, "--out", out, *more)
            assert code == 2 and "Traceback" not in text, (out, text)
            assert file_contents(project) == before, out
    model = project/"models/here"
    model.mkdir(parents=True)
    monkeypatch.chdir(model)
    assert "the working folder" in run_command("train", project, *QUICK, "--out", ".")[1]
    monkeypatch.chdir(project)
    assert run_command("train", project, *QUICK, "--out", "models/here")[0] == 0


# ---- replacing a model

def test_overwrite_replaces_what_is_listed_when_the_new_model_is_complete(project, run_command):
    model, calls = project/"models/m", []
    assert run_command("train", project, *QUICK, "--out", model)[0] == 0
    (model/"notes.txt").write_text("mine")
    (model/"video_preds").mkdir(exist_ok=True)
    (model/"video_preds/mine.csv").write_text("also mine")
    (model/"evaluate").mkdir()
    (model/"evaluate/old.csv").write_text("listed")
    record_files(model/"evaluate/old.csv")
    before = file_contents(model)

    def record(folder):
        calls.append((folder.name, file_contents(model) == before, newest_folder(model)))
    train_tracker(project, *QUICK, "training.rng_seed_model_pt=7", out=model, overwrite=True, say=quiet, complete=record)
    assert calls == [("m.new", True, project/"models/m.new")]
    after = file_contents(model)
    assert after["notes.txt"] == b"mine" and after["video_preds/mine.csv"] == b"also mine" and "evaluate/old.csv" not in after
    assert after["checkpoints/last.ckpt"] != before["checkpoints/last.ckpt"]
    assert [o.name for o in (project/"models").iterdir()] == ["m"] and "replaces" not in read_manifest(model)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_killed_replacement_leaves_the_old_model_and_goes_on(project, run_command):
    "Killed while it trains: the old model predicts; --resume finishes NAME.new and puts it in its place"
    model = project/"models/m"
    assert run_command("train", project, *QUICK, "--out", model)[0] == 0
    before = file_contents(model)
    args = [sys.executable, "-c", "from posebook.cli import main; main()", "train", project, "training.accelerator=cpu", "training.max_steps=60",
            "training.check_val_every_n_epoch=1", "eval.predict_vids_after_training=false", "--out", model, "--overwrite"]
    p, last = subprocess.Popen([str(o) for o in args], stderr=subprocess.DEVNULL), project/"models/m.new/checkpoints/last.ckpt"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not last.exists(): time.sleep(.01)
    os.kill(p.pid, signal.SIGKILL)
    p.wait()
    assert last.exists() and file_contents(model) == before
    code, text = run_command("evaluate", model)
    assert code == 0, text
    assert newest_folder(model) == project/"models/m.new"                # what `watch` shows
    code, text = run_command("train", project, "--out", model, "--resume")
    assert code == 0 and f"the model is in {model};" in text, text
    assert [o.name for o in (project/"models").iterdir()] == ["m"]
    assert read_manifest(model)["trained"] and load_checkpoint(model/"checkpoints/last.ckpt")["global_step"] == 60


def rename_that_fails(step):
    "A `Path.rename` that fails at its n-th call, as a crash would"
    calls, rename = [], Path.rename
    def broken(self, to):
        calls.append(1)
        if len(calls) == step: raise KeyboardInterrupt
        return rename(self, to)
    return broken


@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("next_command", ["resume", "overwrite"])
def test_each_step_of_the_exchange_can_be_interrupted(tmp_path, monkeypatch, step, next_command):
    from posebook.model_folder import start_model_folder
    def fill(folder, text):
        for name in ("config.yaml", "checkpoints/last.ckpt"):
            (folder/name).parent.mkdir(exist_ok=True)
            (folder/name).write_text(text)
            record_files(folder/name)
        with edit_manifest(folder) as manifest: manifest["trained"] = True
    model = tmp_path/"m"
    fill(start_model_folder(model), "old")
    for name in ("a.txt", "b.txt"): (model/name).write_text("mine")
    fill(start_model_folder(model, overwrite=True), "new")
    monkeypatch.setattr(Path, "rename", rename_that_fails(step))
    with pytest.raises(KeyboardInterrupt): finish_model_folder(model)
    monkeypatch.undo()
    if next_command == "overwrite": fill(start_model_folder(model, overwrite=True), "newer")
    finish_model_folder(model)
    assert (model/"config.yaml").read_text() == (model/"checkpoints/last.ckpt").read_text() == ("new" if next_command == "resume" else "newer")
    assert [(model/o).read_text() for o in ("a.txt", "b.txt")] == ["mine"] * 2
    assert [o.name for o in tmp_path.iterdir()] == ["m"] and not {"replaces", "replaced"} & {*read_manifest(model)}


def test_a_model_of_ones_own_called_new_is_not_removed(toy_project, tmp_path):
    for name in ("m", "m.new", "k", "k.old"): train_tracker(toy_project, *QUICK, out=tmp_path/name, say=quiet)
    before = file_contents(tmp_path)
    for name, occupied in (("m", "m.new"), ("k", "k.old")):
        with pytest.raises(PosebookError, match=f"{occupied}: this folder is needed"): train_tracker(toy_project, *QUICK, out=tmp_path/name, overwrite=True, say=quiet)
        assert file_contents(tmp_path) == before


def test_a_folder_from_before_predicts_and_is_never_removed(toy_project, model, tmp_path, run_command):
    old = Path(shutil.copytree(model, tmp_path/"old"))
    (old/"posebook.json").unlink()
    (old/"split.csv").unlink()
    before = file_contents(old)
    assert run_command("predict", old, toy_project/"videos", "--out", tmp_path/"out")[0] == 0
    code, text = run_command("train", toy_project, *QUICK, "--out", old, "--overwrite")
    assert code == 2 and "posebook did not make this folder" in text and file_contents(old) == before
    code, text = run_command("evaluate", old)
    assert code == 0 and "unknown " in text and "\ntest " not in text      # nobody knows what it was trained on


def test_a_stranger_s_list_removes_nothing_outside(toy_project, model, tmp_path):
    "A list of files with paths that lead out of the folder, directly, by dots, or through a link"
    folder, treasure = Path(shutil.copytree(model, tmp_path/"models/m")), tmp_path/"treasure"
    treasure.mkdir()
    (treasure/"thesis.tex").write_text("years")
    (folder/"link").symlink_to(treasure)
    manifest = json.loads((folder/"posebook.json").read_text())
    manifest["files"] += ["../../treasure/thesis.tex", str(treasure/"thesis.tex"), "link/thesis.tex"]
    (folder/"posebook.json").write_text(json.dumps(manifest))
    train_tracker(toy_project, *QUICK, out=folder, overwrite=True, say=quiet)
    assert (treasure/"thesis.tex").read_text() == "years" and (folder/"link/thesis.tex").exists()
    for text in ("[]", "{", '{"posebook": 1, "files": "all", "checkpoints": {}}'):
        (folder/"posebook.json").write_text(text)
        with pytest.raises(PosebookError, match="posebook.json: this file is"): train_tracker(toy_project, *QUICK, out=folder, overwrite=True, say=quiet)


def test_every_command_lists_what_it_writes(project, tmp_path, run_command):
    "After all commands the folder has no file that is not listed"
    from posebook.model_folder import other_files
    model = project/"models/m"
    assert run_command("train", project, *QUICK[:2], "eval.save_vids_after_training=true", "training.ckpt_every_n_epochs=1", "--out", model)[0] == 0
    video = next((project/"videos").glob("*0.mp4"))
    assert run_command("predict", model, video, "--save-heatmaps", "--overwrite")[0] == 0
    assert run_command("smooth", model/f"video_preds/{video.stem}.csv")[0] == 0
    shutil.copy(project/"CollectedData.csv", project/"tuesday.csv")
    assert run_command("evaluate", model, "--csv", project/"tuesday.csv")[0] == 0
    assert run_command("evaluate", model)[0] == 0
    assert other_files(model) == set()
    assert run_command("train", project, *QUICK, "--out", model, "--overwrite")[0] == 0
    assert not (model/"video_preds").exists() and not (model/"evaluate").exists() and other_files(model) == set()


# ---- writing over other things

def test_tables_do_not_replace_labels_or_their_input(run_command, model, project, tmp_path):
    video = project/"videos/CollectedData.mp4"
    shutil.copy(project/"videos/toy0.mp4", video)
    before = file_contents(project)
    code, text = run_command("predict", model, video, "--out", project, "--overwrite")
    assert code == 2 and "no table of predictions" in text and file_contents(project) == before, text
    assert run_command("predict", model, project/"videos/toy0.mp4", "--out", tmp_path/"out")[0] == 0
    table = tmp_path/"out/toy0.csv"
    for out, message in ((table, "place of its input"), (project/"CollectedData.csv", "no table of predictions")):
        code, text = run_command("smooth", table, "--out", out, "--overwrite")
        assert code == 2 and message in text, text
    assert file_contents(project) == before
    (tmp_path/"out/metrics.json").write_text("of another program")
    for more in ([], ["--csv", project/"CollectedData.csv"]):
        code, text = run_command("evaluate", model, "--out", tmp_path/"out", *more)
        assert code == 2 and "results of other labels" in text
    assert (tmp_path/"out/metrics.json").read_text() == "of another program"
    (tmp_path/"bench.json").write_text("last week")
    assert run_command("bench", "--out", tmp_path/"bench.json")[0] == 2 and (tmp_path/"bench.json").read_text() == "last week"


def test_a_link_to_a_model_folder_is_the_folder(toy_project, tmp_path):
    "An interrupted replacement goes on through a link, too; what is not complete replaces nothing"
    train_tracker(toy_project, *QUICK, out=tmp_path/"m", say=quiet)
    (tmp_path/"link").symlink_to(tmp_path/"m")
    before = file_contents(tmp_path/"m")
    with pytest.raises(KeyboardInterrupt):
        train_tracker(toy_project, "training.accelerator=cpu", "training.max_steps=8", "training.check_val_every_n_epoch=1", out=tmp_path/"link", overwrite=True, say=quiet, callbacks=[Interrupt(5)])
    assert file_contents(tmp_path/"m") == before and newest_folder(tmp_path/"link") == tmp_path/"m.new"
    with pytest.raises(PosebookError, match="not complete"): finish_model_folder(tmp_path/"link")
    assert file_contents(tmp_path/"m") == before
    train_tracker(None, out=tmp_path/"link", resume=True, say=quiet)
    assert load_checkpoint(tmp_path/"link/checkpoints/last.ckpt")["global_step"] == 8 and (tmp_path/"link").is_symlink()


class Interrupt(Callback):
    def __init__(self, step): self.step = step
    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == self.step: raise KeyboardInterrupt


def test_resume_says_what_it_cannot_do(toy_project, tmp_path, run_command, monkeypatch):
    model = train_tracker(toy_project, *QUICK, out=tmp_path/"m", say=quiet)
    monkeypatch.chdir(model)
    assert run_command("train", toy_project, "--out", ".", "--resume")[0] == 0                  # from within the folder
    monkeypatch.chdir(tmp_path)
    (model/"posebook.json").rename(tmp_path/"kept.json")
    code, text = run_command("train", toy_project, "--out", model, "--resume")
    assert code == 2 and "there is no posebook.json" in text
    for entries in ({"files": [1]}, {"checkpoints": {"checkpoints/last.ckpt": 5}}):
        (model/"posebook.json").write_text(json.dumps(json.loads((tmp_path/"kept.json").read_text()) | entries))
        code, text = run_command("evaluate", model)
        assert code == 2 and "not as posebook writes it" in text
    shutil.copy(tmp_path/"kept.json", model/"posebook.json")
    (model/"split.csv").write_bytes(b"\xff\xfe")
    code, text = run_command("evaluate", model)
    assert code == 2 and "not the split of a training" in text
    for path in (model/"checkpoints").iterdir(): path.unlink()
    code, text = run_command("train", toy_project, "--out", model, "--resume")
    assert code == 2 and "before its first checkpoint" in text and "--overwrite" in text


def test_two_trainings_do_not_share_a_folder(toy_project, tmp_path):
    "A second --overwrite does not take away what the first is writing, and a second --resume does not write beside the first"
    train_tracker(toy_project, *QUICK, out=tmp_path/"m", say=quiet)
    errors = []
    class Second(Callback):
        def on_train_start(self, trainer, tracker):
            for options in (dict(overwrite=True), dict(resume=True)):
                try: train_tracker(toy_project, *(QUICK if "overwrite" in options else ()), out=tmp_path/"m", say=quiet, **options)
                except PosebookError as e: errors.append(str(e))
    train_tracker(toy_project, *QUICK, out=tmp_path/"m", overwrite=True, say=quiet, callbacks=[Second()])
    assert len(errors) == 2 and "another training is writing" in errors[0], errors


def test_a_leftover_of_a_killed_write_is_in_nobody_s_way(toy_project, tmp_path):
    train_tracker(toy_project, *QUICK, out=tmp_path/"m", say=quiet)
    with pytest.raises(KeyboardInterrupt): train_tracker(toy_project, *QUICK, out=tmp_path/"m", overwrite=True, say=quiet, callbacks=[Interrupt(3)])
    (tmp_path/"m.new/checkpoints/.last.123-456.ckpt").write_text("half")
    (tmp_path/"m/.config.123-456.yaml").write_text("half")
    train_tracker(toy_project, *QUICK, out=tmp_path/"m", overwrite=True, say=quiet)
    assert not list(tmp_path.rglob(".*.123-456.*")) and [o.name for o in tmp_path.iterdir()] == ["m"]


def test_a_newer_file_of_the_user_s_is_not_replaced_by_an_older_one(tmp_path, monkeypatch):
    from posebook.model_folder import start_model_folder
    start_model_folder(tmp_path/"m")
    (tmp_path/"m/notes.txt").write_text("first")
    new = start_model_folder(tmp_path/"m", overwrite=True)
    with edit_manifest(new) as manifest: manifest["trained"] = True
    monkeypatch.setattr(Path, "rename", rename_that_fails(3))
    with pytest.raises(KeyboardInterrupt): finish_model_folder(tmp_path/"m")
    monkeypatch.undo()
    (tmp_path/"m/notes.txt").write_text("second")
    with pytest.raises(PosebookError, match="notes.txt is in the old model's folder and in the new"): finish_model_folder(tmp_path/"m")
    assert (tmp_path/"m/notes.txt").read_text() == "second" and (tmp_path/"m.old/notes.txt").read_text() == "first"


def test_predict_leaves_files_of_others_alone(model, toy_project, tmp_path, run_command):
    "Without a record of ours nothing beside a table is written over, with --overwrite or without"
    video = toy_project/"videos/toy0.mp4"
    for i, name in enumerate(("labeled_videos/toy0_labeled.mp4", "toy0_temporal_norm.csv", "toy0_pca_singleview_error.csv", "details/toy0.json", "toy0.csv.part", "toy0_heatmaps.h5")):
        path = tmp_path/str(i)/name
        path.parent.mkdir(parents=True)
        path.write_text("mine")
        for more in ([], ["--overwrite"], ["--save-heatmaps", "--overwrite"]):
            code, text = run_command("predict", model, video, "--out", tmp_path/str(i), *more)
            assert code == 2 and path.name in text and path.read_text() == "mine", (name, text)
    (tmp_path/"e").mkdir()
    (tmp_path/"e/toy0_spread.csv").write_text("mine")
    second = shutil.copytree(model, tmp_path/"second")
    code, text = run_command("predict", model, second, video, "--ensemble", "--out", tmp_path/"e")
    assert code == 2 and "toy0_spread.csv" in text and (tmp_path/"e/toy0_spread.csv").read_text() == "mine"
    assert run_command("predict", model, video, "--out", tmp_path/"f")[0] == 0
    (tmp_path/"f/new_moved.csv").write_text("mine")
    code, text = run_command("smooth", tmp_path/"f/toy0.csv", "--out", tmp_path/"f/new.csv", "--overwrite")
    assert code == 2 and (tmp_path/"f/new_moved.csv").read_text() == "mine"
    (tmp_path/"labels.csv").write_text("mine")
    assert run_command("bench", "--out", tmp_path/"labels.csv", "--overwrite")[0] == 2 and (tmp_path/"labels.csv").read_text() == "mine"


def test_what_was_never_written_is_not_listed(model, toy_project, tmp_path, run_command):
    copy = shutil.copytree(model, tmp_path/"m")
    assert run_command("predict", copy, toy_project/"videos/toy0.mp4")[0] == 0
    (copy/"video_preds/labeled_videos").mkdir()
    (copy/"video_preds/labeled_videos/toy0_labeled.mp4").write_text("mine")
    assert run_command("train", toy_project, *QUICK, "--out", copy, "--overwrite")[0] == 0
    assert (copy/"video_preds/labeled_videos/toy0_labeled.mp4").read_text() == "mine"


def test_a_linked_table_of_labels_stays_a_link(project, tmp_path, run_command):
    shutil.move(project/"CollectedData.csv", tmp_path/"shared.csv")
    (project/"CollectedData.csv").symlink_to(tmp_path/"shared.csv")
    rows = len((tmp_path/"shared.csv").read_text().splitlines())
    assert run_command("frames", project, "-n", "2")[0] == 0
    assert (project/"CollectedData.csv").is_symlink() and len((tmp_path/"shared.csv").read_text().splitlines()) == rows + 2


def test_renamed_frames_are_not_called_new(project, tmp_path, run_command):
    "An image that is spelled in another way is the same; one that was renamed is unknown, and that is said"
    model, table = train_tracker(project, *QUICK, out=project/"models/m", say=quiet), project/"CollectedData.csv"
    text = table.read_text()
    table.write_text(text.replace("labeled-data/", "labeled-data/./").replace("/img", "//img"))
    code, output = run_command("evaluate", model)
    assert code == 0 and "new " not in output and "train " in output, output
    shutil.copytree(project/"labeled-data/toy0", project/"labeled-data/monday")
    table.write_text(text.replace("toy0/", "monday/"))
    code, output = run_command("evaluate", model)
    assert code == 0 and "\nnew " not in output and "\nunknown " in output and "called unknown" in output and "no label any more" in output, output


def test_changed_labels_are_mentioned_on_resume(project, tmp_path):
    model = train_tracker(project, *QUICK, out=tmp_path/"m", say=quiet)
    (project/"CollectedData.csv").write_text((project/"CollectedData.csv").read_text().replace(",4", ",5"))
    messages = []
    train_tracker(None, "training.max_steps=6", out=model, resume=True, say=messages.append)
    assert any("labels were changed since" in o for o in messages), messages
