"""The parts of posebook beside those of Lightning Pose 2.4.3, on the same inputs: equal, or different by a stated relation. And what Lightning Pose gets wrong, beside what posebook does there.
Lightning Pose's numbers were written by reference/peer_parts.py in an environment of its own; nothing here imports it."""
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from posebook.evaluation import evaluate     # all models, heads and losses get their names with it
from posebook.core import build, decoders, losses, models
from posebook.data.augment import Augmenter
from posebook.data.dataset import EpochSampler, LabeledDataset, collate
from posebook.data.geometry import apply_affine, frame_affine, invert
from posebook.data.heatmaps import decode_windowed_soft_argmax, gaussian_heatmaps
from posebook.data.labels import read_labels
from posebook.video.stream import TorchSource, batch_windows
from posebook.losses.factory import LossFactory
from posebook.models.heatmap import HeatmapTracker
from posebook.models.semisupervised import semi_supervised

REFERENCE = Path(__file__).parent/"reference"
sys.path.insert(0, str(REFERENCE))
import peer_parts      # noqa: E402

read_reference = lambda name: json.loads((REFERENCE/f"{name}.json").read_text())
reference, faults = read_reference("parts"), read_reference("parts_faults")
their_decoder = decoders["lightning_pose"]()
identity = torch.eye(2, 3)[None]


def assert_near(ours, theirs, tolerance): assert np.abs(np.asarray(ours, float) - np.asarray(theirs, float)).max() <= tolerance


def test_versions(): assert {read_reference(f"parts{o}")["lightning_pose"] for o in ("", "_pca", "_windows", "_faults")} == {"2.4.3"}


# Targets ------------------------------------------------------------------------------------------------------------------------------------------------------------------

def on_map(name):
    "Stride, size in cells, and the matching keypoints in our pixels: Lightning Pose has cell 0 at pixel 0, we have it at (stride - 1) / 2"
    height, width, num_halvings = peer_parts.SIZES[name]
    stride = 2**num_halvings
    return stride, (height // stride, width // stride), peer_parts.places(name) + (stride - 1) / 2


@pytest.mark.parametrize("name", peer_parts.SIZES)
def test_targets_are_equal_after_a_shift(name):
    stride, size, positions = on_map(name)
    maps = gaussian_heatmaps(positions, size, stride, 1.25)
    if name == "fine": maps = maps[..., ::4, ::4]
    listed = torch.tensor(reference["heatmaps"][name])
    assert_near(maps[:, [0, 1, 2, 3, 5]], listed[:, [0, 1, 2, 3, 5]], 1e-6)
    assert listed[:, 4:].abs().max() == 0                            # far outside, and unknown


def target(positions, affine, size, stride, uniform=False): return HeatmapTracker.target_heatmaps(SimpleNamespace(decoder=their_decoder, stride=stride, sigma=1.25, uniform=uniform), positions, affine, size)


@pytest.mark.parametrize("name", peer_parts.SIZES)
def test_targets_of_a_frame_that_was_made_smaller(name):
    "With decode: lightning_pose the shift is in the affine, half pixels of the resize included: labels in pixels of the frame become its targets"
    (height, width, _), (stride, size, _) = peer_parts.SIZES[name], on_map(name)
    for grow in (1, 1.7, 3):
        frame = round(height * grow), round(width * grow)
        affine = torch.tensor(frame_affine(frame, (height, width))).float()[None]
        maps = target(peer_parts.places(name) * torch.tensor([frame[1] / width, frame[0] / height]), affine, size, stride)
        if name == "fine": maps = maps[..., ::4, ::4]
        assert_near(maps[:, [0, 1, 4, 5]], torch.tensor(reference["heatmaps"][name])[:, [0, 1, 4, 5]], 1e-5)


def test_which_labels_get_a_target():
    "In their names of pixels: they teach from 0 to the picture's 128; we, with decode: lightning_pose, what the cells cover, which is two pixels (half a cell) further left"
    x = torch.arange(-6, 135, .5)
    with_target = x[target(torch.stack([x, torch.full_like(x, 60.)], -1)[None], identity, (32, 32), 4)[0].sum((-1, -2)) > 0]
    assert (reference["edges"]["first"], reference["edges"]["last"]) == (0., 127.5)
    assert (with_target[0].item(), with_target[-1].item()) == (-1.5, 125.5)
    our_maps = HeatmapTracker.target_heatmaps(SimpleNamespace(decoder=decoders["windowed_soft_argmax"](), stride=4, sigma=1.5, uniform=False), torch.stack([x, torch.full_like(x, 60.)], -1)[None], identity, (32, 32))
    assert (x[our_maps[0].sum((-1, -2)) > 0][[0, -1]]).tolist() == [0., 127.]           # the picture's edges are at -0.5 and 127.5


def test_flat_targets():
    positions, size = peer_parts.places("plain"), (12, 16)
    maps = target(positions, identity, size, 4, uniform=True)
    theirs_sum = torch.tensor(reference["heatmaps"]["uniform"])[0]
    assert_near(maps[0, 5, 3, 4], reference["heatmaps"]["uniform_cell"], 1e-5)                        # unknown: flat in both
    assert_near(theirs_sum, [1, 1, 1, 1, 0, 1], 1e-4)
    assert_near(maps.sum((-1, -2))[0], [1] * 6, 1e-5)                                            # and what lies outside the picture is flat here, silent there


# Decoding -----------------------------------------------------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("stride", [2, 4, 8])
@pytest.mark.parametrize("kind", ["random", "peaked"])
def test_read_as_lightning_pose_reads(kind, stride):
    maps = peer_parts.peaked_maps() if kind == "peaked" else peer_parts.softmax(peer_parts.random_maps())
    keypoints, confidences = their_decoder(maps, stride, 1.25)
    keypoints = apply_affine(invert(their_decoder.align(identity, stride)), keypoints)                     # the names that Lightning Pose gives to pixels
    listed = reference["decoding"][f"{kind}_{stride}"]
    assert_near(keypoints, listed["keypoints"], 2e-3); assert_near(confidences, listed["confidences"], 1e-3)


# Losses -------------------------------------------------------------------------------------------------------------------------------------------------------------------

loss_reference = reference["losses"]


def labeled_maps():
    logits = peer_parts.random_maps()
    return logits, gaussian_heatmaps(peer_parts.targets_for(logits) + 1.5, logits.shape[-2:], 4, 1.25)


@pytest.mark.parametrize("name", ["mse", "kl", "js"])
def test_labeled_heatmaps(name):
    "Equal, for theirs multiplies the mean over cells by their number. It adds 1e-10 to every cell; and without a label it says NaN where we say 0"
    logits, targets = labeled_maps()
    loss = losses[f"heatmap_{name}"]()
    assert_near(loss(heatmaps_targ=targets, logits_pred=logits), loss_reference[f"heatmap_{name}"], 1e-4)
    assert loss_reference[f"heatmap_{name}_nothing_labeled"] == "nan" and loss(heatmaps_targ=targets * 0, logits_pred=logits) == 0


@pytest.mark.parametrize("name", ["mse", "kl", "js"])
def test_unimodal(name):
    "2.4.3 has no unimodal losses any more; ours are what its labeled losses say of a map and the hill at its own keypoint"
    assert not any("unimodal" in o for o in loss_reference["names"])
    logits = peer_parts.random_maps()
    maps = peer_parts.softmax(logits)
    gaussian = gaussian_heatmaps(apply_affine(invert(their_decoder.align(identity, 4)), their_decoder(maps, 4, 1.25)[0]) + 1.5, maps.shape[-2:], 4, 1.25)
    loss = losses[f"unimodal_{name}"]()(heatmaps_unimodal=gaussian, logits_pred=logits, confidences=torch.ones(maps.shape[:2]))
    assert_near(loss, loss_reference["own_hill"][name], 1e-4)


def test_names():
    "Every loss of theirs is one of ours, but for the two of calibrated cameras; `regression` is called by its kind"
    our_names = set(losses) | {"regression"}
    assert set(loss_reference["names"]) - our_names == {"supervised_pairwise_projections", "supervised_reprojection_heatmap_mse"}
    assert {"regression_mse", "regression_rmse"} <= set(losses)


@pytest.mark.parametrize("case, settings", [
    ("plain", dict(epsilon=0.)), ("epsilon", dict(epsilon=9.)), ("each", dict(epsilon=[2., 9., 30.])), ("threshold", dict(epsilon=9., prob_threshold=.5))])
def test_temporal(case, settings):
    "Equal where all steps count; steps that do not are zeros in their mean and not in ours, so that theirs is ours times the share that counts"
    keypoints, confidences = peer_parts.video_outputs()
    settings = {"prob_threshold": 0., **settings}
    loss = losses["temporal"](**settings)(keypoints_pred=keypoints, confidences=confidences, sequence=torch.zeros(len(confidences)))
    confident = confidences >= settings["prob_threshold"]
    fraction = (confident[1:] & confident[:-1]).float().mean()
    assert (fraction < .6) == (case == "threshold")
    assert_near(loss * fraction, loss_reference[f"temporal_{case}"], 1e-4)


def test_temporal_leaves_out_what_is_not_a_number():
    keypoints, confidences = peer_parts.video_outputs()
    keypoints[2, 0] = torch.nan
    loss = losses["temporal"](prob_threshold=0.)(keypoints_pred=keypoints, confidences=confidences, sequence=torch.zeros(len(confidences)))
    assert loss_reference["temporal_nan"] == "nan" and loss.isfinite()


@pytest.mark.parametrize("case, settings", [("plain", {}), ("settings", dict(prob_threshold=.3))])
@pytest.mark.parametrize("name, epsilon", [("mse", 2e-4), ("kl", 5.)])
def test_temporal_heatmaps(name, epsilon, case, settings):
    "The divergence is the same; the squared difference is a mean over cells there and a sum here, `epsilon` with it. Uncertain steps as for `temporal`"
    logits, (_, confidences) = peer_parts.random_maps(), peer_parts.video_outputs()
    maps, confidences = peer_parts.softmax(logits), confidences[:5, :2]
    cells = maps[0, 0].numel() if name == "mse" else 1
    settings = {"prob_threshold": 0., **settings, "epsilon": epsilon * cells * (case == "settings")}
    loss = losses[f"temporal_heatmap_{name}"](**settings)(heatmaps_pred=maps, logits_pred=logits, confidences=confidences, sequence=torch.zeros(5))
    confident = confidences >= settings["prob_threshold"]
    fraction = (confident[1:] & confident[:-1]).float().mean()
    assert (fraction < 1) == (case == "settings")
    assert_near(loss * fraction / cells / loss_reference[f"temporal_heatmap_{name}_{case}"], 1, 1e-4)


def test_regression():
    "What they call an RMSE is a distance divided by the root of two: here on the same labels"
    targ, pred = peer_parts.labeled_outputs()
    loss_of = lambda name: losses[name]()(keypoints_targ=targ, keypoints_pred=pred).item()
    assert_near(loss_of("regression_mse"), loss_reference["regression"], 1e-3); assert_near(loss_of("regression_rmse"), loss_reference["rmse"], 1e-4)
    distance = (targ - pred).norm(dim=-1).nanmean().item()
    assert_near(loss_of("coordinate"), distance, 1e-4); assert_near(distance / loss_reference["rmse"], 2**.5, 1e-4)
    assert_near(losses["regression_mse"](log_weight=1.5).weight, loss_reference["regression_weight"], 1e-5)


# PCA ----------------------------------------------------------------------------------------------------------------------------------------------------------------------

fitted = read_reference("parts_pca")
variance_fractions = lambda space: np.sort(np.linalg.eigvalsh(space.covariance))[::-1] / np.trace(space.covariance)


def space(kind, labels, **settings):
    k = labels.shape[1]
    facts = dict(train_keypoints=labels, num_keypoints=k, mirrored_column_matches=peer_parts.VIEWS if k == 6 else peer_parts.MOUSE_VIEWS)
    return build(losses[f"pca_{kind}"], facts, **settings)


@pytest.mark.parametrize("name, kind, settings", [
    ("multiview", "multiview", {}), ("singleview", "singleview", {}), ("two", "singleview", dict(components_to_keep=2, columns_for_singleview_pca=[0, 1, 3]))])
def test_pca_of_complete_labels(name, kind, settings):
    "The same components, space, epsilon, errors and loss"
    listed, loss = fitted[name], space(kind, peer_parts.poses()[fitted["train"]], **settings)
    assert len(loss.components) == listed["components"] and listed["rows"] == listed["rows_in_epsilon"]
    assert_near(variance_fractions(loss.space), listed["variance"], 1e-5); assert_near(loss.space.mean, listed["mean"], 2e-3)
    components = np.array(listed["kept"])
    assert_near(loss.space.components.T @ loss.space.components, components.T @ components, 1e-4)            # the space, whatever the signs of its axes
    assert_near(loss.epsilon, listed["epsilon"], 2e-3)
    pose = torch.tensor(peer_parts.poses(8, seed=5) + np.random.default_rng(7).normal(0, 6, (8, 6, 2))).float()
    assert_near(loss.errors(pose), listed["errors"], 5e-3); assert_near(loss(keypoints_pred=pose), listed["loss"], 5e-3)


@pytest.mark.parametrize("kind, settings", [("multiview", {}), ("singleview", dict(components_to_keep=9))])
def test_pca_of_labels_with_gaps(kind, settings):
    "2.4.3 leaves out no row for the fit (a covariance is of the rows that have both coordinates), but all with a gap for epsilon; ours uses all for both, and finds nearly the space of labels without gaps"
    labels, true, rows = peer_parts.poses(120, .25), torch.tensor(peer_parts.poses(120)).float(), fitted["gaps_train"]
    listed, loss, loss_of_complete = fitted[f"gaps_{kind}"], space(kind, labels[rows], **settings), space(kind, true.numpy()[rows], **settings)
    complete = (~torch.isnan(loss.to_rows(torch.tensor(labels[rows]))).any(-1)).sum()
    assert listed["rows_in_epsilon"] == complete < .6 * listed["rows"]
    assert len(loss.label_errors) == (~np.isnan(labels[rows]).any(-1)).sum()
    our_error, best_error = loss.errors(true).median(), loss_of_complete.errors(true).median()
    assert our_error < 1.1 * best_error and listed["true_rows_off"] > 1.8 * best_error
    assert abs(loss.epsilon / loss_of_complete.epsilon - 1) < .1 and listed["epsilon"] > 2 * loss_of_complete.epsilon


@pytest.mark.parametrize("kind, settings, components, epsilon, median", [
    ("multiview", {}, 3, 9.89, 1.35), ("singleview", {"columns_for_singleview_pca": sum(peer_parts.MOUSE_VIEWS, [])}, 13, 12.16, 2.69)])
def test_pca_of_mirror_mouse(mirror_mouse, kind, settings, components, epsilon, median):
    "Real labels, with gaps, in the frame's pixels: not the same, but near"
    loss, listed = space(kind, read_labels(mirror_mouse/"CollectedData.csv").keypoints[fitted["mouse_train"]], **settings), fitted[f"mouse_frame_{kind}"]
    assert_near([len(loss.components), loss.epsilon, np.median(loss.label_errors)], [components, epsilon, median], .02)
    assert (listed["components"], listed["rows_in_epsilon"], listed["rows"]) == ((3, 576, 602) if kind == "multiview" else (14, 68, 86))
    assert abs(loss.epsilon / listed["epsilon"] - 1) < .2 and np.abs(variance_fractions(loss.space)[:3] - listed["variance"][:3]).max() < .02


# Windows ------------------------------------------------------------------------------------------------------------------------------------------------------------------

listed_windows = read_reference("parts_windows")


def our_windows(n, chunk=16):
    frames = torch.arange(n).view(-1, 1, 1, 1).expand(n, 3, 1, 1)
    rows = [o["images"][:, 0, 0, 0][o["windows"]] for o in batch_windows(frames.split(chunk), chunk, context=5)]
    return torch.cat(rows)


def test_windows_of_a_video():
    "The same in the middle, across the seams of chunks too; at the ends ours are around their own frame, clamped, and theirs repeat a neighbor's answer"
    windows, listed = our_windows(41), torch.tensor(listed_windows["41"])
    assert torch.equal(windows[2:-2], listed[2:-2])
    assert windows[[0, 1, -2, -1]].tolist() == [[0, 0, 0, 1, 2], [0, 0, 1, 2, 3], [37, 38, 39, 40, 40], [38, 39, 40, 40, 40]]
    assert listed[[0, 1, -2, -1]].tolist() == [[0, 1, 2, 3, 4]] * 2 + [[36, 37, 38, 39, 40]] * 2


def test_every_frame_is_answered_by_itself():
    "For some lengths theirs give the last one to four frames the answer of the third frame; ours never"
    pasted = {}
    for n, middles in listed_windows["middles"].items():
        n = int(n)
        assert our_windows(n)[:, 2].tolist() == list(range(n))
        if isinstance(middles, str): assert n < 5 and middles == "RuntimeError"           # no answer at all
        elif n > 5: pasted[n] = sum(m == 2 for m in middles[3:])
    step = 16 - 4
    assert pasted == {n: max(0, 4 - (16 - n) % step) if n >= 16 else 0 for n in pasted}
    assert {n: p for n, p in pasted.items() if p} == {16: 4, 37: 1, 38: 2, 39: 3, 40: 4, 49: 1, 50: 2, 51: 3, 52: 4}


# What is wrong there ------------------------------------------------------------------------------------------------------------------------------------------------------

def test_pca_in_one_kind_of_pixels(mirror_mouse):
    "There it is fitted in pixels of the resized picture, and asked about pixels of the frame: true labels seem wrong"
    fault = faults["pca"]["singleview_256"]
    assert fault["share_above_own"] < .02 and fault["share_above_seen"] > .9 and fault["mean_seen"] > 10 * fault["mean_own"]
    labels = read_labels(mirror_mouse/"CollectedData.csv").keypoints[fitted["mouse_train"]]
    complete = torch.tensor(labels[~np.isnan(labels[:, sum(peer_parts.MOUSE_VIEWS, [])]).any((1, 2))]).float()
    for kind, settings in (("singleview", {"columns_for_singleview_pca": sum(peer_parts.MOUSE_VIEWS, [])}), ("multiview", {})):
        loss = space(kind, labels, **settings)
        errors = loss.errors(complete)
        assert errors.mean() < 4 and (errors > loss.epsilon).float().mean() < .02


def test_decoding_near_the_border_and_of_two_peaks():
    fault = faults["decoding"]
    assert (fault["border_left"], fault["border_right"], fault["two_at_80_and_176"], fault["share_0.1_at_40"]) == (1.53, -3.83, 128., 67.3) and fault["middle"] < .01
    position = lambda x: torch.stack([x, torch.full_like(x, 128.)], -1)[None]
    decode = lambda maps: decode_windowed_soft_argmax(maps)[0][0, :, 0]
    x = torch.arange(0, 255.5, .25)
    assert (decode(gaussian_heatmaps(position(x), (64, 64))) - x).abs().max() < .05          # pixels
    two_peaks = gaussian_heatmaps(position(torch.tensor([80., 176.])), (64, 64)).mean(1, keepdim=True)
    assert min(abs(decode(two_peaks).item() - o) for o in (80, 176)) < .05
    uncertain = .1 * gaussian_heatmaps(position(torch.tensor([40.])), (64, 64)) + .9 / 64**2
    assert abs(decode(uncertain).item() - 40) < .5, decode(uncertain)


def test_augmentation_does_not_depend_on_workers(toy_project):
    "There, two workers draw the same changes for different frames (for windows they do not); here a draw belongs to a frame and an epoch"
    fault = faults["draws"]
    assert fault["heatmap"] == {"pairs": 8, "alike": 8, "distinct_of_16": 8, "second_epoch_repeats_first": False} and fault["heatmap_mhcrnn"]["alike"] == 0
    labels = read_labels(toy_project/"CollectedData.csv")
    labels.images = [labels.images[0]] * 8; labels.keypoints = np.repeat(labels.keypoints[:1], 8, 0)
    data, batches = LabeledDataset(labels, (96, 96), augment=Augmenter("dlc", labels.keypoint_names)), {}
    for workers in (0, 2):
        sampler, batches[workers] = EpochSampler(range(8)), []
        for epoch in range(2):
            sampler.set_epoch(epoch)
            loader = DataLoader(data, 1, sampler=sampler, num_workers=workers, collate_fn=collate, multiprocessing_context="fork" if workers else None)
            batches[workers] += [o["images"].numpy().tobytes() + o["affine"].numpy().tobytes() for o in loader]
    assert batches[0] == batches[2] and len(set(batches[0])) == 16


def make_tracker(kind, semi=False, **settings):
    torch.manual_seed(0)
    tracker = (semi_supervised(models[kind]) if semi else models[kind])(num_keypoints=2, image_size=(96, 96), weights=None, **settings)
    tracker.log_dict = lambda *args, **kwargs: None
    return tracker


def a_batch(): return dict(images=torch.randint(0, 255, (2, 3, 96, 96), dtype=torch.uint8), windows=torch.arange(2)[:, None], affine=identity.expand(2, 2, 3), keypoints=torch.full((2, 2, 2), 50.))


def test_labels_are_never_annealed():
    "There, the labeled loss of a semi-supervised regression tracker is multiplied by the weight of unlabeled video: by 0 in the first epoch"
    fault = faults["annealing"]
    assert fault["regression"] == {"1.0": 1., "0.5": .5, "0.0": 0.} and fault["heatmap"] == {"1.0": 1., "0.5": 1., "0.0": 1.}
    assert (fault["weight_in_epoch_0"], fault["weight_in_epoch_10"], fault["weight_in_epoch_100"]) == (0, .1, 1)
    tracker, values, batch = make_tracker("regression", True, grid=2, loss_factory=LossFactory({"regression_mse": {}})).eval(), [], a_batch()
    for tracker.total_unsupervised_importance in (1., .5, 0.): values.append(tracker.training_step(dict(labeled=batch, unlabeled={}), 0).item())
    assert values[0] > 0 and values == [values[0]] * 3


def test_a_frozen_backbone_is_left_alone():
    "There, its learning rate is 0, but every gradient is computed, and its batch normalization goes on to learn"
    fault = faults["frozen"]
    assert fault["rate"] == 0 and fault["with_a_gradient"] == fault["tensors"] == 60 and fault["changed_weights"] == 0 and fault["changed_statistics"] == fault["statistics"] == 40
    tracker = make_tracker("heatmap", loss_factory=LossFactory({"heatmap_cross_entropy": {}})).train()
    before = {k: v.clone() for k, v in tracker.backbone.state_dict().items()}
    tracker.training_step(a_batch(), 0).backward()
    assert all(o.grad is None for o in tracker.backbone.parameters()) and any(o.grad is not None for o in tracker.head.parameters())
    assert all(torch.equal(v, before[k]) for k, v in tracker.backbone.state_dict().items())


def test_new_labels_are_no_training_frames(toy_project, tmp_path, monkeypatch):
    "There, predictions for other labels say which of them were for training, by a split that never was"
    assert faults["set"] == {"new_frames": 40, "train": 36, "validation": 4, "right_for_its_own_labels": True}
    csv = toy_project/"CollectedData.csv"
    names = read_labels(csv).keypoint_names
    predictor = SimpleNamespace(names=names, size=(96, 96), box=None, context=1, scorer="none", cfg=SimpleNamespace(data=SimpleNamespace(context_frames=None, antialias=True)),
                                   predict_batch=lambda batch: (batch["keypoints"].numpy() * 0, np.ones((len(batch["index"]), len(names)))))
    monkeypatch.setattr(evaluate, "report", lambda *args: None)
    evaluate.evaluate_model(tmp_path, csv=csv, out=tmp_path/"new", predictor=predictor, say=lambda line: None)
    lines = (tmp_path/"new/predictions.csv").read_text().splitlines()[3:]
    assert len(lines) == 12 and all(o.endswith(",test") for o in lines)


def test_a_regression_tracker_that_is_right_is_right_in_the_frame():
    "There, its predictions stay in pixels of the resized picture, and are compared with labels in those of the frame"
    assert faults["regression_files"]["mean_pixel_error"] > 100
    tracker, batch = make_tracker("regression", grid=2).eval(), a_batch()
    batch["affine"] = torch.tensor(frame_affine((406, 396), (96, 96))).float().expand(2, 2, 3)
    tracker.forward = lambda batch: (apply_affine(batch["affine"], batch["keypoints"]), torch.ones(2, 2))
    assert_near(tracker.predict_step(batch)[0], batch["keypoints"], 1e-3)


def test_heads_are_not_successive_frames():
    "There, the temporal loss of a context tracker counts a step from the last frame of one head to the first of the other"
    fault = faults["seam"]
    assert_near(fault["largest_step"], 45, .3); assert_near(fault["loss_at_epsilon_5"], (fault["largest_step"] - 5) / 31, .01)
    tracker = make_tracker("heatmap_mhcrnn", True).eval()
    trajectory = torch.stack([20 + 3. * torch.arange(16), torch.full((16,), 60.)], -1)[:, None].expand(16, 2, 2)
    maps = gaussian_heatmaps(trajectory, (24, 24)).add(1e-9).log()
    tracker.forward = lambda batch: torch.cat([maps, maps])
    batch = dict(affine=identity.expand(16, 2, 3), windows=torch.arange(16)[:, None], sequence=torch.zeros(16), frame=torch.arange(16))
    assert losses["temporal"](epsilon=5.)(**tracker.get_loss_inputs_unlabeled(batch)) == 0


def test_images_and_video_are_made_smaller_alike(mirror_mouse):
    assert faults["resize"]["mean"] > .3 and faults["resize"]["max"] > 20
    from posebook.data.dataset import read_image
    data = LabeledDataset(read_labels(mirror_mouse/"CollectedData.csv"), (256, 256))
    path = data.windows[0][0]
    assert torch.equal(data[0]["images"], TorchSource((256, 256)).preprocess([read_image(path)]))


def test_no_gpu_is_needed(toy_project):
    "There, unlabeled video is refused without an NVIDIA GPU. Here a batch of it teaches on a processor"
    assert faults["device"]["refuses"] == "semi-supervised training requires an NVIDIA GPU with CUDA"
    from posebook.video.clips import RandomSequences
    stream = RandomSequences(sorted((toy_project/"videos").glob("*.mp4")), (96, 96), length=4)
    tracker = make_tracker("heatmap", True, loss_factory=LossFactory({"heatmap_cross_entropy": {}}), loss_factory_unsupervised=LossFactory({"temporal": {"epsilon": 0., "prob_threshold": 0.}}))
    tracker.training_step(dict(labeled=a_batch(), unlabeled=next(iter(stream))), 0).backward()
    assert any(o.grad is not None and o.grad.abs().sum() > 0 for o in tracker.head.parameters())
