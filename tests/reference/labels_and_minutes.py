"""How the error depends on the number of labeled frames, the length of the training and on settings.

    python labels_and_minutes.py PROJECT

PROJECT is the mirror-mouse folder. Writes labels_and_minutes.json beside this file, a row after each training, and
skips rows that are in it, so it can be stopped and started again. Never run by the tests: it takes about three hours of
two CPU cores. The lengths are numbers of steps, so other programs on the machine change the times but not the errors.

For each of three seeds, 30 % of the labeled frames are test frames, the same ones for all trainings of the seed.
Another 10 % are for validation, and of the others as many as stated are for training. The toy is the
synthetic animal whose number is the seed: two sessions with 60 labeled frames each.
"""

import json
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np

import posebook
from posebook.evaluation.metrics import read_pixel_errors
from posebook.project.toy_project import make_toy_project
from posebook.toy import Toy

RESULTS = Path(__file__).with_suffix(".json")
STEPS = 600
VIEWS = "data.mirrored_column_matches=[[0,1,2,3,4,5,6],[8,9,10,11,12,13,14]]"
# name of the row -> labeled frames for training, steps, settings
RUNS = {f"{n} frames": (n, STEPS, []) for n in (10, 20, 40, 54)}
RUNS |= {f"{n} steps": (54, n, []) for n in (75, 150, 300, 1200)}
SETTINGS = {
    "no augmentation": ["training.imgaug=none"],
    "model input 128 x 128": ["data.image_resize_dims.height=128", "data.image_resize_dims.width=128"],
    "model input 384 x 384": ["data.image_resize_dims.height=384", "data.image_resize_dims.width=384"],
    "backbone efficientnet_lite2": ["model.backbone=efficientnet_lite2"],
    "backbone frozen": ["model.args.tuned_stages=0"],
    "context tracker": ["model.model_type=heatmap_mhcrnn"],
    "losses of unlabeled video": ["model.losses_to_use=[temporal,pca_multiview]", VIEWS],
}
RUNS |= {name: (54, STEPS, settings) for name, settings in SETTINGS.items()}
SEEDS = (0, 1, 2)


def cpu_seconds():
    usage = [resource.getrusage(o) for o in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(o.ru_utime + o.ru_stime for o in usage)


def run(config, seed, frames, steps, settings):
    "Return the errors on the test frames and the CPU seconds of the training"
    with tempfile.TemporaryDirectory() as folder:
        started = cpu_seconds()
        model = posebook.train(
            config,
            "training.train_prob=0.6",
            "training.val_prob=0.1",
            f"training.train_frames={frames}",
            f"training.max_steps={steps}",
            f"training.rng_seed_data_pt={seed}",
            f"training.rng_seed_model_pt={seed}",
            "training.accelerator=cpu",
            *settings,
            out=Path(folder) / "model",
            track_videos=False,
            evaluate=False,
            progress=False,
        )
        seconds = cpu_seconds() - started
        posebook.evaluate(model, progress=False)
        _, _, errors, split = read_pixel_errors(model / "predictions_pixel_error.csv")
    errors = errors[split["test"]]
    errors = errors[np.isfinite(errors)]
    median, p95 = np.percentile(errors, (50, 95))
    found = {"errors": len(errors), "mean": errors.mean(), "median": median, "p95": p95}
    return {k: round(float(v), 2) for k, v in found.items()} | {"cpu_seconds": round(seconds)}


def main(mouse):
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    done = {(o["animal"], o["run"], o["seed"]) for o in rows}
    folder = Path(tempfile.mkdtemp())
    config = folder / "posebook.yaml"
    config.write_text(f"posebook: 1\ndata:\n  data_dir: {Path(mouse).resolve()}\n")
    toys = {seed: make_toy_project(Toy(seed, 224, 224), folder / f"toy{seed}", labels=120) for seed in SEEDS}
    for seed in SEEDS:
        for name, (frames, steps, settings) in RUNS.items():
            for animal, project in (("mirror-mouse", config), ("toy", toys[seed])):
                if (animal, name, seed) in done or (animal == "toy" and settings):
                    continue
                rows.append({"animal": animal, "run": name, "seed": seed} | run(project, seed, frames, steps, settings))
                RESULTS.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
                print(rows[-1], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
