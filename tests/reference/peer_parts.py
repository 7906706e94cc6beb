"""Outputs of the parts of Lightning Pose, one by one, and measurements of its mistakes.

    python peer_parts.py PROJECT

PROJECT is the mirror-mouse folder; writes parts*.json beside this file, on a CPU, in a minute. Run in an environment of
its own (pip install lightning-pose==2.4.3), never by the tests. Everything above the line "Outputs of Lightning Pose"
needs numpy and torch only; the tests take their inputs from there, so that both sides get the same.
"""

import json
import logging
import sys
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

HERE = Path(__file__).parent


# --- Inputs of both ---

SIZES = {
    "plain": (48, 64, 2),
    "coarse": (64, 128, 3),
    "fine": (32, 48, 1),
}  # height and width of the image, and how often it is halved


def places(name, n=6):
    "Keypoints (1, n, 2) of a image: in it, at its edges, just outside, far outside and unknown"
    height, width, _ = SIZES[name]
    inside = np.random.default_rng(1).uniform(0.1, 0.9, (n - 5, 2)) * (width, height)
    more = [[0.0, 0.0], [width - 1.5, height - 1.0], [-1.5, 9.0], [-40.0, 9.0], [np.nan, np.nan]]
    return torch.tensor(np.concatenate([inside, more])[None], dtype=torch.float32)


def gaussians(at, size, sigma):
    "Gaussian maps (1, K, h, w) around cells (K, 2), each of which sums to one"
    y, x = np.mgrid[: size[0], : size[1]]
    maps = [np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * sigma**2)) for u, v in at]
    return torch.tensor(np.stack([m / m.sum() for m in maps])[None], dtype=torch.float32)


def random_maps(n=5, size=(9, 12), loud=3.0, seed=0):
    "Logits (n, 2, h, w)"
    return torch.tensor(np.random.default_rng(seed).standard_normal((n, 2, *size)) * loud, dtype=torch.float32)


def peaked_maps(size=(16, 16)):
    "Maps (1, 8, h, w): a clean peak in the middle, between cells, at edges and corners, a wide one, a hazy one and two"
    at = [(7.0, 8.0), (7.3, 8.6), (0.0, 8.0), (1.2, 14.9), (15.0, 15.0)]
    clean, wide = gaussians(at, size, 1.25), gaussians([(7.0, 8.0)], size, 3.0)
    hazy = 0.7 * clean[:, 1:2] + 0.3 / (size[0] * size[1])
    return torch.cat([clean, wide, hazy, (clean[:, :1] + gaussians([(12.0, 8.0)], size, 1.25)) / 2], 1)


def softmax(logits):
    return logits.flatten(2).softmax(-1).view(logits.shape)


def video_outputs(frames=7, keypoints=3):
    "Keypoints (S, K, 2) that wander and jump, and confidences (S, K)"
    rng = np.random.default_rng(2)
    at = 100 + rng.normal(0, 6, (frames, keypoints, 2)).cumsum(0)
    at[3, 1] += 40
    return torch.tensor(at, dtype=torch.float32), torch.tensor(
        rng.uniform(0, 1, (frames, keypoints)), dtype=torch.float32
    )


def labeled_outputs():
    "Labels (B, K, 2) of which some are unknown, and predictions"
    rng = np.random.default_rng(3)
    targ = rng.uniform(0, 100, (4, 5, 2))
    pred = targ + rng.normal(0, 5, targ.shape)
    targ[0, 1] = targ[2, 4] = np.nan
    return torch.tensor(targ, dtype=torch.float32), torch.tensor(pred, dtype=torch.float32)


VIEWS = [[0, 1, 2], [3, 4, 5]]


def poses(n=40, gaps=0.0, seed=4):
    "Labels (n, 6, 2) in a image of 128 x 128: three points in space, seen in two views, with shaking hands"
    rng = np.random.default_rng(seed)
    body, seen = rng.normal(0, 18, (n, 1, 3)) + rng.normal(0, 6, (n, 3, 3)), rng.normal(0, 0.5, (3, 4))
    both = (body @ seen).reshape(n, 3, 2, 2).swapaxes(1, 2).reshape(n, 6, 2) + 64 + rng.normal(0, 0.7, (n, 6, 2))
    both = both.clip(1, 126).round(3)
    both[rng.random((n, 6)) < gaps] = np.nan
    return both


# --- Outputs of Lightning Pose ---


def number(value, digits=5):
    return np.asarray(torch.as_tensor(value).detach()).astype(float).round(digits).tolist()


def heatmaps():
    "Targets, from its keypoints in the image's pixels"
    from lightning_pose.data.heatmaps import generate_heatmaps

    said = {}
    for name, (height, width, halved) in SIZES.items():
        shape = height >> halved, width >> halved
        maps = generate_heatmaps(places(name), height, width, shape)
        if name == "fine":
            maps = maps[..., ::4, ::4]  # it is large; every fourth cell will do
        said[name] = number(maps, 7)
    unknown, outside, seen = 1, 2, 2  # how its data set marks them when `uniform_heatmaps_for_nan_keypoints` is on
    marks = torch.tensor([[seen, seen, seen, seen, outside, unknown]])
    maps = generate_heatmaps(places("plain"), 48, 64, (12, 16), visibility=marks)
    return {**said, "uniform": number(maps.sum((-1, -2))), "uniform_cell": number(maps[0, 5, 3, 4])}


def edges():
    "Which labels on a line through a image of 128 pixels its data set draws a target for"
    import lightning_pose.data.datasets as d

    x = torch.arange(-6, 135, 0.5)
    at = torch.stack([x, torch.full_like(x, 60.0)], -1)
    marks = torch.full((len(x),), 2)
    asked = SimpleNamespace(num_keypoints=len(x), height=128, width=128, output_shape=(32, 32), output_sigma=1.25)
    maps = d.HeatmapDataset.compute_heatmap(asked, {"keypoints": at.flatten().clone(), "visibility": marks})
    drawn = x[maps.sum((-1, -2)) > 0]
    return {"first": number(drawn[0]), "last": number(drawn[-1])}


def decoding():
    from lightning_pose.models.heads.heatmap import run_subpixelmaxima

    said = {}
    for name, maps in (("random", softmax(random_maps())), ("peaked", peaked_maps())):
        for halved in (1, 2, 3):
            keypoints, confidences = run_subpixelmaxima(maps, halved, torch.tensor(1000.0))
            said[f"{name}_{2**halved}"] = {
                "keypoints": number(keypoints.view(*maps.shape[:2], 2), 3),
                "confidences": number(confidences, 4),
            }
    return said


def losses():
    from lightning_pose.data.heatmaps import generate_heatmaps
    from lightning_pose.losses import losses as L
    from lightning_pose.losses.factory import get_loss_classes
    from lightning_pose.models.heads.heatmap import run_subpixelmaxima

    said = {"names": sorted(get_loss_classes())}
    maps = softmax(random_maps())
    n, k, h, w = maps.shape
    targets = generate_heatmaps(targets_for(maps), 4 * h, 4 * w, (h, w))
    labeled = {"mse": L.HeatmapMSELoss(), "kl": L.HeatmapKLLoss(), "js": L.HeatmapJSLoss()}
    for name, loss in labeled.items():
        said[f"heatmap_{name}"] = number(loss(targets, maps)[0], 6)
        said[f"heatmap_{name}_nothing_labeled"] = str(float(loss(targets * 0, maps)[0]))
    at = run_subpixelmaxima(maps, 2, torch.tensor(1000.0))[0].view(
        n, k, 2
    )  # gaussians where it found the keypoints itself
    own = generate_heatmaps(at, 4 * h, 4 * w, (h, w))
    said["own_hill"] = {name: number(loss(own, maps)[0], 6) for name, loss in labeled.items()}

    keypoints, sure = video_outputs()
    flat = keypoints.flatten(1)
    for name, settings in {
        "plain": {},
        "epsilon": {"epsilon": 9.0},
        "each": {"epsilon": [2.0, 9.0, 30.0]},
        "threshold": {"epsilon": 9.0, "prob_threshold": 0.5},
    }.items():
        said[f"temporal_{name}"] = number(L.TemporalLoss(**settings)(flat, sure)[0], 5)
    broken = flat.clone()
    broken[2, 0] = torch.nan
    said["temporal_nan"] = str(float(L.TemporalLoss()(broken, sure)[0]))
    sure = sure[:5, :2]
    for name in ("mse", "kl"):
        for case, settings in {
            "plain": {},
            "settings": {"epsilon": {"mse": 2e-4, "kl": 5.0}[name], "prob_threshold": 0.3},
        }.items():
            said[f"temporal_heatmap_{name}_{case}"] = number(
                L.TemporalHeatmapLoss(f"temporal_heatmap_{name}", **settings)(maps, sure)[0], 9
            )
    targ, pred = (o.flatten(1) for o in labeled_outputs())
    said["regression"], said["rmse"] = (
        number(o()(targ, pred)[0], 5) for o in (L.RegressionMSELoss, L.RegressionRMSELoss)
    )
    said["regression_weight"] = number(L.RegressionMSELoss(log_weight=1.5).weight, 6)
    return said


def targets_for(maps):
    "Labels (n, K, 2) in pixels of a image of four times the maps' size, of which one is unknown"
    n, k, h, w = maps.shape
    at = np.random.default_rng(6).uniform(0.05, 0.9, (n, k, 2)) * (4 * w, 4 * h)
    at[1, 0] = np.nan
    return torch.tensor(at, dtype=torch.float32)


# --- Its data sets ---


@contextmanager
def a_project(labels, images=None):
    "A folder with labels (n, K, 2) and images of 128 x 128"
    import pandas as pd
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        folder, names = Path(folder), [f"kp{i}" for i in range(labels.shape[1])]
        (folder / "labeled-data").mkdir()
        (folder / "videos").mkdir()
        files = [f"labeled-data/img{i:03d}.png" for i in range(len(labels))]
        for i, f in enumerate(files):
            Image.fromarray(np.zeros((128, 128, 3), np.uint8) if images is None else images[i]).save(folder / f)
        columns = pd.MultiIndex.from_product([["me"], names, ["x", "y"]], names=["scorer", "bodyparts", "coords"])
        pd.DataFrame(labels.reshape(len(labels), -1), files, columns).to_csv(folder / "CollectedData.csv")
        yield folder


def a_module(folder, size=(128, 128), kind="heatmap", **training):
    "Its own data module"
    from lightning_pose.data.factory import get_data_module, get_dataset, get_imgaug_transform
    from peer_numbers import settings

    cfg = settings(folder, kind, "resnet18")
    cfg.data.image_resize_dims = {"height": size[0], "width": size[1]}
    cfg.training.update({"train_prob": 0.95, "val_prob": 0.05, "imgaug": "default", **training})
    return cfg, get_data_module(
        cfg=cfg,
        dataset=get_dataset(
            cfg=cfg, data_dir=str(folder), imgaug_transform=get_imgaug_transform(cfg=cfg, data_dir=str(folder))
        ),
        video_dir=cfg.data.video_dir,
    )


def a_space(module, name, components, views=None, columns=None):
    from lightning_pose.losses.losses import PCALoss

    return PCALoss(
        loss_name=name,
        components_to_keep=components,
        mirrored_column_matches=views,
        columns_for_singleview_pca=columns,
        data_module=module,
        device="cpu",
    )


def facts_of(loss, full=False):
    rows, values = loss.pca.data_arr, loss.pca.pca_object
    errors = loss.pca.compute_reprojection_error()
    said = {
        "rows": len(rows),
        "rows_in_epsilon": int(errors.isfinite().all(1).sum()),
        "components": len(loss.pca.parameters["kept_eigenvectors"]),
        "epsilon": number(loss.epsilon, 4),
        "variance": number(values.explained_variance_ratio_, 6),
        "median_error": number(errors.nanmedian(), 4),
    }
    if full:
        said |= {"mean": number(values.mean_, 3), "kept": number(loss.pca.parameters["kept_eigenvectors"], 6)}
    return said


def pca(project):
    said = {}
    with a_project(poses()) as folder:
        _, module = a_module(folder)
        said["train"] = list(map(int, module.train_dataset.indices))
        asked = torch.tensor(
            poses(8, seed=5) + np.random.default_rng(7).normal(0, 6, (8, 6, 2)), dtype=torch.float32
        ).flatten(1)
        for name, loss in {
            "multiview": a_space(module, "pca_multiview", 3, VIEWS),
            "singleview": a_space(module, "pca_singleview", 0.99),
            "two": a_space(module, "pca_singleview", 2, columns=[0, 1, 3]),
        }.items():
            said[name] = {
                **facts_of(loss, True),
                "errors": number(loss.pca.compute_reprojection_error(loss.pca._format_data(asked)), 4),
                "loss": number(loss(asked)[0], 5),
            }

    with a_project(poses(120, 0.25)) as folder:  # labels with gaps, of which the truth is known
        _, module = a_module(folder)
        said["gaps_train"] = list(map(int, module.train_dataset.indices))
        true = torch.tensor(poses(120), dtype=torch.float32).flatten(1)
        for name, loss in {
            "multiview": a_space(module, "pca_multiview", 3, VIEWS),
            "singleview": a_space(module, "pca_singleview", 9),
        }.items():  # of so many dimensions they are
            said[f"gaps_{name}"] = {
                **facts_of(loss),
                "true_rows_off": number(loss.pca.compute_reprojection_error(loss.pca._format_data(true)).median(), 4),
            }

    for name, size in {
        "resized": (256, 256),
        "frame": (406, 396),
    }.items():  # the real thing; only its regression data set takes any size
        _, module = a_module(project, size, "heatmap" if name == "resized" else "regression")
        for kind, loss in {
            "multiview": a_space(module, "pca_multiview", 3, MOUSE_VIEWS),
            "singleview": a_space(module, "pca_singleview", 0.99, columns=sum(MOUSE_VIEWS, [])),
        }.items():
            said[f"mouse_{name}_{kind}"] = facts_of(loss)
        said["mouse_train"] = list(map(int, module.train_dataset.indices))
    return said


MOUSE_VIEWS = [[0, 1, 2, 3, 4, 5, 6], [8, 9, 10, 11, 12, 13, 14]]


# --- Windows of a video ---


def a_video(path, n):
    "Frames whose gray level is their number"
    import av

    with av.open(str(path), "w") as c:
        stream = c.add_stream("libx264", rate=30, options={"crf": "0"})
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        for i in range(n):
            c.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 + 3 * i, np.uint8), format="rgb24")))
        c.mux(stream.encode())


def windows_of(n, length):
    "Return for each predicted row of a video of n frames the frames that it was made from; None: no prediction"
    from lightning_pose.data.video.opencv import PrepareOpenCV
    from lightning_pose.models.base import BaseFeatureExtractor
    from lightning_pose.utils.predictions import PredictionHandler
    from omegaconf import OmegaConf

    looks = SimpleNamespace(do_context=True, backbone=lambda images: images[:, :1].mean((2, 3), keepdim=True))
    gray = lambda v: (v * 0.229 + 0.485) * 255  # its normalization undone
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "video.mp4")
        a_video(path, n)
        said = []
        try:
            for batch in PrepareOpenCV(
                "context", [path], [64, 64], {"context": {"predict": {"sequence_length": length}}}
            )():
                seen = BaseFeatureExtractor.get_representations(looks, batch["frames"]).flatten(1)  # (answers, 5)
                seen = ((gray(seen) - 20) / 3).round()
                said.append(
                    (torch.cat([seen, seen[:, :1]], 1), torch.ones(len(seen), 3))
                )  # as coordinates of three keypoints
            cfg = OmegaConf.create({"data": {"keypoint_names": list("abc")}, "model": {"model_type": "heatmap_mhcrnn"}})
            table = PredictionHandler(cfg, video_file=path)(said)
        except Exception as e:
            return f"{type(e).__name__}"
        return table.to_numpy().reshape(n, 3, 3)[:, :, :2].reshape(n, 6)[:, :5].astype(int).tolist()


def windows():
    said = {str(n): windows_of(n, 16) for n in (41, 40)}
    middle = lambda w: w if isinstance(w, str) else [o[2] for o in w]
    said["middles"] = {str(n): middle(windows_of(n, 16)) for n in (3, 4, 5, 9, 16, 17, *range(37, 53))}
    return said


# --- Mistakes ---


def fault_pca(project):
    "True labels, put to its PCA losses as predictions of a heatmap tracker are"
    from lightning_pose.models.factory import get_model_class

    said = {}
    model = get_model_class("heatmap", False)(num_keypoints=17, backbone="resnet18", pretrained=False).eval()
    for size in (256, 128):
        _, module = a_module(project, (size, size))
        batches = []
        with torch.no_grad():
            for batch in module.train_dataloader():
                batches.append(
                    model.get_loss_inputs_labeled(batch)["keypoints_targ"]
                )  # in source pixels, as `keypoints_pred` are
        labels = torch.cat(batches)
        for name, loss in {
            "multiview": a_space(module, "pca_multiview", 3, MOUSE_VIEWS),
            "singleview": a_space(module, "pca_singleview", 0.99, columns=sum(MOUSE_VIEWS, [])),
        }.items():
            own, errors = (
                o[o.isfinite()]
                for o in (
                    loss.pca.compute_reprojection_error(),
                    loss.pca.compute_reprojection_error(loss.pca._format_data(labels)),
                )
            )
            said[f"{name}_{size}"] = {
                "epsilon": number(loss.epsilon, 2),
                **{
                    f"{what}_{k}": v
                    for k, o in {"own": own, "seen": errors}.items()
                    for what, v in {
                        "median": number(o.median(), 2),
                        "mean": number(o.mean(), 2),
                        "share_above": number((o > loss.epsilon).float().mean(), 3),
                        "loss": number((o - loss.epsilon).clamp(min=0).mean(), 3),
                    }.items()
                },
            }
    return said


def fault_decoding():
    "Clean gaussians along a line to the border, two gaussians, and a peak that is unsure; in pixels of a image of 256"
    from lightning_pose.data.heatmaps import generate_heatmaps
    from lightning_pose.models.heads.heatmap import run_subpixelmaxima

    read = lambda maps: run_subpixelmaxima(maps, 2, torch.tensor(1000.0))[0].view(-1, 2)
    line = lambda x: torch.stack([x, torch.full_like(x, 128.0)], -1)[None]
    x = torch.arange(0, 255.5, 0.25)  # 255.35 is the center of the last pixel of a frame of 396
    off = read(generate_heatmaps(line(x), 256, 256, (64, 64)))[:, 0] - x
    inner = (x > 24) & (x < 228)
    two = generate_heatmaps(line(torch.tensor([80.0, 176.0])), 256, 256, (64, 64)).mean(1, keepdim=True)
    said = {
        "border_left": number(off[:80].max(), 2),
        "border_right": number(off[-80:].min(), 2),
        "middle": number(off[inner].abs().max(), 3),
        "two_at_80_and_176": number(read(two)[0, 0], 1),
    }
    at = torch.tensor([40.0])  # the middle is at 128
    for sigma in (2.0, 3.0, 4.0):
        said[f"sigma_{sigma:g}_at_40"] = number(
            read(generate_heatmaps(line(at), 256, 256, (64, 64), sigma=sigma))[0, 0], 1
        )
    peak = generate_heatmaps(line(at), 256, 256, (64, 64))
    for share in (0.1, 0.3, 0.5):
        said[f"share_{share:g}_at_40"] = number(read(share * peak + (1 - share) / 64**2)[0, 0], 1)
    return said


def fault_draws():
    "Whether the workers of its data loader draw the same changes, for its default augmentation"
    image = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    labels = np.tile(np.array([[40.0, 50.0], [80.0, 60.0], [60.0, 90.0]]), (12, 1, 1))
    said = {}
    with a_project(labels, [image] * 12) as folder:
        for kind in ("heatmap", "heatmap_mhcrnn"):
            _, module = a_module(
                folder, kind=kind, imgaug="dlc", num_workers=2, train_batch_size=1, train_prob=0.84, val_prob=0.16
            )
            module.train_dataset.indices = list(range(8))
            loader = module.train_dataloader()
            epochs = [[(b["keypoints"], b["images"]) for b in loader] for _ in range(2)]
            alike = lambda a, b: bool(torch.equal(a[1], b[1]) and torch.equal(a[0].nan_to_num(-1), b[0].nan_to_num(-1)))
            pairs = [
                alike(e[i], e[i + 1]) for e in epochs for i in (0, 2, 4, 6)
            ]  # what the two workers made side by side
            said[kind] = {
                "pairs": len(pairs),
                "alike": sum(pairs),
                "distinct_of_16": len(
                    {hash((b[0].numpy().tobytes(), b[1].numpy().tobytes())) for e in epochs for b in e}
                ),
                "second_epoch_repeats_first": all(alike(*o) for o in zip(*epochs)),
            }
    return said


def fault_annealing():
    "The supervised loss of a semi-supervised tracker as the weight of unlabeled video grows"
    from lightning_pose.callbacks import AnnealWeight
    from lightning_pose.losses.factory import LossFactory
    from lightning_pose.models.factory import get_model_class

    said = {}
    for kind, name in (("regression", "regression"), ("heatmap", "heatmap_mse")):
        torch.manual_seed(0)
        model = get_model_class(kind, True)(
            num_keypoints=2,
            backbone="resnet18",
            pretrained=False,
            loss_factory=LossFactory({name: {"log_weight": 0.0}}, None),
        ).eval()
        batch = {
            "images": torch.randn(2, 3, 128, 128),
            "keypoints": torch.full((2, 4), 50.0),
            "bbox": torch.tensor([[0, 0, 128.0, 128.0]] * 2),
            "heatmaps": softmax(torch.randn(2, 2, 32, 32)),
        }
        model.log = lambda *a, **k: None
        at = {}
        for share in (1.0, 0.5, 0.0):
            at[share] = float(
                model.evaluate_labeled(
                    {k: v.clone() for k, v in batch.items()}, "train", anneal_weight=torch.tensor(share)
                )
            )
        said[kind] = {str(k): number(v / at[1.0], 4) for k, v in at.items()}
    anneal, module = AnnealWeight("total_unsupervised_importance"), SimpleNamespace(current_epoch=0)
    anneal.on_train_start(None, module)
    for epoch in range(101):
        module.current_epoch = epoch
        anneal.on_train_epoch_start(None, module)
        if epoch in (0, 10, 100):
            said[f"weight_in_epoch_{epoch}"] = number(module.total_unsupervised_importance, 3)
    return said


def fault_set(project):
    "The column `set` for labels that the model never saw, by its own `predict_on_label_csv`"
    import os

    import pandas as pd
    from lightning_pose.api import Model
    from peer_numbers import train

    os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = (
        "1"  # it was written for an older torch; the file is of this minute
    )
    with tempfile.TemporaryDirectory() as folder:
        train(str(project), f"{folder}/model", "heatmap", "resnet18", 1)
        table = pd.read_csv(Path(project) / "CollectedData.csv", header=[0, 1, 2], index_col=0)
        new = table.iloc[:40]
        new.to_csv(f"{folder}/CollectedData_new.csv")
        model, column = Model.from_dir(f"{folder}/model"), lambda found: pd.Series(np.ravel(found.predictions["set"]))
        counts = column(
            model.predict_on_label_csv(f"{folder}/CollectedData_new.csv", data_dir=project, compute_metrics=False)
        ).value_counts()
        own = column(
            model.predict_on_label_csv(
                project / "CollectedData.csv", data_dir=project, compute_metrics=False, add_train_val_test_set=True
            )
        ).to_numpy()
        _, module = a_module(project, train_prob=0.8, val_prob=0.1, imgaug="dlc")
        right = all(
            (own[getattr(module, f"{k}_dataset").indices] == name).all()
            for k, name in (("train", "train"), ("val", "validation"), ("test", "test"))
        )
        return {
            "new_frames": len(new),
            **{k: int(v) for k, v in counts.items()},
            "right_for_its_own_labels": bool(right),
        }


def fault_frozen():
    "What a backbone that is frozen until epoch 20 does in its first steps"
    import lightning.pytorch as pl
    from lightning_pose.callbacks import UnfreezeBackbone
    from lightning_pose.losses.factory import LossFactory
    from lightning_pose.models.factory import get_model_class

    seen = {}

    class Look(pl.Callback):
        def on_after_backward(self, trainer, model):
            own = list(model.backbone.parameters())
            seen["tensors"], seen["with_a_gradient"] = (
                len(own),
                sum(o.grad is not None and bool(o.grad.abs().sum() > 0) for o in own),
            )
            seen["rate"] = trainer.optimizers[0].param_groups[0]["lr"]

    torch.manual_seed(0)
    model = get_model_class("heatmap", False)(
        num_keypoints=2,
        backbone="resnet18",
        pretrained=False,
        loss_factory=LossFactory({"heatmap_mse": {"log_weight": 0.0}}, None),
    )
    one = lambda: {
        "images": torch.randn(4, 3, 128, 128) + 1,
        "keypoints": torch.full((4, 4), 50.0),
        "bbox": torch.tensor([[0, 0, 128.0, 128.0]] * 4),
        "heatmaps": softmax(torch.randn(4, 2, 32, 32)),
    }
    loader = torch.utils.data.DataLoader([one() for _ in range(5)], batch_size=None)
    weights = {k: v.clone() for k, v in model.backbone.state_dict().items()}
    pl.Trainer(
        accelerator="cpu",
        max_steps=5,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[UnfreezeBackbone(unfreeze_epoch=20), Look()],
    ).fit(model.train(), loader)
    changed = [k for k, v in model.backbone.state_dict().items() if not torch.equal(v, weights[k])]
    return {
        **seen,
        "changed_weights": sum("running" not in k and "tracked" not in k for k in changed),
        "changed_statistics": sum("running" in k for k in changed),
        "statistics": sum("running" in k for k in weights),
    }


def fault_files(project):
    "How far a regression tracker that is exactly right is from the labels, in the file of its pixel errors"
    from lightning_pose.metrics import compute_metrics_single
    from lightning_pose.models.factory import get_model_class
    from lightning_pose.utils.predictions import PredictionHandler

    said = {}
    cfg, module = a_module(project, (256, 256), "regression")
    model = get_model_class("regression", False)(num_keypoints=17, backbone="resnet18", pretrained=False).eval()
    found = []
    for batch in module.full_labeled_dataloader():
        model.forward = lambda images, k=batch["keypoints"]: k.clone().float()  # it says what the data set teaches it
        found.append(model.predict_step(batch, 0))
    with tempfile.TemporaryDirectory() as folder:
        PredictionHandler(cfg, data_module=module)(found).to_csv(f"{folder}/predictions.csv")
        cfg.data.columns_for_singleview_pca = cfg.data.mirrored_column_matches = None
        errors = compute_metrics_single(
            cfg, str(project / "CollectedData.csv"), f"{folder}/predictions.csv", module
        ).pixel_error_df
        said["mean_pixel_error"] = number(np.nanmean(errors.iloc[:, :-1].to_numpy(float)), 1)
    return said


def fault_seam():
    "The temporal loss of a context tracker whose two heads agree on an animal that moves by three pixels a frame"
    from lightning_pose.losses.losses import TemporalLoss
    from lightning_pose.models.factory import get_model_class

    model = get_model_class("heatmap_mhcrnn", True)(num_keypoints=1, backbone="resnet18", pretrained=False).eval()
    way = torch.stack([20 + 3.0 * torch.arange(16), torch.full((16,), 60.0)], -1)
    from lightning_pose.data.heatmaps import generate_heatmaps

    maps = generate_heatmaps(way[:, None], 128, 128, (32, 32))
    model.forward = lambda frames, is_multiview=False: (maps.clone(), maps.clone())
    batch = {
        "frames": torch.zeros(16, 3, 128, 128),
        "transforms": torch.tensor([[-1.0]]),
        "bbox": torch.tensor([[0, 0, 128.0, 128.0]] * 16),
        "is_multiview": False,
    }
    found = model.get_loss_inputs_unlabeled(batch)
    return {
        "steps": len(found["keypoints_pred"]) - 1,
        "loss_at_epsilon_5": number(TemporalLoss(epsilon=5.0)(**found)[0], 3),
        "largest_step": number(TemporalLoss().compute_loss(found["keypoints_pred"]).max(), 1),
    }


def fault_resize(project):
    "The same frame as a labeled image and as a frame of a video, in gray levels of what the model sees"
    from lightning_pose.data.video.utils import normalize_frames
    from PIL import Image

    _, module = a_module(project, (256, 256))
    mean, std = (torch.tensor(o).view(3, 1, 1) for o in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    gray = lambda o: (o * std + mean) * 255
    off = []
    for i in range(10):
        image = np.array(Image.open(project / module.dataset.image_names[i]).convert("RGB"))
        frame = normalize_frames(torch.from_numpy(image).permute(2, 0, 1)[None], [256, 256])[0]
        off.append((gray(module.dataset[i]["images"]) - gray(frame)).abs())
    off = torch.stack(off)
    return {
        "mean": number(off.mean(), 2),
        "p99": number(torch.quantile(off.flatten()[::7], 0.99), 1),
        "max": number(off.max(), 0),
    }


def fault_device():
    "Whether it learns from unlabeled video without an NVIDIA GPU"
    from lightning_pose.utils.device import require_cuda_for_semi_supervised

    if torch.cuda.is_available():
        return {"refuses": None}
    try:
        require_cuda_for_semi_supervised(["temporal"])
    except RuntimeError as e:
        return {"refuses": str(e).split(" -- ")[0]}


def main(project):
    import lightning_pose

    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    project, version = Path(project), {"lightning_pose": lightning_pose.__version__}
    files = {
        "parts": {**version, "heatmaps": heatmaps(), "edges": edges(), "decoding": decoding(), "losses": losses()},
        "parts_pca": {**version, **pca(project)},
        "parts_windows": {**version, **windows()},
        "parts_faults": {
            **version,
            "pca": fault_pca(project),
            "decoding": fault_decoding(),
            "draws": fault_draws(),
            "annealing": fault_annealing(),
            "frozen": fault_frozen(),
            "set": fault_set(project),
            "regression_files": fault_files(project),
            "seam": fault_seam(),
            "resize": fault_resize(project),
            "device": fault_device(),
        },
    }
    for name, said in files.items():
        (HERE / f"{name}.json").write_text(json.dumps(said, separators=(",", ":")))
    print(json.dumps(files["parts_faults"], indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
