"""The confidence in a film of the empty arena, with and without three labeled frames that show no animal.

    python empty_arena.py [FOLDER]

Trains two trackers as `posebook demo` does, one without and one with three frames of the empty arena in which every
keypoint is occluded, tracks 30 frames of the empty arena of another recording, and writes empty_arena.json beside this
file. On a CPU with two cores, ten minutes. Not run by the tests; FOLDER keeps the projects and models.
"""

import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

import posebook
from posebook.data.labels import Labels, concatenate, read_labels
from posebook.data.tables import read_predictions
from posebook.project.toy_project import errors_against_truth, make_toy_project
from posebook.toy import Toy
from posebook.toy_drawing import ANATOMY
from posebook.video.files import write_video

HERE = Path(__file__).parent


def empty_arena(toy, numbers, session=0):
    "Frames (n, H, W, 3) of a recording of the synthetic animal, without the animal"
    scene, traits, images = toy.scene(session), toy.traits(session), []
    activity = toy.activity(np.asarray(numbers), session)
    for i, number in enumerate(numbers):
        nothing = np.full(scene.wall.shape, len(ANATOMY), np.uint8)
        noise = np.random.default_rng([toy.seed, session, int(number)])
        images.append(toy._camera_image(traits, activity.t[i], activity.steps[i], scene.wall.copy(), nothing, noise))
    return np.stack(images)


def label_empty_frames(project, toy, numbers=(0, 150, 299)):
    "Add frames of the empty arena to the labels of a project, with every keypoint occluded"
    labels = read_labels(project / "CollectedData.csv")
    names = [f"labeled-data/empty/img{n:08d}.png" for n in numbers]
    (project / "labeled-data/empty").mkdir()
    for name, image in zip(names, empty_arena(toy, numbers)):
        cv2.imwrite(str(project / name), image[..., ::-1])
    shape = len(names), len(labels.keypoint_names)
    empty = Labels(names, np.full((*shape, 2), np.nan), labels.keypoint_names, visible=np.ones(shape, np.int8))
    replace(concatenate([labels, empty]), root=project).write(project / "CollectedData.csv")


def measure(project, arena, out, *settings):
    "Train, track the empty arena and the project's own videos, and return the confidences and errors"
    model = posebook.train(project, *settings, out=out, progress=False)
    posebook.predict(model, arena, out=out / "arena", progress=False)
    keypoints = read_predictions(out / "arena" / f"{arena.stem}.csv")[3]
    own = np.concatenate([read_predictions(o)[3] for o in sorted((out / "video_preds").glob("*.csv"))])
    errors = errors_against_truth(project, model)
    return {
        "median confidence in the empty arena": round(float(np.median(keypoints)), 3),
        "largest confidence in the empty arena": round(float(keypoints.max()), 3),
        "median confidence in the videos": round(float(np.median(own)), 3),
        "median error (px)": round(float(np.median(errors)), 3),
        "mean error (px)": round(float(errors.mean()), 3),
        "within 5 px": round(float((errors <= 5).mean()), 4),
    }


def main(folder, *settings):
    toy, results = Toy(0), {}
    folder.mkdir(parents=True, exist_ok=True)
    arena = folder / "arena.mp4"
    write_video(arena, empty_arena(toy, np.arange(30), session=2), toy.fps, threads=1)
    without, with_empty = folder / "without", folder / "with"
    if not without.exists():
        make_toy_project(toy, without, labels=30)
        shutil.copytree(without, with_empty)
        label_empty_frames(with_empty, toy)
    for project in (without, with_empty):
        results[project.name] = measure(project, arena, folder / f"model_{project.name}", *settings)
        print(project.name, results[project.name], flush=True)
    return results


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    results = main(folder, *(sys.argv[2:] or ["training.max_time=00:00:01:20"]))
    (HERE / "empty_arena.json").write_text(json.dumps(results, indent=1) + "\n")
