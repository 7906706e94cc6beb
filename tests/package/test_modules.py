"The modules: folders import only from those before them, and no module is long"

import ast

import pytest
from conftest import ROOT

# a folder imports only from those before it; modules that lie in no folder have their place among them
FOLDERS = [
    "core",
    "device",
    "shared_cores",
    "progress",
    "plugins",
    "model_folder",
    "config",
    "toy_motion",
    "toy_drawing",
    "toy",
    "data",
    "video",
    "formats",
    "project",
    "losses",
    "backbones",
    "models",
    "training",
    "inference",
    "evaluation",
    "labeling",
    "notebook",
    "convert_lightning_pose",
    "testing",
    "bench_training",
    "bench",
    "next_steps",
    "commands",
    "cli",
    "export_modules",
    "figure_text",
    "api_entries",
    "site_files",
    "book",
    "reference_pages",
]


def test_folders_import_from_those_before_them():
    package, wrong = ROOT / "posebook", []
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package).with_suffix("").parts
        if parts[-1] in ("__init__", "_modidx"):
            continue
        for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(n, ast.ImportFrom) and n.level:
                base = list(parts[: len(parts) - n.level])
                to = [*base, *(n.module.split(".") if n.module else [])] or [n.names[0].name]
            elif isinstance(n, ast.ImportFrom) and (n.module or "").startswith("posebook."):
                to = n.module.split(".")[1:]
            else:
                continue
            if to[0].startswith("__"):
                continue
            if FOLDERS.index(to[0]) > FOLDERS.index(parts[0]):
                wrong.append(f"{'/'.join(parts)} imports {'.'.join(to)}")
    assert wrong == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "posebook").rglob("*.py")), ids=lambda p: p.relative_to(ROOT / "posebook").as_posix()
)
def test_a_module_has_fewer_than_350_lines(path):
    assert path.name == "_modidx.py" or len(path.read_text(encoding="utf-8").splitlines()) < 350


def test_text_files_have_an_encoding():
    "The default of Windows is not UTF-8; pandas always uses UTF-8"
    without = []
    for path in sorted((ROOT / "posebook").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            is_text = name == "write_text" or name == "read_text" and isinstance(call.func, ast.Attribute)
            if name == "open":
                modes = [o.value for a in call.args for o in ast.walk(a) if isinstance(o, ast.Constant)]
                owner = getattr(getattr(call.func, "value", None), "id", "")
                is_text = owner not in ("file", "av", "Image") and not any("b" in str(o) for o in modes)
            if is_text and not any(o.arg in ("encoding", None) for o in call.keywords):
                without.append(f"{path.name}:{call.lineno}")
    assert without == []
