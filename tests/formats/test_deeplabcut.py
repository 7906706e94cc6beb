"Projects and tables of DeepLabCut"

import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import yaml
from conftest import REFERENCE, file_contents

from posebook.config.read import read_config
from posebook.core import PosebookError
from posebook.data.images import image_size, read_image
from posebook.data.labels import Labels, read_labels, read_table
from posebook.formats.deeplabcut import DeepLabCut
from posebook.inference.inputs import collect_inputs
from posebook.inference.predict import predict_single_video
from posebook.inference.predictor import Predictor
from posebook.labeling.pick_frames import chosen_videos, project_layout, save_frames
from posebook.models.factory import get_model
from posebook.project.project import init_project
from posebook.training.fit import train_tracker
from posebook.training.setup import get_dataset, get_labels, get_sequences, resolve
from posebook.video.files import project_videos, write_video
from posebook.video.read import read_frames


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
    caplog.clear()
    table.with_suffix(".h5").write_text("damaged")
    assert len(project_labels(tmp_path)) == 2 and "CollectedData_anna.csv is used" in caplog.text


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
    assert [o.path.stem for o in collect_inputs(tmp_path / "videos")] == sorted(own)
    assert "7 video(s) with labels drawn on them are left out: " in caplog.text
    assert [o.path.stem for o in collect_inputs(tmp_path / "videos/run1_labeled.mp4")] == ["run1_labeled"]
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


class Moving:
    "A white square on black, which moves; its center is the keypoint"

    def __init__(self, n, height, width):
        steps = np.arange(n)
        self.centers = np.stack([80 + 2 * steps, 70 + steps], -1).astype(float)
        self.frames = np.zeros((n, height, width, 3), np.uint8)
        for frame, (x, y) in zip(self.frames, self.centers.astype(int)):
            frame[y - 2 : y + 3, x - 2 : x + 3] = 255


def cropped_project(folder, crop=(60, 124, 50, 98)):
    "A project whose labeled images were cropped, and the moving square in its video"
    x1, x2, y1, y2 = crop
    square = Moving(12, 120, 160)
    (folder / "videos").mkdir(parents=True)
    write_video(folder / "videos/run1.mp4", square.frames, quality=0)
    write_clip(folder / "videos/run2.mp4")
    sets = {"run1": ", ".join(map(str, crop)), "run2": "0, 64, 0, 48"}
    config(folder, bodyparts=["a"], video_sets={f"/elsewhere/{k}.mp4": {"crop": v} for k, v in sets.items()})
    write_csv(folder, "run1", square.centers - (x1, y1), names=("a",))
    write_csv(folder, "run2", [[1, 2]], names=("a",))
    for i, frame in enumerate(square.frames):
        cv2.imwrite(str(folder / f"labeled-data/run1/img{i:03}.png"), frame[y1:y2, x1:x2])
    return square


def test_a_video_is_tracked_in_the_crop_of_its_labeled_images(tmp_path):
    "The model inputs are those of the labeled images, and keypoints are in pixels of the whole frame"
    folder = tmp_path / "dlc"
    square = cropped_project(folder)
    cfg = read_config(folder, ["training.accelerator=cpu", "model.losses_to_use=[temporal]", "model.weights=null"])
    assert cfg.data.video_boxes == {"run1": [60, 50, 64, 48]}
    cfg.dali.base.train.sequence_length = 4
    labels = get_labels(cfg)
    cfg = resolve(cfg, labels)
    tracker = get_model(cfg, labels.keypoints)
    predictor = Predictor(tracker, cfg, "cpu")
    on_images = predictor.images(labels.paths()[:12])[0]
    on_video = predictor.video(folder / "videos/run1.mp4")[0]
    np.testing.assert_allclose(on_video, on_images + (60, 50), atol=1)
    table = predict_single_video(folder / "videos/run1.mp4", predictor, tmp_path / "out")
    np.testing.assert_allclose(read_table(table, ["set"])[2]["x"], on_video[..., 0], atol=0.01)
    # a video that was already cropped
    write_video(tmp_path / "run1.mp4", square.frames[:, 50:98, 60:124], quality=0)
    np.testing.assert_allclose(predictor.video(tmp_path / "run1.mp4")[0], on_images, atol=1)
    with pytest.raises(PosebookError, match="not inside the frames of run1.mp4"):
        write_clip(tmp_path / "small/run1.mp4", 100, 80)
        predictor.video(tmp_path / "small/run1.mp4")
    # clips have the coordinates of the labeled images
    clips = get_sequences(cfg, tracker)
    assert clips.frame_sizes == [(48, 64), (48, 64)]
    dataset = get_dataset(cfg, labels)
    [images] = clips.read_clips([(0, 3)])
    for i, image in enumerate(images):
        difference = image.float() - dataset[3 + i]["images"][0].float()
        assert difference.abs().mean() < 3
    np.testing.assert_allclose(clips.affines[0], dataset[0]["affine"], atol=1e-5)


@pytest.mark.parametrize(
    "crop, images, expected",
    [
        ("0, 160, 0, 120", (160, 120), None),  # the whole frame
        ("0, 64, 0, 48", (64, 48), [0, 0, 64, 48]),
        ("10, 74, 20, 68", (160, 120), None),  # the images were not cropped
        ("10, 74, 20, 68", (64, 48), [10, 20, 64, 48]),
        (None, (64, 48), None),
    ],
)
def test_a_crop_counts_only_if_the_labeled_images_have_its_size(tmp_path, crop, images, expected):
    write_clip(tmp_path / "videos/run1.mp4", 160, 120)
    config(tmp_path, video_sets={"C:\\data\\run1.mp4": {"crop": crop} if crop else None})
    write_csv(tmp_path, "run1", [[1, 2, 3, 4]])
    cv2.imwrite(str(tmp_path / "labeled-data/run1/img000.png"), np.zeros((*images[::-1], 3), np.uint8))
    assert read_config(tmp_path).data.video_boxes == (expected and {"run1": expected})
    init_project(tmp_path)
    assert read_config(tmp_path).data.video_boxes == (expected and {"run1": expected})


def test_picked_frames_are_cropped_as_the_labeled_images(tmp_path):
    square = cropped_project(tmp_path)
    labels = get_labels(read_config(tmp_path))
    labels.select([*range(3), 12]).write(tmp_path / "CollectedData.csv")
    init_project(tmp_path)
    text = (tmp_path / "posebook.yaml").read_text()
    (tmp_path / "posebook.yaml").write_text(text.replace("labeled-data/*/CollectedData_*", "CollectedData.csv"))
    [image] = save_frames(tmp_path, tmp_path / "videos/run1.mp4", [9], neighbors=0)
    difference = read_image(tmp_path / image) - square.frames[9, 50:98, 60:124].astype(float)
    assert np.abs(difference).mean() < 3


NEW_PROJECT = """
# Config schema version. Do not edit manually.
config_version: 0
Task: reach
scorer: anna
date: Nov27
multianimalproject: false
identity:
project_path: /elsewhere/reach-anna-2026-11-27
engine: pytorch
video_sets:
  /elsewhere/reach-anna-2026-11-27/videos/run1.mp4:
    crop: 0, 160, 0, 120
bodyparts:
- bodypart1
- bodypart2
- bodypart3
- objectA
individuals:
- individual_1
uniquebodyparts: []
multianimalbodyparts: []
skeleton:
- - bodypart1
  - bodypart2
- - objectA
  - bodypart3
x1: 0
x2: 640
y1: 277
y2: 624
"""


def test_a_project_of_create_new_project(tmp_path):
    "The keys that DeepLabCut 3.0.2 writes, and both files of a table, as napari-deeplabcut 0.4 leaves them"
    write_clip(tmp_path / "videos/run1.mp4", 160, 120)
    (tmp_path / "config.yaml").write_text(NEW_PROJECT)
    names = ["bodypart1", "bodypart2", "bodypart3", "objectA"]
    values = [[1, 2, 3, 4, 5, 6, 7, 8], [np.nan, np.nan, 3, 4, 5, 6, 7, 8]]
    table = write_csv(tmp_path, "run1", values, names)
    write_hdf(table.with_suffix(".h5"), "run1", values, names)
    cfg = read_config(init_project(tmp_path))
    assert cfg.data.keypoint_names == names
    assert cfg.data.skeleton == [["bodypart1", "bodypart2"], ["objectA", "bodypart3"]]
    assert (cfg.data.videos, cfg.data.video_boxes, cfg.data.box) == (None, None, None)
    np.testing.assert_array_equal(get_labels(cfg).keypoints.reshape(2, 8), values)


def context_project(folder, numbers=(0, 5, 11), video="dlc/videos/run1.mp4", crop=None, name="run1"):
    "A project with images of a few frames of a video only; returns the decoded frames that the images are of"
    square = Moving(14, 96, 160)
    (folder / video).parent.mkdir(parents=True, exist_ok=True)
    write_video(folder / video, square.frames, quality=0)
    frames = np.stack(list(read_frames(folder / video)))
    x1, x2, y1, y2 = crop or (0, 160, 0, 96)
    frames = frames[:, y1:y2, x1:x2]
    sets = {str(folder / video): {"crop": f"{x1}, {x2}, {y1}, {y2}"}}
    config(folder / "dlc", bodyparts=["a"], video_sets=sets)
    write_csv(folder / "dlc", name, square.centers - (x1, y1), names=("a",))
    for i, frame in enumerate(frames):
        path = folder / f"dlc/labeled-data/{name}/img{i:03}.png"
        cv2.imwrite(str(path), frame[..., ::-1]) if i in numbers else path.unlink()
    table = folder / f"dlc/labeled-data/{name}/CollectedData_anna.csv"
    header, rows = table.read_text().splitlines()[:3], table.read_text().splitlines()[3:]
    table.write_text("\n".join([*header, *(rows[i] for i in numbers)]) + "\n")
    return frames


def context_dataset(folder, *overrides):
    "The dataset of a training of a tracker with context, whose model inputs are the frames themselves"
    cfg = read_config(folder, ["model.model_type=heatmap_mhcrnn", "training.accelerator=cpu", *overrides])
    labels = get_labels(cfg)
    cfg.data.image_resize_dims.height, cfg.data.image_resize_dims.width = image_size(labels.paths()[0])
    return get_dataset(resolve(cfg, labels), labels)


def window_frames(sample):
    return sample["images"][sample["windows"]].permute(0, 2, 3, 1).numpy()


WINDOWS = [[0, 0, 0, 1, 2], [3, 4, 5, 6, 7], [9, 10, 11, 12, 13]]


@pytest.mark.parametrize("video", ["dlc/videos/run1.mp4", "disk/run1.mp4"])
@pytest.mark.parametrize("crop", [None, (64, 160, 32, 96)])
def test_context_frames_are_read_from_the_video(tmp_path, caplog, video, crop):
    "From the folder videos or from video_sets, cropped as the labeled images; the project's files stay as they are"
    frames = context_project(tmp_path, video=video, crop=crop)
    before = file_contents(tmp_path)
    dataset = context_dataset(tmp_path / "dlc")
    assert file_contents(tmp_path) == before and caplog.text == ""
    for sample, numbers in zip(dataset, WINDOWS, strict=True):
        np.testing.assert_array_equal(window_frames(sample), frames[numbers])
    dataset = context_dataset(tmp_path / "dlc", "data.context_frames=false")
    np.testing.assert_array_equal(window_frames(dataset[1]), frames[[5] * 5])


def test_a_neighbor_that_is_on_disk_is_not_read_from_the_video(tmp_path):
    frames = context_project(tmp_path)
    cv2.imwrite(str(tmp_path / "dlc/labeled-data/run1/img004.png"), np.full((96, 160, 3), 7, np.uint8))
    images = window_frames(context_dataset(tmp_path / "dlc")[1])
    assert (images[1] == 7).all()
    np.testing.assert_array_equal(images[[0, 2, 3, 4]], frames[[3, 5, 6, 7]])


def other_videos():
    "Videos that do not show the labeled frames at their numbers"
    frames = Moving(14, 96, 160).frames
    yield "another animal", frames[:, ::-1]
    yield "the first frame cut off", frames[1:]
    yield "a frame inserted", np.concatenate([frames[:1], frames])
    yield "cropped", frames[:, :, :96]
    yield "shifted by a pixel row", np.roll(frames, 3, 1)
    yield "too short", frames[:4]


@pytest.mark.parametrize("frames", [pytest.param(o, id=name) for name, o in other_videos()])
def test_a_video_with_other_frames_is_noticed(tmp_path, caplog, frames):
    own = context_project(tmp_path)
    write_video(tmp_path / "dlc/videos/run1.mp4", frames, quality=0)
    dataset = context_dataset(tmp_path / "dlc")
    for sample, numbers in zip(dataset, WINDOWS, strict=True):
        np.testing.assert_array_equal(window_frames(sample), own[[numbers[2]] * 5])
    assert "3 labeled frame(s) in run1 get no context frames from" in caplog.text
    assert "run1.mp4, because the video has other frames at these numbers: img000.png, img005.png" in caplog.text


def test_of_two_videos_of_a_name_the_labeled_one_is_read(tmp_path, caplog):
    frames = context_project(tmp_path)
    (tmp_path / "dlc/videos/run1.avi").write_text("damaged")
    np.testing.assert_array_equal(window_frames(context_dataset(tmp_path / "dlc")[1]), frames[3:8])
    assert "context frames were not read" in caplog.text and "cannot be read as a video" in caplog.text


def test_one_replaced_image_loses_only_its_own_context(tmp_path, caplog):
    frames = context_project(tmp_path, (2, 5, 8, 11))
    cv2.imwrite(str(tmp_path / "dlc/labeled-data/run1/img008.png"), frames[2])
    dataset = context_dataset(tmp_path / "dlc")
    np.testing.assert_array_equal(window_frames(dataset[1]), frames[3:8])
    np.testing.assert_array_equal(window_frames(dataset[2]), frames[[2] * 5])
    assert "1 labeled frame(s) in run1 get no context frames" in caplog.text and "img008.png" in caplog.text


def test_labeled_frames_are_evaluated_with_the_context_frames_of_the_video(tmp_path):
    frames = context_project(tmp_path)
    settings = ["model.model_type=heatmap_mhcrnn", "model.weights=null", "training.accelerator=cpu"]
    cfg = read_config(tmp_path / "dlc", settings)
    labels = get_labels(cfg)
    cfg = resolve(cfg, labels)
    predictor = Predictor(get_model(cfg, labels.keypoints), cfg, "cpu")
    from_video = predictor.images(labels.paths())[0]
    on_video = predictor.video(tmp_path / "dlc/videos/run1.mp4")[0]
    np.testing.assert_allclose(from_video, on_video[[0, 5, 11]], atol=0.01)
    for i, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / f"dlc/labeled-data/run1/img{i:03}.png"), frame[..., ::-1])
    np.testing.assert_array_equal(predictor.images(labels.paths())[0], from_video)
    shutil.rmtree(tmp_path / "dlc/videos")
    np.testing.assert_array_equal(predictor.images(labels.paths())[0], from_video)
