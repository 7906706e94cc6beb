"The rules that the pages keep: how they begin, what they carry, what they may import, where their links lead; and that every public name says what it is"
import ast
import importlib
import inspect
import json
import pkgutil
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import is_dataclass
from pathlib import Path

import pytest
from conftest import reading_order
from fastcore.docments import docments

import posebook

ROOT = Path(__file__).resolve().parents[1]
NBS = ROOT/"nbs"
PAGES = sorted(p for p in NBS.rglob("*.ipynb") if not {".ipynb_checkpoints", "_proc"} & set(p.parts))
ORDER = reading_order()

def cells(path, kind="code"): return [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == kind]
def source(cell): return "".join(cell["source"])
def directive(cell, names): return re.search(rf"^#\|\s*({names})\b", source(cell), re.M)
def exported(path): return [source(c) for c in cells(path) if directive(c, "exports?|exporti")]
def is_chapter(path): return any(directive(c, "default_exp") for c in cells(path))


# the synthetic animal's motion and drawing stand last in the sidebar, though much is built on them: the only exception to the order
FIRST = [NBS/"04_toy_motion.ipynb", NBS/"05_toy_drawing.ipynb"]
CHAPTERS = [*FIRST, *(p for p in ORDER if is_chapter(p) and p not in FIRST)]


name_of = lambda p: p.relative_to(NBS).with_suffix("").as_posix()
page = pytest.mark.parametrize("path", PAGES, ids=name_of)
chapter = pytest.mark.parametrize("path", CHAPTERS, ids=name_of)


# --- a page ---

@page
def test_begins_with_a_title_and_one_line(path):
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    lines = source(first).splitlines()
    assert first["cell_type"] == "markdown" and len(lines) == 3, lines
    assert re.fullmatch(r"# \S.*", lines[0]) and lines[1] == "" and re.fullmatch(r"> \S.*", lines[2]), lines


def test_is_clean(tmp_path):
    "`nbdev_clean` finds nothing left to take out: no numbers of runs, no metadata, no ids that change by themselves"
    shutil.copy(ROOT/"settings.ini", tmp_path)
    shutil.copytree(NBS, tmp_path/"nbs", ignore=shutil.ignore_patterns("_quarto.yml", ".ipynb_checkpoints"))
    (tmp_path/"posebook").mkdir()
    process = subprocess.run([str(Path(sys.executable).with_name("nbdev_clean"))], cwd=tmp_path, capture_output=True, text=True)
    assert not process.returncode, process.stderr
    assert [str(p.relative_to(NBS)) for p in PAGES if p.read_bytes() != (tmp_path/"nbs"/p.relative_to(NBS)).read_bytes()] == []


def shown(cell):
    "What a cell's outputs say, pictures aside"
    for output in cell["outputs"]:
        yield "".join(output.get("text", ""))
        yield from ("".join(v) if isinstance(v, (str, list)) else json.dumps(v) for k, v in output.get("data", {}).items() if not k.startswith("image/") or "svg" in k)


@page
def test_outputs_are_of_every_machine(path):
    "No errors, no live widgets, no folders of the machine that ran the page, no addresses in memory"
    assert "widgets" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]
    for cell in cells(path):
        assert not [o for o in cell["outputs"] if o["output_type"] == "error"], source(cell)
        assert not [k for o in cell["outputs"] for k in o.get("data", {}) if "widget" in k], source(cell)
        for text in shown(cell):
            match = re.search(r"(?<![\w.])/(home|tmp|root|Users|work|var|private)/|\b[A-Z]:\\|\b0x[0-9a-f]{6,}", text)
            assert not match, f"{text[max(0, match.start() - 60):match.end() + 60]!r} of\n{source(cell)}"


@page
def test_what_is_drawn_or_printed_is_there(path):
    "A cell that draws (at its outermost level) has its picture, one that prints its text"
    for cell in cells(path):
        if directive(cell, r"exports?|exporti|hide|eval:\s*false|output:\s*false"): continue
        code, kinds = source(cell), {k for o in cell["outputs"] for k in o.get("data", {})}
        draws = re.search(r"^[^#\s].*\b(plt\.subplots|plt\.figure|imshow)\(|^plot_\w+\(", code, re.M) and "plt.close" not in code
        if draws: assert {"image/png", "image/jpeg", "image/svg+xml", "text/html"} & kinds, code
        if re.search(r"^print\(", code, re.M): assert [o for o in cell["outputs"] if o["output_type"] == "stream"], code


@page
def test_links_lead_somewhere(path):
    for text in map(source, cells(path, "markdown")):
        for link in re.findall(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"", text):
            link = "".join(link)
            if re.match(r"https?:|mailto:|#|data:", link): continue
            assert (path.parent/link.split("#")[0]).exists(), link


def test_every_page_is_in_the_sidebar():
    assert sorted(ORDER) == PAGES


# --- a chapter ---

def module(path):
    "The name of the module that a chapter becomes"
    [name] = [m[1] for c in cells(path) if (m := re.search(r"^#\|\s*default_exp\s+(\S+)", source(c), re.M))]
    return name


def test_every_notebook_that_exports_is_checked():
    "The checks of chapters follow the sidebar; a chapter that is not in it would leave them unnoticed"
    assert sorted(CHAPTERS) == [p for p in PAGES if exported(p) or is_chapter(p)]
    files = {p.relative_to(ROOT/"posebook").with_suffix("").as_posix().replace("/", ".") for p in (ROOT/"posebook").rglob("*.py")}
    assert {module(p) for p in CHAPTERS} == {o for o in files if not o.endswith(("__init__", "_modidx"))}


@chapter
def test_a_notebook_lies_where_its_module_lies(path):
    "`nbs/data/01_labels.ipynb` is `posebook/data/labels.py`; the number is the order in the folder"
    folder, name = path.relative_to(NBS).parent.as_posix(), path.stem
    assert re.fullmatch(r"\d\d_\w+", name)
    assert module(path) == (f"{folder.replace('/', '.')}." if folder != "." else "") + name[3:]


# a folder imports only from those before it; modules that lie in no folder have their place among them
FOLDERS = ["core", "device", "plugins", "model_folder", "config", "toy_motion", "toy_drawing", "toy", "data", "video", "formats", "project", "losses", "backbones", "models", "training",
           "inference", "evaluation", "labeling", "notebook", "convert_lightning_pose", "testing", "bench", "commands", "cli", "book"]


def test_folders_import_from_those_before_them():
    package, wrong = ROOT/"posebook", []
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package).with_suffix("").parts
        if parts[-1] in ("__init__", "_modidx"): continue
        for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(n, ast.ImportFrom) and n.level:
                base = list(parts[:len(parts) - n.level])
                to = [*base, *(n.module.split(".") if n.module else [])] or [n.names[0].name]
            elif isinstance(n, ast.ImportFrom) and (n.module or "").startswith("posebook."): to = n.module.split(".")[1:]
            else: continue
            if to[0].startswith("__"): continue
            if FOLDERS.index(to[0]) > FOLDERS.index(parts[0]): wrong.append(f"{'/'.join(parts)} imports {'.'.join(to)}")
    assert wrong == []


@pytest.mark.parametrize("path", sorted((ROOT/"posebook").rglob("*.py")), ids=lambda p: p.relative_to(ROOT/"posebook").as_posix())
def test_a_module_has_fewer_than_350_lines(path):
    assert path.name == "_modidx.py" or len(path.read_text(encoding="utf-8").splitlines()) < 350


def imports(code):
    "The modules of posebook that code imports anywhere, and whether it imports a star"
    for n in ast.walk(ast.parse(code)):
        if isinstance(n, ast.Import): yield from ((o.name, False) for o in n.names)
        if isinstance(n, ast.ImportFrom):
            assert not n.level, "a chapter imports by the whole name"
            for alias in n.names: yield from ((n.module, alias.name == "*"), (f"{n.module}.{alias.name}", False))


@chapter
def test_imports_what_comes_before(path):
    "A chapter imports from those before it; its page may import the chapter itself, to show how others see it"
    numbers = {f"posebook.{module(p)}": i for i, p in enumerate(CHAPTERS)}
    own_module = f"posebook.{module(path)}"
    for cell in cells(path):
        for name, star in imports(source(cell)):
            is_exported = bool(directive(cell, "exports?|exporti"))
            assert not (star and is_exported), f"from {name} import *"
            if name in numbers and not (name == own_module and not is_exported): assert numbers[name] < numbers[own_module], name


@chapter
def test_code_fits_the_page(path):
    long = [o for code in exported(path) for o in code.splitlines() if len(o) > 110]
    assert not long, "\n".join(["", *long])


# --- a public name ---

MODULES = [importlib.import_module(m.name) for m in pkgutil.walk_packages(posebook.__path__, "posebook.") if not m.name.endswith("_modidx")]

def ours(o): return (getattr(o, "__module__", None) or "").startswith("posebook.")
def bare(o): return inspect.unwrap(o.fget if isinstance(o, property) else getattr(o, "__func__", o))
def is_function(o): return callable(bare(o)) and inspect.isfunction(bare(o)) and ours(bare(o))


def definitions():
    "Yield every public function, class and method: where it is, its class if it has one, its name, itself"
    for m in MODULES:
        for name in getattr(m, "__all__", ()):
            o = getattr(m, name)
            if inspect.isclass(o) and ours(o):
                yield m, None, name, o
                for k, v in vars(o).items():
                    if is_function(v) and (k == "__init__" or not k.startswith("_")): yield m, o, k, v
            elif is_function(o): yield m, None, name, o


def tree(f): return ast.parse(textwrap.dedent(inspect.getsource(f))).body[0]
def is_lambda(f): return f.__name__ == "<lambda>"


def signature(f):
    "The lines of a definition before its body; a body may begin on the last of them"
    t = tree(f)
    end = max(n.lineno for n in ast.walk(t.args) if hasattr(n, "lineno")) if t.args.args else t.lineno
    return textwrap.dedent(inspect.getsource(f)).splitlines()[:max(end, t.body[0].lineno - 1)]


def explained(f):
    "The names of a function's parameters that have a comment. Two on one line may share it. (`docments` alone leaves out positional ones)"
    if is_lambda(f): return set()
    t, lines = tree(f), [f"{o} " for o in signature(f)]
    args = t.args.posonlyargs + t.args.args + t.args.kwonlyargs
    ends = t.returns.lineno if t.returns else None              # a comment there is about what comes back
    return {o.arg for o in args if o.lineno != ends and " #" in lines[o.lineno - 1]} | {k for k, v in docments(f).items() if v}


def also_in(cls, name):
    "A method, and what it overrides"
    return [vars(c)[name] for c in cls.__mro__ if name in vars(c)] if cls else []


def parameters(m, cls, name, o):
    """The parameters that nobody explains. Exempt are `self`, `*args` and `**kwargs`; what an overridden method of ours explains is not
    said again; a method that a class of a library has too (`forward`, Lightning's hooks) is explained there; a command's by its help."""
    f, chain = bare(o), also_in(cls, name) or [o]
    if is_dataclass(cls) and name == "__init__": return []
    if name != "__init__" and any(not is_function(v) for v in chain): return []
    known = set().union(*(explained(bare(v)) for v in chain if is_function(v)))
    helped = {k for k, p in inspect.signature(f).parameters.items() if any(getattr(a, "help", None) for a in (p.default, *getattr(p.annotation, "__metadata__", ())))}
    kinds = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return [k for k, p in inspect.signature(f).parameters.items() if k not in {"self", "cls"} | known | helped and p.kind not in kinds]


def returned(m, cls, name, o):
    "Whether what comes back is left unsaid: no annotation, no comment at the closing bracket, here or in what is overridden"
    chain = also_in(cls, name) or [o]
    if name == "__init__" or any(not is_function(v) for v in chain) or is_lambda(bare(o)): return False
    def statements(node):
        for n in ast.iter_child_nodes(node):
            if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.Lambda)): continue
            yield n
            yield from statements(n)
    gives = any(getattr(n, "value", None) is not None for n in statements(tree(bare(o))) if isinstance(n, (ast.Return, ast.Yield, ast.YieldFrom))
                and not (isinstance(n.value, ast.Constant) and n.value.value is None))
    def explains(f):
        args = tree(f).args
        alone = not {o.arg for o in args.posonlyargs + args.args + args.kwonlyargs} - {"self", "cls"}    # then a comment after the brackets is about this
        return tree(f).returns is not None or any(re.match(r"\s*def .*\):\s*#" if alone else r"\s*\).*:\s*#|.*\):\s*#.* -> ", o) for o in signature(f))
    return gives and not any(explains(bare(v)) for v in chain)


def test_every_public_name_has_a_docstring():
    missing = []
    for m, cls, name, o in definitions():
        doc = inspect.getdoc(getattr(cls, name) if cls else o)
        if name != "__init__" and not (doc or "").strip(): missing.append(f"{m.__name__}: {cls.__name__ + '.' if cls else ''}{name}")
    assert not missing, "\n".join(["", *missing])


def test_every_parameter_is_explained():
    missing = [f"{m.__name__}: {cls.__name__ + '.' if cls else ''}{name}({', '.join(left)})"
               for m, cls, name, o in definitions() if not inspect.isclass(o) and (left := parameters(m, cls, name, o))]
    assert not missing, "\n".join(["", *missing])


def test_what_comes_back_is_said():
    missing = [f"{m.__name__}: {cls.__name__ + '.' if cls else ''}{name}"
               for m, cls, name, o in definitions() if not inspect.isclass(o) and returned(m, cls, name, o)]
    assert not missing, "\n".join(["", *missing])


def test_every_key_of_the_config_says_what_it_means():
    from posebook.config.schema import Config, ConfigSection
    def silent(section, path=""):
        for name, field in section.model_fields.items():
            inside = isinstance(field.annotation, type) and issubclass(field.annotation, ConfigSection)
            if inside: yield from silent(field.annotation, f"{path}{name}.")
            elif not field.description: yield path + name
    assert list(silent(Config)) == []
