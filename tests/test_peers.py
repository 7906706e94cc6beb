"Projects, settings and labels of Lightning Pose, DeepLabCut and SLEAP are read as they are"
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from posebook.config.read import read_config
from posebook.core import PosebookError
from posebook.data.labels import read_labels
from posebook.project.project import init_project
from posebook.video.files import read_frames
from posebook.training.fit import train_tracker

REFERENCE = Path(__file__).parent/"reference"


def with_keys(path, keys):
    "Lightning Pose's own settings with some of them changed, a.b.c -> value"
    settings = yaml.safe_load((REFERENCE/"peer_default.yaml").read_text())
    for key, value in keys.items():
        *sections, name = key.split(".")
        section = settings
        for section_name in sections: section = section.setdefault(section_name, {})
        section[name] = value
    path.write_text(yaml.safe_dump(settings))
    return path


def test_default_settings_keep_their_meaning():
    notes = []
    cfg = read_config(REFERENCE/"peer_default.yaml", notes=notes)
    assert notes == ["eval.fiftyone is not used: FiftyOne is not used; see report.html"]
    their_settings = yaml.safe_load((REFERENCE/"peer_default.yaml").read_text())
    for section in ("data", "training", "model", "dali", "losses", "eval", "callbacks"):
        for key, value in their_settings[section].items():
            if key in ("data_dir", "video_dir", "image_resize_dims", "fiftyone", "hydra_paths", "backbone_pretrained", "test_videos_directory", "optimizer_params", "dali", "base", "context", "general"): continue
            assert getattr(cfg, section)[key] == value if section in ("losses", "callbacks") else getattr(getattr(cfg, section), key) == value, key
    assert cfg.training.optimizer_params == {"learning_rate": 1e-3} and cfg.model.weights == "imagenet"
    assert (cfg.dali.base.train.sequence_length, cfg.dali.context.predict.sequence_length) == (32, 96)
    assert cfg.data.video_dir == cfg.eval.test_videos_directory == "/replace/with/your/path/videos"


@pytest.mark.parametrize("keys", [
    {"training.max_epochs": 1, "training.min_epochs": 1},
    {"training.max_steps": 4, "training.min_steps": 4, "training.unfreezing_step": 2, "training.max_epochs": None, "training.min_epochs": None, "training.unfreezing_epoch": None,
     "training.lr_scheduler_params": {"multisteplr": {"milestone_steps": [2, 3], "gamma": .5}}},
    {"training.max_time": "00:00:00:02"}], ids=["epochs", "steps", "time"])
def test_default_settings_train(toy_project, tmp_path, keys):
    messages = []
    small = {"data.data_dir": str(toy_project), "data.image_resize_dims": {"height": 64, "width": 64}, "model.backbone": "resnet18", "model.backbone_pretrained": False,
             "training.train_batch_size": 8}
    folder = train_tracker(with_keys(tmp_path/"theirs.yaml", {**small, **keys}), out=tmp_path/"model", say=messages.append)
    assert (folder/"checkpoints/last.ckpt").is_file()
    assert any(o.startswith("note: training.num_gpus is 1 and there is none") for o in messages) or read_config(folder).training.accelerator != "cpu"


def test_settings_of_the_first_versions_are_mapped(tmp_path):
    notes = []
    path = with_keys(tmp_path/"old.yaml", {
        "data.header_rows": [0, 1, 2], "model.backbone": None, "model.resnet_version": 50, "model.losses_to_use": ["temporal", None], "model.learn_weights": False,
        "training.imgaug": "default", "training.multiple_trainloader_mode": "max_size_cycle", "training.dropout_rate": .1, "training.rng_seed_data_dali": 43,
        "dali.general": {"num_threads": 4, "device_id": 0, "device": "gpu"}, "dali.context.predict": {"batch_size": 16}, "dali.context.train.consecutive_sequences": True,
        "losses.temporal": {"weight": 2., "epsilon": 5.}, "losses.pca_singleview": {"log_weight": 5., "empirical_epsilon_percentile": 1., "min_variance_explained": .95},
        "eval.create_labeled_video": True, "eval.saved_vid_preds_dir": None})
    cfg = read_config(path, notes=notes)
    assert (cfg.model.backbone, cfg.training.imgaug, cfg.model.losses_to_use) == ("resnet50", "none", ["temporal"])
    assert (cfg.dali.context.predict.sequence_length, cfg.dali.general["seed"]) == (16, 43)
    assert np.isclose(1 / (2 * np.exp(cfg.losses["temporal"]["log_weight"])), 2)
    assert cfg.losses["pca_singleview"]["components_to_keep"] == .95
    text = "\n".join(notes)
    for key in ("data.header_rows", "model.resnet_version", "training.dropout_rate", "losses.pca_singleview.empirical_epsilon_percentile", "dali.general.num_threads"): assert key in text


def deeplabcut(toy_project, folder, scorer="anna"):
    "The toy's project as DeepLabCut would have it: a table for each video, with the path in three columns"
    labels = read_labels(toy_project/"CollectedData.csv")
    shutil.copytree(toy_project/"labeled-data", folder/"labeled-data")
    (folder/"config.yaml").write_text(yaml.safe_dump({"Task": "reach", "scorer": scorer, "date": "Nov24", "multianimalproject": False, "bodyparts": labels.keypoint_names,
                                                      "video_sets": {}, "project_path": "/elsewhere", "TrainingFraction": [.95], "skeleton": []}))
    lines = (toy_project/"CollectedData.csv").read_text().splitlines()
    header = [o.replace(",", ",,,", 1) for o in lines[:3]]
    for video in {Path(o).parent.name for o in labels.images}:
        rows = [o.replace("/", ",", 2) for o in lines[3:] if f"/{video}/" in o]
        (folder/f"labeled-data/{video}/CollectedData_{scorer}.csv").write_text("\n".join([*header, *rows]) + "\n")
    return labels


def test_a_project_of_deeplabcut_trains_where_it_is(toy_project, tmp_path):
    labels = deeplabcut(toy_project, tmp_path/"dlc")
    few = ["training.max_steps=4", "data.image_resize_dims.height=64", "data.image_resize_dims.width=64"]
    before = {p for p in (tmp_path/"dlc").rglob("*")}
    folder = train_tracker(tmp_path/"dlc", *few, out=tmp_path/"model", say=lambda o: None)
    assert {p for p in (tmp_path/"dlc").rglob("*")} == before
    cfg = read_config(folder)
    found = read_labels(Path(cfg.data.data_dir)/cfg.data.csv_file, cfg.data.data_dir)
    assert found.keypoint_names == labels.keypoint_names
    order = [found.images.index(o) for o in labels.images]
    np.testing.assert_array_equal(found.keypoints[order], labels.keypoints)
    assert "CollectedData_anna.csv" in init_project(tmp_path/"dlc").read_text()


@pytest.mark.parametrize("name", ["deeplabcut.h5", "deeplabcut_split.h5"])
def test_tables_that_pandas_wrote(name):
    "Written by pandas' to_hdf with PyTables, a path in one level and in three"
    labels = read_labels(REFERENCE/name)
    assert labels.images == ["labeled-data/run1/img00000003.png", "labeled-data/run1/img00000017.png"]
    np.testing.assert_array_equal(labels.keypoints, [[[10.5, 20], [30, 40.25]], [[11, 21], [np.nan, np.nan]]])


def test_what_is_no_such_table(tmp_path):
    (tmp_path/"a.h5").write_text("no")
    with pytest.raises(PosebookError, match="no table as DeepLabCut writes it"): read_labels(tmp_path/"a.h5")
    with pytest.raises(PosebookError, match="no file with labels fits"): read_labels(tmp_path/"*.csv")


def test_several_animals_are_refused(toy_project, tmp_path):
    (tmp_path/"config.yaml").write_text("{Task: reach, scorer: anna, multianimalproject: true, bodyparts: MULTI!}")
    with pytest.raises(PosebookError, match="several animals"): init_project(tmp_path)


@pytest.mark.parametrize("embed", [False, "user"], ids=["slp", "pkg.slp"])
def test_labels_of_sleap(toy_project, tmp_path, embed):
    sleap_io = pytest.importorskip("sleap_io")
    labels = read_labels(toy_project/"CollectedData.csv")
    video, skeleton = sleap_io.load_video(str(toy_project/"videos/toy0.mp4")), sleap_io.Skeleton([str(o) for o in labels.keypoint_names])
    rows = [i for i, o in enumerate(labels.images) if "/toy0/" in o][:3]
    number = lambda i: int(Path(labels.images[i]).stem[3:])
    frames = [sleap_io.LabeledFrame(video=video, frame_idx=number(i), instances=[sleap_io.Instance.from_numpy(labels.keypoints[i], skeleton=skeleton)]) for i in rows]
    sleap_io.Labels(frames).save(str(tmp_path/("a.pkg.slp" if embed else "a.slp")), embed=embed, verbose=False)
    init_project(tmp_path)
    found = read_labels(tmp_path/"CollectedData.csv")
    assert found.images == [labels.images[i] for i in rows] and found.keypoint_names == labels.keypoint_names
    np.testing.assert_allclose(found.keypoints, labels.keypoints[rows], atol=1e-6)
    from PIL import Image
    for path, i in zip(found.paths(), rows):
        theirs = next(f for n, f in enumerate(read_frames(toy_project/"videos/toy0.mp4")) if n == number(i))
        assert np.abs(np.asarray(Image.open(path)).astype(int) - theirs).max() <= 3


def test_a_format_of_ones_own(toy_project, tmp_path):
    "`init` imports its labels, and `csv_file` of a config may name its file"
    from posebook.core import formats
    from posebook.formats.base import Format
    from posebook.training.setup import get_labels
    labels = read_labels(toy_project/"CollectedData.csv")

    class Points(Format):
        suffixes = (".pts",)
        def find_labels(self, project): return next(project.glob("*.pts"), None)
        def read_labels(self, path, root): return type(labels)(labels.images, labels.keypoints, labels.keypoint_names, root)

    formats("points")(Points)
    try:
        (tmp_path/"a.pts").touch()
        init_project(tmp_path)
        np.testing.assert_allclose(read_labels(tmp_path/"CollectedData.csv").keypoints, labels.keypoints, atol=1e-6)
        (toy_project/"a.pts").touch()
        read = get_labels(read_config(toy_project, ["data.csv_file=a.pts"]))
        np.testing.assert_array_equal(read.keypoints, labels.keypoints)
        assert read.images == labels.images
    finally:
        del formats["points"]
        (toy_project/"a.pts").unlink(missing_ok=True)
