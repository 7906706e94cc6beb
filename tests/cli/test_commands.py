"The public calls of the package, and the commands that are made from them"

import importlib
import json
import pkgutil
import re
import shutil
import subprocess
import sys
from types import FunctionType

import numpy as np
import pytest
from conftest import file_contents, write_lightning_pose_model

import posebook

SHORT = ["training.max_steps=4", "training.accelerator=cpu"]


def python(code, **kwargs):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, **kwargs).stdout


@pytest.mark.parametrize(
    "code", ["import posebook", "from posebook.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"]
)
def test_neither_the_package_nor_its_help_loads_what_is_large(code):
    loaded = f"{code}\nimport sys\nprint('loaded:', [o for o in ('numpy', 'pandas', 'torch') if o in sys.modules])"
    assert python(loaded).splitlines()[-1] == "loaded: []"


def test_public_names_are_there_and_are_no_modules():
    modules = {o.name for o in pkgutil.iter_modules(posebook.__path__)}
    for name in posebook.__all__:
        assert callable(getattr(posebook, name)) and name not in modules
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        getattr(posebook, "tarin")  # noqa: B009


def files(folder):
    "The names of all files below a folder"
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_command_and_call_leave_the_same_files(run_command, toy_project, tmp_path):
    "Names of all files, and the content of the tables"
    typed, called = (tmp_path / o for o in ("typed", "called"))
    for folder in (typed, called):
        shutil.copytree(toy_project, folder / "project")
        (folder / "project/posebook.yaml").unlink()

    def command(*words):
        code, text = run_command(*words)
        assert code == 0, text

    project, model, video = typed / "project", typed / "model", toy_project / "videos/toy0.mp4"
    command("init", project, "--full")
    command("train", project, *SHORT, "--out", model)
    command("train", project, *SHORT, "--out", typed / "bare", "--no-track-videos", "--no-evaluate")
    command("predict", model, video, "--out", typed / "tables", "--save-heatmaps")
    command("predict", model, typed / "bare", video, "--ensemble", "--out", typed / "mean")
    command("evaluate", model, "--out", typed / "errors", "--csv", project / "CollectedData.csv")
    command("smooth", typed / "tables/toy0.csv", "--window", "1")
    command("frames", project, "-n", "2", "--video", "toy0", "--neighbors", "0")
    project, model = called / "project", called / "model"
    posebook.init(project, full=True)
    assert posebook.train(project, *SHORT, out=model, progress=False) == model
    posebook.train(project, *SHORT, out=called / "bare", track_videos=False, evaluate=False, progress=False)
    [table] = posebook.predict(model, video, out=called / "tables", save_heatmaps=True, progress=False)
    posebook.predict([model, called / "bare"], [video], out=called / "mean", progress=False)
    metrics = posebook.evaluate(model, project / "CollectedData.csv", called / "errors")
    assert metrics == json.loads((typed / "errors/metrics.json").read_text())
    assert posebook.smooth(table, window=1) == called / "tables/smoothed/toy0.csv"
    posebook.pick_frames(project, n=2, videos="toy0", neighbors=0)
    assert files(typed) == files(called)
    assert not (called / "bare/report.html").exists() and (called / "model/report.html").exists()
    for name in files(typed):
        if name.endswith(".csv") and "logs/" not in name:
            assert (typed / name).read_bytes() == (called / name).read_bytes(), name


def test_convert_leaves_the_same_files(run_command, tmp_path):
    source, _ = write_lightning_pose_model(tmp_path / "theirs")
    assert run_command("convert", source, "--out", tmp_path / "typed")[0] == 0
    assert posebook.convert(source, out=tmp_path / "called") == tmp_path / "called"
    typed, called = file_contents(tmp_path / "typed"), file_contents(tmp_path / "called")
    assert typed.keys() == called.keys() and typed["config.yaml"] == called["config.yaml"]


def test_demo_leaves_the_same_files(run_command, tmp_path, monkeypatch):
    "The toy project and the arguments of the training; `tests/package` runs the whole demo"
    from posebook import commands
    from posebook.project import toy_project

    calls = []

    def record(folder, *overrides, out, progress):
        calls.append((folder.name, overrides, out.relative_to(folder)))
        return out

    monkeypatch.setattr(commands, "train", record)
    monkeypatch.setattr(toy_project, "errors_against_truth", lambda *args: np.ones(3))
    assert run_command("demo", "--quick", "--out", tmp_path / "typed/demo")[0] == 0
    assert posebook.demo(tmp_path / "called/demo", quick=True, progress=False) == tmp_path / "called/demo/model"
    assert calls[0] == calls[1]
    assert file_contents(tmp_path / "typed").keys() == file_contents(tmp_path / "called").keys()


def test_bench_list_and_trust_are_one_call(run_command, tmp_path, monkeypatch):
    from posebook import bench

    calls = []
    monkeypatch.setattr(bench, "bench", lambda *args: calls.append(args[:3]))
    assert run_command("bench", "--quick", "--overwrite", "--out", tmp_path / "a.json")[0] == 0
    posebook.run_bench(tmp_path / "a.json", overwrite=True, quick=True)
    assert calls[0] == calls[1] == (tmp_path / "a.json", True, True)

    listed = posebook.list_registered()
    code, text = run_command("list")
    assert code == 0 and [o.split()[:2] for o in text.splitlines()] == [[k, o] for k in listed for o in listed[k]]

    (tmp_path / "mine.py").write_text("pass")
    code, text = run_command("trust", tmp_path / "mine.py")
    assert code == 0 and posebook.trust(tmp_path / "mine.py") in text


def code_cells(path):
    return [
        "".join(o["source"]) for o in json.loads(path.read_text(encoding="utf-8"))["cells"] if o["cell_type"] == "code"
    ]


def test_the_script_of_the_page_runs(root, toy_project, tmp_path):
    [script] = [o for o in code_cells(root / "nbs/how_to/in_python.ipynb") if "posebook.init" in o]
    assert script.count("\n") < 12
    shutil.copytree(toy_project, tmp_path / "mouse")
    (tmp_path / "mouse/posebook.yaml").unlink()
    (tmp_path / "mouse/videos/toy1.mp4").rename(tmp_path / "tuesday.mp4")
    assert python(script + "\nprint(keypoints.shape)", cwd=tmp_path).splitlines()[-1] == "(40, 54)"


def test_tutorials_use_what_the_page_lists(root):
    page = (root / "nbs/how_to/in_python.ipynb").read_text(encoding="utf-8")
    listed = {
        module: set(re.findall(r"`(\w+)`", names))
        for module, names in re.findall(r"\| `(posebook\.[\w.]+)` \| ([^|]+) \|", page)
        if "`posebook." not in names
    }
    assert len(listed) > 20
    for path in [
        *(root / "nbs/tutorials").glob("*.ipynb"),
        *(root / "nbs/how_to").glob("*.ipynb"),
        root / "nbs/index.ipynb",
    ]:
        for cell in code_cells(path):
            if cell.startswith("#| hide"):
                continue
            for module, names in re.findall(r"^(?:from|import) (posebook\.[\w.]+)(?: import (.+))?$", cell, re.M):
                for name in names.split(", "):
                    assert name in listed.get(module, ()), f"{path.name}: {module}.{name}"


def test_every_module_lists_its_public_names():
    "`__all__` has every public function and class that a module defines, and nothing that is not there"
    for info in pkgutil.walk_packages(posebook.__path__, "posebook."):
        module = importlib.import_module(info.name)
        if info.ispkg or info.name.endswith("_modidx"):
            continue
        public = {
            k
            for k, o in vars(module).items()
            if not k.startswith("_") and isinstance(o, (type, FunctionType)) and o.__module__ == info.name
        }
        assert public <= set(module.__all__), info.name
        assert all(hasattr(module, name) for name in module.__all__), info.name
