"""Names of tensors and settings that changed before the first release, and outputs of the version before.

`python renamed.py` with that version (commit 98f0df0) installed writes renamed.json; tests/parity/test_renamed.py
compares this version with it."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from peer_numbers import sample_frames, weights  # noqa: E402

TENSORS = {
    r"^window_head\.cell\.say\.": "window_head.cell.input_conv.",
    r"^window_head\.cell\.forth\.": "window_head.cell.forward_conv.",
    r"^window_head\.cell\.back\.": "window_head.cell.backward_conv.",
    r"^window_head\.before\.": "window_head.input_conv.",
    r"^window_head\.forth\.": "window_head.forward_conv.",
    r"^window_head\.back\.": "window_head.backward_conv.",
    r"^window_head\.pass_forth\.": "window_head.forward_state.",
    r"^window_head\.pass_back\.": "window_head.backward_state.",
    r"^(?!network\.)": "network.",
}
SETTINGS = {"decode: local": "decode: windowed_soft_argmax", "window_head: walk": "window_head: recurrent"}


def new_name(name: str) -> str:
    for old, new in TENSORS.items():
        name = re.sub(old, new, name)
    return name


def config(**model):
    from posebook.config.read import check_config

    return check_config(
        {
            "posebook": 1,
            "data": {
                "num_keypoints": 3,
                "keypoint_names": ["a", "b", "c"],
                "image_resize_dims": {"height": 128, "width": 128},
            },
            "training": {"accelerator": "cpu", "precision": "32"},
            "model": {"backbone": "resnet18", "weights": None, **model},
        }
    )


CASES = {
    "heatmap": {},
    "heatmap_mhcrnn": {"model_type": "heatmap_mhcrnn"},
    "regression": {"model_type": "regression"},
    "crnn": {
        "model_type": "heatmap_mhcrnn",
        "neck": "none",
        "head": "deconv",
        "decode": "lightning_pose",
        "args": {"window_head": "crnn"},
    },
}


def outputs(model: dict, shapes=None, rename=lambda name: name):
    """Return outputs of a tracker with made-up weights for a few frames, and the names and shapes of its tensors.

    The weights follow from the old names. Each output tensor gives five numbers, products with fixed random vectors:
    unlike coordinates, they do not jump where two peaks are equally high, so they are equal on every processor."""
    from posebook.inference.predictor import Predictor
    from posebook.models.factory import get_model

    cfg = config(**model)
    tracker, tensors = get_model(cfg), []
    shapes = shapes or {k: list(v.shape) for k, v in tracker.state_dict().items()}
    tracker.load_state_dict({rename(k): weights(k, tuple(shape)) for k, shape in shapes.items()})
    network = getattr(tracker, "network", tracker)  # the version before had none
    network.register_forward_hook(
        lambda module, args, output: tensors.extend(output if isinstance(output, tuple) else [output])
    )
    Predictor(tracker, cfg, "cpu").frames(sample_frames())
    numbers = []
    for tensor in tensors:
        values = tensor.detach().double().flatten()
        vectors = torch.from_numpy(np.random.default_rng(0).standard_normal((5, len(values))))
        numbers += (vectors @ values / values.norm()).tolist()
    return numbers, shapes


def main():
    cases = {name: dict(zip(("numbers", "shapes"), outputs(model))) for name, model in CASES.items()}
    Path(__file__).with_suffix(".json").write_text(json.dumps(cases))


if __name__ == "__main__":
    main()
