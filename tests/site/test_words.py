"""Prose has the field's words: pages, docstrings, comments, the YAML file and the help of the commands

Only words and phrases that have no other meaning here are listed. Code in backticks is skipped."""

import ast
import json
import re
import statistics
import tokenize
from io import StringIO

import pytest
from conftest import ROOT, reading_order

LISTED = re.compile(
    r"""\b(
    pictures? | hills? | hundredths? | mend(s|ed|ing)? | (un)?labell\w+ | colou?r?red\ in | by\ heart
    | remember(s|ed|ing)? | whom\ to | silent | annotat(ed|ions?)\ frames? | how\ far\ (off|away) | made\ smaller
    | (hold|holds|held|holding)\ [^.]{0,40}?\bagainst | (the|a)\ share\ of | nothing\ to\ say | learns?\ along
    | let\ learn | (network|tracker|model|head|backbone)s?\ (says?|answers?|tells?|speaks?|knows?|believes?|thinks?)
    | toy\ mouse | colour\w* | grey | centred? | neighbour\w* | behaviour\w* | modell(ed|ing) | licence
    | (normal|initial|optim|minim|maxim|summar|recogn|organ|visual|parametr|regular|serial)is(e|ed|es|er|ing|ation)s?
    )\b""",
    re.X | re.I,
)
PAGES = [p for p in reading_order() if p.suffix == ".ipynb"]
MODULES = sorted(p for p in (ROOT / "posebook").rglob("*.py") if p.name != "_modidx.py")


def listed_words(text):
    "Listed words in prose; code spans, code blocks and addresses are skipped"
    text = re.sub(r"```.*?```|``.*?``|`[^`]*`|\]\([^)]*\)|https?:\S+", " ", text, flags=re.S)
    return [m.group() for m in LISTED.finditer(text)]


def markdown_cells(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_prose_of_a_page(path):
    assert [w for cell in markdown_cells(path) for w in listed_words(cell)] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_docstrings_and_comments_of_a_module(path):
    text = path.read_text(encoding="utf-8")
    nodes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    prose = [ast.get_docstring(n) or "" for n in ast.walk(ast.parse(text)) if isinstance(n, nodes)]
    tokens = tokenize.generate_tokens(StringIO(text).readline)
    prose += [t.string for t in tokens if t.type == tokenize.COMMENT and not t.string.startswith("# %%")]
    assert [w for o in prose for w in listed_words(o)] == []


def test_the_yaml_file():
    from posebook.config.schema import Config
    from posebook.config.write import config_text

    assert listed_words(config_text(Config(), full=True)) == []


def test_the_help_of_the_commands(run_command):
    from posebook.commands import __all__ as calls

    commands = {"init", "frames", "label", "train", "predict", "evaluate", "models", "info", "smooth", "convert"}
    commands |= {"list", "bench", "demo", "trust"}
    assert len(commands) == len([o for o in calls if o not in ("label", "review", "watch", "Predictor")])
    for words in ([], *([o] for o in sorted(commands))):
        _, out = run_command(*words, "--help")
        assert "Usage" in out and listed_words(out) == [], words


def is_chapter_or_tutorial(path):
    return re.match(r"\d", path.name) and "explanations" not in path.parts


@pytest.mark.parametrize("path", [p for p in PAGES if is_chapter_or_tutorial(p)], ids=name_of)
def test_markdown_cells_are_short(path):
    "15 to 40 words in the median, headings alone and the title left out"
    prose = [re.sub(r"(?m)^#.*$", "", cell) for cell in markdown_cells(path)[1:]]
    lengths = [len(o.split()) for o in prose if o.strip()]
    assert 15 <= statistics.median(lengths) <= 40, sorted(lengths)


def test_the_list_is_applied():
    wrong = "A picture of a hill, held by us against the truth: the network says so, normalised in grey."
    assert listed_words(wrong) == ["picture", "hill", "held by us against", "network says", "normalised", "grey"]
    assert listed_words("`picture` ```hill``` [x](picture.md) guards against a model that learned") == []
