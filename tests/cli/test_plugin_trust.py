"Plug-ins run only if the user named or trusted them"

import hashlib
import os
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import FOUR_STEPS

from posebook.core import PosebookError
from posebook.evaluation.evaluate import evaluate_model
from posebook.inference.predict import predict_from_folder
from posebook.inference.predictor import Predictor
from posebook.plugins import load_plugin, trust_plugin, trusted_plugins
from posebook.training.fit import train_tracker

PLUGIN = """from pathlib import Path
ran = Path({ran!r})
ran.write_text(str(1 + int(ran.read_text() if ran.exists() else 0)))
"""


@pytest.fixture
def ran(tmp_path):
    "Counts how often the plug-in ran"

    class Ran:
        path = tmp_path / "ran"

        def __call__(self):
            return int(self.path.read_text()) if self.path.exists() else 0

    return Ran()


@pytest.fixture
def plugin(tmp_path, ran):
    (tmp_path / "stranger").mkdir()
    path = tmp_path / "stranger/my.py"
    path.write_text(PLUGIN.format(ran=str(ran.path)))
    return path


@pytest.fixture
def another_user(tmp_path, monkeypatch):
    "Somebody who trusts nothing yet"

    def become(name="another user"):
        monkeypatch.setenv("POSEBOOK_SETTINGS", str(tmp_path / name))

    return become


@pytest.fixture
def received(toy_project, plugin, ran, tmp_path, another_user):
    "A model folder and a project of somebody else; the plug-in's original is gone, a copy lies in the model folder"
    another_user("the stranger")
    project = Path(shutil.copytree(toy_project, tmp_path / "project"))
    model = train_tracker(project, *FOUR_STEPS, out=project / "models/m", plugin=plugin, progress=False)
    shutil.move(plugin.parent, tmp_path / "elsewhere")
    another_user()
    ran.path.unlink()
    return model


def test_the_folder_holds_a_copy(received):
    "It is named by a relative path, so that the folder can be moved"
    assert yaml.safe_load((received / "config.yaml").read_text())["model"]["plugins"] == {
        "plugins/my.py": hashlib.sha256((received / "plugins/my.py").read_bytes()).hexdigest()
    }


def test_a_received_folder_runs_nothing(received, ran, run_command, tmp_path):
    project = received.parents[1]
    sha256 = hashlib.sha256((received / "plugins/my.py").read_bytes()).hexdigest()
    video = next((project / "videos").iterdir())
    second = shutil.copytree(received, received.parent / "m2")
    for words in (
        ["predict", received, video, "--out", tmp_path / "out"],
        ["evaluate", received],
        ["train", project, "--out", received, "--resume"],
        ["predict", received, second, video, "--ensemble", "--out", tmp_path / "out"],
    ):
        code, text = run_command(*words)
        assert (
            code == 2
            and sha256 in text
            and "plugins/my.py" in text
            and "posebook trust" in text
            and "POSEBOOK_TRUST" in text
        ), text
    for call in (
        lambda: Predictor.from_folder(received),
        lambda: predict_from_folder(received, video),
        lambda: evaluate_model(received),
        lambda: train_tracker(None, out=received, resume=True),
    ):
        with pytest.raises(PosebookError, match="not trusted it yet"):
            call()
    assert ran() == 0


def test_a_received_project_runs_nothing(received, ran, run_command):
    "A posebook.yaml that names a plug-in, with its hash or without"
    project = received.parents[1]
    shutil.copy(received / "plugins/my.py", project / "my.py")
    for sha256 in (hashlib.sha256((project / "my.py").read_bytes()).hexdigest(), ""):
        (project / "posebook.yaml").write_text(f"posebook: 1\nmodel: {{plugins: {{my.py: '{sha256}'}}}}\n")
        code, text = run_command("train", project, *FOUR_STEPS)
        assert code == 2 and "have not trusted it yet" in text and ran() == 0, text
    trust_plugin(project / "my.py")
    code, text = run_command(
        "train", project, *FOUR_STEPS, "--out", project / "models/new"
    )  # found from the folder of the config
    assert code == 0 and ran() == 2, text  # once to train, once to evaluate
    (project / "posebook.yaml").write_text("posebook: 1\nmodel: {plugins: {my.py: '0a1b'}}\n")
    assert "not the one that was recorded" in run_command("train", project, *FOUR_STEPS)[1]


@pytest.mark.parametrize("how", ["trust", "name", "environment", "call"])
def test_ways_to_trust(received, ran, run_command, tmp_path, how, monkeypatch):
    video, copy = next((received.parents[1] / "videos").iterdir()), received / "plugins/my.py"
    sha256 = hashlib.sha256(copy.read_bytes()).hexdigest()
    if how == "trust":
        code, text = run_command("trust", copy)
        assert code == 0 and sha256 in text and ran() == 0  # it is not run by that
    if how == "environment":
        monkeypatch.setenv("POSEBOOK_TRUST", f"0a1b,{sha256}")
    if how == "call":
        evaluate_model(received, plugin=tmp_path / "elsewhere/my.py")
    code, text = run_command(
        "predict",
        received,
        video,
        "--out",
        tmp_path / "out",
        *(["--plugin", tmp_path / "elsewhere/my.py"] if how == "name" else []),
    )
    assert code == 0 and ran() > 0, text
    assert (sha256 in trusted_plugins()) and run_command("evaluate", received)[0] == 0
    moved = Path(shutil.move(received, tmp_path / "moved"))
    if how != "environment":
        assert run_command("predict", moved, video, "--out", tmp_path / "out2")[0] == 0


def test_a_changed_copy_does_not_run(received, ran, tmp_path):
    "Even if both the file and the hash in the config are changed, which whoever sends the folder can do"
    copy, config = received / "plugins/my.py", received / "config.yaml"
    trust_plugin(copy)
    old = hashlib.sha256(copy.read_bytes()).hexdigest()
    copy.write_text(copy.read_text() + "\nevil = True\n")
    with pytest.raises(PosebookError, match="not the one that was recorded"):
        Predictor.from_folder(received)
    config.write_text(config.read_text().replace(old, hashlib.sha256(copy.read_bytes()).hexdigest()))
    with pytest.raises(PosebookError, match="not trusted it yet"):
        Predictor.from_folder(received)
    assert ran() == 0


def test_resume_needs_the_plug_in_that_the_training_began_with(received, tmp_path):
    (tmp_path / "other.py").write_text("pass")
    trust_plugin(received / "plugins/my.py")
    with pytest.raises(PosebookError, match="did not begin with this plug-in"):
        train_tracker(None, out=received, resume=True, plugin=tmp_path / "other.py")


def test_the_hash_of_what_ran_is_recorded(toy_project, plugin, ran, tmp_path):
    "A project that names its plug-in without a hash, or with the same file on the command line"
    project = Path(shutil.copytree(toy_project, tmp_path / "project"))
    shutil.copy(plugin, project / "my.py")
    (project / "posebook.yaml").write_text("posebook: 1\nmodel: {plugins: {my.py: ''}}\n")
    folder = os.getcwd()
    os.chdir(project)
    try:
        model = train_tracker(".", *FOUR_STEPS, out="models/m", plugin="my.py", progress=False)
    finally:
        os.chdir(folder)
    sha256 = hashlib.sha256(plugin.read_bytes()).hexdigest()
    assert yaml.safe_load((model / "config.yaml").read_text())["model"]["plugins"] == {"plugins/my.py": sha256}
    train_tracker(None, out=model, resume=True, plugin=project / "my.py", progress=False)
    (tmp_path / "other.py").write_text("pass")
    trust_plugin(tmp_path / "other.py")
    shutil.copy(tmp_path / "other.py", model / "plugins/my.py")
    with pytest.raises(PosebookError, match="not the one that was recorded"):
        Predictor.from_folder(model)
    (model / "plugins/my.py").unlink()
    with pytest.raises(PosebookError, match="does not exist"):
        Predictor.from_folder(model)
    Predictor.from_folder(model, plugin=plugin)  # the same file from elsewhere stands in


def test_the_working_folder_is_no_place_for_code(tmp_path, monkeypatch):
    "`posebook bench` starts other processes, which must not import a typer.py of the working folder"
    from posebook import bench

    (tmp_path / "typer.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    bench.startup_time(1)
    assert not (tmp_path / "ran").exists()


def test_a_list_that_cannot_be_written(plugin, ran, tmp_path, monkeypatch, caplog):
    "The named file runs and the user hears of it; `trust` is an error"
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("POSEBOOK_SETTINGS", str(tmp_path / "a file"))
    load_plugin(plugin)
    assert ran() == 1 and "could not be added to the trusted files" in caplog.text
    with pytest.raises(PosebookError):
        trust_plugin(plugin)
    with pytest.raises(PosebookError, match="does not exist"):
        trust_plugin(tmp_path / "nothing.py")


def test_names_that_collide(toy_project, plugin, tmp_path):
    (tmp_path / "my.py").write_text("pass")
    trust_plugin(tmp_path / "my.py")
    (tmp_path / "project.yaml").write_text(
        f"posebook: 1\ndata: {{data_dir: {toy_project}}}\nmodel: {{plugins: {{my.py: ''}}}}\n"
    )
    with pytest.raises(PosebookError, match="two plug-ins are called my.py"):
        train_tracker(tmp_path / "project.yaml", *FOUR_STEPS, out=tmp_path / "m", plugin=plugin, progress=False)
    assert not (tmp_path / "m").exists()


def test_the_user_s_own_list_is_not_touched_by_tests():
    assert "settings" in os.environ["POSEBOOK_SETTINGS"]
