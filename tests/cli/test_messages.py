"Messages: the logger `posebook` gets them, the command line prints them, and nothing else prints"

import ast
import logging
import subprocess
import sys

import pytest
from conftest import FOUR_STEPS, ROOT, equal_weights, load_weights

import posebook
from posebook.cli import main

NOTE = "1 frame(s) of the table have no label yet and are left out"


@pytest.fixture
def unlabeled_row(project):
    "A project with a row that nobody has labeled"
    with open(project / "CollectedData.csv", "a") as file:
        file.write("labeled-data/toy0/img00009999.png" + "," * 36 + "\n")
    return project


@pytest.fixture
def run_main(capsys):
    "Run a command, and return what it printed to stdout and stderr"

    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as e:
            main([str(o) for o in words])
        assert e.value.code == 0
        return capsys.readouterr()

    return run


def test_calls_and_commands_give_the_same_messages(unlabeled_row, tmp_path, caplog, capsys, run_main):
    caplog.set_level(logging.INFO, "posebook")
    called = posebook.train(unlabeled_row, *FOUR_STEPS, out=tmp_path / "called", progress=False)
    assert tuple(capsys.readouterr()) == ("", "")
    messages = [(o.levelname, o.getMessage()) for o in caplog.records]
    assert all(o.name.startswith("posebook.") for o in caplog.records)
    assert messages.count(("WARNING", NOTE)) == 1  # the labels are measured too, and read once
    assert messages[1][0] == "INFO" and messages[1][1].startswith("12 labeled frames (")
    assert messages[-2] == ("INFO", f"the model is in {called}; look at {called / 'report.html'}")
    assert messages[-1] == ("INFO", f"next, track a video: posebook predict {called} VIDEO --labeled-video")
    caplog.clear()

    typed = tmp_path / "typed"
    printed = run_main("train", unlabeled_row, *FOUR_STEPS, "--out", typed)
    lines = printed.err.replace("typed", "called").splitlines()
    expected = "\n".join("note: " * (level == "WARNING") + text for level, text in messages)
    assert printed.out == "" and caplog.records == []
    assert [o for o in lines if not o.startswith(("training ", "tracking ", "evaluating "))] == expected.splitlines()
    assert any(o.startswith("training 100%") for o in lines)
    assert equal_weights(load_weights(called), load_weights(typed))  # the progress line changes nothing
    printed = run_main("train", unlabeled_row, *FOUR_STEPS, "--out", typed, "--overwrite", "--no-progress")
    assert printed.err.replace("typed", "called") == expected + "\n"

    printed = run_main("evaluate", typed, "--no-progress")
    assert printed.out.startswith("pixels ") and "\ntrain " in printed.out
    assert printed.err.splitlines() == [f"note: {NOTE}", f"wrote {typed / 'report.html'}"]


def test_videos_tracked_after_training(toy_project, tmp_path, caplog):
    "A model that replaces another is complete before, and its tables are named where they are then"
    caplog.set_level(logging.INFO, "posebook")
    for overwrite in (False, True):
        caplog.clear()
        settings = FOUR_STEPS[:2]
        model = posebook.train(toy_project, *settings, out=tmp_path / "m", overwrite=overwrite, progress=False)
        tables = [model / f"video_preds/{o}.csv" for o in ("toy0", "toy1")]
        assert [o for o in caplog.messages if o.startswith("wrote")] == [f"wrote {o}" for o in tables]
        assert all(o.is_file() for o in tables) and ".new" not in caplog.text


def test_the_list_goes_to_stdout(run_main):
    printed = run_main("list")
    assert "efficientnet_lite0" in printed.out and printed.err == ""


def test_a_command_leaves_the_logger_as_it_was(run_main, tmp_path, capsys):
    log, handler = logging.getLogger("posebook"), logging.NullHandler()
    state = lambda: (log.level, log.propagate, list(log.handlers), logging.root.level, list(logging.root.handlers))
    log.addHandler(handler)
    log.setLevel(logging.ERROR)
    try:
        before = state()
        assert f"wrote {tmp_path}" in run_main("init", tmp_path / "project").err
        assert state() == before
        with pytest.raises(SystemExit):
            main(["init", str(tmp_path / "project")])  # it is there already
        assert "error: " in capsys.readouterr().err and state() == before
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)


def test_plain_python_shows_notes_alone(tmp_path):
    code = (
        "import numpy as np, posebook; from posebook.data.labels import Labels\n"
        f"posebook.init({str(tmp_path / 'project')!r})\n"
        "Labels(['a.png', 'b.png'], np.array([[[1., 2.]], [[np.nan, np.nan]]]), ['nose']).labeled()\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (process.stdout, process.stderr) == ("", NOTE + "\n")


def test_nothing_else_prints_or_warns():
    "The command line, the progress line, `try_tracker`, `bench` and the site's generator print"
    printing = {"cli.py", "progress.py", "testing.py", "bench.py", "book.py"}
    for path in (ROOT / "posebook").rglob("*.py"):
        name = path.relative_to(ROOT / "posebook").as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.arg):
                assert node.arg != "say", name
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called != "warnings.warn" and (called != "print" or name in printing), (name, node.lineno)


def test_every_error_says_what_to_do():
    "`PosebookError(what, where, do)`: each of the package's errors has the third"
    without = []
    for path in sorted((ROOT / "posebook").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "PosebookError":
                if len(node.args) < 3 and "do" not in [o.arg for o in node.keywords]:
                    without.append(f"{path.name}:{node.lineno}: {ast.get_source_segment(source, node)}")
    assert not without, "\n".join(["", *without])
