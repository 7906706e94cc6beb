"Label tables: what is learned of each keypoint, and what is an error"

import logging

import numpy as np
import pytest
import torch
from conftest import IDENTITY
from PIL import Image

from posebook.config.read import check_config
from posebook.core import PosebookError
from posebook.data.augment import Augmenter
from posebook.data.dataset import LabeledDataset, collate
from posebook.data.label_states import OCCLUDED
from posebook.data.labels import Labels, concatenate, read_labels
from posebook.data.preprocess import Preprocess
from posebook.labeling.pick_frames import add_rows
from posebook.losses.supervised import HeatmapCrossEntropy
from posebook.models.heatmap import HeatmapTracker
from posebook.models.mhcrnn import for_both_heads
from posebook.training.resume import labels_sha256
from posebook.training.setup import get_labels

NAMES = ["nose", "paw"]


def write(path, rows, coords="x,y"):
    "Write a label table of the keypoints nose and paw; `rows` has the cells of each image"
    coords = coords.split(",")
    header = [["scorer", *["anna"] * 2 * len(coords)], ["bodyparts", *np.repeat(NAMES, len(coords))]]
    header.append(["coords", *coords * 2])
    lines = [",".join(o) for o in header] + [f"labeled-data/a/img{i}.png,{o}" for i, o in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def table(tmp_path):
    return lambda *rows, coords="x,y": write(tmp_path / "CollectedData.csv", rows, coords)


def warnings(caplog):
    return [o.getMessage() for o in caplog.records if o.levelno >= logging.WARNING]


def states(path, **kwargs):
    labels = read_labels(path, **kwargs)
    assert (np.isnan(labels.keypoints).any(-1) == (labels.visible != 2)).all()
    assert labels.visible.dtype == np.int8
    return labels.visible.tolist()


def test_empty_cells_are_missing(table, caplog):
    assert states(table("1,2,,", "3,4,NaN,NA")) == [[2, 0], [2, 0]]
    assert warnings(caplog) == []


@pytest.mark.parametrize("text", ["#N/A", "N/A", "NULL", "null", "none", "<NA>", "nan", " "])
def test_texts_of_other_programs_for_empty_cells(table, text):
    labels = read_labels(table(f"{text},{text},3,4", "1,2,3,4"))
    assert labels.visible.tolist() == [[0, 2], [2, 2]] and labels.keypoints[0, 1].tolist() == [3, 4]


def test_empty_columns_at_the_end(table, tmp_path):
    "Spreadsheet programs can add them; new rows of the table still get the path of the image in one column"
    path = table("1,2,3,4", ",,5,6")
    path.write_text("".join(f"{line},,\n" for line in path.read_text().splitlines()))
    add_rows(path, ["labeled-data/a/img2.png"])
    labels = read_labels(path)
    assert labels.images == [f"labeled-data/a/img{i}.png" for i in range(3)]
    assert labels.keypoints[:, 1].tolist()[:2] == [[3, 4], [5, 6]] and labels.visible.tolist() == [
        [2, 2],
        [0, 2],
        [0, 0],
    ]
    path.write_text(path.read_text().replace("1,2,3,4,,", "1,2,3,4,,7"))
    with pytest.raises(PosebookError, match="line 4 has 7 cells"):
        read_labels(path)


def test_a_first_row_without_labels(table):
    assert read_labels(table(",,,", "1,2,3,4")).visible.tolist() == [[0, 0], [2, 2]]


def test_fractions_of_the_image_size_are_an_error(table, tmp_path):
    "Such as from YOLO; as pixels, all of them would be learned in the first pixel"
    path = table(".5,.25,.75,1", ",,0.2,0.1")
    (tmp_path / "labeled-data/a").mkdir(parents=True)
    for i in range(2):
        Image.new("RGB", (128, 96)).save(tmp_path / f"labeled-data/a/img{i}.png")
    with pytest.raises(PosebookError, match="fractions of the image"):
        read_labels(path).check()
    assert len(read_labels(table("1,1,2,1", "0,1,1,0")).check()) == 2


def test_labels_at_the_origin_are_missing(table, caplog):
    path = table("0,0,5,6", "0.0,0.0,0,0", "0,7,7,0")
    assert states(path) == [[0, 2], [0, 0], [2, 2]]
    (warning,) = warnings(caplog)
    assert "3 label(s) at exactly (0, 0) are treated as missing: nose 2, paw 1" in warning


def test_likelihood_0_is_missing(table, caplog):
    path = table("5,6,0,7,8,0.9", "5,6,0.0,7,8,0", "0,0,0,,,", coords="x,y,likelihood")
    assert states(path) == [[0, 2], [0, 0], [0, 0]]
    (warning,) = warnings(caplog)
    assert (
        warning.startswith("3 label(s) with a 0 in the column `visible` or `likelihood`") and "nose 2, paw 1" in warning
    )


def test_visible_0_with_a_position_is_missing(table, caplog):
    assert states(table("5,6,0,7,8,2", "5,6,2,,,0", coords="x,y,visible")) == [[0, 2], [2, 0]]
    (warning,) = warnings(caplog)
    assert warning.startswith("1 label(s) with a 0 in the column `visible`") and warning.endswith("nose 1")


def test_the_position_of_an_occluded_keypoint_is_not_used(table, caplog):
    assert states(table("5,6,1,7,8,2", ",,1,7,8,1", coords="x,y,visible")) == [[1, 2], [1, 1]]
    (warning,) = warnings(caplog)
    assert warning.startswith("2 keypoint(s) are occluded") and "nose 1, paw 1" in warning


def test_zeros_as_padding_need_no_warning(table, caplog):
    "As COCO writes keypoints that are not labeled"
    assert states(table("0,0,0,0,0,1", "1,2,2,3,4,2", coords="x,y,visible")) == [[0, 1], [2, 2]]
    assert warnings(caplog) == []


@pytest.mark.parametrize(
    "row, coords, what",
    [
        ("5,,7,8", "x,y", "1 keypoint(s) have only one of x and y: nose of labeled-data/a/img1.png"),
        ("5,6,,8", "x,y", "1 keypoint(s) have only one of x and y: paw of labeled-data/a/img1.png"),
        ("5,,1,7,8,2", "x,y,visible", "have only one of x and y: nose of labeled-data/a/img1.png"),
        ("5,6,3,7,8,2", "x,y,visible", "have a state other than 0, 1 and 2: nose of labeled-data/a/img1.png"),
        ("5,6,1.5,7,8,2", "x,y,visible", "have a state other than 0, 1 and 2: nose of labeled-data/a/img1.png"),
        ("5,6,2,7,8,", "x,y,visible", "have a state other than 0, 1 and 2: paw of labeled-data/a/img1.png"),
        ("5,6,2,,,2", "x,y,visible", "are visible (2), but have no position: paw of labeled-data/a/img1.png"),
    ],
)
def test_contradictions_are_errors(table, row, coords, what):
    good = {"x,y": "1,2,3,4", "x,y,visible": "1,2,2,3,4,2"}[coords]
    with pytest.raises(PosebookError) as e:
        read_labels(table(good, row, coords=coords))
    assert what in str(e.value) and "CollectedData.csv" in str(e.value)


def test_an_error_names_at_most_five_keypoints(table):
    with pytest.raises(PosebookError) as e:
        read_labels(table(*["5,,7,"] * 4))
    assert "8 keypoint(s) have only one" in str(e.value) and str(e.value).count("labeled-data") == 5


def test_an_empty_row_of_a_table_with_states_is_missing(table, caplog):
    "As `posebook frames` adds it"
    assert states(table("1,2,2,3,4,1", ",,,,,", coords="x,y,visible")) == [[2, 1], [0, 0]]


def test_the_setting_of_lightning_pose_makes_empty_cells_occluded(table, tmp_path):
    assert states(table("1,2,,"), empty=OCCLUDED) == [[2, 1]]
    assert states(table("1,2,2,,,0", coords="x,y,visible"), empty=OCCLUDED) == [[2, 0]]  # no effect


def test_states_are_written_only_if_a_keypoint_is_occluded(table, tmp_path):
    path = table("1,2,,")
    labels = read_labels(path)
    labels.write(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text() == path.read_text()
    path = table("1.5,2,2,,,1", ",,0,3,4,2", coords="x,y,visible")
    read_labels(path).write(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text() == path.read_text()


def test_several_tables_with_and_without_states(tmp_path, caplog):
    "Empty cells are occluded only in the table without states; each cause has one warning"
    for name, rows, coords in (("a", ["1,2,,", "0,0,3,4"], "x,y"), ("b", ["1,2,2,,,0", "0,0,2,3,4,1"], "x,y,visible")):
        write(tmp_path / f"{name}.csv", rows, coords)
        text = (tmp_path / f"{name}.csv").read_text().replace("labeled-data/a", f"labeled-data/{name}")
        (tmp_path / f"{name}.csv").write_text(text)
    assert states(tmp_path / "*.csv", root=tmp_path, empty=OCCLUDED) == [[2, 1], [1, 2], [2, 0], [0, 1]]
    assert [o.split(" are ")[0] for o in warnings(caplog)] == [
        "2 label(s) at exactly (0, 0)",
        "1 keypoint(s)",
    ]


def test_states_of_a_deeplabcut_table(tmp_path, caplog):
    "They are in a file beside the table, whose own columns are x and y"
    folder = tmp_path / "labeled-data/a"
    folder.mkdir(parents=True)
    path = write(folder / "CollectedData_anna.csv", ["1,2,,", "3,4,5,6", ",,7,8"])
    rows = ["labeled-data/a/img0.png,paw,1", "labeled-data/a/img1.png,paw,1", "labeled-data/a/img9.png,paw,1"]
    (folder / "visibility.csv").write_text("\n".join(["image,keypoint,visible", *rows]))
    assert states(path, root=tmp_path) == [[2, 1], [2, 1], [0, 2]]
    no_effect, ignored = warnings(caplog)
    assert "1 row(s) of" in no_effect and "paw of labeled-data/a/img9.png" in no_effect
    assert "occluded" in ignored and ignored.endswith("paw 1")
    assert states(path, root=tmp_path, empty=OCCLUDED) == [[2, 1], [2, 1], [0, 2]]
    (folder / "visibility.csv").write_text("image,keypoint,visible\nlabeled-data/a/img0.png,paw,hidden\n")
    with pytest.raises(PosebookError, match="row 2 is not"):
        read_labels(path, tmp_path)


# --- Frames ---


def images_of(path):
    from PIL import Image

    labels = read_labels(path)
    for o in labels.paths():
        o.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64)).save(o)
    return {"data_dir": str(path.parent), "csv_file": path.name}


@pytest.mark.parametrize("posebook", [1, None], ids=["posebook", "lightning_pose"])
def test_frames_without_a_label_are_named_and_frames_without_an_animal_are_kept(table, caplog, posebook):
    path = table("1,2,2,3,4,2", ",,1,,,1", ",,0,,,0", coords="x,y,visible")
    data = images_of(path)
    labels = get_labels(check_config({"posebook": posebook, "data": data} if posebook else {"data": data}))
    kept = [[2, 2], [1, 1]] if posebook else [[2, 2], [1, 1], [0, 0]]
    assert labels.visible.tolist() == kept
    (warning,) = warnings(caplog)
    assert warning.startswith("1 frame(s) of the table have no label") and ("left out" in warning) == bool(posebook)


def test_states_follow_their_frames_and_keypoints(table):
    labels = read_labels(table("1,2,2,3,4,2", ",,1,,,0", coords="x,y,visible"))
    assert labels.select([1, 0]).visible.tolist() == [[1, 0], [2, 2]]
    other = Labels(["b.png"], np.array([[[5.0, 6]]]), ["paw"])
    assert concatenate([labels, other]).visible.tolist() == [[2, 2], [1, 0], [0, 2]]
    assert labels.table().visible.tolist() == [2, 2, 1, 0]
    missing = read_labels(table("1,2,3,4", ",,,"))
    assert labels_sha256(labels) != labels_sha256(missing)


def test_a_label_just_outside_its_image_becomes_missing(table, caplog):
    path = table("64.2,2,2,,,1", "1,2,2,3,4,2", coords="x,y,visible")
    images_of(path)
    labels = read_labels(path).check()
    assert labels.visible.tolist() == [[0, 1], [2, 2]] and np.isnan(labels.keypoints[0]).all()


# --- Targets ---


def test_a_flip_moves_the_states_with_the_keypoints(table):
    path = table("10,20,2,,,1", coords="x,y,visible")
    images_of(path)
    augment = Augmenter({"flip": {"pairs": [NAMES], "p": 1}}, NAMES)
    data = LabeledDataset(read_labels(path), Preprocess((64, 64)), augment)
    plain, flipped = data.sample(0), data.sample(0, 0)
    assert plain["visible"].tolist() == [2, 1] and flipped["visible"].tolist() == [1, 2]
    assert flipped["keypoints"][0].isnan().all() and flipped["keypoints"][1].tolist() == [10, 20]
    assert collate([plain, flipped])["visible"].tolist() == [[2, 1], [1, 2]]


def test_targets_of_the_three_states():
    torch.manual_seed(0)
    tracker = HeatmapTracker(3, backbone="efficientnet_lite0", weights=None, image_size=(64, 64)).eval()
    keypoints = torch.tensor([[[20.0, 30], [torch.nan] * 2, [torch.nan] * 2]])
    batch = dict(
        images=torch.zeros(1, 3, 64, 64, dtype=torch.uint8),
        affine=IDENTITY,
        keypoints=keypoints,
        visible=torch.tensor([[2, 1, 0]]),
    )
    outputs = tracker.get_loss_inputs_labeled(batch)
    maps = outputs["heatmaps_targ"][0]
    assert maps[0].argmax() == 7 * 16 + 5 and (maps[1] == 1 / 256).all() and not maps[2].any()
    # the loss is the mean over the visible and the occluded keypoint
    log_p = outputs["logits_pred"][0].flatten(1).log_softmax(-1)
    by_hand = -(maps[:2].flatten(1) * log_p[:2]).sum(-1).mean()
    assert torch.allclose(HeatmapCrossEntropy()(**outputs), by_hand)
    del batch["visible"]  # a batch of a user's own loader
    assert tracker.get_loss_inputs_labeled(batch)["heatmaps_targ"].sum((-1, -2)).tolist()[0][1:] == [0, 0]
    assert for_both_heads({"visible": torch.tensor([[2, 1]])})["visible"].tolist() == [[2, 1], [2, 1]]


def test_two_spellings_of_a_name_with_an_accent(tmp_path):
    "Keypoints of two files are one keypoint, and one image in two files occurs twice"
    head = "scorer,a,a\nbodyparts,{k},{k}\ncoords,x,y\n"
    (tmp_path / "1").mkdir()
    for i, name in enumerate(("pied arri\u00e8re", "pied arrie\u0300re")):
        Image.new("RGB", (20, 20)).save(tmp_path / f"1/img{i}.png")
        (tmp_path / f"1/Labels{i}.csv").write_text(head.format(k=name) + f"1/img{i}.png,{i + 1},2\n", encoding="utf-8")
    labels = read_labels(tmp_path / "1/Labels*.csv", tmp_path)
    assert labels.keypoint_names == ["pied arri\u00e8re"]
    assert labels.keypoints[:, 0].tolist() == [[1, 2], [2, 2]]


def test_absolute_paths_of_another_computer(tmp_path):
    "A table from Windows, of a project that was copied; an image that is not here keeps its path"
    (tmp_path / "labeled-data/run1").mkdir(parents=True)
    Image.new("RGB", (20, 20)).save(tmp_path / "labeled-data/run1/img1.png")
    rows = "".join(f"D:\\mice\\labeled-data\\run1\\img{i}.png,{i},2\n" for i in (1, 2))
    (tmp_path / "CollectedData.csv").write_text("scorer,a,a\nbodyparts,nose,nose\ncoords,x,y\n" + rows)
    labels = read_labels(tmp_path / "CollectedData.csv")
    assert labels.images == ["labeled-data/run1/img1.png", "D:/mice/labeled-data/run1/img2.png"]
