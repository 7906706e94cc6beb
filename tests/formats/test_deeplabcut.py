"Projects and tables of DeepLabCut"

import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import yaml
from conftest import REFERENCE

from posebook.config.read import read_config
from posebook.core import PosebookError
from posebook.data.labels import Labels, read_labels
from posebook.formats.deeplabcut import DeepLabCut
from posebook.inference.predict import collect_videos
from posebook.labeling.pick_frames import chosen_videos, project_layout
from posebook.models.factory import get_model
from posebook.project.project import init_project
from posebook.training.fit import train_tracker
from posebook.training.setup import get_labels, get_sequences, resolve
from posebook.video.files import project_videos, write_video


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
    assert "labeled-data/*/CollectedData_*" in init_project(tmp_path / "dlc").read_text()


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


def config(folder, **keys):
    "Write a config.yaml with the keys of DeepLabCut"
    folder.mkdir(parents=True, exist_ok=True)
    keys = {"Task": "reach", "scorer": "anna", "multianimalproject": False, "bodyparts": ["nose", "tail"], **keys}
    (folder / "config.yaml").write_text(yaml.safe_dump(keys))


def header(columns, scorer, animals):
    "The rows of names above the columns of (animal, keypoint, coordinate)"
    rows = [("scorer", *[scorer] * len(columns))]
    if animals:
        rows.append(("individuals", *(animal for animal, _, _ in columns)))
    rows.append(("bodyparts", *(name for _, name, _ in columns)))
    return [*rows, ("coords", *(coord for _, _, coord in columns))]


def write_csv(folder, video, values, names=("nose", "tail"), scorer="anna", animals=()):
    "Write a table of a video, and an image of 64 x 48 pixels for each row; values: (frames, columns)"
    columns = [(a, k, c) for a in animals or [""] for k in names for c in "xy"]
    rows = [(r[0], "", "", *r[1:]) for r in header(columns, scorer, animals)]
    for i, row in enumerate(values):
        rows.append(("labeled-data", video, f"img{i:03}.png", *("" if np.isnan(v) else v for v in row)))
    path = folder / f"labeled-data/{video}"
    path.mkdir(parents=True, exist_ok=True)
    for i in range(len(values)):
        cv2.imwrite(str(path / f"img{i:03}.png"), np.zeros((48, 64, 3), np.uint8))
    table = path / f"CollectedData_{scorer}.csv"
    table.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return table


def write_hdf(table, video, values, names=("nose", "tail"), scorer="anna", animals=()):
    "Write a table as pandas does: levels of names, and the number of each row's and column's name in its level"
    columns = [(a, k, c) for a in animals or [""] for k in names for c in "xy"]
    levels = list(zip(*(row[1:] for row in header(columns, scorer, animals))))
    images = [("labeled-data", video, f"img{i:03}.png") for i in range(len(values))]
    with h5py.File(table, "w") as f:
        group = f.create_group("df_with_missing")
        for axis, tuples in ("axis0", levels), ("block0_items", levels), ("axis1", images):
            group.attrs[f"{axis}_nlevels"] = len(tuples[0])
            for level, column in enumerate(zip(*tuples)):
                texts = sorted(set(column))
                group[f"{axis}_level{level}"] = np.array(texts, "S")
                group[f"{axis}_label{level}"] = [texts.index(o) for o in column]
        group["block0_values"] = np.array(values, float)
    return table


def project_labels(folder, *overrides):
    "The labels that a training uses"
    return get_labels(read_config(folder, overrides))


def test_tables_of_all_labelers_and_of_both_suffixes_count(tmp_path, caplog):
    config(tmp_path)
    write_csv(tmp_path, "run1", [[1, 2, 3, 4]])
    write_csv(tmp_path, "run2", [[5, 6, 7, 8]], scorer="rick")
    only_hdf = write_csv(tmp_path, "run3", [[9, 10, 11, 12]])
    write_hdf(only_hdf.with_suffix(".h5"), "run3", [[9, 10, 11, 12]])
    only_hdf.unlink()
    labels = project_labels(tmp_path)
    assert labels.images == [f"labeled-data/run{i}/img000.png" for i in (1, 2, 3)]
    assert labels.keypoints.reshape(3, 4).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
    assert "several labelers: anna (2 frame(s)), rick (1 frame(s))" in caplog.text


def test_csv_and_hdf5_of_one_table_count_once(tmp_path, caplog):
    config(tmp_path)
    table = write_csv(tmp_path, "run1", [[1, 2, 3, 4.123457], [5, 6, np.nan, np.nan]])
    write_hdf(table.with_suffix(".h5"), "run1", [[1, 2, 3, 4.1234567], [5, 6, np.nan, np.nan]])
    assert len(project_labels(tmp_path)) == 2 and "different labels" not in caplog.text
    write_hdf(table.with_suffix(".h5"), "run1", [[1, 2, 3, 4], [5, 6, 7, 8]])
    assert np.isnan(project_labels(tmp_path).keypoints[1, 1]).all()
    assert "CollectedData_anna.h5 beside it have different labels; CollectedData_anna.csv is used" in caplog.text


def test_an_image_in_tables_of_two_labelers_is_an_error_that_names_both(tmp_path):
    config(tmp_path)
    for scorer in ("anna", "rick"):
        write_csv(tmp_path, "run1", [[1, 2, 3, 4]], scorer=scorer)
    with pytest.raises(PosebookError, match="more than one row: labeled-data/run1/img000.png") as e:
        project_labels(tmp_path)
    assert "CollectedData_anna.csv and" in str(e.value) and "CollectedData_rick.csv" in str(e.value)
    only_rick = "data.csv_file=labeled-data/*/CollectedData_rick.csv"
    assert project_labels(tmp_path, only_rick).scorer == "rick"


def test_tables_in_a_folder_of_drawn_labels_do_not_count(tmp_path):
    config(tmp_path)
    write_csv(tmp_path, "run1", [[1, 2, 3, 4]])
    write_csv(tmp_path, "run1_labeled", [[1, 2, 3, 4]])
    write_csv(tmp_path, "run2_labeled", [[1, 2, 3, 4]])  # there is no run2: a video with this name
    images = [f"labeled-data/{o}/img000.png" for o in ("run1", "run2_labeled")]
    assert project_labels(tmp_path).images == images


def test_keypoints_and_their_order_are_those_of_the_config(tmp_path, caplog):
    config(tmp_path, bodyparts=["nose", "ear", "tail"], skeleton=[["nose", "tail"], ["bodypart1", "nose"]])
    write_csv(tmp_path, "run1", [[1, 2, 3, 4]], names=("tail", "nose"))
    cfg = read_config(tmp_path)
    labels = get_labels(cfg)
    assert labels.keypoint_names == resolve(cfg, labels).data.keypoint_names == ["nose", "ear", "tail"]
    np.testing.assert_array_equal(labels.keypoints, [[[3, 4], [np.nan] * 2, [1, 2]]])
    assert labels.visible.tolist() == [[2, 0, 2]]
    assert "have no label in any table: ear" in caplog.text
    assert cfg.data.skeleton == [["nose", "tail"]]
    stored = read_config(init_project(tmp_path)).data
    assert (stored.keypoint_names, stored.skeleton) == (cfg.data.keypoint_names, [["nose", "tail"]])
    with pytest.raises(PosebookError, match="no keypoint 'knee'"):
        resolve(read_config(tmp_path, ["data.skeleton=[[nose,knee]]"]), labels)
    config(tmp_path, bodyparts=["nose", "ear"])
    (tmp_path / "posebook.yaml").unlink()
    with pytest.raises(PosebookError, match="not in the config: tail"):
        project_labels(tmp_path)


@pytest.mark.parametrize("suffix", [".csv", ".h5"])
def test_one_individual_of_a_project_with_several(tmp_path, suffix):
    keys = dict(bodyparts="MULTI!", multianimalbodyparts=["nose", "tail"], individuals=["black", "white"])
    config(tmp_path, multianimalproject=True, uniquebodyparts=[], identity=False, **keys)
    values = [[1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12, *[np.nan] * 4]]
    table = write_csv(tmp_path, "run1", values, animals=("black", "white"))
    if suffix == ".h5":
        table.unlink()
        write_hdf(table.with_suffix(".h5"), "run1", values, animals=("black", "white"))
    white = project_labels(tmp_path, "data.individual=white")
    assert (white.images, white.keypoint_names) == (["labeled-data/run1/img000.png"], ["nose", "tail"])
    assert white.keypoints.tolist() == [[[5, 6], [7, 8]]]
    with pytest.raises(PosebookError, match="several animals: black, white"):
        init_project(tmp_path)
    with pytest.raises(PosebookError, match="no animal 'brown': black, white"):
        init_project(tmp_path, individual="brown")
    init_project(tmp_path, individual="black")
    assert project_labels(tmp_path).keypoints.tolist() == [[[1, 2], [3, 4]], [[9, 10], [11, 12]]]


def test_an_individual_of_a_table_without_individuals_is_an_error(tmp_path):
    config(tmp_path)
    write_csv(tmp_path, "run1", [[1, 2, 3, 4]])
    with pytest.raises(PosebookError, match="no animal 'white': it does not name the animals"):
        init_project(tmp_path, individual="white")


def test_a_table_with_a_single_individual_needs_no_choice(tmp_path):
    config(tmp_path)
    write_csv(tmp_path, "run1", [[1, 2, 3, 4]], animals=("black",))
    assert project_labels(tmp_path).keypoints.tolist() == [[[1, 2], [3, 4]]]


def write_clip(path, width=64, height=48):
    "Write a video of ten gray frames"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, np.full((10, height, width, 3), 128, np.uint8))
    return path


def test_videos_with_drawn_labels_are_left_out_with_a_note(tmp_path, caplog):
    scorer = "DLC_resnet50_reachNov24shuffle1_1000"
    outputs = ["run1_labeled", f"run1{scorer}_labeled", f"run1{scorer}_p60_labeled", f"run1{scorer}_id_p60_labeled"]
    outputs += [f"run1{scorer}filtered_labeled", f"run1{scorer}_full", f"gone{scorer}_labeled"]
    own = ["run1", "run2_labeled", "run1b_labeled", "run1_full"]
    for name in outputs + own:
        write_clip(tmp_path / f"videos/{name}.mp4")
    assert [o.stem for o in collect_videos(tmp_path / "videos")] == sorted(own)
    assert "7 video(s) with labels drawn on them are left out: " in caplog.text
    assert collect_videos(tmp_path / "videos/run1_labeled.mp4") == [tmp_path / "videos/run1_labeled.mp4"]
    config(tmp_path)
    write_csv(tmp_path, "run1", [[1, 2, 3, 4]])
    cfg = read_config(tmp_path)
    assert [o.stem for o in project_videos(cfg.data.video_dir, cfg.data.videos)] == sorted(own)


def test_paths_in_video_sets_are_used_if_the_folder_videos_is_empty(tmp_path, caplog):
    elsewhere, gone = write_clip(tmp_path / "disk/run1.mp4"), tmp_path / "disk/gone.mp4"
    folder = tmp_path / "dlc"
    config(folder, video_sets={str(o): {"crop": "0, 64, 0, 48"} for o in (elsewhere, gone)})
    write_csv(folder, "run1", [[1, 2, 3, 4], [5, 6, 7, 8]])
    (folder / "videos").mkdir()
    labels = get_labels(cfg := read_config(folder, ["model.losses_to_use=[temporal]", "training.accelerator=cpu"]))
    cfg.model.weights, cfg.dali.base.train.sequence_length = None, 4
    cfg = resolve(cfg, labels)
    assert get_sequences(cfg, get_model(cfg, labels.keypoints)).videos == [elsewhere]
    assert f"1 of 2 video(s) in data.videos do not exist: {gone}" in caplog.text
    init_project(folder)
    assert set(read_config(folder).data.videos) == {str(elsewhere), str(gone)}
    table = folder / "CollectedData.csv"
    labels.write(table)
    text = (folder / "posebook.yaml").read_text()
    (folder / "posebook.yaml").write_text(text.replace("labeled-data/*/CollectedData_*", table.name))
    assert chosen_videos(project_layout(folder), None) == [elsewhere]
    write_clip(folder / "videos/run2.mp4")
    assert read_config(folder / "config.yaml").data.videos is None
