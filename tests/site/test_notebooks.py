"Rules of the notebooks: how they begin, what their outputs hold, where their links lead, what they import"

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pyflakes.api
import pytest
from conftest import ROOT, reading_order
from pyflakes.messages import UndefinedLocal, UndefinedName

NBS = ROOT / "nbs"
PAGES = sorted(p for p in NBS.rglob("*.ipynb") if not {".ipynb_checkpoints", "_proc"} & set(p.parts))
ORDER = reading_order()


def cells(path, kind="code"):
    return [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def directive(cell, names):
    return re.search(rf"^#\|\s*({names})\b", source(cell), re.M)


def exported(path):
    return [source(c) for c in cells(path) if directive(c, "exports?|exporti")]


def is_chapter(path):
    return any(directive(c, "default_exp") for c in cells(path))


# the synthetic animal's motion and drawing stand last in the sidebar: the only exception to the order
FIRST = [NBS / "04_toy_motion.ipynb", NBS / "05_toy_drawing.ipynb"]
CHAPTERS = [*FIRST, *(p for p in ORDER if is_chapter(p) and p not in FIRST)]


def name_of(path):
    return path.relative_to(NBS).with_suffix("").as_posix()


page = pytest.mark.parametrize("path", PAGES, ids=name_of)
chapter = pytest.mark.parametrize("path", CHAPTERS, ids=name_of)


@page
def test_a_page_begins_with_a_title_and_one_line(path):
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    lines = source(first).splitlines()
    assert first["cell_type"] == "markdown" and len(lines) == 3, lines
    assert re.fullmatch(r"# \S.*", lines[0]) and lines[1] == "" and re.fullmatch(r"> \S.*", lines[2]), lines


def test_notebooks_are_clean(tmp_path):
    "`nbdev_clean` finds nothing left to take out: no numbers of runs, no metadata, no ids that change by themselves"
    shutil.copy(ROOT / "settings.ini", tmp_path)
    shutil.copytree(NBS, tmp_path / "nbs", ignore=shutil.ignore_patterns("_quarto.yml", ".ipynb_checkpoints"))
    (tmp_path / "posebook").mkdir()
    process = subprocess.run(
        [str(Path(sys.executable).with_name("nbdev_clean"))], cwd=tmp_path, capture_output=True, text=True
    )
    assert not process.returncode, process.stderr
    assert [
        str(p.relative_to(NBS)) for p in PAGES if p.read_bytes() != (tmp_path / "nbs" / p.relative_to(NBS)).read_bytes()
    ] == []


def shown(cell):
    "What a cell's outputs say, pictures aside"
    for output in cell["outputs"]:
        yield "".join(output.get("text", ""))
        yield from (
            "".join(v) if isinstance(v, (str, list)) else json.dumps(v)
            for k, v in output.get("data", {}).items()
            if not k.startswith("image/") or "svg" in k
        )


@page
def test_outputs_name_no_machine(path):
    "No errors, no live widgets, no folders of the machine that ran the page, no addresses in memory"
    assert "widgets" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]
    for cell in cells(path):
        assert not [o for o in cell["outputs"] if o["output_type"] == "error"], source(cell)
        assert not [k for o in cell["outputs"] for k in o.get("data", {}) if "widget" in k], source(cell)
        for text in shown(cell):
            match = re.search(r"(?<![\w.])/(home|tmp|root|Users|work|var|private)/|\b[A-Z]:\\|\b0x[0-9a-f]{6,}", text)
            assert not match, f"{text[max(0, match.start() - 60) : match.end() + 60]!r} of\n{source(cell)}"


@page
def test_outputs_of_figures_and_prints_are_stored(path):
    "A cell that draws (at its outermost level) has its picture, one that prints its text"
    for cell in cells(path):
        if directive(cell, r"exports?|exporti|hide|eval:\s*false|output:\s*false"):
            continue
        code, kinds = source(cell), {k for o in cell["outputs"] for k in o.get("data", {})}
        draws = (
            re.search(r"^[^#\s].*\b(plt\.subplots|plt\.figure|imshow)\(|^plot_\w+\(", code, re.M)
            and "plt.close" not in code
        )
        if draws:
            assert {"image/png", "image/jpeg", "image/svg+xml", "text/html"} & kinds, code
        if re.search(r"^print\(", code, re.M):
            assert [o for o in cell["outputs"] if o["output_type"] == "stream"], code


@page
def test_links_lead_somewhere(path):
    for text in map(source, cells(path, "markdown")):
        for link in re.findall(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"", text):
            link = "".join(link)
            if re.match(r"https?:|mailto:|#|data:", link):
                continue
            assert (path.parent / link.split("#")[0]).exists(), link


@page
def test_tests_that_a_page_names_exist(path):
    for text in map(source, cells(path, "markdown")):
        for name in re.findall(r"`tests/([\w/.]+)`", text):
            assert (ROOT / "tests" / name).exists(), name
        for file, test in re.findall(r"`(\w+/test_\w+\.py)`: `(\w+)`", text):
            assert f"def {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), test


def undefined_names(codes):
    "Names that cells use and that no cell before them (or they themselves) defines"
    lines = [line for code in codes for line in [*code.splitlines(), ""] if not re.match(r"\s*[%!]", line)]
    messages = []
    reporter = SimpleNamespace(
        flake=messages.append,
        unexpectedError=lambda *args: messages.append(args),
        syntaxError=lambda *args: messages.append(args),
    )
    pyflakes.api.check("\n".join(lines) + "\n", "page", reporter)
    undefined = (UndefinedName, UndefinedLocal)
    return sorted({str(o.message_args[0]) for o in messages if isinstance(o, undefined)}), [
        o for o in messages if isinstance(o, tuple)
    ]


@page
def test_visible_cells_use_only_what_visible_cells_define(path):
    "A reader who runs the visible cells in their order needs no hidden one"
    visible = [source(c) for c in cells(path) if not directive(c, r"hide|echo:\s*false|include:\s*false")]
    assert undefined_names(visible) == ([], [])


def test_a_hidden_import_is_found():
    assert undefined_names(["x = np.zeros(3)", "import torch\ntorch.ones(x)"]) == (["np"], [])


def test_every_page_is_in_the_sidebar():
    assert sorted(ORDER) == PAGES


def module(path):
    "The name of the module that a chapter becomes"
    [name] = [m[1] for c in cells(path) if (m := re.search(r"^#\|\s*default_exp\s+(\S+)", source(c), re.M))]
    return name


def test_every_notebook_that_exports_is_checked():
    "The checks of chapters follow the sidebar; a chapter that is not in it would leave them unnoticed"
    assert sorted(CHAPTERS) == [p for p in PAGES if exported(p) or is_chapter(p)]
    files = {
        p.relative_to(ROOT / "posebook").with_suffix("").as_posix().replace("/", ".")
        for p in (ROOT / "posebook").rglob("*.py")
    }
    assert {module(p) for p in CHAPTERS} == {o for o in files if not o.endswith(("__init__", "_modidx"))}


@chapter
def test_a_notebook_lies_where_its_module_lies(path):
    "`nbs/data/01_labels.ipynb` is `posebook/data/labels.py`; the number is the order in the folder"
    folder, name = path.relative_to(NBS).parent.as_posix(), path.stem
    assert re.fullmatch(r"\d\d_\w+", name)
    assert module(path) == (f"{folder.replace('/', '.')}." if folder != "." else "") + name[3:]


def imports(code):
    "The modules of posebook that code imports anywhere, and whether it imports a star"
    for n in ast.walk(ast.parse(code)):
        if isinstance(n, ast.Import):
            yield from ((o.name, False) for o in n.names)
        if isinstance(n, ast.ImportFrom):
            assert not n.level, "a chapter imports by the whole name"
            for alias in n.names:
                yield from ((n.module, alias.name == "*"), (f"{n.module}.{alias.name}", False))


@chapter
def test_a_chapter_imports_from_those_before_it(path):
    "A chapter imports from those before it; its page may import the chapter itself, to show how others see it"
    numbers = {f"posebook.{module(p)}": i for i, p in enumerate(CHAPTERS)}
    own_module = f"posebook.{module(path)}"
    for cell in cells(path):
        for name, star in imports(source(cell)):
            is_exported = bool(directive(cell, "exports?|exporti"))
            assert not (star and is_exported), f"from {name} import *"
            if name in numbers and not (name == own_module and not is_exported):
                assert numbers[name] < numbers[own_module], name


@chapter
def test_exported_lines_are_short(path):
    long = [o for code in exported(path) for o in code.splitlines() if len(o) > 110]
    assert not long, "\n".join(["", *long])
