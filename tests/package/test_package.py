"The package as people get it: equal to the notebooks, importable without nbdev, complete in a wheel"

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path


def run(*args, **kwargs):
    return subprocess.run([str(o) for o in args], capture_output=True, text=True, **kwargs)


def test_package_is_what_the_notebooks_export(root, tmp_path):
    from posebook.export_modules import export

    for name in ("nbs", "settings.ini", "README.md", "setup.py"):
        (shutil.copytree if (root / name).is_dir() else shutil.copy)(root / name, tmp_path / name)
    (tmp_path / "posebook").mkdir()
    (tmp_path / "posebook/__init__.py").write_text((root / "posebook/__init__.py").read_text())
    export(tmp_path)
    files = lambda base: {p.relative_to(base): p.read_text() for p in (base / "posebook").rglob("*.py")}
    exported, committed = files(tmp_path), files(root)
    assert set(exported) == set(committed)
    different = [str(k) for k in committed if committed[k] != exported[k]]
    assert not different, f"run `python -m posebook.book export`, not `nbdev_export`: {', '.join(different)} differ"


def test_imports_without_the_tools():
    "No module of the package needs nbdev, IPython or DALI"
    code = """
import importlib, pkgutil, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("nbdev", "execnb", "IPython", "nvidia", "smalldocs", "jupytext"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Block())
import posebook
for m in pkgutil.walk_packages(posebook.__path__, "posebook."):
    if not m.name.endswith("_modidx"): importlib.import_module(m.name)
"""
    process = run(sys.executable, "-c", code)
    assert not process.returncode, process.stderr


def test_ruff_finds_nothing(root):
    "Undefined and unused names, unsorted imports and long lines, in notebooks, modules and tests (ruff.toml)"
    process = run(sys.executable, "-m", "ruff", "check", "--no-cache", root)
    assert not process.returncode, process.stdout


def test_readme_is_what_the_index_makes(root):
    from posebook.book import readme

    assert (root / "README.md").read_text() == readme(root / "nbs/index.ipynb")


def test_wheel_runs_the_demo(root, tmp_path):
    source = tmp_path / "source"
    not_source = shutil.ignore_patterns(".git", "*.egg-info", "build", "_proc", "_site", "models")
    shutil.copytree(
        root, source, ignore=lambda folder, names: not_source(folder, names) if Path(folder) == root else ()
    )
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    process = run(*pip, "wheel", "--no-deps", "-w", tmp_path / "wheels", source)
    assert not process.returncode, process.stderr
    [wheel] = (tmp_path / "wheels").glob("*.whl")
    modules = zipfile.ZipFile(wheel).namelist()
    assert "posebook/cli.py" in modules
    tools = (
        "api_entries",
        "book",
        "export_modules",
        "figure_text",
        "reference_pages",
        "site_files",
    )  # for contributors
    assert not {f"posebook/{o}.py" for o in tools} & {*modules}
    process = run(*pip, "install", "--no-deps", "--target", tmp_path / "installed", wheel)
    assert not process.returncode, process.stderr
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    location = run(sys.executable, "-c", "import posebook; print(posebook.__file__)", env=env, cwd=tmp_path).stdout
    assert location.startswith(str(tmp_path / "installed"))
    process = run(tmp_path / "installed/bin/posebook", "demo", "--quick", "--out", "demo", env=env, cwd=tmp_path)
    assert not process.returncode, process.stderr
    model = tmp_path / "demo/model"
    for name in (
        "config.yaml",
        "checkpoints/last.ckpt",
        "predictions.csv",
        "predictions_pixel_error.csv",
        "metrics.json",
        "report.html",
        "video_preds/toy0.csv",
        "video_preds/details/toy0_temporal_norm.csv",
        "video_preds/labeled_videos/toy0_labeled.mp4",
    ):
        assert (model / name).is_file(), name
    assert "within 5 px of the truth" in process.stderr
