"Configs of Lightning Pose are read with their meaning"

import numpy as np
import pytest
import yaml
from conftest import REFERENCE

from posebook.config.read import read_config
from posebook.training.fit import train_tracker


def with_keys(path, keys):
    "Lightning Pose's own settings with some of them changed, a.b.c -> value"
    settings = yaml.safe_load((REFERENCE / "peer_default.yaml").read_text())
    for key, value in keys.items():
        *sections, name = key.split(".")
        section = settings
        for section_name in sections:
            section = section.setdefault(section_name, {})
        section[name] = value
    path.write_text(yaml.safe_dump(settings))
    return path


def test_default_settings_keep_their_meaning():
    notes = []
    cfg = read_config(REFERENCE / "peer_default.yaml", notes=notes)
    assert notes == ["eval.fiftyone is not used: FiftyOne is not used; see report.html"]
    their_settings = yaml.safe_load((REFERENCE / "peer_default.yaml").read_text())
    for section in ("data", "training", "model", "dali", "losses", "eval", "callbacks"):
        for key, value in their_settings[section].items():
            if key in (
                "data_dir",
                "video_dir",
                "image_resize_dims",
                "fiftyone",
                "hydra_paths",
                "backbone_pretrained",
                "test_videos_directory",
                "optimizer_params",
                "dali",
                "base",
                "context",
                "general",
            ):
                continue
            assert (
                getattr(cfg, section)[key] == value
                if section in ("losses", "callbacks")
                else getattr(getattr(cfg, section), key) == value
            ), key
    assert cfg.training.optimizer_params == {"learning_rate": 1e-3} and cfg.model.weights == "imagenet"
    assert (cfg.dali.base.train.sequence_length, cfg.dali.context.predict.sequence_length) == (32, 96)
    assert cfg.data.video_dir == cfg.eval.test_videos_directory == "/replace/with/your/path/videos"


@pytest.mark.parametrize(
    "keys",
    [
        {"training.max_epochs": 1, "training.min_epochs": 1},
        {
            "training.max_steps": 4,
            "training.min_steps": 4,
            "training.unfreezing_step": 2,
            "training.max_epochs": None,
            "training.min_epochs": None,
            "training.unfreezing_epoch": None,
            "training.lr_scheduler_params": {"multisteplr": {"milestone_steps": [2, 3], "gamma": 0.5}},
        },
        {"training.max_time": "00:00:00:02"},
    ],
    ids=["epochs", "steps", "time"],
)
def test_default_settings_train(toy_project, tmp_path, keys, caplog):
    small = {
        "data.data_dir": str(toy_project),
        "data.image_resize_dims": {"height": 64, "width": 64},
        "model.backbone": "resnet18",
        "model.backbone_pretrained": False,
        "training.train_batch_size": 8,
    }
    folder = train_tracker(
        with_keys(tmp_path / "theirs.yaml", {**small, **keys}), out=tmp_path / "model", progress=False
    )
    assert (folder / "checkpoints/last.ckpt").is_file()
    assert (
        any(o.startswith("training.num_gpus is 1, but the training runs") for o in caplog.messages)
        or read_config(folder).training.accelerator != "cpu"
    )


def test_settings_of_the_first_versions_are_mapped(tmp_path):
    notes = []
    path = with_keys(
        tmp_path / "old.yaml",
        {
            "data.header_rows": [0, 1, 2],
            "model.backbone": None,
            "model.resnet_version": 50,
            "model.losses_to_use": ["temporal", None],
            "model.learn_weights": False,
            "training.imgaug": "default",
            "training.multiple_trainloader_mode": "max_size_cycle",
            "training.dropout_rate": 0.1,
            "training.rng_seed_data_dali": 43,
            "dali.general": {"num_threads": 4, "device_id": 0, "device": "gpu"},
            "dali.context.predict": {"batch_size": 16},
            "dali.context.train.consecutive_sequences": True,
            "losses.temporal": {"weight": 2.0, "epsilon": 5.0},
            "losses.pca_singleview": {
                "log_weight": 5.0,
                "empirical_epsilon_percentile": 1.0,
                "min_variance_explained": 0.95,
            },
            "eval.create_labeled_video": True,
            "eval.saved_vid_preds_dir": None,
        },
    )
    cfg = read_config(path, notes=notes)
    assert (cfg.model.backbone, cfg.training.imgaug, cfg.model.losses_to_use) == ("resnet50", "none", ["temporal"])
    assert (cfg.dali.context.predict.sequence_length, cfg.dali.general["seed"]) == (16, 43)
    assert np.isclose(1 / (2 * np.exp(cfg.losses["temporal"]["log_weight"])), 2)
    assert cfg.losses["pca_singleview"]["components_to_keep"] == 0.95
    text = "\n".join(notes)
    for key in (
        "data.header_rows",
        "model.resnet_version",
        "training.dropout_rate",
        "losses.pca_singleview.empirical_epsilon_percentile",
        "dali.general.num_threads",
    ):
        assert key in text
