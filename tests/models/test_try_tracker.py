"`try_tracker` names the fault of a tracker that trains well, but predicts badly"

import pytest

from posebook.core import models
from posebook.models.heatmap import HeatmapTracker
from posebook.testing import check_error, check_prediction, mean_pose_error, short_run, small_project, try_tracker


@pytest.fixture
def register():
    "Register trackers for one test"
    names = []

    def add(tracker):
        names.append(tracker.__name__)
        models(tracker.__name__)(tracker)

    yield add
    for name in names:
        del models[name]


def test_a_good_tracker_passes_and_its_error_is_printed(capsys):
    try_tracker("heatmap")
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("heatmap: error ") and " px on 12 labeled frames (heatmap: " in line
    assert line.endswith(", mean pose: 3.1 px)")


def test_a_tracker_that_is_far_off(register):
    class Far(HeatmapTracker):
        def to_frame(self, *args):
            outputs = super().to_frame(*args)
            return {**outputs, "keypoints_pred": outputs["keypoints_pred"] + 150 / 2**0.5}

    register(Far)
    with pytest.raises(
        AssertionError, match=r"the final error is 1[45]\d\.\d px, worse than the mean pose \(heatmap: "
    ):
        try_tracker("Far")


def test_a_tracker_that_needs_images_in_prediction(register):
    class Images(HeatmapTracker):
        def predict_step(self, batch, batch_idx=0):
            features = self.network.get_features(batch["images"])
            return self.to_frame(self.network.predict(features=features), batch["affine"])

    register(Images)
    with pytest.raises(AssertionError, match="(?s)`predict` fails: KeyError: 'images'.*gets `features`.*no `images`"):
        try_tracker("Images")


def test_a_tracker_whose_features_are_not_used_in_prediction(register):
    "It is trained with mirrored features; `predict_step` gets those of the network"

    class Mirrored(HeatmapTracker):
        def forward(self, batch):
            batch = self.network_inputs(batch)
            return self.network(features=self.network.get_features(batch["images"]).flip(-1))

    register(Mirrored)
    with pytest.raises(AssertionError, match="(?s)the error is .* px in training, but .* px in `evaluate`.*`features`"):
        try_tracker("Mirrored", "training.cache_features=false", steps=120)


def test_a_tracker_that_predicts_otherwise_from_features(register):
    class Shifted(HeatmapTracker):
        def predict_step(self, batch, batch_idx=0):
            outputs = super().predict_step(batch)
            return {**outputs, "keypoints_pred": outputs["keypoints_pred"] + 3.0 * ("features" in batch)}

    register(Shifted)
    run = short_run("Shifted", steps=2)
    with pytest.raises(
        AssertionError, match="`evaluate` differs from `predict_step` with images; .*: the median distance"
    ):
        check_prediction(run)


def test_the_error_of_the_mean_pose():
    run = short_run("heatmap", steps=1)
    keypoints = run.labels.keypoints
    train = keypoints[run.split["train"]]
    expected = []
    for k in range(keypoints.shape[1]):
        points = train[:, k][~(train[:, k] != train[:, k]).any(1)]
        center = points.sum(0) / len(points)
        expected += [((p - center) ** 2).sum() ** 0.5 for p in keypoints[:, k] if (p == p).all()]
    assert mean_pose_error(run) == pytest.approx(sum(expected) / len(expected))
    assert small_project().is_dir()
    check_error(run, heatmap_error=1000)  # a limit that no tracker exceeds
