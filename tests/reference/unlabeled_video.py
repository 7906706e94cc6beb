"""What losses on unlabeled video bring with twenty labels.

    python unlabeled_video.py PROJECT [SECONDS]

PROJECT is the mirror-mouse folder; SECONDS the time of each training, 120 by default. Writes unlabeled_video.json
beside this file, in an hour. Never run by the tests; it needs an idle machine, since the training times are equal.

Two animals, three seeds, and three trainings of two minutes each. A step with video takes longer, so there are fewer in
the same time; a fourth training, of labels alone for as many steps as the second, separates the loss from the time.
Two more questions about the toy's tracker trained on labels alone: how good would it be if somebody who knows the truth
chose among the peaks of each heatmap, and how good is the best path through these peaks, where a peak costs the mass
that it lacks and a step the distance by which it exceeds 4 pixels?
"""

import json
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from posebook.data.labels import read_labels
from posebook.data.tables import read_predictions
from posebook.evaluation.evaluate import evaluate_model
from posebook.evaluation.metrics import read_pixel_errors
from posebook.inference.predict import predict_from_folder
from posebook.project.toy_project import make_toy_project
from posebook.toy import Toy
from posebook.training.fit import train_tracker

WAYS = {
    "labels alone": [],
    "temporal, pca_multiview": ["temporal", "pca_multiview"],
    "temporal, pca_multiview, agreement": ["temporal", "pca_multiview", "agreement"],
}
PEAKS, LEAST = 5, 0.01  # peaks of a map that are looked at, and the mass that counts as one


def numbers(errors):
    errors = errors[np.isfinite(errors)]
    return {
        "errors": len(errors),
        "mean": round(float(errors.mean()), 3),
        **{f"p{p}": round(float(np.percentile(errors, p)), 3) for p in (50, 90, 95, 99)},
    }


def peaks(path, found):
    "Return the highest peaks of each heatmap (S, K, P, 2) in frame pixels, the decoded one first, and the mass at each"
    with h5py.File(path) as f:
        maps = torch.tensor(f["heatmaps"][:], dtype=torch.float32)
    tops = torch.where(maps == F.max_pool2d(maps, 7, 1, 3), maps, 0.0).flatten(2).topk(PEAKS, -1).indices
    mass = 49 * F.avg_pool2d(maps, 7, 1, 3).flatten(2).gather(-1, tops)
    cell = 320 / maps.shape[-1]  # pixels of the frame, which is square
    places = torch.stack([tops % maps.shape[-1], tops // maps.shape[-1]], -1).add(0.5).mul(cell).sub(0.5).numpy()
    places[:, :, 0] = found
    return places, mass.numpy()


def best_path(places, mass):
    "Of each frame's peaks (S, P, 2) one (S, 2), so that the way through them is cheapest"
    cost, back = -np.log(mass + 1e-4), []
    total = cost[0]
    for before, now, here in zip(places, places[1:], cost[1:]):
        step = np.linalg.norm(now[None] - before[:, None], axis=-1)
        ways = total[:, None] + (0.3 * (step - 4).clip(0)).clip(max=6)
        back.append(ways.argmin(0))
        total = ways.min(0) + here
    chosen = [total.argmin()]
    for b in back[::-1]:
        chosen.append(b[chosen[-1]])
    return places[np.arange(len(places)), chosen[::-1]]


def on_toy(project, model, look_closer):
    "Errors on visible keypoints of frames without a label, by the way of reading the maps"
    predict_from_folder(model, project / "videos", overwrite=True, save_heatmaps=look_closer)
    labeled, errors, seconds = set(read_labels(project / "CollectedData.csv").images), {}, []
    for video, table in pd.read_csv(project / "truth.csv").groupby("video"):
        found = read_predictions(model / f"video_preds/{video}.csv")[2]
        true = table[["x", "y"]].to_numpy().reshape(found.shape)
        counts = table.visible.to_numpy(bool).reshape(found.shape[:2])
        counts[[i for i in range(len(found)) if f"labeled-data/{video}/img{i:08d}.png" in labeled]] = False
        read = {"": found}
        if look_closer:
            places, mass = peaks(model / f"video_preds/{video}_heatmaps.h5", found)
            seconds.append(mass[..., 1] >= LEAST)
            far = np.linalg.norm(places - true[:, :, None], axis=-1) + np.where(
                (mass < LEAST) & (np.arange(PEAKS) > 0), np.inf, 0
            )
            read["the best peak of each map"] = np.take_along_axis(places, far.argmin(-1)[..., None, None], 2)[:, :, 0]
            read["the best path through the peaks"] = np.stack(
                [best_path(places[:, k], mass[:, k]) for k in range(found.shape[1])], 1
            )
        for how, points in read.items():
            errors.setdefault(how, []).append(np.linalg.norm(points - true, axis=-1)[counts])
    found = {how: numbers(np.concatenate(e)) for how, e in errors.items()}
    if look_closer:
        found["the best peak of each map"]["second_peaks"] = round(
            float(np.concatenate(seconds).mean()), 4
        )  # share of the maps
    return found


def main(mouse, seconds=120):
    rows, folder = [], Path(tempfile.mkdtemp())
    limit = f"training.max_time=00:00:{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
    halves = "data.mirrored_column_matches=[[0,1,2,3,4,5,6],[8,9,10,11,12,13,14]]"
    (folder / "mouse.yaml").write_text(
        f"posebook: 1\ndata: {{data_dir: {Path(mouse).resolve()}}}\ntraining: {{train_prob: 0.225, val_prob: 0.1}}\n"
    )

    def on_mouse(model):
        evaluate_model(model)
        _, _, errors, split = read_pixel_errors(model / "predictions_pixel_error.csv")
        return {"": numbers(errors[split["test"]])}

    for seed in range(3):
        toy = make_toy_project(Toy(seed), folder / f"toy{seed}", labels=20, frames=600)
        animals = {
            "toy": (toy, [], lambda model, toy=toy: on_toy(toy, model, model.name == "labels alone")),
            "mouse": (folder / "mouse.yaml", [halves, f"training.rng_seed_data_pt={seed}"], on_mouse),
        }
        for animal, (project, settings, errors) in animals.items():

            def learn(
                way, limit, losses=(), animal=animal, seed=seed, project=project, settings=settings, errors=errors
            ):
                model = train_tracker(
                    project,
                    *settings,
                    limit,
                    f"model.losses_to_use=[{','.join(losses)}]",
                    f"training.rng_seed_model_pt={seed}",
                    out=folder / f"{animal}{seed}" / way,
                    progress=False,
                )
                steps = int(pd.read_csv(model / "logs/metrics.csv").step.max()) + 1
                for how, found in errors(model).items():
                    rows.append({"animal": animal, "seed": seed, "way": how or way, "steps": steps, **found})
                    print(rows[-1], flush=True)
                return steps

            steps = [learn(way, limit, losses) for way, losses in WAYS.items()]
            learn("labels alone, as many steps", f"training.max_steps={steps[1]}")
    text = ",\n".join(json.dumps(row) for row in rows)
    Path(__file__).with_suffix(".json").write_text(f"[{text}]\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
