"Preprocessing: boxes, fits and affines, in torch and in DALI"

import ast

import numpy as np
import pytest
import torch
from conftest import ROOT

from posebook.core import PosebookError, sources
from posebook.data.geometry import apply_affine, invert
from posebook.data.preprocess import Preprocess, crop
from posebook.video.dali import dali_installed

HEIGHT, WIDTH = 240, 320


def spot(x, y, sigma=8.0):
    "Return a frame with a bright spot at (x, y)"
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    gray = 255 * np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * sigma**2))
    return np.repeat(gray[..., None], 3, -1)


def center_of_mass(image):
    v, u = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(u * image).sum(), (v * image).sum()]) / image.sum()


def random_box(rng):
    "Return a box that may reach beyond the frame, and a point 40 pixels inside of both"
    while True:
        x, y = rng.uniform((-150, -120), (WIDTH - 80, HEIGHT - 80))
        w, h = rng.uniform((90, 90), (360, 300))
        low = np.maximum((x, y), 0) + 40
        high = np.minimum((x + w, y + h), (WIDTH, HEIGHT)) - 40
        if (high > low).all():
            return [x, y, w, h], rng.uniform(low, high)


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_a_thousand_boxes_map_back(fit):
    """The center of a spot is found in the model input and mapped back to the frame.

    The frames are floats, since whole gray levels alone move a center of mass by up to 0.02 pixels."""
    rng, preprocess = np.random.default_rng(0), Preprocess((128, 160), fit=fit)
    boxes, points = zip(*(random_box(rng) for _ in range(1000)))
    assert sum(b[0] < 0 or b[1] < 0 or b[0] + b[2] > WIDTH or b[1] + b[3] > HEIGHT for b in boxes) > 500
    for box, point in zip(boxes, points):
        images, affines = preprocess(spot(*point)[None].astype(np.float32), [box])
        found = center_of_mass(images[0, 0].double().numpy())
        assert np.abs(apply_affine(invert(affines[0]), found[None])[0] - point).max() < 0.01, box


def test_boxes_replace_the_box():
    frames = np.random.default_rng(0).integers(0, 256, (3, HEIGHT, WIDTH, 3), np.uint8)
    boxes = [[10, 20, 100, 90], [-30, -20, 200, 100], [400, 0, 50, 50]]
    images, affines = Preprocess((64, 96), box=[0, 0, 50, 50])(frames, boxes)
    assert images.shape == (3, 3, 64, 96) and affines.shape == (3, 2, 3)
    for i, box in enumerate(boxes[:2]):
        [image], [affine] = Preprocess((64, 96), box=box)(frames[i : i + 1])
        assert torch.equal(images[i], image) and (affines[i] == affine).all()
    assert not images[2].any()  # outside the frame
    with pytest.raises(PosebookError, match="does not lie in a frame"):
        Preprocess((64, 96), box=boxes[2])(frames)
    for box in ([0, 0, 0, 5], [0, 0, np.nan, 5], [0, 0, 5]):
        with pytest.raises(PosebookError, match="is no box"):
            Preprocess((64, 96))(frames[:1], [box])


def test_cropping_equals_padding_and_slicing():
    frames = np.random.default_rng(0).integers(0, 256, (2, 30, 40, 3), np.uint8)
    padded = np.pad(frames, ((0, 0), (50, 50), (50, 50), (0, 0)))
    for x, y, w, h in np.random.default_rng(1).integers((-40, -40, 1, 1), (40, 30, 50, 50), (200, 4)):
        assert (crop(frames, (x, y, w, h)) == padded[:, 50 + y : 50 + y + h, 50 + x : 50 + x + w]).all()


@pytest.mark.skipif(not dali_installed(), reason="DALI is not installed")
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_torch_and_dali_agree(fit, interpolation):
    "Boxes inside, beyond the edge, and outside the frame"
    frames = [spot(100 + 20 * i, 120).round().astype(np.uint8) for i in range(6)]
    boxes = [[20, 30, 200, 150], [-50, -40, 300, 200], [200, 100, 200, 180], [-10, 20, 90, 300], [0, 0, 320, 240]]
    boxes.append([500, 500, 100, 100])
    ours, theirs = (
        sources[o](Preprocess((96, 128), None, fit, True, interpolation)).model_inputs(frames, boxes)
        for o in ("torch", "dali")
    )
    assert ours.shape == theirs.shape == (6, 3, 96, 128)
    assert (ours.int() - theirs.int()).abs().max() <= 2
    assert not ours[5].any() and not theirs[5].any()


def test_one_module_knows_how_frames_are_resized():
    "No module but the config's schema and the preprocessing names `antialias`"
    names = set()
    for path in (ROOT / "posebook").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = {getattr(n, "arg", None) or getattr(n, "attr", None) or getattr(n, "id", None) for n in ast.walk(tree)}
        found |= {n.target.id for n in ast.walk(tree) if isinstance(n, ast.AnnAssign) and hasattr(n.target, "id")}
        if "antialias" in found:
            names.add(path.relative_to(ROOT / "posebook").as_posix())
    assert names == {"config/schema.py", "data/preprocess.py"}
