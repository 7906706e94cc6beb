"What a new user types: each command says what it found, what it used and what comes next"

import json
import re
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import FOUR_STEPS, assert_error, file_contents

import posebook
from posebook.core import PosebookError

SHORT = ["training.max_steps=4", "training.accelerator=cpu"]


def next_command(text):
    "Return the words of the command in the last line, without `posebook`"
    match = re.search(r"^next, .*: posebook (.+)$", text.strip().splitlines()[-1])
    assert match, text
    return shlex.split(match[1])


@pytest.fixture(scope="module")
def trained(toy_project, tmp_path_factory):
    "A project with two models and one training that was broken off"
    project = Path(shutil.copytree(toy_project, tmp_path_factory.mktemp("trained") / "my mouse"))
    for name, track in (("older", False), ("newer", True)):
        posebook.train(project, *SHORT, out=project / f"models/{name}", track_videos=track, progress=False)
    shutil.copytree(project / "models/newer", project / "models/unfinished")
    for name, changes in (("older", {"finished": "2026-01-01 00:00:00"}), ("unfinished", {"trained": False})):
        path = project / f"models/{name}/posebook.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return project


@pytest.fixture
def own_project(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "my mouse"))


def test_init_says_what_it_found_and_what_comes_next(run_command, project, tmp_path):
    (project / "posebook.yaml").unlink()
    code, text = run_command("init", project)
    assert code == 0
    assert "found: 12 labeled frames, 18 keypoints, 2 videos, 1 view, no skeleton lines" in text
    assert next_command(text) == ["train", str(project)]
    (tmp_path / "empty").mkdir()
    code, text = run_command("init", tmp_path / "empty")
    assert (
        "no labeled frames, no keypoints, no videos" in text and f"put videos into {tmp_path / 'empty/videos'}" in text
    )
    assert next_command(text)[:2] == ["frames", str(tmp_path / "empty")]


def test_from_videos_to_frames_to_labels(run_command, toy_project, tmp_path):
    shutil.copytree(toy_project / "videos", tmp_path / "my mice/videos")
    words = next_command(run_command("init", tmp_path / "my mice")[1])
    assert words == ["frames", str(tmp_path / "my mice"), "-n", "20", "--keypoints", "nose,ear,tail"]
    words[3] = "2"
    code, text = run_command(*words)
    assert code == 0 and next_command(text) == ["label", str(tmp_path / "my mice")]


def test_a_tracked_video_gets_its_labeled_video(run_command, trained, own_project):
    "The command that `train` prints, which is that of the README"
    model, video = own_project / "models/newer", own_project / "videos/toy0.mp4"
    before = file_contents(model / "video_preds")
    code, text = run_command("predict", model, video, "--labeled-video")
    mp4 = model / "video_preds/labeled_videos/toy0_labeled.mp4"
    assert code == 0 and f"labeled video: {mp4}" in text and mp4.is_file()
    assert next_command(text) == ["smooth", str(model / "video_preds/toy0.csv")]
    after = file_contents(model / "video_preds")
    assert {k: after[k] for k in before} == before  # not tracked again
    assert run_command("predict", model, video, "--save-heatmaps")[0] == 0
    assert (model / "video_preds/toy0_heatmaps.h5").is_file()
    assert (model / "video_preds/toy0.csv").read_bytes() == before["toy0.csv"] and mp4.is_file()
    assert_error(run_command("predict", own_project / "models/older", video, "--out", model / "video_preds"), "exist")


def test_a_tracked_video_is_not_read_by_the_model_again(own_project, monkeypatch):
    from posebook.inference.predictor import Predictor

    monkeypatch.setattr(Predictor, "predict_stream", None)
    model = own_project / "models/newer"
    [table] = posebook.predict(model, own_project / "videos/toy1.mp4", labeled_video=True, progress=False)
    assert table == model / "video_preds/toy1.csv"


def test_train_ends_with_a_command_that_works(run_command, own_project):
    code, text = run_command("train", own_project, *SHORT, "--out", own_project / "models/third", "--no-progress")
    words = next_command(text)
    assert code == 0 and words[-2:] == [str(own_project / "videos/toy0.mp4"), "--labeled-video"]
    code, text = run_command(*words)
    assert code == 0 and "toy0_labeled.mp4" in text


def test_a_project_stands_for_its_newest_finished_model(run_command, own_project, tmp_path):
    newer, note = own_project / "models/newer", "is used, the newest of 2 models of this project"
    code, text = run_command("predict", own_project, own_project / "videos/toy0.mp4", "--out", tmp_path / "out")
    assert code == 0 and f"note: {newer} {note}" in text and (tmp_path / "out/toy0.csv").is_file()
    (newer / "report.html").unlink()
    code, text = run_command("evaluate", own_project)
    assert code == 0 and f"note: {newer} {note}" in text and (newer / "report.html").is_file()


def test_a_project_without_a_finished_model(run_command, own_project, project):
    for command in (["predict", project, project / "videos/toy0.mp4"], ["evaluate", project]):
        assert_error(run_command(*command), "this project has no trained model", f"posebook train {project}")
    for name in ("older", "newer"):
        shutil.rmtree(own_project / "models" / name)
    text = run_command("evaluate", own_project)
    assert_error(text, "no complete model", "--out", "models/unfinished", "--resume")


def test_review_of_a_project(own_project, monkeypatch):
    from posebook.notebook import review as module

    monkeypatch.setattr(module, "require_notebook", lambda name: None)
    monkeypatch.setattr(module, "ReviewWidget", lambda tracked: tracked)
    tracked = posebook.review(own_project)
    assert (tracked.model, tracked.path.name) == (own_project / "models/newer", "toy0.mp4")
    with pytest.raises(PosebookError, match="no video of the project has been tracked"):
        posebook.review(own_project / "models/older")


def test_models(run_command, own_project, project):
    listed = posebook.list_models(own_project)
    assert {Path(o["model"]).name for o in listed} == {"newer", "older", "unfinished"}
    assert [o["finished"] is None for o in listed if o["model"].endswith("unfinished")] == [True]
    metrics = json.loads((own_project / "models/newer/metrics.json").read_text())["validation"]["all"]
    code, text = run_command("models", own_project)
    [newer] = [o for o in text.splitlines() if o.endswith("newer")]
    assert code == 0 and "heatmap  efficientnet_lite0  12 " in newer
    assert f"{metrics['median']:.1f} / {metrics['mean']:.1f}" in newer
    lines = text.splitlines()
    assert lines.index(newer) < lines.index(next(o for o in lines if o.endswith("older")))
    code, text = run_command("models", project)  # a project without models
    assert code == 0 and "no models yet" in text and next_command(text) == ["train", str(project)]
    assert_error(run_command("models", project / "videos"), "not a project")


def test_info(run_command, own_project):
    code, text = run_command("info", own_project / "models/newer")
    assert code == 0
    for part in (
        "11 train, 1 validation",
        "steps             4",
        "training.max_steps: 4",
        "report.html",
        "video_preds/",
    ):
        assert part in text, text
    assert "keypoint_names" not in text and "train_batch_size" not in text  # as the default
    code, text = run_command("info", own_project)
    assert code == 0 and "12 labeled frames, 18 keypoints, 2 videos" in text and "models/newer" in text
    assert_error(run_command("info", own_project / "nothing"), "no such")


def test_label_opens_a_notebook_that_is_never_overwritten(run_command, project, monkeypatch):
    import importlib.util
    import subprocess

    find_spec, started = importlib.util.find_spec, []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "jupyterlab" else find_spec(name))
    before = file_contents(project)
    assert_error(
        run_command("label", project), "JupyterLab is not installed", "pip install jupyterlab", "posebook.label("
    )
    assert file_contents(project) == before
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: True)
    ended_with = [0, 0, 1]

    def run(words):
        started.append(words)
        return SimpleNamespace(wait=lambda: ended_with.pop(0))

    monkeypatch.setattr(subprocess, "Popen", run)
    assert run_command("label", project)[0] == 0
    notebook = project / "label.ipynb"
    assert started[0][1:] == ["-m", "jupyterlab", str(notebook)]
    [code] = [o["source"] for o in json.loads(notebook.read_text())["cells"] if o["cell_type"] == "code"]
    compile(code, "label.ipynb", "exec")
    assert 'posebook.label(".")' in code
    notebook.write_text("mine")
    assert run_command("label", project)[0] == 0 and notebook.read_text() == "mine"
    assert_error(run_command("label", project), "JupyterLab ended with exit code 1", "jupyter lab")
    assert_error(run_command("label", project / "videos"), "posebook init")


def test_help_of_smooth_says_what_changes(run_command):
    code, text = run_command("smooth", "--help")
    text = " ".join(text.split())
    assert code == 0 and "Only x and y change" in text and "straight lines" in text and "Raises" not in text


def test_gpu_means_cuda(run_command, model, project, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    video = project / "videos/toy0.mp4"
    errors = [run_command("predict", model, video, "--device", o, "--out", tmp_path / "out") for o in ("gpu", "cuda")]
    assert errors[0] == errors[1]
    assert_error(errors[0], "there is no cuda device")


def test_below_40_frames_the_summary_says_that_there_is_no_test_set(run_command, project, tmp_path):
    code, text = run_command("train", project, *FOUR_STEPS, "--out", tmp_path / "model")
    assert code == 0 and "12 labeled frames (11 train, 1 val, 0 test)" in text
    assert "There is no test set. The validation frames (1) were not trained on. They had no influence" in text
    report = " ".join((tmp_path / "model/report.html").read_text().split())
    assert "There is no test set" in report


@pytest.mark.parametrize(
    "words, hint",
    [
        ("init {root}/my mice", "put quotation marks around a path with spaces: '{root}/my mice'"),
        ("train {root}/my mice", "put quotation marks around a path with spaces: '{root}/my mice'"),
        ("predict model {root}/my mice/a.mp4", "put quotation marks around a path with spaces: '{root}/my mice/a.mp4'"),
        ("frames mouse --keypoints nose tail", "separate the names by commas"),
        ("train mouse --max_steps=9", "without dashes, after the project: training.max_steps=VALUE"),
        ("train mouse --training.max-steps 9", "without dashes, after the project: training.max_steps=VALUE"),
        ("review mouse", "posebook.review(...)"),
    ],
)
def test_a_wrong_command_gets_a_hint(run_command, tmp_path, words, hint):
    (tmp_path / "my mice").mkdir()
    (tmp_path / "my mice/a.mp4").touch()
    code, text = run_command(*words.format(root=tmp_path).split())
    assert code == 2 and hint.format(root=tmp_path) in text


def test_no_hint_for_a_command_without_such_a_mistake(run_command, tmp_path):
    (tmp_path / "my mice").mkdir()
    for words in (
        ["train", tmp_path / "my mice"],
        ["label", "--keypoints", "nose,tail", tmp_path / "my mice"],
        ["train", tmp_path / "my mice", "--outt", "m"],
    ):
        code, text = run_command(*words)
        assert code == 2 and "quotation" not in text and "commas" not in text and "dashes" not in text


def test_a_model_and_a_project_or_video_exchanged(run_command, own_project):
    model, video = own_project / "models/newer", own_project / "videos/toy0.mp4"
    assert_error(run_command("predict", video, model), f"{video}: this is not a model folder")
    for command in ("init", "frames", "label", "models"):
        assert_error(run_command(command, model), "this is a model folder, not a project", "posebook info")
    assert not (model / "posebook.yaml").exists()


def test_train_names_a_folder_of_videos_that_does_not_exist(run_command, project, tmp_path):
    words = [*SHORT, "data.video_dir=nowhere", "--out", tmp_path / "model", "--no-progress"]
    code, text = run_command("train", project, *words)
    assert code == 0 and f"no video is tracked: there is no folder {project / 'nowhere'}" in text
