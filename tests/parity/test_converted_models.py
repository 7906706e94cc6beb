"Converted models of Lightning Pose predict what they predicted there (reference/peer_numbers.py)"

import pytest
from conftest import assert_near, write_lightning_pose_model
from omegaconf import OmegaConf
from peer_numbers import sample_frames

from posebook.convert_lightning_pose import convert_model
from posebook.core import PosebookError
from posebook.inference.predictor import Predictor


@pytest.mark.parametrize(
    "model_type, backbone, numbers",
    [
        ("heatmap", "resnet18", "heatmap"),
        ("regression", "resnet18", "regression"),
        ("heatmap_mhcrnn", "resnet18", "heatmap_mhcrnn"),
        ("heatmap", "efficientnet_b0", "heatmap_efficientnet"),
    ],
)
def test_converted_models_predict_the_same(tmp_path, model_type, backbone, numbers):
    folder, reference = write_lightning_pose_model(tmp_path / "theirs", model_type, backbone, numbers)
    keypoints, confidences = Predictor.from_folder(convert_model(folder), "cpu").frames(sample_frames())
    middle = slice(2, -2) if model_type == "heatmap_mhcrnn" else slice(None)  # the frames that Lightning Pose predicts
    assert_near(keypoints[middle], reference["keypoints"], 0.05)
    assert_near(confidences[middle], reference["confidences"], 0.01)


class Code:
    def __reduce__(self):
        return print, ("this must not run",)


def test_models_that_cannot_be_converted(tmp_path, capsys):
    folder, _ = write_lightning_pose_model(tmp_path / "code", extra=Code())
    with pytest.raises(PosebookError, match="holds code"):
        convert_model(folder)
    assert "must not run" not in capsys.readouterr().out
    cases = [
        ("model_type", "heatmap_multiview_transformer", "cannot be converted"),
        ("backbone", "vits_dino", "cannot be converted"),
        ("backbone", "resnet50", "do not fit"),
    ]
    for key, value, message in cases:
        folder, _ = write_lightning_pose_model(tmp_path / value)
        cfg = OmegaConf.load(folder / "config.yaml")
        cfg.model[key] = value
        OmegaConf.save(cfg, folder / "config.yaml")
        with pytest.raises(PosebookError, match=message):
            convert_model(folder)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(PosebookError, match="no config.yaml"):
        convert_model(tmp_path / "nothing")
    (tmp_path / "nothing/config.yaml").write_text((folder / "config.yaml").read_text())
    with pytest.raises(PosebookError, match="no checkpoint"):
        convert_model(tmp_path / "nothing")
