"""The splits of Lightning Pose 2.4.3, as numbers: run in an environment with `pip install lightning-pose==2.4.3`.

python splits.py > splits.json
"""

import json

import torch
from lightning_pose.data.datamodules import BaseDataModule


class Frames(torch.utils.data.Dataset):
    "As much of a dataset as a data module looks at"

    imgaug_transform, imgaug_hflip, do_context, height, width = ["Resize"], False, False, 256, 256

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return i


def split(n, train_prob, val_prob, seed, train_frames):
    m = BaseDataModule(
        Frames(n),
        train_batch_size=1,
        val_batch_size=1,
        test_batch_size=1,
        num_workers=0,
        train_probability=train_prob,
        val_probability=val_prob,
        train_frames=train_frames,
        torch_seed=seed,
    )
    return {k: list(map(int, getattr(m, f"{k}_dataset").indices)) for k in ("train", "val", "test")}


cases = [
    (90, 0.62, 0.05, 0, 1),
    (90, 0.62, 0.05, 2, 1),
    (90, 0.95, 0.05, 1, 1),
    (37, 0.8, 0.1, 7, 1),
    (12, 0.9, 0.05, 3, 1),
    (200, 0.5, 0.25, 4, 50),
    (101, 0.7, 0.1, 5, 0.25),
]
print(
    json.dumps(
        [
            {"n": n, "train_prob": t, "val_prob": v, "seed": s, "train_frames": f, **split(n, t, v, s, f)}
            for n, t, v, s, f in cases
        ]
    )
)
