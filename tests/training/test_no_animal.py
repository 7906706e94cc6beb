"""Frames in which every keypoint is occluded, because there is no animal, lower the confidence in such frames.

The figures for a tracker trained as in `posebook demo` are in reference/empty_arena.json."""

import shutil

import numpy as np
from conftest import read_reference
from empty_arena import label_empty_frames, median_images

from posebook.data.labels import read_labels
from posebook.inference.predictor import Predictor, predict_dataset
from posebook.training.fit import train_tracker


def test_frames_without_an_animal_get_a_low_confidence(toy_project, tmp_path):
    project = tmp_path / "toy"
    shutil.copytree(toy_project, project)
    label_empty_frames(project, median_images(project / "videos/toy0.mp4", 3))
    settings = ["training.accelerator=cpu", "training.max_steps=80", "eval.predict_vids_after_training=false"]
    settings += ["training.train_prob=0.9", "training.val_prob=0.05", "data.image_resize_dims.height=128"]
    settings += ["data.image_resize_dims.width=128"]
    model = train_tracker(project, *settings, out=tmp_path / "model", progress=False)
    predictor, labels = Predictor.from_folder(model), read_labels(project / "CollectedData.csv")
    assert (labels.visible[-3:] == 1).all()
    _, confidences = predict_dataset(predictor, labels)
    visible = labels.visible == 2
    assert np.median(confidences[visible]) > 0.6
    assert np.median(confidences[-3:]) < 0.3
    assert np.median(predictor.frames(median_images(project / "videos/toy1.mp4", 3))[1]) < 0.3


def test_the_figures_of_the_toy():
    "Three such frames lower the median confidence in a film of another recording, and the errors stay"
    figures = read_reference("empty_arena")["frames without an animal"]
    confidence = lambda labeled, film: figures[labeled]["median confidence"][film]
    assert confidence("none", "median images") > 0.9 and confidence("median images", "median images") < 0.3
    assert confidence("empty arena", "empty arena") < 0.3
    for labeled in ("empty arena", "median images"):
        assert figures[labeled]["error"]["median"] < figures["none"]["error"]["median"] + 0.1
        assert confidence(labeled, "the project's videos") > confidence("none", "the project's videos") - 0.01
