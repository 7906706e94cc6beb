"The progress of long commands: one line in a terminal, one output in a notebook, ten lines in a log file"

import io
import os
import re
import signal
import subprocess
import sys
import time

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from posebook.inference.ensemble import predict_ensemble
from posebook.inference.predict import predict_inputs
from posebook.inference.video_progress import VideoProgress
from posebook.progress import ProgressLine
from posebook.video.files import write_video

CALL = "import sys; from posebook.cli import main; main(sys.argv[1:])"


@pytest.fixture
def videos(tmp_path):
    "Two videos of 60 and 20 frames"
    frames = np.random.default_rng(0).integers(0, 255, (60, 96, 96, 3)).astype(np.uint8)
    for name, n in (("a", 60), ("b", 20)):
        write_video(tmp_path / f"{name}.mp4", frames[:n])
    return [tmp_path / "a.mp4", tmp_path / "b.mp4"]


def counts(text):
    "The finished and all frames of each line"
    return [tuple(map(int, o)) for o in re.findall(r"tracking +\d+%: (\d+) of (\d+) frames", text)]


def test_a_log_file_gets_ten_lines():
    log = io.StringIO()
    with ProgressLine("tracking", "frames", file=log) as line:
        for i in range(1, 996):
            line.update(i, 995)
    assert counts(log.getvalue()) == [(int(np.ceil(99.5 * i)), 995) for i in range(1, 11)]


def test_the_rate_and_the_time_left():
    "30 frames a second, after a start at frame 500; then three seconds for each frame"
    log, now = io.StringIO(), [0.0]
    line = ProgressLine("tracking", "frames", file=log, clock=lambda: now[0])
    for done, seconds in ((500, 0), (560, 2), (700, 62), (720, 122), (1000, 123)):
        now[0] = seconds
        line.update(done, 1000)
    lines = log.getvalue().splitlines()
    assert lines[0] == "tracking  50%: 500 of 1000 frames"
    assert lines[1] == "tracking  70%: 700 of 1000 frames, 2.3/s, 2:09 left"
    assert lines[-1].startswith("tracking 100%: 1000 of 1000 frames")


def test_the_sum_over_videos(tiny_model, videos, tmp_path):
    log = io.StringIO()
    with ProgressLine("tracking", "frames", file=log) as line:
        predict_inputs(
            videos, tiny_model, tmp_path / "out", labeled_video=True, progress=VideoProgress(line, draws=True)
        )
    shown = counts(log.getvalue())
    assert len(shown) <= 10 and {total for _, total in shown} == {80} and shown[-1] == (80, 80)
    assert [done for done, _ in shown] == sorted(done for done, _ in shown)
    assert "video 1 of 2, drawing a.mp4" in log.getvalue() and "video 2 of 2" in log.getvalue()


def test_the_sum_over_models(tiny_model, other_model, videos, tmp_path):
    from shutil import copytree

    models = [copytree(o, tmp_path / name) for o, name in ((tiny_model, "one"), (other_model, "two"))]
    log = io.StringIO()
    with ProgressLine("tracking", "frames", file=log) as line:
        predict_ensemble(models, videos, tmp_path / "out", progress=VideoProgress(line, models=2))
    assert counts(log.getvalue())[-1] == (80, 80)
    assert "model 1 of 2, video 1 of 2" in log.getvalue() and "model 2 of 2, video 2 of 2" in log.getvalue()


def test_predict_without_a_terminal(model, videos, tmp_path):
    words = ["predict", model, *videos, "--out", tmp_path / "out"]
    done = subprocess.run([sys.executable, "-c", CALL, *map(str, words)], capture_output=True, text=True, check=True)
    assert counts(done.stderr)[-1] == (80, 80) and "\x1b" not in done.stderr and "\r" not in done.stderr
    words = ["predict", model, *videos, "--out", tmp_path / "quiet", "--no-progress"]
    done = subprocess.run([sys.executable, "-c", CALL, *map(str, words)], capture_output=True, text=True, check=True)
    *tables, next_step = done.stderr.splitlines()
    assert tables == [f"table: {tmp_path / 'quiet' / o}.csv" for o in "ab"] and next_step.startswith("next, ")


def in_terminal(code, interrupt_at=None):
    "Run Python code in a pseudo terminal; return the exit code and what it wrote"
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux raises it at the end
            part = b""
        if not part:
            break
        text += part
        if interrupt_at and interrupt_at in text:
            process.send_signal(signal.SIGINT)
            interrupt_at = None
    os.close(ours)
    return process.wait(60), text.decode()


LOOP = """
import time
from posebook.progress import ProgressLine
with ProgressLine("tracking", "frames") as line:
    for i in range(1, 101):
        line.update(i, 100, "a.mp4")
        time.sleep(.02)
        if i == 50: {at_half}
"""


def is_clean(text):
    "The cursor is shown again, and the last line has ended"
    return text.count("\x1b[?25l") == text.count("\x1b[?25h") > 0 and text.rindex("\x1b[?25h") > text.rindex(
        "\x1b[?25l"
    )


def test_a_terminal_shows_one_line():
    code, text = in_terminal(LOOP.format(at_half="print('a message')"))
    assert code == 0 and is_clean(text)
    assert "tracking 100%: 100 of 100 frames" in text and "a.mp4" in text
    *_, last = [o for o in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).split("\n") if o.strip()]
    assert last.split("\r")[-2 if last.endswith("\r") else -1].count("tracking 100%") == 1
    assert "\na message" in text or "\ra message" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.parametrize("at_half", ["raise ValueError('broken')", "print('half', flush=True); time.sleep(30)"])
def test_errors_and_ctrl_c_leave_the_terminal_clean(at_half):
    code, text = in_terminal(LOOP.format(at_half=at_half), b"half" if "half" in at_half else None)
    error = "ValueError: broken" if "broken" in at_half else "KeyboardInterrupt"
    assert code != 0 and is_clean(text)
    assert text.index("Traceback") > text.rindex("\x1b[?25h") and error in text


def test_ctrl_c_while_tracking(model, videos, tmp_path):
    code = (
        "from posebook.inference import predict; import time\n"
        "track = predict.PredictionHandler.add\n"
        "def slow(self, *o): track(self, *o); time.sleep(.5)\n"
        "predict.PredictionHandler.add = slow\n"
        f"from posebook.cli import main; main(['predict', {str(model)!r}, {str(videos[0])!r}, '--out', "
        f"{str(tmp_path / 'out')!r}])"
    )
    status, text = in_terminal(code, b" of 60 frames")
    assert status == 130 and is_clean(text)
    end = text[text.rindex("\x1b[?25h") :]
    assert "stopped; finished work is kept" in end and "--resume" in text


def test_a_notebook_has_one_output():
    cell = nbformat.v4.new_code_cell(LOOP.format(at_half="pass"))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    start = time.monotonic()
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    [output] = notebook.cells[0].outputs
    assert output.output_type == "display_data" and list(output.data) == ["text/plain"]
    assert output.data["text/plain"].startswith("tracking 100%: 100 of 100 frames, ")
    assert time.monotonic() - start < 60
