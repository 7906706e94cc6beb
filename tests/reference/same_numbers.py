"""Two versions of posebook give the same numbers.

`python same_numbers.py OLD_CHECKOUT NEW_CHECKOUT` prints a line of JSON for each comparison: trainings with the same
seed, and the new version's predictions with the old version's model folders. An idle machine takes three minutes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parent))
from renamed import SETTINGS, new_name  # noqa: E402

TRACKERS = {
    "heatmap": [],
    "heatmap with video": ["model.losses_to_use=[temporal,pca_multiview]", "dali.base.train.sequence_length=6"],
    "heatmap_mhcrnn": ["model.model_type=heatmap_mhcrnn"],
    "regression": ["model.model_type=regression"],
    "resnet18, deconv": [
        "model.backbone=resnet18",
        "model.weights=null",
        "model.neck=none",
        "model.head=deconv",
        "model.heatmap_loss_type=mse",
    ],
}
SHORT = [
    "training.max_steps=12",
    "training.unfreezing_step=6",
    "training.accelerator=cpu",
    "training.precision=32",
    "training.log_every_n_steps=1",
    "eval.predict_vids_after_training=false",
]


def posebook(checkout, *words):
    env = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", "from posebook.cli import main; main()", *map(str, words)],
        env=env,
        capture_output=True,
        text=True,
        cwd=tempfile.gettempdir(),
    )
    assert not done.returncode, done.stderr


def renamed(model, to):
    "A model folder of the old version with the new names"
    shutil.copytree(model, to)
    text = (to / "config.yaml").read_text()
    for before, now in SETTINGS.items():
        text = text.replace(before, now)
    (to / "config.yaml").write_text(text)
    state = torch.load(to / "checkpoints/last.ckpt", weights_only=True)
    state["state_dict"] = {new_name(k): v for k, v in state["state_dict"].items()}
    torch.save(state, to / "checkpoints/last.ckpt")
    (to / "posebook.json").unlink()  # its hash is of the old file
    return to


def main(old, new):
    folder = Path(tempfile.mkdtemp())
    posebook(old, "demo", "--quick", "--out", folder / "toy")
    video = folder / "toy/videos/toy0.mp4"
    for name, settings in TRACKERS.items():
        models = {which: folder / which / name for which in ("old", "new")}
        for which, checkout in (("old", old), ("new", new)):
            posebook(checkout, "train", folder / "toy", *SHORT, *settings, "--out", models[which])
        a, b = (pd.read_csv(o / "logs/metrics.csv") for o in models.values())
        losses = [c for c in a if c.endswith("_loss")]
        for which, checkout in (("old", old), ("new", new)):
            posebook(
                checkout,
                "predict",
                models["old"] if which == "old" else renamed(models["old"], folder / "renamed" / name),
                video,
                "--out",
                folder / f"by {which}" / name,
            )
        tables = [(folder / f"by {which}" / name / "toy0.csv").read_bytes() for which in ("old", "new")]
        print(
            json.dumps(
                {
                    "tracker": name,
                    "steps": int(a.step.max()) + 1,
                    "largest difference of a loss": float(
                        np.nanmax(np.abs(a[losses].to_numpy() - b[losses].to_numpy()))
                    ),
                    "predictions with the old model are equal to the byte": tables[0] == tables[1],
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main(*map(os.path.abspath, sys.argv[1:]))
