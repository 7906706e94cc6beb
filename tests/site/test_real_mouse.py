"The page about a real mouse runs where the data are; its cells are not run when pages are tested"

import os
import subprocess
import sys

import pytest
from conftest import ROOT
from test_notebooks import cells, directive, source

PAGE = ROOT / "nbs/tutorials/05_real_mouse.ipynb"


def test_cells_that_need_the_data_are_not_run_with_the_pages():
    for cell in cells(PAGE):
        code = source(cell)
        if not directive(cell, r"eval:\s*false"):
            assert "project" not in code and "posebook.train" not in code, code
        else:
            assert not [o for o in cell["outputs"] if "widget" in str(o)], code


def test_the_outputs_of_the_real_mouse_are_stored_and_small():
    assert PAGE.stat().st_size < 400_000
    outputs = [o for cell in cells(PAGE) for o in cell["outputs"]]
    assert len(outputs) >= 12


def test_the_page_of_a_real_mouse_runs(mirror_mouse, tmp_path):
    "In a process of its own, with a training of a few steps"
    steps = "training.max_steps=300"
    codes = [source(cell) for cell in cells(PAGE)]
    [_] = [code for code in codes if steps in code]
    script = tmp_path / "page.py"
    script.write_text("\n".join(codes).replace(steps, "training.max_steps=20"), encoding="utf-8")
    process = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "POSEBOOK_MIRROR_MOUSE": str(mirror_mouse), "MPLBACKEND": "agg", "TMPDIR": str(tmp_path)},
    )
    assert not process.returncode, process.stderr[-2000:]
    assert not list(tmp_path.glob("*/mirror-mouse")), "the copy of the data was not removed"


def test_the_page_of_a_real_mouse_says_what_is_missing(tmp_path):
    "Without the data, the first cell that needs them names the environment variable"
    codes = [source(cell) for cell in cells(PAGE)]
    last = next(i for i, code in enumerate(codes) if "POSEBOOK_MIRROR_MOUSE" in code)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEBOOK_MIRROR_MOUSE", str(tmp_path / "nowhere"))
        with pytest.raises(FileNotFoundError, match="POSEBOOK_MIRROR_MOUSE"):
            exec("import os\nfrom pathlib import Path\n" + codes[last], {})
