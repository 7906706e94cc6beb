"What people type, right and wrong"
import shutil
import sys

import av
import numpy as np


def says(result, *parts):
    code, text = result
    assert code == 2, text
    assert "Traceback" not in text
    for p in parts: assert p in text, text


def edit(project, old, new, count=1):
    path = project/"CollectedData.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


def test_help(typed):
    code, text = typed("--help")
    assert code == 0 and "Track videos" in text


def test_init(typed, project, tmp_path):
    assert typed("init", tmp_path/"new", "--full")[0] == 0
    text = (tmp_path/"new/posebook.yaml").read_text()
    assert "backbone resnet18" in text and "gamma" in text
    says(typed("init", project), "there is a config already")


def test_labels_that_are_wrong(typed, project):
    first = (project/"CollectedData.csv").read_text().splitlines()[3]
    image, number = first.split(",")[0], next(o for o in first.split(",")[1:] if o)
    copy = project.parent/"copy"
    for old, new, *parts in [
            (image, "labeled-data/toy0/nothing.png", "do not exist", "nothing.png"),
            (number, "here", "'here'", image),
            (number, "inf", "'inf'", image),
            (number, "500", "far outside", image),
            (first, first + "\n" + first, "more than one row", image),
            ("bodyparts,", "body,", "header is broken")]:
        shutil.copytree(project, copy)
        edit(copy, old, new)
        says(typed("train", copy), *parts)
        shutil.rmtree(copy)


def test_too_few_labels(typed, project):
    path, rows = project/"CollectedData.csv", (project/"CollectedData.csv").read_text().splitlines()
    path.write_text("\n".join(rows[:3]) + "\n")
    says(typed("train", project), "no labeled frame")
    path.write_text("\n".join(rows[:4]) + "\n")
    says(typed("train", project), "at least two")
    path.write_text("\n".join(rows[:3] + [r.split(",")[0] + "," * 36 for r in rows[3:]]) + "\n")
    says(typed("train", project), "no labeled frame")
    (project/rows[3].split(",")[0]).write_bytes(b"not an image")
    path.write_text("\n".join(rows))
    says(typed("train", project), "cannot be read", rows[3].split(",")[0])
    path.unlink()
    says(typed("train", project), "does not exist", "CollectedData.csv")


def test_configs_that_are_wrong(typed, project, tmp_path):
    for setting, *parts in [("model.bakbone=resnet18", "unknown key model.bakbone", "did you mean 'backbone'"), ("model.backbone=resnet81", "did you mean 'resnet18'"),
                            ("training.max_steps=-3", "training.max_steps"), ("training.max_time=5min", "training.max_time"), ("data.num_keypoints=3", "the CSV has 18"),
                            ("data.image_resize_dims.height=100", "not a multiple of 32"), ("data.box=[0,0,500,20]", "does not lie in a frame"), ("model.head=deconv", "use neck: none"),
                            ("training.imgaug=strong", "no preset"), ("training.train_prob=0.95", "is more than 1"), ("training.accelerator=cuda", "there is no cuda"), ("nonsense", "section.key=value"),
                            ("model.losses_to_use=[temperal]", "did you mean 'temporal'"), ("model.context=4", "model.context = 4", "odd"), ("model.do_context=true", "looks at one frame"),
                            ("data.mirrored_column_matches=null model.losses_to_use=[pca_multiview]", "data.mirrored_column_matches"),
                            ("model.model_type=regression model.losses_to_use=[unimodal_kl]", "needs heatmaps_unimodal", "heatmap"),
                            ("data.video_dir=nowhere model.losses_to_use=[temporal]", "data.video_dir")]:
        if setting.endswith("cuda") and __import__("torch").cuda.is_available(): continue
        says(typed("train", project, *setting.split(" ")), *parts)
    assert not (project/"models").exists()                       # nothing was begun
    says(typed("train", tmp_path/"nowhere"), "no such config file")
    (tmp_path/"bad.yaml").write_text("data: [")
    says(typed("train", tmp_path/"bad.yaml"), "not a YAML file")


def test_nothing_is_overwritten(typed, project, model, tmp_path):
    (tmp_path/"mine").mkdir(); (tmp_path/"mine/thesis.tex").write_text("years")
    says(typed("train", project, "--out", tmp_path/"mine"), "did not make this folder")
    says(typed("train", project, "--out", tmp_path/"mine", "--overwrite"), "did not make this folder")
    assert (tmp_path/"mine/thesis.tex").read_text() == "years"
    says(typed("train", project, "--resume"), "--out")
    assert typed("predict", model, project/"videos", "--out", tmp_path/"out")[0] == 0
    says(typed("predict", model, project/"videos", "--out", tmp_path/"out"), "exist already")
    assert typed("predict", model, project/"videos", "--out", tmp_path/"out", "--overwrite", "--save-heatmaps")[0] == 0


def test_videos_that_are_wrong(typed, project, model, tmp_path):
    videos = tmp_path/"videos"
    shutil.copytree(project/"videos", videos)
    says(typed("predict", model, tmp_path/"gone.mp4"), "no such file")
    says(typed("predict", model, project/"videos/toy0.mp4", videos/"toy0.mp4"), "two inputs are called toy0")
    (videos/"empty.mp4").write_bytes(b"")
    (videos/"text.mp4").write_text("not a video")
    whole = (videos/"toy0.mp4").read_bytes()
    (videos/"cut.mp4").write_bytes(whole[:len(whole) // 2])
    with av.open(str(videos/"sound.mp4"), "w") as c:
        s = c.add_stream("aac", rate=8000)
        f = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono"); f.rate = 8000
        c.mux(s.encode(f)); c.mux(s.encode())
    says(typed("predict", model, videos, "--out", tmp_path/"out"), "4 of 6 videos", "empty.mp4: the video is empty", "text.mp4", "cut.mp4", "sound.mp4: there is no video track")
    assert (tmp_path/"out/toy0.csv").is_file() and (tmp_path/"out/toy1.csv").is_file()      # the others are done
    says(typed("predict", project, videos), "not a model folder")
    says(typed("predict", model, videos/"toy0.mp4", "--device", "gpu", "--out", tmp_path/"gpu"), "there is no gpu")
    says(typed("predict", model, project/"labeled-data"), "no video in this folder")


def test_several_models_and_smoothing(typed, model, project, tmp_path):
    video, second = project/"videos/toy0.mp4", tmp_path/"second"
    shutil.copytree(model, second)
    assert typed("predict", model, second, video, "--ensemble", "--out", tmp_path/"both")[0] == 0
    assert sorted(p.name for p in (tmp_path/"both").iterdir()) == ["details", model.name, "second", "toy0.csv", "toy0_spread.csv"]
    assert (tmp_path/"both/second/toy0_pca_multiview_error.csv").is_file()
    code, text = typed("smooth", tmp_path/"both/toy0.csv", "--threshold", "0.1")
    assert code == 0 and "rows a keypoint moved" in text and (tmp_path/"both/toy0_smoothed_moved.csv").is_file()
    says(typed("smooth", tmp_path/"both/toy0.csv"), "the file exists already")
    says(typed("smooth", project/"CollectedData.csv"), "labels, not predictions")
    says(typed("smooth", tmp_path/"none.csv"), "none.csv")
    says(typed("predict", model, video, "--ensemble", "--out", tmp_path/"one"), "needs two models")
    says(typed("predict", model, second, video, "--ensemble"), "--out")
    says(typed("predict", model, video, "--out", tmp_path/"x", "--backend", "torhc"), "did you mean 'torch'")


def test_evaluate(typed, model, project):
    code, text = typed("evaluate", model)
    assert code == 0 and "median" in text
    says(typed("evaluate", model, "--csv", project/"truth.csv"), "header is broken")


def test_a_disk_that_cannot_be_written(typed, model, project, monkeypatch):
    import errno
    from posebook.inference import predict
    def full(*args): raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(predict.PredictionTable, "add", full)
    says(typed("predict", model, project/"videos/toy0.mp4", "--out", project/"out"), "the disk is full")


def test_ctrl_c_leaves_a_usable_model(project, tmp_path):
    "A real signal to a real process"
    import signal, subprocess, time
    p = subprocess.Popen([sys.executable, "-c", "from posebook.cli import main; main()", "train", str(project), "training.max_time=00:00:05:00", "training.check_val_every_n_epoch=1",
                          "training.accelerator=cpu", "--out", str(tmp_path/"model")], stderr=subprocess.PIPE, text=True,
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))     # what runs in the background of a shell ignores it
    last = tmp_path/"model/checkpoints/last.ckpt"
    for _ in range(1200):
        if last.exists() or p.poll() is not None: break
        time.sleep(.1)
    time.sleep(1)
    p.send_signal(signal.SIGINT)
    said = p.communicate(timeout=240)[1]
    assert p.returncode == 130, said
    assert "go on from there" in said and "Traceback" not in said
    from posebook.inference.predictor import Predictor
    Predictor(tmp_path/"model", "cpu")
    assert [o for o in last.parent.iterdir() if o.name.startswith(".")] == []
