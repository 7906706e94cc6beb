"Models of Lightning Pose say here what they said there: against its own numbers, which reference/peer_numbers.py wrote in an environment of its own"
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from posebook.convert_lightning_pose import convert_model
from posebook.core import PosebookError
from posebook.inference.predictor import Predictor

REFERENCE = Path(__file__).parent/"reference"
sys.path.insert(0, str(REFERENCE))
from peer_numbers import sample_frames, weights      # noqa: E402


def their_folder(folder, model_type="heatmap", backbone="resnet18", numbers="heatmap", **more):
    "A model folder as Lightning Pose leaves it, with the weights that the numbers were made with"
    reference, tensors_made = json.loads((REFERENCE/f"peer_{numbers}.json").read_text()), {}
    tensors = {k: tensors_made.setdefault(first, weights(first, shape)) for k, (first, shape) in reference["tensors"].items()}
    (folder/"tb_logs/test/version_0/checkpoints").mkdir(parents=True)
    torch.save({"state_dict": tensors, "hyper_parameters": {"optimizer_params": OmegaConf.create({"learning_rate": 1e-3}), "milestones": OmegaConf.create([1, 2])}, **more},
               folder/"tb_logs/test/version_0/checkpoints/epoch=0-step=5-best.ckpt")
    OmegaConf.save(OmegaConf.create({
        "data": {"data_dir": str(folder), "csv_file": "CollectedData.csv", "video_dir": "videos", "num_keypoints": 3, "keypoint_names": ["a", "b", "c"],
                 "image_resize_dims": {"height": 128, "width": 128}, "downsample_factor": 2},
        "training": {"imgaug": "dlc", "num_gpus": 1}, "model": {"model_type": model_type, "backbone": backbone, "losses_to_use": [], "backbone_pretrained": False}}), folder/"config.yaml")
    return folder, reference


@pytest.mark.parametrize("model_type, backbone, numbers", [
    ("heatmap", "resnet18", "heatmap"), ("regression", "resnet18", "regression"), ("heatmap_mhcrnn", "resnet18", "heatmap_mhcrnn"), ("heatmap", "efficientnet_b0", "heatmap_efficientnet")])
def test_predicts_the_same(tmp_path, model_type, backbone, numbers):
    folder, reference = their_folder(tmp_path/"theirs", model_type, backbone, numbers)
    keypoints, confidences = Predictor(convert_model(folder, say=lambda line: None), "cpu")(sample_frames())
    their_keypoints, their_confidences = np.array(reference["keypoints"]), np.array(reference["confidences"])
    middle = slice(2, -2) if model_type == "heatmap_mhcrnn" else slice(None)       # it answers for no others
    assert their_keypoints.std((0, 1)).min() > .2
    assert np.abs(keypoints[middle] - their_keypoints).max() < .05 and np.abs(confidences[middle] - their_confidences).max() < .01


class Code:
    def __reduce__(self): return print, ("this must not run",)


def test_what_cannot_be_converted(tmp_path, capsys):
    folder, _ = their_folder(tmp_path/"code", extra=Code())
    with pytest.raises(PosebookError, match="holds code"): convert_model(folder)
    assert "must not run" not in capsys.readouterr().out
    for key, value, message in (("model_type", "heatmap_multiview_transformer", "cannot be converted"), ("backbone", "vits_dino", "cannot be converted"), ("backbone", "resnet50", "do not fit")):
        folder, _ = their_folder(tmp_path/value)
        cfg = OmegaConf.load(folder/"config.yaml")
        cfg.model[key] = value
        OmegaConf.save(cfg, folder/"config.yaml")
        with pytest.raises(PosebookError, match=message): convert_model(folder)
    (tmp_path/"nothing").mkdir()
    with pytest.raises(PosebookError, match="no config.yaml"): convert_model(tmp_path/"nothing")
    (tmp_path/"nothing/config.yaml").write_text((folder/"config.yaml").read_text())
    with pytest.raises(PosebookError, match="no checkpoint"): convert_model(tmp_path/"nothing")
