"`posebook smooth` fills short gaps only, and copies the bytes of whatever it has no reason to change"

import warnings

import numpy as np
import pandas as pd
import pytest

import posebook
from posebook.core import PosebookError
from posebook.inference.smoothing import smooth_keypoints, spikes


def write_table(path, rows, names=("nose",)):
    "Write a prediction table from rows of text; the first row is frame 0"
    columns = [(n, c) for n in names for c in ("x", "y", "likelihood")]
    head = [
        ["scorer", *["me"] * len(columns)],
        ["bodyparts", *(n for n, _ in columns)],
        ["coords", *(c for _, c in columns)],
    ]
    lines = [*head, *([str(i), *row] for i, row in enumerate(rows))]
    path.write_text("\n".join(map(",".join, lines)) + "\n")
    return path


def line(n=400):
    "Return the rows of a keypoint that moves by one pixel per frame, written with many decimals"
    return [[f"{t}.000000", f"{2 * t}.00", "0.91234567"] for t in range(n)]


def smooth(path, **settings):
    "Return the rows of text before and after smoothing"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = posebook.smooth(path, **settings)
    return [o.read_text().splitlines()[3:] for o in (path, out)]


def test_long_gap_stays_empty_and_short_gap_is_filled_on_the_line(tmp_path):
    rows = line()
    rows[100:251] = [["", "", ""]] * 151
    rows[300:305] = [["", "", ".25"]] * 5
    before, after = smooth(write_table(tmp_path / "t.csv", rows), gap=10)
    filled = [f"{t},{t}.0000,{2 * t}.0000,.25" for t in range(300, 305)]
    assert after == before[:300] + filled + before[305:]
    moved = pd.read_csv(tmp_path / "details/t_moved.csv", index_col=0)["nose"]
    missing = [*range(100, 251), *range(300, 305)]
    assert np.flatnonzero(moved.isna()).tolist() == missing and moved.max() == 0


@pytest.mark.parametrize("length, is_filled", [(10, True), (11, False)])
def test_longest_gap_that_is_filled(tmp_path, length, is_filled):
    rows = line(60)
    rows[20 : 20 + length] = [["", "", ""]] * length
    before, after = smooth(write_table(tmp_path / "t.csv", rows), gap=10)
    expected = [f"{t},{t}.0000,{2 * t}.0000," for t in range(20, 20 + length)]
    assert after[20 : 20 + length] == (expected if is_filled else before[20 : 20 + length])


def test_rows_beside_a_long_gap_of_low_confidence_keep_their_bytes(tmp_path):
    rows, rng = line(), np.random.default_rng(0)
    for t in range(400):
        rows[t][:2] = [f"{t + rng.normal():.9f}", f"{2 * t + rng.normal():.9f}"]
    rows[100:251] = [["900.123456789", "5", "0.1"]] * 151
    before, after = smooth(write_table(tmp_path / "t.csv", rows))
    same = [t for t in range(400) if before[t] == after[t]]
    assert same == [0, 1, *range(98, 253), 398, 399]
    keypoints = np.array([o.split(",")[1:3] for o in after], float)
    truth = np.stack([np.arange(400), 2 * np.arange(400)], -1)
    good = [*range(100), *range(251, 400)]
    assert np.linalg.norm(keypoints - truth, axis=-1)[good].max() < 3.5


def test_a_window_of_one_changes_only_gaps_and_spikes(tmp_path):
    rows, rng = line(200), np.random.default_rng(0)
    for t in range(200):
        rows[t][:2] = [f"{rng.uniform(0, 3):.9g}", f"{rng.uniform(0, 3):.9g}"]
    rows[50][0], rows[80][2] = "99.5", "0.49999"
    before, after = smooth(write_table(tmp_path / "t.csv", rows), window=1)
    assert [t for t in range(200) if before[t] != after[t]] == [50, 80]


def test_gaps_at_both_ends_stay_and_nothing_beside_them_changes(tmp_path):
    rows = line(40)
    rows[:3] = rows[-3:] = [["", "", "0"]] * 3
    before, after = smooth(write_table(tmp_path / "t.csv", rows))
    assert after == before


def test_a_keypoint_without_any_position_stays_empty(tmp_path):
    rows = [o + ["", "", ""] for o in line(40)]
    rows[20][0] = "500"
    before, after = smooth(write_table(tmp_path / "t.csv", rows, ("nose", "tail")))
    assert [t for t in range(40) if before[t] != after[t]] == [20]
    assert after[20] == "20,20.0000,40.00,0.91234567,,,"


def test_a_position_with_only_one_coordinate_is_part_of_a_gap(tmp_path):
    rows = line(40)
    rows[20][0], rows[30:], rows[35][1] = "", [["", "7.5", ".9"]] * 10, "8"
    before, after = smooth(write_table(tmp_path / "t.csv", rows), window=1)
    assert after[20] == "20,20.0000,40.00,0.91234567"
    assert after[30:] == before[30:]


def test_a_spike_beside_a_gap():
    truth = np.stack([np.arange(60.0), np.zeros(60)], -1)[:, None]
    for length, is_filled in ((5, True), (20, False)):
        keypoints, confidences = truth.copy(), np.ones((60, 1))
        keypoints[20], keypoints[21 : 21 + length] = 90, np.nan
        smoothed = smooth_keypoints(keypoints, confidences)
        expected = truth if is_filled else keypoints
        np.testing.assert_allclose(smoothed, expected, atol=1e-9)


def test_low_confidence_is_not_compared_in_the_search_for_spikes():
    keypoints, confidences = np.zeros((60, 1, 2)), np.full((60, 1), 0.1)
    keypoints[:, 0, 0] = 300  # a wrong place, predicted with a low confidence
    keypoints[[10, 11, 30, 50]] = [[5, 5]]
    confidences[[10, 11, 30, 50]] = 0.9
    np.testing.assert_array_equal(smooth_keypoints(keypoints, confidences), keypoints)


def test_no_spikes_are_found_in_missing_positions():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not spikes(np.full((50, 2, 2), np.nan)).any()
        few = np.full((50, 2, 2), np.nan)
        few[[3, 40]] = [[0, 0], [900, 900]]
        assert not spikes(few).any()


@pytest.mark.parametrize("between", range(1, 5))
def test_runs_shorter_than_the_window_keep_their_positions(between):
    keypoints = np.random.default_rng(0).normal(0, 1, (100, 1, 2))
    keypoints[20:40] = keypoints[40 + between : 60] = np.nan
    smoothed = smooth_keypoints(keypoints, np.ones((100, 1)), window=5)
    np.testing.assert_array_equal(smoothed[18:62], keypoints[18:62])
    assert (smoothed[2:18] != keypoints[2:18]).all()


def test_confidence_equal_to_the_threshold_is_reliable_and_none_is_not():
    keypoints = np.stack([np.arange(9.0), np.zeros(9)], -1)[:, None]
    keypoints[4] += 3
    for confidence, expected in ((0.5, 7), (0.4999, 4), (np.nan, 4)):
        confidences = np.ones((9, 1))
        confidences[4] = confidence
        assert smooth_keypoints(keypoints, confidences, window=1)[4, 0, 0] == expected


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_short_tables_are_copied(tmp_path, n):
    before, after = smooth(write_table(tmp_path / "t.csv", line(n)))
    assert after == before and len(after) == n


def test_infinite_positions_and_likelihoods_are_errors(tmp_path):
    for i in range(3):
        rows = line(9)
        rows[4][i] = "inf"
        with pytest.raises(PosebookError, match="no finite number"):
            posebook.smooth(write_table(tmp_path / f"{i}.csv", rows))


def test_smoothing_a_smoothed_table_again_changes_no_gap(tmp_path):
    rows = line(100)
    rows[40:60], rows[70:75] = [["", "", ""]] * 20, [["", "", ".9"]] * 5
    first = posebook.smooth(write_table(tmp_path / "t.csv", rows))
    before, after = smooth(first)
    assert after == before


def test_message_counts_filled_rows(tmp_path, caplog):
    rows = line(60)
    rows[20:25] = [["", "", ""]] * 5
    with caplog.at_level("INFO"):
        posebook.smooth(write_table(tmp_path / "t.csv", rows))
    assert "in 5 of 60 rows a keypoint moved by a pixel or more, or was filled in" in caplog.text
