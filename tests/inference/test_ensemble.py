"Ensembles of models: the mean belongs to its video and models"

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import moving_frames, write_film

from posebook.core import PosebookError
from posebook.data.tables import PredictionTable, read_predictions
from posebook.inference.ensemble import ensemble


def test_the_mean_of_an_ensemble_is_of_this_video_and_these_models(tiny_model, tmp_path):
    from posebook.inference.ensemble import predict_ensemble
    from posebook.testing import short_run

    models = [tmp_path / f"m{i}" for i in range(3)]
    for seed, folder in enumerate(models):
        shutil.copytree(short_run("heatmap", f"training.rng_seed_model_pt={seed}", steps=4).folder, folder)
    write_film(tmp_path / "a.mp4", moving_frames(20))
    [mean] = predict_ensemble(models[:2], tmp_path / "a.mp4", tmp_path / "out")
    before = mean.read_bytes()
    assert (
        predict_ensemble(models[1::-1], tmp_path / "a.mp4", tmp_path / "out", resume=True) == [mean]
        and mean.read_bytes() == before
    )
    with pytest.raises(PosebookError, match="not of this video and model: the model's"):
        predict_ensemble(models[1:], tmp_path / "a.mp4", tmp_path / "out", resume=True)
    with pytest.raises(PosebookError, match="exist already"):
        predict_ensemble(models[1:], tmp_path / "a.mp4", tmp_path / "out")


@pytest.mark.parametrize("when", ["before", "after the mean"])
def test_an_interrupted_mean_of_other_models_is_not_used(tiny_model, other_model, tmp_path, monkeypatch, when):
    from posebook.inference import ensemble as module

    models = [
        Path(shutil.copytree(o, tmp_path / n)) for n, o in (("a", tiny_model), ("b", other_model), ("c", tiny_model))
    ]
    write_film(tmp_path / "v.mp4", moving_frames(20))
    predict_into = lambda which, **how: module.predict_ensemble(
        [models[i] for i in which], tmp_path / "v.mp4", tmp_path / how.pop("out", "out"), **how
    )
    content = lambda out: {p.relative_to(tmp_path / out): p.read_bytes() for p in (tmp_path / out).glob("*.csv")}
    predict_into((0, 2))
    predict_into((0, 1), out="plain")
    original = module.ensemble

    def broken(tables, mean, spread):
        if when != "before":
            original(tables, mean, spread)
            spread.unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "ensemble", broken)
    with pytest.raises(KeyboardInterrupt):
        predict_into((0, 1), overwrite=True)
    monkeypatch.setattr(module, "ensemble", original)
    predict_into((0, 1), resume=True)
    assert content("out") == content("plain")


def test_a_table_without_a_record_is_not_adopted_by_an_interrupted_run(tiny_model, other_model, tmp_path):
    from posebook.inference.predict import predict_single_video
    from posebook.inference.predictor import Predictor

    write_film(tmp_path / "a.mp4", moving_frames(40))
    table = predict_single_video(tmp_path / "a.mp4", tiny_model, tmp_path / "out")
    (tmp_path / "out/details/a.json").unlink()
    predictor = Predictor.from_folder(other_model, "cpu")

    def stop(*args):
        raise KeyboardInterrupt

    predictor.predict_batch = stop
    with pytest.raises(KeyboardInterrupt):
        predict_single_video(tmp_path / "a.mp4", predictor, tmp_path / "out", overwrite=True)
    with pytest.raises(PosebookError, match="not of this video and model"):
        predict_single_video(tmp_path / "a.mp4", other_model, tmp_path / "out", resume=True)
    predict_single_video(tmp_path / "a.mp4", other_model, tmp_path / "out", overwrite=True)
    assert table.read_bytes() == predict_single_video(tmp_path / "a.mp4", other_model, tmp_path / "plain").read_bytes()


def write(path, keypoints, confidences, first=0):
    table = PredictionTable(path, "me", ["nose"])
    table.open(0)
    table.add(range(first, first + len(keypoints)), np.array(keypoints)[:, None], np.array(confidences)[:, None])
    table.close()
    table.finish()
    return path


def test_models_without_a_position_do_not_count(tmp_path):
    nan = np.nan
    tables = [
        write(tmp_path / "0.csv", [(0, 0), (nan, nan), (nan, nan), (nan, nan)], [0.5, 1, 1, nan]),
        write(tmp_path / "1.csv", [(6, 0), (1, 2), (nan, nan), (nan, nan)], [1, 0.5, 1, nan]),
        write(tmp_path / "2.csv", [(0, 6), (3, 4), (7, 8), (nan, nan)], [0, 0.25, 0.75, nan]),
    ]
    ensemble(tables, tmp_path / "mean.csv", tmp_path / "spread.csv")
    _, _, keypoints, confidences = read_predictions(tmp_path / "mean.csv")
    np.testing.assert_array_equal(keypoints[:, 0], [(2, 2), (2, 3), (7, 8), (nan, nan)])
    np.testing.assert_array_equal(confidences[:, 0], [0.5, 0.375, 0.75, nan])
    spread = pd.read_csv(tmp_path / "spread.csv", index_col=0).to_numpy()[:, 0]
    np.testing.assert_allclose(spread, [16**0.5, 2**0.5, nan, nan], atol=1e-3)


@pytest.mark.parametrize("rows, first", [(2048, 0), (3000, 1), (2999, 0)])
def test_tables_of_other_frames(tmp_path, rows, first):
    "Also where the shorter table ends at the end of a chunk"
    a = write(tmp_path / "a.csv", np.zeros((3000, 2)), np.ones(3000))
    b = write(tmp_path / "b.csv", np.zeros((rows, 2)), np.ones(rows), first)
    for tables in ([a, b], [b, a]):
        with pytest.raises(PosebookError, match="different videos"):
            ensemble(tables, tmp_path / "mean.csv", tmp_path / "spread.csv")
