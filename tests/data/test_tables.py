"Prediction tables: what is read back"

import numpy as np

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
