"Projects and tables of DeepLabCut"

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import REFERENCE

from posebook.config.read import read_config
from posebook.core import PosebookError
from posebook.data.labels import Labels, read_labels
from posebook.formats.deeplabcut import DeepLabCut
from posebook.project.project import init_project
from posebook.training.fit import train_tracker


def deeplabcut(toy_project, folder, scorer="anna"):
    "The toy's project as DeepLabCut would have it: a table for each video, with the path in three columns"
    labels = read_labels(toy_project / "CollectedData.csv")
    shutil.copytree(toy_project / "labeled-data", folder / "labeled-data")
    (folder / "config.yaml").write_text(
        yaml.safe_dump(
            {
                "Task": "reach",
                "scorer": scorer,
                "date": "Nov24",
                "multianimalproject": False,
                "bodyparts": labels.keypoint_names,
                "video_sets": {},
                "project_path": "/elsewhere",
                "TrainingFraction": [0.95],
                "skeleton": [],
            }
        )
    )
    lines = (toy_project / "CollectedData.csv").read_text().splitlines()
    header = [o.replace(",", ",,,", 1) for o in lines[:3]]
    for video in {Path(o).parent.name for o in labels.images}:
        rows = [o.replace("/", ",", 2) for o in lines[3:] if f"/{video}/" in o]
        (folder / f"labeled-data/{video}/CollectedData_{scorer}.csv").write_text("\n".join([*header, *rows]) + "\n")
    return labels


def test_a_project_of_deeplabcut_trains_where_it_is(toy_project, tmp_path):
    labels = deeplabcut(toy_project, tmp_path / "dlc")
    few = ["training.max_steps=4", "data.image_resize_dims.height=64", "data.image_resize_dims.width=64"]
    before = {p for p in (tmp_path / "dlc").rglob("*")}
    folder = train_tracker(tmp_path / "dlc", *few, out=tmp_path / "model", progress=False)
    assert {p for p in (tmp_path / "dlc").rglob("*")} == before
    cfg = read_config(folder)
    found = read_labels(Path(cfg.data.data_dir) / cfg.data.csv_file, cfg.data.data_dir)
    assert found.keypoint_names == labels.keypoint_names
    order = [found.images.index(o) for o in labels.images]
    np.testing.assert_array_equal(found.keypoints[order], labels.keypoints)
    assert "CollectedData_anna.csv" in init_project(tmp_path / "dlc").read_text()


@pytest.mark.parametrize("name", ["deeplabcut.h5", "deeplabcut_split.h5"])
def test_hdf5_tables_of_pandas(name):
    "Written by pandas' to_hdf with PyTables, a path in one level and in three"
    labels = read_labels(REFERENCE / name)
    assert labels.images == ["labeled-data/run1/img00000003.png", "labeled-data/run1/img00000017.png"]
    np.testing.assert_array_equal(labels.keypoints, [[[10.5, 20], [30, 40.25]], [[11, 21], [np.nan, np.nan]]])


def test_files_that_are_no_tables(tmp_path):
    (tmp_path / "a.h5").write_text("no")
    with pytest.raises(PosebookError, match="not a table that DeepLabCut wrote"):
        read_labels(tmp_path / "a.h5")
    with pytest.raises(PosebookError, match="no file with labels fits"):
        read_labels(tmp_path / "*.csv")


def test_several_animals_are_refused(toy_project, tmp_path):
    (tmp_path / "config.yaml").write_text("{Task: reach, scorer: anna, multianimalproject: true, bodyparts: MULTI!}")
    with pytest.raises(PosebookError, match="several animals"):
        init_project(tmp_path)


def test_states_go_to_a_file_beside_the_table(tmp_path):
    "DeepLabCut's own tools expect two columns for each keypoint"
    folder = tmp_path / "labeled-data/run1"
    folder.mkdir(parents=True)
    keypoints = np.array([[[10.5, 20], [np.nan] * 2], [[np.nan] * 2, [3, 4]]])
    images = ["labeled-data/run1/img1.png", "labeled-data/run1/img2.png"]
    labels = Labels(images, keypoints, ["nose", "tail"], visible=np.array([[2, 1], [0, 2]]))
    DeepLabCut().write_labels(labels, folder / "CollectedData_anna.csv")
    assert (folder / "CollectedData_anna.csv").read_text().splitlines()[2] == "coords,x,y,x,y"
    found = read_labels(tmp_path / "labeled-data/*/CollectedData_anna.csv", tmp_path)
    assert found.visible.tolist() == [[2, 1], [0, 2]]
    np.testing.assert_array_equal(found.keypoints, keypoints)
