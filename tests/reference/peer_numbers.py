"""Predictions of Lightning Pose itself.

Run in an environment of its own (pip install lightning-pose==2.4.3), never by the tests.

python peer_numbers.py train PROJECT OUT heatmap resnet18 60      a short training by its own model and data, on a CPU
python peer_numbers.py predict OUT VIDEO FRAMES NUMBERS.json      its predictions for the first frames of a video
python peer_numbers.py made_up MODEL BACKBONE NUMBERS.json        predictions of made-up weights for made-up frames
"""

import json
import sys
import zlib
from pathlib import Path

import av
import numpy as np
import torch
from omegaconf import OmegaConf


def weights(name, shape):
    "Numbers for a tensor, by its name"
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if name.endswith("running_var"):
        return torch.from_numpy(rng.uniform(0.5, 1.5, shape)).float()
    loud = 0.7 if "upsampling" in name or "head_mf" in name else 1
    if loud < 1 and shape[0] == 320:
        loud = 40  # an EfficientNet's features are quieter
    scale, middle = (loud / np.sqrt(np.prod(shape[1:])), 0) if len(shape) > 1 else (0.1, float(name.endswith("weight")))
    return torch.from_numpy(middle + scale * rng.standard_normal(shape)).float()


def sample_frames(n=9, height=150, width=190):
    "Smooth colored frames that move"
    y, x = np.mgrid[:height, :width]
    t = np.arange(n)[:, None, None]
    wave = lambda a, b, c: 128 + 100 * np.sin(x / width * a + y / height * b + t / 3 + c)
    return np.stack([wave(9, 2, 0), wave(2, 8, 1), wave(6, 6, 2)], -1).astype(np.uint8)


def settings(project, model_type, backbone, size=128):
    import pandas as pd

    table = pd.read_csv(Path(project) / "CollectedData.csv", header=[0, 1, 2], index_col=0)
    names = list(dict.fromkeys(table.columns.get_level_values(1)))
    return OmegaConf.create(
        {
            "data": {
                "data_dir": str(project),
                "csv_file": "CollectedData.csv",
                "video_dir": str(Path(project) / "videos"),
                "num_keypoints": len(names),
                "keypoint_names": names,
                "image_resize_dims": {"height": size, "width": size},
                "image_orig_dims": {"height": 406, "width": 396},
                "downsample_factor": 2,
                "mirrored_column_matches": None,
                "columns_for_singleview_pca": None,
            },
            "training": {
                "imgaug": "dlc",
                "train_batch_size": 8,
                "val_batch_size": 8,
                "test_batch_size": 8,
                "train_prob": 0.8,
                "val_prob": 0.1,
                "train_frames": 1,
                "num_gpus": 1,
                "num_workers": 0,
                "unfreezing_epoch": 0,
                "rng_seed_data_pt": 0,
                "rng_seed_model_pt": 0,
                "optimizer": "Adam",
                "optimizer_params": {"learning_rate": 1e-3},
                "lr_scheduler": "multisteplr",
                "lr_scheduler_params": {"multisteplr": {"milestones": [150], "gamma": 0.5}},
                "min_epochs": 1,
                "max_epochs": 300,
                "log_every_n_steps": 10,
            },
            "model": {
                "losses_to_use": [],
                "backbone": backbone,
                "backbone_pretrained": False,
                "model_type": model_type,
                "heatmap_loss_type": "mse",
                "model_name": "test",
                "checkpoint": None,
            },
            "dali": {
                "general": {"seed": 123456},
                "base": {"train": {"sequence_length": 8}, "predict": {"sequence_length": 16}},
                "context": {"train": {"batch_size": 8}, "predict": {"sequence_length": 16}},
            },
            "losses": {},
            "eval": {
                "predict_vids_after_training": False,
                "save_vids_after_training": False,
                "test_videos_directory": None,
                "confidence_thresh_for_vid": 0.9,
            },
            "callbacks": {
                "anneal_weight": {
                    "attr_name": "total_unsupervised_importance",
                    "init_val": 0.0,
                    "increase_factor": 0.01,
                    "final_val": 1.0,
                    "freeze_until_epoch": 0,
                }
            },
        }
    )


def train(project, out, model_type, backbone, steps):
    import lightning.pytorch as pl
    from lightning_pose.data.factory import get_data_module, get_dataset, get_imgaug_transform
    from lightning_pose.losses import get_loss_factories
    from lightning_pose.models.factory import get_model

    cfg = settings(project, model_type, backbone)
    data = get_data_module(
        cfg=cfg,
        dataset=get_dataset(
            cfg=cfg, data_dir=project, imgaug_transform=get_imgaug_transform(cfg=cfg, data_dir=project)
        ),
        video_dir=cfg.data.video_dir,
    )
    model = get_model(cfg=cfg, data_module=data, loss_factories=get_loss_factories(cfg=cfg, data_module=data))
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=int(steps),
        max_epochs=1000,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(model, data)
    folder = Path(out) / "tb_logs/test/version_0/checkpoints"
    folder.mkdir(parents=True)
    trainer.save_checkpoint(folder / f"epoch=0-step={steps}-best.ckpt")
    OmegaConf.save(cfg, Path(out) / "config.yaml")


def say(model, cfg, frames):
    "A model's keypoints and confidences for frames (n, height, width, 3) uint8"
    from lightning_pose.data.video.utils import normalize_frames

    size, (height, width) = cfg.data.image_resize_dims, frames.shape[1:3]
    images = normalize_frames(torch.from_numpy(frames).permute(0, 3, 1, 2), [size.height, size.width])
    bbox = torch.tensor([[0, 0, height, width]]).float()
    n = len(frames) - 4 * (
        cfg.model.model_type == "heatmap_mhcrnn"
    )  # the first two and the last two are only looked at
    with torch.no_grad():
        keypoints, confidences = model.eval().predict_step(
            {"frames": images, "bbox": bbox.expand(n, 4), "transforms": torch.zeros(1), "is_multiview": False}, 0
        )[:2]
    keypoints = keypoints.view(n, -1, 2)
    if cfg.model.model_type == "regression":
        keypoints = keypoints * torch.tensor(
            [width / size.width, height / size.height]
        )  # these are not brought back to the frame
    return {"keypoints": keypoints.numpy().round(4).tolist(), "confidences": confidences.numpy().round(5).tolist()}


def predict(folder, video, n, path):
    from lightning_pose.models.factory import get_model_class

    cfg = OmegaConf.load(Path(folder) / "config.yaml")
    [checkpoint] = Path(folder).rglob("*.ckpt")
    model = get_model_class(cfg.model.model_type, False).load_from_checkpoint(
        checkpoint, weights_only=False, loss_factory=None, pretrained=False, map_location="cpu"
    )
    with av.open(video) as c:
        frames = np.stack([f.to_ndarray(format="rgb24") for f, _ in zip(c.decode(video=0), range(int(n)))])
    Path(path).write_text(json.dumps(say(model, cfg, frames)))


def made_up(model_type, backbone, path):
    from lightning_pose.models.factory import get_model_class

    model = get_model_class(model_type, False)(num_keypoints=3, backbone=backbone, pretrained=False)
    first = {}  # a tensor that has two names -> its first
    for name, t in [*model.named_parameters(), *model.named_buffers()]:
        t.data.copy_(weights(name, t.shape))
        first[t.data_ptr()] = name
    names = {k: [first[v.data_ptr()], list(v.shape)] for k, v in model.state_dict().items()}
    cfg = OmegaConf.create(
        {"data": {"image_resize_dims": {"height": 128, "width": 128}}, "model": {"model_type": model_type}}
    )
    Path(path).write_text(json.dumps({"tensors": names, **say(model, cfg, sample_frames())}))


if __name__ == "__main__":
    {"train": train, "predict": predict, "made_up": made_up}[sys.argv[1]](*sys.argv[2:])
