"""The error of a tracker in videos whose labeled images were cropped by DeepLabCut, with and without the box.

    python deeplabcut_crop.py [FOLDER]

Makes a project of DeepLabCut from two videos of the toy, which lie in a larger frame. The labeled images are crops,
as DeepLabCut saves them if its config.yaml has a `crop`. A tracker is trained for 250 steps, and it tracks the videos
in the box of the crop (`data.video_boxes`, which posebook reads from config.yaml) and as whole frames. Writes
deeplabcut_crop.json beside this file, on two cores in three minutes. Not run by the tests.
"""

import json
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import yaml

import posebook
from posebook.config.read import read_config
from posebook.data.labels import Labels
from posebook.data.tables import read_predictions
from posebook.toy import Toy
from posebook.video.files import write_video

HERE = Path(__file__).parent
LEFT, TOP, MARGIN = 60, 40, (80, 100)  # of the crop in the video; height and width that the video has more


def make_project(folder, toy, num_frames=300, labels=15):
    "Write a project of DeepLabCut; return the true positions (frames, K, 2) in pixels of each video, NaN: not visible"
    truth, sets = {}, {}
    for session in range(2):
        name = f"run{session}"
        frames, keypoints, visible = toy.render(num_frames, session)
        height, width = frames.shape[1:3]
        film = np.full((num_frames, height + MARGIN[0], width + MARGIN[1], 3), 90, np.uint8)
        film[:, TOP : TOP + height, LEFT : LEFT + width] = frames
        (folder / "videos").mkdir(parents=True, exist_ok=True)
        write_video(folder / f"videos/{name}.mp4", film)
        sets[f"/data/{name}.mp4"] = {"crop": f"{LEFT}, {LEFT + width}, {TOP}, {TOP + height}"}
        keypoints = np.where(visible[..., None], keypoints, np.nan)
        picks = np.linspace(0, num_frames - 1, labels + 2).round().astype(int)[1:-1]
        (folder / f"labeled-data/{name}").mkdir(parents=True)
        images = [f"labeled-data/{name}/img{i:04d}.png" for i in picks]
        for image, i in zip(images, picks):
            cv2.imwrite(str(folder / image), frames[i][..., ::-1])
        table = Labels(images, keypoints[picks], toy.keypoint_names, folder, "anna")
        table.write(folder / f"labeled-data/{name}/CollectedData_anna.csv")
        keypoints[picks] = np.nan  # only frames without labels are evaluated
        truth[name] = keypoints + (LEFT, TOP)
    config = {"Task": "toy", "scorer": "anna", "bodyparts": list(toy.keypoint_names), "video_sets": sets}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return truth


def measure(model, videos, truth, out):
    "Track the videos; return the errors and the confidences"
    errors, confidences = [], []
    for table in posebook.predict(model, videos, out=out, progress=False):
        _, _, keypoints, confidence = read_predictions(table)
        errors.append(np.linalg.norm(keypoints - truth[Path(table).stem], axis=-1))
        confidences.append(confidence)
    errors = np.concatenate(errors)
    return {
        "median error": round(float(np.nanmedian(errors)), 3),
        "mean error": round(float(np.nanmean(errors)), 3),
        "median confidence": round(float(np.median(np.concatenate(confidences))), 3),
    }


def main(folder, steps=250):
    project = folder / "project"
    truth = make_project(project, Toy(0))
    boxes = read_config(project).data.video_boxes
    model = posebook.train(project, f"training.max_steps={steps}", out=folder / "model", track_videos=False)
    results = {"boxes": boxes, "in the box": measure(model, project / "videos", truth, folder / "boxed")}
    config = yaml.safe_load((model / "config.yaml").read_text())
    config["data"]["video_boxes"] = None
    (model / "config.yaml").write_text(yaml.safe_dump(config))
    results["whole frames"] = measure(model, project / "videos", truth, folder / "whole")
    print(json.dumps(results, indent=1))
    (HERE / "deeplabcut_crop.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
