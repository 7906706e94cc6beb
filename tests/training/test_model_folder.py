"Model folders: what they list, and what older or damaged ones do"

import json
import shutil
from pathlib import Path

import pytest
from conftest import FOUR_STEPS, Interrupt, file_contents

from posebook.training.fit import train_tracker


def test_a_folder_without_manifest_predicts_and_is_never_removed(toy_project, model, tmp_path, run_command):
    old = Path(shutil.copytree(model, tmp_path / "old"))
    (old / "posebook.json").unlink()
    (old / "split.csv").unlink()
    before = file_contents(old)
    assert run_command("predict", old, toy_project / "videos", "--out", tmp_path / "out")[0] == 0
    code, text = run_command("train", toy_project, *FOUR_STEPS, "--out", old, "--overwrite")
    assert code == 2 and "posebook did not make this folder" in text and file_contents(old) == before
    code, text = run_command("evaluate", old)
    assert code == 0 and "unknown " in text and "\ntest " not in text  # nobody knows what it was trained on


def test_every_command_lists_what_it_writes(project, tmp_path, run_command):
    "After all commands the folder has no file that is not listed"
    from posebook.model_folder import other_files

    model = project / "models/m"
    assert (
        run_command(
            "train",
            project,
            *FOUR_STEPS[:2],
            "eval.save_vids_after_training=true",
            "training.ckpt_every_n_epochs=1",
            "--out",
            model,
        )[0]
        == 0
    )
    video = next((project / "videos").glob("*0.mp4"))
    assert run_command("predict", model, video, "--save-heatmaps", "--overwrite")[0] == 0
    assert run_command("smooth", model / f"video_preds/{video.stem}.csv")[0] == 0
    shutil.copy(project / "CollectedData.csv", project / "tuesday.csv")
    assert run_command("evaluate", model, "--csv", project / "tuesday.csv")[0] == 0
    assert run_command("evaluate", model)[0] == 0
    assert other_files(model) == set()
    assert run_command("train", project, *FOUR_STEPS, "--out", model, "--overwrite")[0] == 0
    assert not (model / "video_preds").exists() and not (model / "evaluate").exists() and other_files(model) == set()


def test_resume_names_what_is_missing_or_damaged(toy_project, tmp_path, run_command, monkeypatch):
    model = train_tracker(toy_project, *FOUR_STEPS, out=tmp_path / "m", progress=False)
    monkeypatch.chdir(model)
    assert run_command("train", toy_project, "--out", ".", "--resume")[0] == 0  # from within the folder
    monkeypatch.chdir(tmp_path)
    (model / "posebook.json").rename(tmp_path / "kept.json")
    code, text = run_command("train", toy_project, "--out", model, "--resume")
    assert code == 2 and "there is no posebook.json" in text
    for entries in ({"files": [1]}, {"checkpoints": {"checkpoints/last.ckpt": 5}}):
        (model / "posebook.json").write_text(json.dumps(json.loads((tmp_path / "kept.json").read_text()) | entries))
        code, text = run_command("evaluate", model)
        assert code == 2 and "is not a valid posebook.json" in text
    shutil.copy(tmp_path / "kept.json", model / "posebook.json")
    (model / "split.csv").write_bytes(b"\xff\xfe")
    code, text = run_command("evaluate", model)
    assert code == 2 and "not the split of a training" in text
    for path in (model / "checkpoints").iterdir():
        path.unlink()
    code, text = run_command("train", toy_project, "--out", model, "--resume")
    assert code == 2 and "before its first checkpoint" in text and "--overwrite" in text


def test_a_leftover_of_a_killed_write_blocks_nothing(toy_project, tmp_path):
    train_tracker(toy_project, *FOUR_STEPS, out=tmp_path / "m", progress=False)
    with pytest.raises(KeyboardInterrupt):
        train_tracker(
            toy_project, *FOUR_STEPS, out=tmp_path / "m", overwrite=True, progress=False, callbacks=[Interrupt(3)]
        )
    (tmp_path / "m.new/checkpoints/.last.123-456.ckpt").write_text("half")
    (tmp_path / "m/.config.123-456.yaml").write_text("half")
    train_tracker(toy_project, *FOUR_STEPS, out=tmp_path / "m", overwrite=True, progress=False)
    assert not list(tmp_path.rglob(".*.123-456.*")) and [o.name for o in tmp_path.iterdir()] == ["m"]


def test_what_was_never_written_is_not_listed(model, toy_project, tmp_path, run_command):
    copy = shutil.copytree(model, tmp_path / "m")
    assert run_command("predict", copy, toy_project / "videos/toy0.mp4")[0] == 0
    (copy / "video_preds/labeled_videos").mkdir()
    (copy / "video_preds/labeled_videos/toy0_labeled.mp4").write_text("mine")
    assert run_command("train", toy_project, *FOUR_STEPS, "--out", copy, "--overwrite")[0] == 0
    assert (copy / "video_preds/labeled_videos/toy0_labeled.mp4").read_text() == "mine"


def test_a_linked_label_table_stays_a_link(project, tmp_path, run_command):
    shutil.move(project / "CollectedData.csv", tmp_path / "shared.csv")
    (project / "CollectedData.csv").symlink_to(tmp_path / "shared.csv")
    rows = len((tmp_path / "shared.csv").read_text().splitlines())
    assert run_command("frames", project, "-n", "2")[0] == 0
    assert (project / "CollectedData.csv").is_symlink() and len(
        (tmp_path / "shared.csv").read_text().splitlines()
    ) == rows + 2


def test_renamed_frames_are_not_called_new(project, tmp_path, run_command):
    "An image that is spelled in another way is the same; one that was renamed is unknown, and that is said"
    model, table = (
        train_tracker(project, *FOUR_STEPS, out=project / "models/m", progress=False),
        project / "CollectedData.csv",
    )
    text = table.read_text()
    table.write_text(text.replace("labeled-data/", "labeled-data/./").replace("/img", "//img"))
    code, output = run_command("evaluate", model)
    assert code == 0 and "new " not in output and "train " in output, output
    shutil.copytree(project / "labeled-data/toy0", project / "labeled-data/monday")
    table.write_text(text.replace("toy0/", "monday/"))
    code, output = run_command("evaluate", model)
    assert (
        code == 0
        and "\nnew " not in output
        and "\nunknown " in output
        and "called unknown" in output
        and "no label any more" in output
    ), output


def test_changed_labels_are_mentioned_on_resume(project, tmp_path, caplog):
    model = train_tracker(project, *FOUR_STEPS, out=tmp_path / "m", progress=False)
    (project / "CollectedData.csv").write_text((project / "CollectedData.csv").read_text().replace(",4", ",5"))
    train_tracker(None, "training.max_steps=6", out=model, resume=True, progress=False)
    assert any("labels were changed since" in o for o in caplog.messages), caplog.messages
