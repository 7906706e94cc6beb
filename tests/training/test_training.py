"Training: the same seed gives the same weights, and the tracker learns"

import json

import numpy as np
import pytest
import torch
import yaml
from conftest import FOUR_STEPS, VALIDATE_EACH_EPOCH, equal_weights, load_weights

from posebook.config.read import read_config
from posebook.training.fit import TrainingRun, train_tracker


def test_frozen_stages_keep_their_weights(toy_project, tmp_path):
    run = TrainingRun(
        read_config(toy_project, [*VALIDATE_EACH_EPOCH, "training.max_steps=12", "training.unfreezing_step=6"]),
        tmp_path / "a",
    )
    before = {k: v.clone() for k, v in run.tracker.state_dict().items()}
    after = run.fit().tracker.state_dict()
    changed = lambda part: any(
        not torch.equal(before[k], after[k]) for k in before if k.startswith(part) and "num_batches" not in k
    )
    stages = [changed(f"network.backbone.stages.{i}") for i in range(4)]
    assert stages == [False, False, True, True] and changed("network.neck") and changed("network.head")
    assert not any(
        "running" in k and not torch.equal(before[k], after[k]) for k in before if k.startswith("network.backbone")
    )


def test_workers_do_not_change_the_weights(toy_project, tmp_path):
    settings = [*VALIDATE_EACH_EPOCH, "training.max_steps=4", "training.cache_features=false"]
    a, b = (
        load_weights(
            train_tracker(toy_project, *settings, f"training.num_workers={n}", out=tmp_path / str(n), progress=False)
        )
        for n in (0, 2)
    )
    assert equal_weights(a, b)


def test_seeds_change_weights_and_split_groups_stay_together(toy_project, tmp_path):
    a, b = (
        TrainingRun(
            read_config(
                toy_project,
                [
                    f"training.rng_seed_model_pt={n}",
                    "training.split=group",
                    "training.train_prob=0.5",
                    "training.val_prob=0.5",
                ],
            ),
            tmp_path,
        )
        for n in (0, 1)
    )
    assert not equal_weights(a.tracker.network.head.state_dict(), b.tracker.network.head.state_dict())
    groups = np.array(a.labels.groups())
    assert len(set(groups[a.data.split["train"]])) == len(set(groups[a.data.split["val"]])) == 1


@pytest.mark.parametrize(
    "settings",
    [
        ["training.precision=32"],
        ["training.precision=bf16", "training.cache_features=false"],
        ["model.neck=none", "model.head=deconv", "model.heatmap_loss_type=mse"],
        ["data.downsample_factor=3", "model.heatmap_loss_type=kl"],
        [
            "model.backbone=resnet18",
            "model.weights=null",
            "training.optimizer=Adam",
            "training.lr_scheduler=multisteplr",
        ],
        [
            "data.box=[3,5,80,70]",
            "data.image_resize_dims.height=64",
            "data.image_resize_dims.width=96",
            "training.imgaug=dlc-top-down",
        ],
        [
            "data.fit=letterbox",
            "data.box=[-10,20,120,70]",
            "data.image_resize_dims.height=96",
            "data.image_resize_dims.width=96",
            "model.losses_to_use=[temporal]",
            "callbacks.anneal_weight.start=0",
        ],
    ],
    ids=["fp32", "bf16", "deconv", "stride8", "resnet", "box", "letterbox"],
)
def test_other_settings_train(toy_project, tmp_path, settings):
    folder = train_tracker(
        toy_project, *VALIDATE_EACH_EPOCH, *settings, "training.max_steps=4", out=tmp_path / "model", progress=False
    )
    from posebook.inference.predictor import Predictor, predict_dataset
    from posebook.training.setup import get_labels

    predictor = Predictor.from_folder(folder, "cpu")
    keypoints, confidences = predict_dataset(predictor, get_labels(predictor.cfg))
    assert np.isfinite(keypoints).all() and ((0 <= confidences) & (confidences <= 1)).all()


def test_a_box_beyond_the_frame_is_mentioned(toy_project, tmp_path, caplog):
    train_tracker(toy_project, *FOUR_STEPS, "data.box=[-5,0,90,90]", out=tmp_path / "model", progress=False)
    assert "data.box is partly outside the frame of 96 x 96 pixels; this part is black" in caplog.messages


def test_a_lightning_pose_yaml_trains(toy_project, tmp_path, caplog):
    "Their keys, their defaults where they leave something out, in epochs"
    config = {
        "data": {
            "image_orig_dims": {"height": 96, "width": 96},
            "image_resize_dims": {"height": 128, "width": 128},
            "data_dir": str(toy_project),
            "video_dir": "videos",
            "csv_file": "CollectedData.csv",
            "downsample_factor": 2,
            "num_keypoints": 18,
        },
        "training": {
            "imgaug": "dlc",
            "train_batch_size": 4,
            "max_epochs": 2,
            "min_epochs": 1,
            "num_gpus": 1,
            "unfreezing_epoch": 1,
            "lr_scheduler": "multisteplr",
            "lr_scheduler_params": {"multisteplr": {"milestones": [1], "gamma": 0.5}},
        },
        "model": {
            "backbone": "resnet18",
            "backbone_pretrained": False,
            "model_type": "heatmap",
            "heatmap_loss_type": "mse",
            "model_name": "test",
            "losses_to_use": [],
        },
        "eval": {"hydra_paths": [" "], "predict_vids_after_training": False, "test_videos_directory": None},
        "hydra": {"run": {"dir": "outputs/${now:%Y-%m-%d}"}},
    }
    (tmp_path / "theirs.yaml").write_text(yaml.safe_dump(config))
    folder = train_tracker(tmp_path / "theirs.yaml", out=tmp_path / "model", progress=False)
    cfg = read_config(folder / "config.yaml")
    assert (cfg.model.neck, cfg.model.head, cfg.model.weights, cfg.training.optimizer, cfg.training.cache_features) == (
        "none",
        "deconv",
        None,
        "Adam",
        False,
    )
    assert "data.image_orig_dims is not used: the size is read from each image" in caplog.messages


def test_mirror_mouse_after_150_steps(mirror_mouse, tmp_path):
    "A real animal: better than the median pose by far after 150 steps"
    from posebook.evaluation.evaluate import evaluate_model

    (tmp_path / "posebook.yaml").write_text("posebook: 1\n")
    folder = train_tracker(
        tmp_path,
        f"data.data_dir={mirror_mouse}",
        "training.train_prob=0.62",
        "training.val_prob=0.05",
        "training.max_steps=150",
        "training.accelerator=cpu",
        out=tmp_path / "model",
        progress=False,
    )
    evaluate_model(folder)
    test = json.loads((folder / "metrics.json").read_text())["test"]["all"]
    assert test["median"] < 6, test  # the median pose: 36
