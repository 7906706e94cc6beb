"Prediction tables of other programs"

import numpy as np
import pytest

from posebook.core import PosebookError
from posebook.data.tables import read_in_chunks, read_predictions


def write(path, coords, rows=5):
    "Write a table of two keypoints; the number of a cell is its row, keypoint and column"
    columns = [(k, c) for k in ("nose", "tail") for c in coords]
    lines = [
        ["scorer", *["me"] * len(columns)],
        ["bodyparts", *(k for k, _ in columns)],
        ["coords", *(c for _, c in columns)],
    ]
    lines += [
        [str(i), *(f"{i}{j}" if c != "likelihood" else "0.5" for j, (_, c) in enumerate(columns))] for i in range(rows)
    ]
    path.write_text("\n".join(map(",".join, lines)) + "\n")
    return path


def test_further_columns_are_not_used(tmp_path):
    "The ensemble Kalman smoother writes nine columns per keypoint"
    coords = "x,y,likelihood,x_ens_median,y_ens_median,x_ens_var,y_ens_var,x_posterior_var,y_posterior_var".split(",")
    path = write(tmp_path / "eks.csv", coords)
    whole = read_predictions(path)
    assert whole[1] == ["nose", "tail"] and whole[2][3].tolist() == [[30, 31], [39, 310]]
    chunks = list(read_in_chunks(path, 2))
    assert [o[1] for o in chunks] == [["nose", "tail"]] * 3
    assert np.array_equal(np.concatenate([o[2] for o in chunks]), whole[2])
    assert np.array_equal(np.concatenate([o[3] for o in chunks]), whole[3])


@pytest.mark.parametrize("coords", [("y", "x", "likelihood"), ("likelihood", "x", "y"), ("x", "y")])
def test_other_orders_are_an_error(tmp_path, coords):
    path = write(tmp_path / "a.csv", coords)
    for read in (read_predictions, lambda o: list(read_in_chunks(o))):
        with pytest.raises(PosebookError):
            read(path)


def test_a_first_frame_without_predictions(tmp_path):
    path = write(tmp_path / "a.csv", ("x", "y", "likelihood"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], "0,,,,,,", *lines[4:]]) + "\n")
    [(index, _, keypoints, _)] = read_in_chunks(path)
    assert index.tolist() == list(range(5)) and np.isnan(keypoints[0]).all() and keypoints[1, 0].tolist() == [10, 11]
