"The scripts of the widgets and of the site: syntax, ESLint, and the messages that both sides know"

import inspect
import json
import re
import shutil
import subprocess

import pytest
from conftest import ROOT

STATIC = ROOT / "posebook/notebook/static"
SCRIPTS = sorted(STATIC.glob("*.js"))
CONFIG = ROOT / "tests/eslint.config.mjs"
each_widget = pytest.mark.parametrize("name", ["label", "review", "watch"])


def widget(name):
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    from posebook.notebook import label, review, watch

    return dict(label=label.LabelWidget, review=review.ReviewWidget, watch=watch.WatchWidget)[name]


def check_module(text):
    "Parse a text as a JavaScript module"
    if not shutil.which("node"):
        pytest.skip("there is no node on this machine")
    done = subprocess.run(
        ["node", "--input-type=module", "--check"],
        input=text,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_a_script_is_a_module(path):
    check_module(path.read_text(encoding="utf-8"))


@each_widget
def test_the_scripts_of_a_widget_are_one_module(name):
    check_module(widget(name)._esm)


def test_a_syntax_error_is_found():
    with pytest.raises(AssertionError, match="SyntaxError"):
        check_module("const twice = 1;\nconst twice = 2;\n")


@pytest.fixture(scope="module")
def lint():
    "Run ESLint, the one on the PATH or one that npm installed in the checkout"
    command = shutil.which("eslint") or shutil.which("eslint", path=ROOT / "node_modules/.bin")
    if not command:
        pytest.skip("there is no eslint on this machine; npm install --global eslint installs it")
    version = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60).stdout.strip()
    if not re.match(r"v(9|\d\d)\.", version):
        pytest.skip(f"eslint {version} is too old for a flat config; 9 or later is needed")

    def run(*words, text=None):
        return subprocess.run(
            [command, "--config", CONFIG, "--max-warnings=0", *words],
            cwd=ROOT,
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )

    return run


def test_scripts_keep_the_rules(lint):
    done = lint(STATIC, ROOT / "nbs/scripts")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_find_mistakes(lint):
    "ESLint's recommended rules are on, and those that the config adds"
    done = lint(
        "--stdin", "--stdin-filename", STATIC / "watch.js", text="let count = 0;\nif (count == missing) throw 1;\n"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert set(re.findall(r"[\w-]+$", done.stdout, re.M)) >= {
        "no-undef",
        "eqeqeq",
        "prefer-const",
        "no-throw-literal",
    }, done.stdout


def test_every_script_has_rules():
    "ESLint passes over a script that its config does not name"
    assert {p.name for p in SCRIPTS} == set(re.findall(r'"\*\*/(\w+\.js)"', CONFIG.read_text(encoding="utf-8")))


@each_widget
def test_both_sides_know_the_same_messages(name):
    "What the page sends, Python's `on_KIND` handles, and what Python sends, the page's"
    cls = widget(name)
    own = [c for c in cls.__mro__ if c.__module__.startswith("posebook.")]
    python = "".join(inspect.getsource(inspect.getmodule(c)) for c in own)
    assert set(re.findall(r'\{kind: "(\w+)"', cls._esm)) == {
        k.removeprefix("on_") for c in own for k in vars(c) if k.startswith("on_")
    }
    assert set(re.findall(r'send_message\(\s*"(\w+)"', python)) == set(
        re.findall(r"^ +(?:async )?on_(\w+)\(", cls._esm, re.M)
    )


@pytest.mark.parametrize("name", ["label", "review"])
def test_the_chapter_has_the_table_of_keys(name):
    "The keys of the widget's own table stand in its chapter, too"
    script = (STATIC / f"{name}.js").read_text(encoding="utf-8")
    keys = json.loads(re.search(r"_KEYS = (\[\[.*?\]\]);", script, re.S)[1])
    [chapter] = (ROOT / "nbs/notebook").glob(f"[0-9][0-9]_{name}.ipynb")
    text = "\n".join("".join(c["source"]) for c in json.loads(chapter.read_text(encoding="utf-8"))["cells"])
    assert len(keys) > 10 and re.findall(r"^\| (?!key|-)(.*?) \| (.*?) \|$", text, re.M) == [(o[0], o[1]) for o in keys]


def test_a_style_has_a_script():
    "Each class that a style names, a script gives to an element"
    given = set(re.findall(r'"(pb[\w-]*)"', "".join(p.read_text(encoding="utf-8") for p in SCRIPTS)))
    styled = set(re.findall(r"\.(pb[\w-]*)", "".join(p.read_text(encoding="utf-8") for p in STATIC.glob("*.css"))))
    assert styled - given == set()
