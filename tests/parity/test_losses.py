"Losses equal those of Lightning Pose 2.4.3, or differ by a stated relation (reference/peer_parts.py)"

import peer_parts
import pytest
import torch
from conftest import IDENTITY, assert_near, lightning_pose_decoder, read_reference

from posebook.core import losses
from posebook.data.geometry import apply_affine, invert
from posebook.data.heatmaps import gaussian_heatmaps

reference = read_reference("parts")


loss_reference = reference["losses"]


def labeled_maps():
    logits = peer_parts.random_maps()
    return logits, gaussian_heatmaps(peer_parts.targets_for(logits) + 1.5, logits.shape[-2:], 4, 1.25)


@pytest.mark.parametrize("name", ["mse", "kl", "js"])
def test_supervised_heatmap_losses(name):
    "Equal; a batch without a label has loss 0, where Lightning Pose returns NaN"
    logits, targets = labeled_maps()
    loss = losses[f"heatmap_{name}"]()
    assert_near(loss(heatmaps_targ=targets, logits_pred=logits), loss_reference[f"heatmap_{name}"], 1e-4)
    assert loss(heatmaps_targ=targets * 0, logits_pred=logits) == 0


@pytest.mark.parametrize("name", ["mse", "kl", "js"])
def test_unimodal_losses(name):
    "Version 2.4.3 has none; ours equal its supervised losses between a heatmap and the Gaussian at its own keypoint"
    logits = peer_parts.random_maps()
    maps = peer_parts.softmax(logits)
    decoder = lightning_pose_decoder(4)
    to_frame = invert(decoder.align(IDENTITY))
    keypoints = apply_affine(to_frame, decoder(maps)[0])
    gaussian = gaussian_heatmaps(keypoints + 1.5, maps.shape[-2:], 4, 1.25)
    loss = losses[f"unimodal_{name}"]()
    loss = loss(heatmaps_unimodal=gaussian, logits_pred=logits, confidences=torch.ones(maps.shape[:2]))
    assert_near(loss, loss_reference["own_hill"][name], 1e-4)


def test_every_loss_of_lightning_pose_is_registered():
    "Except the two of calibrated cameras; `regression` has two names here"
    missing = set(loss_reference["names"]) - set(losses) - {"regression"}
    assert missing == {"supervised_pairwise_projections", "supervised_reprojection_heatmap_mse"}
    assert {"regression_mse", "regression_rmse"} <= set(losses)


def temporal_loss(keypoints, confidences, **settings):
    loss, sequence = losses["temporal"](**settings), torch.zeros(len(confidences))
    return loss(keypoints_pred=keypoints, confidences=confidences, sequence=sequence)


def confident_fraction(confidences, threshold):
    "Return the fraction of steps between two confident frames"
    confident = confidences >= threshold
    return (confident[1:] & confident[:-1]).float().mean()


@pytest.mark.parametrize(
    "case, settings",
    [
        ("plain", dict(epsilon=0.0)),
        ("epsilon", dict(epsilon=9.0)),
        ("each", dict(epsilon=[2.0, 9.0, 30.0])),
        ("threshold", dict(epsilon=9.0, prob_threshold=0.5)),
    ],
)
def test_temporal_loss(case, settings):
    """Equal where all steps count.

    Lightning Pose counts a step that does not as a zero in the mean: its loss is ours times the fraction."""
    keypoints, confidences = peer_parts.video_outputs()
    settings = {"prob_threshold": 0.0, **settings}
    loss = temporal_loss(keypoints, confidences, **settings)
    fraction = confident_fraction(confidences, settings["prob_threshold"])
    assert (fraction < 0.6) == (case == "threshold")
    assert_near(loss * fraction, loss_reference[f"temporal_{case}"], 1e-4)


def test_temporal_loss_ignores_nan_keypoints():
    keypoints, confidences = peer_parts.video_outputs()
    keypoints[2, 0] = torch.nan
    assert temporal_loss(keypoints, confidences, prob_threshold=0.0).isfinite()  # NaN in Lightning Pose


@pytest.mark.parametrize("case, settings", [("plain", {}), ("settings", dict(prob_threshold=0.3))])
@pytest.mark.parametrize("name, epsilon", [("mse", 2e-4), ("kl", 5.0)])
def test_temporal_heatmap_losses(name, epsilon, case, settings):
    """The divergence is equal; the squared difference is a mean over heatmap pixels there and a sum here.

    `epsilon` is scaled alike. Steps that are not confident as for `temporal`."""
    logits, (_, confidences) = peer_parts.random_maps(), peer_parts.video_outputs()
    maps, confidences = peer_parts.softmax(logits), confidences[:5, :2]
    pixels = maps[0, 0].numel() if name == "mse" else 1
    settings = {"prob_threshold": 0.0, **settings, "epsilon": epsilon * pixels * (case == "settings")}
    loss = losses[f"temporal_heatmap_{name}"](**settings)
    loss = loss(heatmaps_pred=maps, logits_pred=logits, confidences=confidences, sequence=torch.zeros(5))
    fraction = confident_fraction(confidences, settings["prob_threshold"])
    assert (fraction < 1) == (case == "settings")
    assert_near(loss * fraction / pixels / loss_reference[f"temporal_heatmap_{name}_{case}"], 1, 1e-4)


def test_regression_losses():
    "Lightning Pose's RMSE is the distance divided by the square root of two"
    targ, pred = peer_parts.labeled_outputs()
    loss_of = lambda name: losses[name]()(keypoints_targ=targ, keypoints_pred=pred).item()
    assert_near(loss_of("regression_mse"), loss_reference["regression"], 1e-3)
    assert_near(loss_of("regression_rmse"), loss_reference["rmse"], 1e-4)
    distance = (targ - pred).norm(dim=-1).nanmean().item()
    assert_near(loss_of("coordinate"), distance, 1e-4)
    assert_near(loss_of("coordinate") / loss_reference["rmse"], 2**0.5, 1e-4)
    assert_near(losses["regression_mse"](log_weight=1.5).weight, loss_reference["regression_weight"], 1e-5)
