"Projects, data and files of others are never overwritten or removed"

import json
import shutil
from pathlib import Path

import pytest
from conftest import FOUR_STEPS, file_contents, rename_that_fails, write_lightning_pose_model

from posebook.core import PosebookError
from posebook.model_folder import edit_manifest, finish_model_folder
from posebook.training.fit import train_tracker


@pytest.mark.parametrize("name", ["config.yaml", "posebook.yaml", "pose_cfg.yaml"])
@pytest.mark.parametrize("command", ["train", "convert"])
def test_overwrite_leaves_a_project_alone(run_command, project, tmp_path, name, command):
    "As every project of DeepLabCut or Lightning Pose has it, there is a config.yaml"
    if name != "posebook.yaml":
        (project / name).write_text("Task: reach" if name == "pose_cfg.yaml" else "posebook: 1")
    before = file_contents(project)
    words = (
        ["train", project, *FOUR_STEPS]
        if command == "train"
        else ["convert", write_lightning_pose_model(tmp_path / "theirs")[0]]
    )
    code, text = run_command(*words, "--out", project, "--overwrite")
    assert code == 2 and file_contents(project) == before, text
    assert "posebook did not make this folder" in text or "must not be or contain" in text
    assert "--overwrite" not in text


def test_convert_leaves_its_source_alone(run_command, tmp_path):
    folder, _ = write_lightning_pose_model(tmp_path / "theirs")
    before = file_contents(folder)
    for out in (folder, tmp_path):
        assert run_command("convert", folder, "--out", out, "--overwrite")[0] == 2
        assert file_contents(folder) == before


def test_a_model_folder_must_not_hold_data(run_command, project, monkeypatch):
    (project / "labeled-data/toy0/notes").mkdir()
    (project / "posebook.json").write_text(
        json.dumps({"posebook": "0", "files": ["CollectedData.csv"], "checkpoints": {}})
    )
    before = file_contents(project)
    for out in (
        project,
        project.parent,
        Path.home(),
        project / "labeled-data",
        project / "labeled-data/new",
        project / "labeled-data/toy0",
        project / "labeled-data/toy0/new",
        project / "videos",
        project / "videos/model",
    ):
        for more in ([], ["--overwrite"]):
            code, text = run_command("train", project, *FOUR_STEPS, "--out", out, *more)
            assert code == 2 and "Traceback" not in text, (out, text)
            assert "there is no such config" not in text, (out, text)
            assert file_contents(project) == before, out
    model = project / "models/here"
    model.mkdir(parents=True)
    monkeypatch.chdir(model)
    assert "the working folder" in run_command("train", project, *FOUR_STEPS, "--out", ".")[1]
    monkeypatch.chdir(project)
    assert run_command("train", project, *FOUR_STEPS, "--out", "models/here")[0] == 0


def test_a_manifest_removes_nothing_outside_its_folder(toy_project, model, tmp_path):
    "A list of files with paths that lead out of the folder, directly, by dots, or through a link"
    folder, treasure = Path(shutil.copytree(model, tmp_path / "models/m")), tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "thesis.tex").write_text("years")
    (folder / "link").symlink_to(treasure)
    manifest = json.loads((folder / "posebook.json").read_text())
    manifest["files"] += ["../../treasure/thesis.tex", str(treasure / "thesis.tex"), "link/thesis.tex"]
    (folder / "posebook.json").write_text(json.dumps(manifest))
    train_tracker(toy_project, *FOUR_STEPS, out=folder, overwrite=True, progress=False)
    assert (treasure / "thesis.tex").read_text() == "years" and (folder / "link/thesis.tex").exists()
    for text in ("[]", "{", '{"posebook": 1, "files": "all", "checkpoints": {}}'):
        (folder / "posebook.json").write_text(text)
        with pytest.raises(PosebookError, match="posebook.json: this (file is damaged|is not a valid)"):
            train_tracker(toy_project, *FOUR_STEPS, out=folder, overwrite=True, progress=False)


def test_tables_do_not_replace_labels_or_their_input(run_command, model, project, tmp_path):
    video = project / "videos/CollectedData.mp4"
    shutil.copy(project / "videos/toy0.mp4", video)
    before = file_contents(project)
    code, text = run_command("predict", model, video, "--out", project, "--overwrite")
    assert code == 2 and "no table of predictions" in text and file_contents(project) == before, text
    assert run_command("predict", model, project / "videos/toy0.mp4", "--out", tmp_path / "out")[0] == 0
    table = tmp_path / "out/toy0.csv"
    for out, message in ((table, "overwrite its input"), (project / "CollectedData.csv", "no table of predictions")):
        code, text = run_command("smooth", table, "--out", out, "--overwrite")
        assert code == 2 and message in text, text
    assert file_contents(project) == before
    (tmp_path / "out/metrics.json").write_text("of another program")
    for more in ([], ["--csv", project / "CollectedData.csv"]):
        code, text = run_command("evaluate", model, "--out", tmp_path / "out", *more)
        assert code == 2 and "results of other labels" in text
    assert (tmp_path / "out/metrics.json").read_text() == "of another program"
    (tmp_path / "bench.json").write_text("last week")
    assert (
        run_command("bench", "--out", tmp_path / "bench.json")[0] == 2
        and (tmp_path / "bench.json").read_text() == "last week"
    )


def test_a_newer_file_of_the_user_is_not_replaced(tmp_path, monkeypatch):
    from posebook.model_folder import start_model_folder

    start_model_folder(tmp_path / "m")
    (tmp_path / "m/notes.txt").write_text("first")
    new = start_model_folder(tmp_path / "m", overwrite=True)
    with edit_manifest(new) as manifest:
        manifest["trained"] = True
    monkeypatch.setattr(Path, "rename", rename_that_fails(3))
    with pytest.raises(KeyboardInterrupt):
        finish_model_folder(tmp_path / "m")
    monkeypatch.undo()
    (tmp_path / "m/notes.txt").write_text("second")
    with pytest.raises(PosebookError, match="notes.txt is in the old model's folder and in the new"):
        finish_model_folder(tmp_path / "m")
    assert (tmp_path / "m/notes.txt").read_text() == "second" and (tmp_path / "m.old/notes.txt").read_text() == "first"


def test_predict_leaves_files_of_others_alone(model, toy_project, tmp_path, run_command):
    "Without a record of ours nothing beside a table is written over, with --overwrite or without"
    video = toy_project / "videos/toy0.mp4"
    for i, name in enumerate(
        (
            "labeled_videos/toy0_labeled.mp4",
            "details/toy0_temporal_norm.csv",
            "details/toy0_pca_singleview_error.csv",
            "details/toy0.json",
            "toy0.csv.part",
            "toy0_heatmaps.h5",
        )
    ):
        path = tmp_path / str(i) / name
        path.parent.mkdir(parents=True)
        path.write_text("mine")
        for more in ([], ["--overwrite"], ["--save-heatmaps", "--overwrite"]):
            code, text = run_command("predict", model, video, "--out", tmp_path / str(i), *more)
            assert code == 2 and path.name in text and path.read_text() == "mine", (name, text)
    (tmp_path / "e/details").mkdir(parents=True)
    (tmp_path / "e/details/toy0_spread.csv").write_text("mine")
    second = shutil.copytree(model, tmp_path / "second")
    code, text = run_command("predict", model, second, video, "--ensemble", "--out", tmp_path / "e")
    assert code == 2 and "toy0_spread.csv" in text and (tmp_path / "e/details/toy0_spread.csv").read_text() == "mine"
    assert run_command("predict", model, video, "--out", tmp_path / "f")[0] == 0
    (tmp_path / "f/details/new_moved.csv").write_text("mine")
    code, text = run_command("smooth", tmp_path / "f/toy0.csv", "--out", tmp_path / "f/new.csv", "--overwrite")
    assert code == 2 and (tmp_path / "f/details/new_moved.csv").read_text() == "mine"
    (tmp_path / "labels.csv").write_text("mine")
    assert (
        run_command("bench", "--out", tmp_path / "labels.csv", "--overwrite")[0] == 2
        and (tmp_path / "labels.csv").read_text() == "mine"
    )
