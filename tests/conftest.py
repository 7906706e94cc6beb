"Fixtures and helpers that several test files use"

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import Callback
from omegaconf import OmegaConf

from posebook.core import decoders, models
from posebook.models.semisupervised import semi_supervised
from posebook.training.checkpoints import load_checkpoint

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "tests/reference"
MIRROR_MOUSE = ROOT.parent / "shared/data/mirror-mouse"
sys.path.insert(0, str(REFERENCE))  # the scripts that made the reference numbers; their inputs are used here again


def pytest_configure(config):
    config.addinivalue_line("markers", "gpu: needs an NVIDIA GPU")


# Settings of short trainings
FOUR_STEPS = ("training.accelerator=cpu", "training.max_steps=4", "eval.predict_vids_after_training=false")
VALIDATE_EACH_EPOCH = ("training.accelerator=cpu", "training.check_val_every_n_epoch=1")


# A config for trainings of two steps
TINY_CONFIG = """posebook: 1
model: {backbone: tiny, weights: null}
training: {accelerator: cpu, precision: "32", max_steps: 2, num_workers: 0}
eval: {predict_vids_after_training: false}
"""


# The command line in a process of its own, for models with the backbone of `short_run`
COMMAND_LINE = """
import sys
from posebook.cli import main
from posebook.testing import register_tiny
register_tiny()
main(sys.argv[1:])
"""


def command_line(*words):
    "Return the arguments of a process that runs a command"
    return [sys.executable, "-c", COMMAND_LINE, *map(str, words)]


def small_disk(folder, size):
    "A disk of `size` bytes, where one can be made"
    folder.mkdir()
    process = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, text=True
        )
        if shutil.which("mount")
        else None
    )
    if process is None or process.returncode:
        pytest.skip("no small disk can be made here")
    return folder


def rename_that_fails(step):
    "Return a `Path.rename` that fails at its n-th call, as a crash would"
    calls, rename = [], Path.rename

    def broken(self, to):
        calls.append(1)
        if len(calls) == step:
            raise KeyboardInterrupt
        return rename(self, to)

    return broken


class Interrupt(Callback):
    "Interrupt the training after a step, as Ctrl-C does"

    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


def load_weights(folder):
    return load_checkpoint(folder / "checkpoints/last.ckpt")["state_dict"]


def equal_weights(a, b):
    return all(torch.equal(a[k], b[k]) for k in a)


def file_contents(folder):
    "Return the bytes of every file in a folder, by relative path"
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def assert_error(result, *messages):
    "A command ended with exit code 2 and these messages, without a traceback"
    code, text = result
    assert code == 2, text
    assert "Traceback" not in text
    for message in messages:
        assert message in text, text


# Videos


def moving_frames(n=40, h=96, w=128):
    "Return smooth colored frames that move"
    y, x = np.mgrid[:h, :w]
    t = np.arange(n)[:, None, None]
    wave = lambda a, b, c: 128 + 100 * np.sin(x / w * a + y / h * b + t / 8 + c)
    return np.stack([wave(6, 2, 0), wave(2, 5, 1), wave(4, 4, 2)], -1).astype(np.uint8)


def write_film(path, frames, codec="libx264", pix="yuv420p", options=None, times=None, tags=()):
    "Write a video with PyAV alone, with any codec, pixel format, timestamps and tags"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], pix
        stream.codec_context.thread_count = 1
        for k, v in tags:
            setattr(stream.codec_context, k, v)
        for i, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            for k, v in tags:
                setattr(frame, k, v)
            if times is not None:
                frame.pts, frame.time_base = int(times[i]), Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


# Trackers without a training

IDENTITY = torch.eye(2, 3)[None]


def make_tracker(kind, semi=False, **settings):
    "Return an untrained tracker of two keypoints"
    torch.manual_seed(0)
    cls = semi_supervised(models[kind]) if semi else models[kind]
    tracker = cls(num_keypoints=2, image_size=(96, 96), weights=None, **settings)
    tracker.log_dict = lambda *args, **kwargs: None
    return tracker


def small_batch():
    "Return a batch of two labeled frames with two keypoints"
    images = torch.randint(0, 255, (2, 3, 96, 96), dtype=torch.uint8)
    keypoints = torch.full((2, 2, 2), 50.0)
    return dict(images=images, windows=torch.arange(2)[:, None], affine=IDENTITY.expand(2, 2, 3), keypoints=keypoints)


# Numbers of Lightning Pose


def read_reference(name):
    return json.loads((REFERENCE / f"{name}.json").read_text())


def assert_near(ours, theirs, tolerance):
    assert np.abs(np.asarray(ours, float) - np.asarray(theirs, float)).max() <= tolerance


def lightning_pose_decoder(stride):
    return decoders["lightning_pose"](stride)


def write_lightning_pose_model(folder, model_type="heatmap", backbone="resnet18", numbers="heatmap", **more):
    "Write a model folder as Lightning Pose leaves it, with the weights that the reference numbers were made with"
    from peer_numbers import weights

    reference, made = read_reference(f"peer_{numbers}"), {}
    tensors = {k: made.setdefault(first, weights(first, shape)) for k, (first, shape) in reference["tensors"].items()}
    path = folder / "tb_logs/test/version_0/checkpoints/epoch=0-step=5-best.ckpt"
    path.parent.mkdir(parents=True)
    hyper_parameters = {
        "optimizer_params": OmegaConf.create({"learning_rate": 1e-3}),
        "milestones": OmegaConf.create([1, 2]),
    }
    torch.save({"state_dict": tensors, "hyper_parameters": hyper_parameters, **more}, path)
    data = {
        "data_dir": str(folder),
        "csv_file": "CollectedData.csv",
        "video_dir": "videos",
        "num_keypoints": 3,
        "keypoint_names": ["a", "b", "c"],
        "image_resize_dims": {"height": 128, "width": 128},
        "downsample_factor": 2,
    }
    model = {"model_type": model_type, "backbone": backbone, "losses_to_use": [], "backbone_pretrained": False}
    config = {"data": data, "training": {"imgaug": "dlc", "num_gpus": 1}, "model": model}
    OmegaConf.save(OmegaConf.create(config), folder / "config.yaml")
    return folder, reference


# Fixtures


@pytest.fixture(scope="session", autouse=True)
def settings_folder(tmp_path_factory):
    "The list of trusted plug-ins is the tests' own, not the user's"
    os.environ["POSEBOOK_SETTINGS"] = str(tmp_path_factory.mktemp("settings"))
    os.environ.pop("POSEBOOK_TRUST", None)


@pytest.fixture(scope="session")
def root():
    return ROOT


def reading_order(root=ROOT):
    "The notebooks in the order of the sidebar, which is the order in which they are read"

    def expand(contents):
        for entry in [contents] if isinstance(contents, str) else contents:
            if isinstance(entry, dict):
                yield from expand(entry["contents"])
            else:
                yield from sorted((root / "nbs").glob(entry))

    return list(expand(yaml.safe_load((root / "_quarto.yml").read_text())["website"]["sidebar"]["contents"]))


@pytest.fixture(scope="session")
def mirror_mouse():
    if not MIRROR_MOUSE.is_dir():
        pytest.skip("the mirror-mouse data set is not beside the checkout")
    return MIRROR_MOUSE


@pytest.fixture(scope="session")
def toy_project(tmp_path_factory):
    "A small project of the toy animal, not to be changed"
    from posebook.project.toy_project import make_toy_project
    from posebook.toy import Toy

    return make_toy_project(Toy(0, 96, 96), tmp_path_factory.mktemp("toy") / "project", labels=12, frames=40)


@pytest.fixture
def project(toy_project, tmp_path):
    "A copy of it, to be broken"
    return Path(shutil.copytree(toy_project, tmp_path / "project"))


@pytest.fixture(scope="session")
def model(toy_project, tmp_path_factory):
    "A model folder after a few steps of training"
    from posebook.training.fit import train_tracker

    out = tmp_path_factory.mktemp("model") / "model"
    return train_tracker(toy_project, "training.max_steps=20", "training.accelerator=cpu", out=out, progress=False)


@pytest.fixture(scope="session")
def tiny_model():
    from posebook.testing import short_run

    return short_run("heatmap", steps=4).folder


@pytest.fixture(scope="session")
def other_model():
    "As `tiny_model`, of another seed"
    from posebook.testing import short_run

    return short_run("heatmap", "training.rng_seed_model_pt=5", steps=4).folder


@pytest.fixture(scope="session")
def unchanged_workspace(toy_project, tiny_model, tmp_path_factory):
    "A folder with a project, a model and a prediction table, not to be changed"
    from posebook.inference.predict import predict_from_folder

    root = tmp_path_factory.mktemp("robustness") / "root"
    shutil.copytree(toy_project, root / "project")
    (root / "project/posebook.yaml").write_text(TINY_CONFIG)
    shutil.copytree(tiny_model, root / "model")
    predict_from_folder(root / "model", root / "project/videos/toy0.mp4", root / "tables")
    return root


@pytest.fixture
def workspace(unchanged_workspace, tmp_path):
    "A copy of it, to be changed"
    return shutil.copytree(unchanged_workspace, tmp_path / "workspace")


@pytest.fixture
def run_command(capsys):
    "Run the command line's words in this process, and return the exit code and the output"
    from posebook.cli import main

    def run(*words):
        with pytest.raises(SystemExit) as e:
            main([str(o) for o in words])
        return e.value.code, "".join(capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def browser():
    "Headless Chromium, the system's own; one for all tests, since Playwright runs but once in a process"
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright, which drives the browser, is not installed"
    )
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("there is no chromium on this machine")
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()
