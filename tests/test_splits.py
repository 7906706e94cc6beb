"Splits equal those of Lightning Pose, by numbers that it gave (reference/splits.py)"
import json
from pathlib import Path

import pytest
from posebook.data.splits import split_frames

CASES = json.loads((Path(__file__).parent/"reference/splits.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['n']}-seed{c['seed']}")
def test_split(case):
    split = split_frames(case["n"], case["train_prob"], case["val_prob"], case["seed"], case["train_frames"])
    assert {k: split[k] for k in ("train", "val", "test")} == {k: case[k] for k in ("train", "val", "test")}
