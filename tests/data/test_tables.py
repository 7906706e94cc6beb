"Prediction tables: what is read back, also from other programs"

import numpy as np
import pytest

from posebook.core import PosebookError
from posebook.data.tables import read_in_chunks, read_predictions, table_header, table_rows, write_temporal_norm
from posebook.evaluation.report import read_beginning
from posebook.inference.ensemble import ensemble


def table_with_an_empty_first_row(path):
    keypoints, confidences = np.arange(12.0).reshape(3, 2, 2), np.full((3, 2), 0.5)
    keypoints[0], confidences[0] = np.nan, np.nan
    text = table_header("tracker", ["nose", "NA"]) + table_rows(range(3), keypoints, confidences)
    path.write_text("\n".join(text) + "\n")
    return keypoints


def test_a_first_frame_without_values_is_a_row(tmp_path):
    "pandas takes it for the names of the index, below a header of three rows"
    path = tmp_path / "a.csv"
    keypoints = table_with_an_empty_first_row(path)
    [(index, names, values, _)] = read_in_chunks(path)
    assert index.tolist() == [0, 1, 2] and names == ["nose", "NA"]
    np.testing.assert_array_equal(values, keypoints)
    np.testing.assert_array_equal(read_predictions(path)[2], keypoints)
    names, values, _, first = read_beginning(path)
    assert first == 0 and names == ["nose", "NA"] and len(values) == 3


def test_tables_that_are_made_from_it_have_all_rows(tmp_path):
    path = tmp_path / "a.csv"
    table_with_an_empty_first_row(path)
    write_temporal_norm(path, tmp_path / "norm.csv")
    assert (tmp_path / "norm.csv").read_text().splitlines() == [",nose,NA", "0,,", "1,,", "2,5.6569,5.6569"]
    ensemble([path, path], tmp_path / "mean.csv", tmp_path / "spread.csv")
    assert (tmp_path / "mean.csv").read_text().splitlines()[3:] == path.read_text().splitlines()[3:]
    assert (tmp_path / "spread.csv").read_text().splitlines()[1:] == ["0,,", "1,0.0,0.0", "2,0.0,0.0"]


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
