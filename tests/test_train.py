"Training: the same seed gives the same weights, an interrupted one goes on exactly, and what it learns is useful"
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch import Callback
from posebook.config.read import read_config
from posebook.core import PosebookError
from posebook.training.checkpoints import load_checkpoint
from posebook.training.fit import TrainingRun, train_tracker

quiet = lambda line: None
QUICK = ("training.accelerator=cpu", "training.check_val_every_n_epoch=1")


def weights(folder): return load_checkpoint(folder/"checkpoints/last.ckpt")["state_dict"]
def equal(a, b): return all(torch.equal(a[k], b[k]) for k in a)


class Interrupt(Callback):
    def __init__(self, step): self.step = step
    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == self.step: raise KeyboardInterrupt


def test_frozen_stages_stay_and_others_learn(toy_project, tmp_path):
    run = TrainingRun(read_config(toy_project, [*QUICK, "training.max_steps=12", "training.unfreezing_step=6"]), tmp_path/"a")
    before = {k: v.clone() for k, v in run.tracker.state_dict().items()}
    after = run.fit().tracker.state_dict()
    changed = lambda part: any(not torch.equal(before[k], after[k]) for k in before if k.startswith(part) and "num_batches" not in k)
    assert not changed("backbone.stages.0") and not changed("backbone.stages.1")
    assert changed("backbone.stages.2") and changed("backbone.stages.3") and changed("neck") and changed("head")
    assert not any("running" in k and not torch.equal(before[k], after[k]) for k in before if k.startswith("backbone"))


@pytest.mark.parametrize("cached", ["true", "false"])
def test_resume_is_exact(toy_project, tmp_path, cached):
    settings = [*QUICK, "training.max_steps=14", "training.unfreezing_step=4", f"training.cache_features={cached}"]
    uninterrupted = train_tracker(toy_project, *settings, out=tmp_path/"whole", say=quiet)
    with pytest.raises(KeyboardInterrupt): train_tracker(toy_project, *settings, out=tmp_path/"broken", say=quiet, callbacks=[Interrupt(9)])
    assert load_checkpoint(tmp_path/"broken/checkpoints/last.ckpt")["global_step"] == 8     # two steps an epoch
    train_tracker(None, out=tmp_path/"broken", resume=True, say=quiet)
    assert load_checkpoint(tmp_path/"broken/checkpoints/last.ckpt")["global_step"] == 14
    assert equal(weights(uninterrupted), weights(tmp_path/"broken"))
    logs = pd.read_csv(tmp_path/"broken/logs/metrics.csv")
    assert len(logs) == len(pd.read_csv(uninterrupted/"logs/metrics.csv")) and logs.step.is_monotonic_increasing


def test_workers_do_not_matter(toy_project, tmp_path):
    settings = [*QUICK, "training.max_steps=4", "training.cache_features=false"]
    a, b = (weights(train_tracker(toy_project, *settings, f"training.num_workers={n}", out=tmp_path/str(n), say=quiet)) for n in (0, 2))
    assert equal(a, b)


def test_other_seeds_and_groups(toy_project, tmp_path):
    a, b = (TrainingRun(read_config(toy_project, [f"training.rng_seed_model_pt={n}", "training.split=group", "training.train_prob=0.5", "training.val_prob=0.5"]), tmp_path) for n in (0, 1))
    assert not equal(a.tracker.head.state_dict(), b.tracker.head.state_dict())
    groups = np.array(a.labels.groups())
    assert len(set(groups[a.data.split["train"]])) == len(set(groups[a.data.split["val"]])) == 1


@pytest.mark.parametrize("settings", [["training.precision=32"], ["training.precision=bf16", "training.cache_features=false"], ["model.neck=none", "model.head=deconv", "model.heatmap_loss_type=mse"], ["data.downsample_factor=3", "model.heatmap_loss_type=kl"],
                                      ["model.backbone=resnet18", "model.weights=null", "training.optimizer=Adam", "training.lr_scheduler=multisteplr"],
                                      ["data.box=[3,5,80,70]", "data.image_resize_dims.height=64", "data.image_resize_dims.width=96", "training.imgaug=dlc-top-down"]],
                         ids=["fp32", "bf16", "deconv", "stride8", "resnet", "box"])
def test_other_settings_train(toy_project, tmp_path, settings):
    folder = train_tracker(toy_project, *QUICK, *settings, "training.max_steps=4", out=tmp_path/"model", say=quiet)
    from posebook.inference.predictor import Predictor, predict_dataset
    from posebook.training.setup import get_labels
    predictor = Predictor(folder, "cpu")
    keypoints, confidences = predict_dataset(predictor, get_labels(predictor.cfg))
    assert np.isfinite(keypoints).all() and ((0 <= confidences) & (confidences <= 1)).all()


# a rate at which the validation loss soon rises, and validation not after every epoch
EARLY = ["training.accelerator=cpu", "training.max_steps=400", "training.early_stopping=true", "training.early_stop_patience=2",
         "training.optimizer_params.learning_rate=0.05"]


@pytest.mark.parametrize("every", ["null", "5"])
def test_patience_counts_validations(toy_project, tmp_path, every):
    "The training ends when two validations in a row are not the best, and the model is that of the best"
    folder = train_tracker(toy_project, *EARLY, f"training.check_val_every_n_epoch={every}", out=tmp_path/"model", say=quiet)
    log = pd.read_csv(folder/"logs/metrics.csv").dropna(subset="val_supervised_loss")
    loss = log.val_supervised_loss.to_numpy()
    worse = loss > np.minimum.accumulate(loss)
    assert [i for i in range(1, len(loss)) if worse[i - 1] and worse[i]] == [len(loss) - 1], loss
    assert load_checkpoint(folder/"checkpoints/last.ckpt")["global_step"] == log.step.iloc[loss.argmin()] + 1
    assert log.step.iloc[-1] + 1 < 400


def test_resume_with_early_stopping_is_exact(toy_project, tmp_path):
    settings = [*EARLY, "training.check_val_every_n_epoch=2"]
    uninterrupted = train_tracker(toy_project, *settings, out=tmp_path/"whole", say=quiet)
    end = int(pd.read_csv(uninterrupted/"logs/metrics.csv").step.max()) + 1
    with pytest.raises(KeyboardInterrupt): train_tracker(toy_project, *settings, out=tmp_path/"broken", say=quiet, callbacks=[Interrupt(end - 3)])
    train_tracker(None, out=tmp_path/"broken", resume=True, say=quiet)
    assert equal(weights(uninterrupted), weights(tmp_path/"broken"))
    messages = []
    train_tracker(None, out=tmp_path/"broken", resume=True, say=messages.append)                # it has ended
    assert "the training had ended already" in messages and equal(weights(uninterrupted), weights(tmp_path/"broken"))


class Infinite(Callback):
    "Spoils the weights, the loss of a batch or that of the validation at a step"
    def __init__(self, what, step): self.what, self.step = what, step

    def on_train_batch_start(self, trainer, tracker, *args):
        if self.what == "loss" and trainer.global_step == self.step: next(tracker.head.parameters()).data.fill_(float("nan"))

    def on_validation_epoch_start(self, trainer, tracker):
        if self.what == "validation" and trainer.global_step >= self.step: next(tracker.head.parameters()).data.fill_(float("inf"))

    def on_validation_end(self, trainer, tracker):
        if self.what == "weights" and trainer.global_step == self.step: next(tracker.head.parameters()).data.fill_(float("inf"))


@pytest.mark.parametrize("what, step, message", [("loss", 6, "training loss is not finite since step 7"), ("validation", 8, "validation loss is not finite since step 8"),
                                              ("weights", 10, "of the weights' tensors are not finite since step 10")])
@pytest.mark.parametrize("early", ["false", "true"])
def test_a_diverged_training_is_an_error(toy_project, tmp_path, what, step, message, early):
    with pytest.raises(PosebookError, match=message) as e:
        train_tracker(toy_project, *QUICK, "training.max_steps=10", f"training.early_stopping={early}", out=tmp_path/"model", say=quiet, callbacks=[Infinite(what, step)])
    assert "learning_rate" in str(e.value)
    assert all(torch.isfinite(v).all() for v in weights(tmp_path/"model").values())
    assert not json.loads((tmp_path/"model/posebook.json").read_text())["trained"]


def test_a_checkpoint_that_is_damaged_or_diverged_predicts_nothing(model, tmp_path):
    from posebook.inference.predictor import Predictor
    for spoil in ("flipped", "diverged", "another"):
        folder = tmp_path/spoil
        shutil.copytree(model, folder)
        path = folder/"checkpoints/last.ckpt"
        state = torch.load(path, weights_only=True)
        if spoil == "flipped":
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 4
            path.write_bytes(data)
        else:
            if spoil == "diverged": next(iter(state["state_dict"].values())).fill_(float("nan"))
            torch.save(state, path)
        with pytest.raises(PosebookError, match="not as the training wrote it"): Predictor(folder, "cpu")
        (folder/"posebook.json").unlink()                       # a folder of before, or a file alone
        if spoil == "another": Predictor(folder, "cpu")
        else:
            with pytest.raises(PosebookError, match="damaged|not finite"): Predictor(folder, "cpu")


def test_other_files_are_no_checkpoints(toy_project, tmp_path):
    for content in ([1, 2], torch.ones(3), {"state_dict": 5}, {"state_dict": {"a": 5}}):
        torch.save(content, tmp_path/"odd.ckpt")
        with pytest.raises(PosebookError, match="no checkpoint of a tracker"): TrainingRun(read_config(toy_project, [f"model.checkpoint={tmp_path/'odd.ckpt'}"]), tmp_path)


def test_any_flipped_bit_is_a_clear_error(model, tmp_path):
    "Outside of a model folder, where no hash is recorded: an error, or the weights are as they were"
    data, rng, intact = (model/"checkpoints/last.ckpt").read_bytes(), np.random.default_rng(0), weights(model)
    positions = [*rng.integers(0, len(data), 20), *(len(data) - rng.integers(1, 20_000, 60))]      # the directory of the archive is at its end
    errors = 0
    for i in positions:
        (tmp_path/"f.ckpt").write_bytes(data[:i] + bytes([data[i] ^ 1 << rng.integers(8)]) + data[i + 1:])
        try: state = load_checkpoint(tmp_path/"f.ckpt")["state_dict"]
        except PosebookError: errors += 1
        else: assert equal(intact, state)
    assert errors > 20


def test_another_checkpoint_of_the_folder_may_take_its_place(model, tmp_path):
    from posebook.inference.predictor import Predictor
    folder = shutil.copytree(model, tmp_path/"m")
    shutil.copy(folder/"checkpoints/best.ckpt", folder/"checkpoints/last.ckpt")
    Predictor(folder, "cpu")


def test_resume_goes_on_with_the_frames_and_settings_that_it_began_with(project, tmp_path):
    "Ten labels more, at the front of the table: the weights are those of a training that nobody interrupted"
    settings, table = [*QUICK, "training.max_steps=10", "training.train_prob=0.5"], project/"CollectedData.csv"
    uninterrupted = train_tracker(project, *settings, out=tmp_path/"whole", say=quiet)
    with pytest.raises(KeyboardInterrupt): train_tracker(project, *settings, out=tmp_path/"broken", say=quiet, callbacks=[Interrupt(7)])
    header, rows = table.read_text().splitlines()[:3], table.read_text().splitlines()[3:]
    new_rows = []
    for i, row in enumerate(rows[:10]):
        image, _, cells = row.partition(",")
        shutil.copy(project/image, project/f"labeled-data/toy0/more{i}.png")
        new_rows.append(f"labeled-data/toy0/more{i}.png,{cells}")
    table.write_text("\n".join([*header, *new_rows, *rows]) + "\n")
    for setting in ("training.rng_seed_data_pt=3", "training.train_prob=0.9", "training.accelerator=auto"):
        with pytest.raises(PosebookError, match="cannot be set"): train_tracker(project, setting, out=tmp_path/"broken", resume=True, say=quiet)
    with pytest.raises(PosebookError, match="of the project"): train_tracker(tmp_path/"other.yaml", out=tmp_path/"broken", resume=True, say=quiet) if (tmp_path/"other.yaml").write_text("posebook: 1") else None
    messages = []
    train_tracker(project, out=tmp_path/"broken", resume=True, say=messages.append)
    assert equal(weights(uninterrupted), weights(tmp_path/"broken"))
    assert any("10 frame(s) were labeled since" in o and "model.checkpoint=" in o for o in messages), messages

    from posebook.evaluation.evaluate import evaluate_model
    split = (uninterrupted/"split.csv").read_bytes()
    metrics = evaluate_model(tmp_path/"broken", say=quiet)
    labels = pd.read_csv(tmp_path/"broken/predictions.csv", header=[0, 1, 2], index_col=0)
    sets = dict(zip(labels.index, labels.iloc[:, -1]))
    assert {k for k, v in sets.items() if v == "new"} == {o.split(",")[0] for o in new_rows} and "new" in metrics
    stored = pd.read_csv(tmp_path/"broken/split.csv", index_col=0).set
    assert all(sets[k] == v for k, v in stored.items()) and (tmp_path/"broken/split.csv").read_bytes() == split
    table.write_text("\n".join([*header, *new_rows, *rows[1:]]) + "\n")
    with pytest.raises(PosebookError, match="1 frame.* have no label any more"): train_tracker(None, out=tmp_path/"broken", resume=True, say=quiet)


def test_the_length_may_change_on_resume_and_is_recorded(toy_project, tmp_path):
    folder = train_tracker(toy_project, *QUICK, "training.max_steps=4", out=tmp_path/"model", say=quiet)
    train_tracker(None, "training.max_steps=8", out=folder, resume=True, say=quiet)
    assert load_checkpoint(folder/"checkpoints/last.ckpt")["global_step"] == 8
    assert read_config(folder/"config.yaml").training.max_steps == 8


def test_time_is_a_limit_and_counts_over_interruptions(toy_project, tmp_path):
    settings = [*QUICK, "training.max_time=00:00:00:06"]
    with pytest.raises(KeyboardInterrupt): train_tracker(toy_project, *settings, out=tmp_path/"model", say=quiet, callbacks=[Interrupt(8)])
    spent = load_checkpoint(tmp_path/"model/checkpoints/last.ckpt")["seconds_spent"]
    assert 0 < spent < 6
    train_tracker(None, out=tmp_path/"model", resume=True, say=quiet)
    assert load_checkpoint(tmp_path/"model/checkpoints/last.ckpt")["seconds_spent"] >= 6


def test_a_lightning_pose_yaml_trains(toy_project, tmp_path):
    "Their keys, their defaults where they leave something out, in epochs"
    (tmp_path/"theirs.yaml").write_text(f"""
data: {{image_orig_dims: {{height: 96, width: 96}}, image_resize_dims: {{height: 128, width: 128}}, data_dir: {toy_project}, video_dir: videos, csv_file: CollectedData.csv, downsample_factor: 2, num_keypoints: 18}}
training: {{imgaug: dlc, train_batch_size: 4, max_epochs: 2, min_epochs: 1, num_gpus: 1, unfreezing_epoch: 1, lr_scheduler: multisteplr, lr_scheduler_params: {{multisteplr: {{milestones: [1], gamma: 0.5}}}}}}
model: {{backbone: resnet18, backbone_pretrained: false, model_type: heatmap, heatmap_loss_type: mse, model_name: test, losses_to_use: []}}
eval: {{hydra_paths: [" "], predict_vids_after_training: false, test_videos_directory: null}}
hydra: {{run: {{dir: "outputs/${{now:%Y-%m-%d}}"}}}}
""")
    messages = []
    folder = train_tracker(tmp_path/"theirs.yaml", out=tmp_path/"model", say=messages.append)
    cfg = read_config(folder/"config.yaml")
    assert (cfg.model.neck, cfg.model.head, cfg.model.weights, cfg.training.optimizer, cfg.training.cache_features) == ("none", "deconv", None, "Adam", False)
    assert "note: data.image_orig_dims is not used: the size is read from each image" in messages


def test_mirror_mouse_in_a_minute(mirror_mouse, tmp_path):
    "A real animal: better than the median pose by far after 150 steps"
    from posebook.evaluation.evaluate import evaluate_model
    (tmp_path/"posebook.yaml").write_text("posebook: 1\n")
    folder = train_tracker(tmp_path, f"data.data_dir={mirror_mouse}", "training.train_prob=0.62", "training.val_prob=0.05", "training.max_steps=150", "training.accelerator=cpu", out=tmp_path/"model", say=quiet)
    evaluate_model(folder, say=quiet)
    test = json.loads((folder/"metrics.json").read_text())["test"]["all"]
    assert test["median"] < 6, test       # the median pose: 36


def test_checkpoints_that_do_not_fit(model, toy_project, tmp_path):
    with pytest.raises(PosebookError, match="checkpoint of another model"):
        TrainingRun(read_config(toy_project, ["model.backbone=resnet18", "model.weights=null", f"model.checkpoint={model}"]), tmp_path)
    content = (model/"checkpoints/last.ckpt").read_bytes()
    (tmp_path/"half.ckpt").write_bytes(content[:len(content) // 2])
    with pytest.raises(PosebookError, match="half written"): load_checkpoint(tmp_path/"half.ckpt")
    torch.save({"state_dict": {}, "code": tmp_path}, tmp_path/"code.ckpt")
    with pytest.raises(PosebookError, match="holds code"): load_checkpoint(tmp_path/"code.ckpt")
    TrainingRun(read_config(toy_project, [f"model.checkpoint={model}"]), tmp_path)     # one that does


def test_unlabeled_video_never_touches_the_labeled_weight(toy_project, tmp_path):
    out = train_tracker(toy_project, *QUICK, "training.max_steps=12", "model.losses_to_use=[temporal,pca_multiview]", "dali.base.train.sequence_length=6",
                "training.log_every_n_steps=1", "losses.temporal.log_weight=0", "callbacks.anneal_weight.start=0.3", "callbacks.anneal_weight.over=0.5", out=tmp_path/"m", say=quiet)
    log = pd.read_csv(out/"logs/metrics.csv")
    assert log.train_heatmap_cross_entropy_weight.dropna().eq(.5).all()
    importance = log.total_unsupervised_importance.dropna()
    assert importance.is_monotonic_increasing and importance.iloc[0] < .3 and importance.iloc[-1] > .9
    assert np.allclose(log.train_temporal_weight.dropna(), .5 * importance)


def test_resume_with_unlabeled_video_is_exact(toy_project, tmp_path):
    settings = [*QUICK, "training.max_steps=10", "training.unfreezing_step=2", "model.losses_to_use=[temporal,pca_multiview]",
                "dali.base.train.sequence_length=6", "callbacks.anneal_weight.start=0.2"]
    uninterrupted = train_tracker(toy_project, *settings, out=tmp_path/"whole", say=quiet)
    with pytest.raises(KeyboardInterrupt): train_tracker(toy_project, *settings, out=tmp_path/"broken", say=quiet, callbacks=[Interrupt(7)])
    train_tracker(None, out=tmp_path/"broken", resume=True, say=quiet)
    assert equal(weights(uninterrupted), weights(tmp_path/"broken"))
