"""The confidence in films without an animal, with and without three labeled frames that show none.

    python empty_arena.py [FOLDER]

Trains three trackers of the toy with the settings of `posebook demo` and 250 steps: without frames that show no animal;
with three frames of the drawn, empty arena; and with three median images of a video, in which the moving animal leaves
a blurred trace. In these frames every keypoint is occluded. Each tracker tracks two films of other recordings: the
empty arena and median images. Writes empty_arena.json beside this file, on two cores in ten minutes. Not run by the
tests; FOLDER keeps the projects and models.
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
from posebook.video.read import read_frames

HERE = Path(__file__).parent


def empty_arena(toy, numbers, session):
    "Frames (n, H, W, 3) of a recording of the synthetic animal, without the animal"
    scene, traits, images = toy.scene(session), toy.traits(session), []
    activity = toy.activity(np.asarray(numbers), session)
    for i, number in enumerate(numbers):
        nothing = np.full(scene.wall.shape, len(ANATOMY), np.uint8)
        noise = np.random.default_rng([toy.seed, session, int(number)])
        images.append(toy._camera_image(traits, activity.t[i], activity.steps[i], scene.wall.copy(), nothing, noise))
    return np.stack(images)


def median_images(video, n):
    "The median images (n, H, W, 3) of parts of a video"
    frames = np.stack(list(read_frames(video)))
    return np.stack([np.median(part[::4], 0).astype(np.uint8) for part in np.array_split(frames, n)])


def label_empty_frames(project, images):
    "Add images without an animal to the labels of a project, with every keypoint occluded"
    labels = read_labels(project / "CollectedData.csv")
    names = [f"labeled-data/empty/img{n:08d}.png" for n in range(len(images))]
    (project / "labeled-data/empty").mkdir()
    for name, image in zip(names, images):
        cv2.imwrite(str(project / name), image[..., ::-1])
    shape = len(names), len(labels.keypoint_names)
    empty = Labels(names, np.full((*shape, 2), np.nan), labels.keypoint_names, visible=np.ones(shape, np.int8))
    replace(concatenate([labels, empty]), root=project).write(project / "CollectedData.csv")


def measure(project, films, steps):
    "Train, track the project's videos and the films, and return confidences and errors"
    model = posebook.train(project, f"training.max_steps={steps}", out=project / "model", progress=False)
    predictor = posebook.Predictor.from_folder(model)
    confidences = {name: predictor.frames(images)[1] for name, images in films.items()}
    tables = sorted((model / "video_preds").glob("*.csv"))
    confidences["the project's videos"] = np.concatenate([read_predictions(o)[3] for o in tables])
    errors = errors_against_truth(project, model)
    return {
        "median confidence": {k: round(float(np.median(o)), 3) for k, o in confidences.items()},
        "largest confidence": {k: round(float(o.max()), 3) for k, o in confidences.items()},
        "error": {
            "median": round(float(np.median(errors)), 3),
            "mean": round(float(errors.mean()), 3),
            "within 5 px": round(float((errors <= 5).mean()), 4),
        },
    }


def main(folder, steps=250):
    toy, results = Toy(0), {}
    plain = make_toy_project(toy, folder / "none")
    films = {
        "empty arena": empty_arena(toy, range(10), session=2),
        "median images": median_images(plain / "videos/toy1.mp4", 5),
    }
    labeled = {
        "none": [],
        "empty arena": empty_arena(toy, (0, 150, 299), session=0),
        "median images": median_images(plain / "videos/toy0.mp4", 3),
    }
    for name, images in labeled.items():
        project = folder / name.replace(" ", "_")
        if len(images):
            shutil.copytree(plain, project, ignore=shutil.ignore_patterns("model"))
            label_empty_frames(project, images)
        results[name] = measure(project, films, steps)
        print(name, results[name], flush=True)
    (HERE / "empty_arena.json").write_text(json.dumps({"frames without an animal": results}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
