"Splits equal those of Lightning Pose (reference/splits.py)"

import pytest
from conftest import read_reference

from posebook.data.splits import split_frames

CASES = read_reference("splits")


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['n']}-seed{c['seed']}")
def test_splits_are_equal(case):
    split = split_frames(case["n"], case["train_prob"], case["val_prob"], case["seed"], case["train_frames"])
    assert {k: split[k] for k in ("train", "val", "test")} == {k: case[k] for k in ("train", "val", "test")}
