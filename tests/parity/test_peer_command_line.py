"Model folders that Lightning Pose's own command line left (reference/peer_command_line.py)"

import pytest
import yaml
from conftest import read_reference, write_lightning_pose_model

from posebook.convert_lightning_pose import convert_model
from posebook.core import PosebookError
from posebook.formats.lightning_pose import LightningPose

MODEL_TYPES = "heatmap", "regression", "heatmap_mhcrnn"


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_the_predictions_agree(model_type):
    figures = read_reference("peer_command_line")[model_type]
    assert figures["distance"]["median"] < 0.001 and figures["distance"]["largest"] < 0.001
    assert figures["confidence"]["largest"] < 0.001
    assert figures["spread"] > 0.005  # the frames differ


def test_a_folder_of_the_command_line_is_converted(tmp_path, caplog):
    "Its config has a key of the command line, and the folder has more files than the Python functions leave"
    folder, _ = write_lightning_pose_model(tmp_path / "theirs", "heatmap", "resnet18", "heatmap")
    recorded, content = read_reference("peer_command_line"), yaml.safe_load((folder / "config.yaml").read_text())
    assert "creation_datetime" in recorded["config"]
    content["creation_datetime"] = recorded["config"]["creation_datetime"]
    content["a_key_of_tomorrow"] = content["training"]["another"] = 3
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    for name in recorded["heatmap"]["files"]:
        if not name.endswith((".ckpt", "config.yaml")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("")
    (folder / "predictions.csv").unlink(missing_ok=True)  # the split is read from it
    convert_model(folder)
    notes = "\n".join(caplog.messages)
    for key in ("creation_datetime", "a_key_of_tomorrow", "training.another"):
        assert f"{key} is not used" in notes


def test_unknown_keys_are_errors_elsewhere(tmp_path):
    from posebook.config.read import read_config

    (tmp_path / "config.yaml").write_text("training: {another: 3}")
    with pytest.raises(PosebookError, match="unknown key training.another"):
        read_config(tmp_path / "config.yaml")


def test_the_config_of_the_command_line_is_read():
    content = read_reference("peer_command_line")["config"]
    notes = LightningPose().translate(content)
    assert any(o.startswith("creation_datetime is not used") for o in notes)
