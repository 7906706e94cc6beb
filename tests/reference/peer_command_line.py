"""Models that Lightning Pose's own command line trained, converted, and compared with its predictions.

    python peer_command_line.py /path/to/litpose

`litpose train` and `litpose predict` run as separate programs (pip install lightning-pose==2.4.3 in an environment of
its own); posebook converts the folders that they leave and tracks the same video. Writes peer_command_line.json beside
this file: the files of each folder, the config of one of them, and the distances between the predictions. Takes about
four minutes on two cores; never run by the tests.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml

HERE = Path(__file__).parent
MODEL_TYPES = "heatmap", "regression", "heatmap_mhcrnn"


def settings(project, names, model_type):
    "Return the settings that Lightning Pose starts people with, for a training of two epochs from random weights"
    content = yaml.safe_load((HERE / "peer_default.yaml").read_text())
    content["data"] |= dict(data_dir=str(project), video_dir=str(project / "videos"), num_keypoints=len(names))
    content["data"] |= dict(keypoint_names=names, image_resize_dims=dict(height=128, width=128))
    few = dict(min_epochs=1, max_epochs=2, unfreezing_epoch=1, check_val_every_n_epoch=1, log_every_n_steps=1)
    content["training"] |= dict(**few, num_workers=0, train_batch_size=4, train_prob=0.8, val_prob=0.1)
    content["training"]["lr_scheduler_params"]["multisteplr"]["milestones"] = [1]
    content["model"] |= dict(backbone="resnet18", backbone_pretrained=False, model_type=model_type)
    content["eval"] |= dict(predict_vids_after_training=False)
    return content


def compare(litpose, project, folder, model_type):
    "Train and predict with both programs, and return what Lightning Pose left and how far the predictions differ"
    from posebook.commands import convert, predict
    from posebook.data.tables import read_predictions

    names = (project / "CollectedData.csv").read_text().splitlines()[1].split(",")[1::2]
    config = folder / f"{model_type}.yaml"
    config.write_text(yaml.safe_dump(settings(project, names, model_type)))
    model, video = folder / model_type, project / "videos/toy0.mp4"
    subprocess.run([litpose, "train", config, "--output_dir", model], check=True)
    subprocess.run([litpose, "predict", model, video], check=True)
    files = sorted(p.relative_to(model).as_posix() for p in model.rglob("*") if p.is_file())
    [table] = predict(convert(model), video, out=folder / f"{model_type}_tables", device="cpu", progress=False)
    _, _, theirs, their_confidences = read_predictions(model / "video_preds/toy0.csv")
    _, _, ours, our_confidences = read_predictions(table)
    assert len(ours) == len(theirs)
    # Lightning Pose leaves the positions of a regression model in pixels of the model input (128 of 160 pixels)
    if model_type == "regression":
        theirs = theirs * 160 / 128
    # at the ends of a video, its context models have no complete window
    middle = slice(2, -2) if model_type == "heatmap_mhcrnn" else slice(None)
    distances = np.linalg.norm(ours - theirs, axis=-1)[middle]
    assert np.isfinite(distances).all()
    confidences = np.abs(our_confidences - their_confidences)
    return (model / "config.yaml").read_text(), dict(
        files=files,
        distance=dict(median=float(np.median(distances)), largest=float(distances.max())),
        confidence=dict(median=float(np.median(confidences)), largest=float(confidences.max())),
        spread=float(theirs.std(0).mean()),  # the predictions differ from frame to frame
    )


def main(litpose):
    from posebook.project.toy_project import make_toy_project
    from posebook.toy import Toy

    folder, result = Path(tempfile.mkdtemp()), {}
    make_toy_project(Toy(0, 160, 160), folder / "mouse", labels=20, videos=1, frames=60)
    for model_type in MODEL_TYPES:
        config, result[model_type] = compare(litpose, folder / "mouse", folder, model_type)
        print(model_type, {k: v for k, v in result[model_type].items() if k != "files"})
    result["config"] = yaml.safe_load(config.replace(str(folder), "FOLDER"))
    (HERE / "peer_command_line.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
