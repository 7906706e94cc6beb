"PCA losses: subspace, epsilon, errors and values equal those of Lightning Pose 2.4.3 (reference/peer_parts.py)"

import numpy as np
import peer_parts
import pytest
import torch
from conftest import assert_near, read_reference

from posebook.core import build, losses
from posebook.data.labels import read_labels

fitted = read_reference("parts_pca")
SINGLEVIEW = {"columns_for_singleview_pca": sum(peer_parts.MOUSE_VIEWS, [])}


def variance_fractions(space):
    return np.sort(np.linalg.eigvalsh(space.covariance))[::-1] / np.trace(space.covariance)


def pca_loss(kind, labels, **settings):
    "Return a PCA loss that is fitted to labels"
    k = labels.shape[1]
    views = peer_parts.VIEWS if k == 6 else peer_parts.MOUSE_VIEWS
    facts = dict(train_keypoints=labels, num_keypoints=k, mirrored_column_matches=views)
    return build(losses[f"pca_{kind}"], facts, **settings)


@pytest.mark.parametrize(
    "name, kind, settings",
    [
        ("multiview", "multiview", {}),
        ("singleview", "singleview", {}),
        ("two", "singleview", dict(components_to_keep=2, columns_for_singleview_pca=[0, 1, 3])),
    ],
)
def test_pca_loss_of_complete_labels(name, kind, settings):
    "The components, the subspace, epsilon, the errors and the loss are equal"
    listed, loss = fitted[name], pca_loss(kind, peer_parts.poses()[fitted["train"]], **settings)
    assert len(loss.components) == listed["components"] and listed["rows"] == listed["rows_in_epsilon"]
    assert_near(variance_fractions(loss.space), listed["variance"], 1e-5)
    assert_near(loss.space.mean, listed["mean"], 2e-3)
    components = np.array(listed["kept"])
    assert_near(
        loss.space.components.T @ loss.space.components, components.T @ components, 1e-4
    )  # the subspace, whatever the signs of its axes
    assert_near(loss.epsilon, listed["epsilon"], 2e-3)
    pose = torch.tensor(peer_parts.poses(8, seed=5) + np.random.default_rng(7).normal(0, 6, (8, 6, 2))).float()
    assert_near(loss.errors(pose), listed["errors"], 5e-3)
    assert_near(loss(keypoints_pred=pose), listed["loss"], 5e-3)


@pytest.mark.parametrize("kind, settings", [("multiview", {}), ("singleview", dict(components_to_keep=9))])
def test_pca_loss_of_labels_with_gaps(kind, settings):
    """Rows with gaps are used for the subspace and for epsilon, which come out nearly as without gaps.

    Lightning Pose takes each covariance from other rows and epsilon from complete rows alone; both come out larger."""
    labels, true, rows = peer_parts.poses(120, 0.25), torch.tensor(peer_parts.poses(120)).float(), fitted["gaps_train"]
    loss, loss_of_complete = pca_loss(kind, labels[rows], **settings), pca_loss(kind, true.numpy()[rows], **settings)
    listed = fitted[f"gaps_{kind}"]
    complete = (~torch.isnan(loss.to_rows(torch.tensor(labels[rows]))).any(-1)).sum()
    assert listed["rows_in_epsilon"] == complete  # the rows are the same as there
    assert len(loss.label_errors) == (~np.isnan(labels[rows]).any(-1)).sum()
    our_error, best_error = loss.errors(true).median(), loss_of_complete.errors(true).median()
    assert our_error < 1.1 * best_error and listed["true_rows_off"] > 1.8 * best_error
    assert abs(loss.epsilon / loss_of_complete.epsilon - 1) < 0.1 and listed["epsilon"] > 2 * loss_of_complete.epsilon


@pytest.mark.parametrize(
    "kind, settings, components, epsilon, median",
    [("multiview", {}, 3, 9.89, 1.35), ("singleview", SINGLEVIEW, 13, 12.16, 2.69)],
)
def test_pca_loss_of_mirror_mouse(mirror_mouse, kind, settings, components, epsilon, median):
    "Real labels with gaps, in frame pixels: near, but not equal"
    labels = read_labels(mirror_mouse / "CollectedData.csv").keypoints[fitted["mouse_train"]]
    loss, listed = pca_loss(kind, labels, **settings), fitted[f"mouse_frame_{kind}"]
    assert_near([len(loss.components), loss.epsilon, np.median(loss.label_errors)], [components, epsilon, median], 0.02)
    assert abs(loss.epsilon / listed["epsilon"] - 1) < 0.2
    assert_near(variance_fractions(loss.space)[:3], listed["variance"][:3], 0.02)


def test_pca_errors_of_true_labels_are_small(mirror_mouse):
    "The subspace is fitted and applied in frame pixels, so that few true labels exceed epsilon"
    labels = read_labels(mirror_mouse / "CollectedData.csv").keypoints[fitted["mouse_train"]]
    complete = torch.tensor(labels[~np.isnan(labels[:, sum(peer_parts.MOUSE_VIEWS, [])]).any((1, 2))]).float()
    for kind, settings in (("singleview", SINGLEVIEW), ("multiview", {})):
        loss = pca_loss(kind, labels, **settings)
        errors = loss.errors(complete)
        assert errors.mean() < 4 and (errors > loss.epsilon).float().mean() < 0.02
