"The command line: what it prints and refuses"

import shlex
import shutil
import sys

import av
import numpy as np
from conftest import assert_error

import posebook


def edit(project, old, new, count=1):
    path = project / "CollectedData.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


def test_help(run_command):
    code, text = run_command("--help")
    assert code == 0 and "Track videos" in text


def test_version(run_command):
    assert run_command("--version") == (0, f"{posebook.__version__}\n")


def test_init(run_command, project, tmp_path):
    assert run_command("init", tmp_path / "new", "--full")[0] == 0
    text = (tmp_path / "new/posebook.yaml").read_text()
    assert "backbone resnet18" in text and "gamma" in text
    assert_error(run_command("init", project), "there is a config already")


def test_errors_in_labels(run_command, project):
    first = (project / "CollectedData.csv").read_text().splitlines()[3]
    image, number = first.split(",")[0], next(o for o in first.split(",")[1:] if o)
    copy = project.parent / "copy"
    for old, new, *messages in [
        (number, "here", "'here'", image),
        (number, "inf", "'inf'", image),
        (first, first + "\n" + first, "more than one row", image),
        ("bodyparts,", "body,", "header is broken"),
    ]:
        shutil.copytree(project, copy)
        edit(copy, old, new)
        assert_error(run_command("train", copy), *messages)
        shutil.rmtree(copy)


def test_too_few_labels(run_command, project):
    path, rows = project / "CollectedData.csv", (project / "CollectedData.csv").read_text().splitlines()
    path.write_text("\n".join(rows[:3]) + "\n")
    assert_error(run_command("train", project), "no labeled frame")
    path.write_text("\n".join(rows[:4]) + "\n")
    assert_error(run_command("train", project), "at least two")
    path.write_text("\n".join(rows[:3] + [r.split(",")[0] + "," * 36 for r in rows[3:]]) + "\n")
    assert_error(run_command("train", project), "no labeled frame")
    for row in rows[3 : 3 + len(rows) // 2]:
        (project / row.split(",")[0]).write_bytes(b"not an image")
    path.write_text("\n".join(rows) + "\n")
    assert_error(run_command("train", project), "cannot be read", rows[3].split(",")[0])
    path.unlink()
    assert_error(run_command("train", project), "no such file", "CollectedData.csv")


def test_errors_in_configs(run_command, project, tmp_path):
    for setting, *messages in [
        ("model.bakbone=resnet18", "unknown key model.bakbone", "did you mean 'backbone'"),
        ("model.backbone=resnet81", "did you mean 'resnet18'"),
        ("training.max_steps=-3", "training.max_steps"),
        ("training.max_time=5min", "training.max_time = '5min'", "such as 90s, 4m, 2h30m"),
        ("training.max_time=240", "training.max_time = 240", "such as 90s, 4m, 2h30m"),
        ("training.max_time=0m", "longer than zero"),
        ("data.num_keypoints=3", "the CSV has 18"),
        ("data.image_resize_dims.height=100", "not a multiple of 32"),
        ("data.box=[100,0,50,20]", "does not lie in a frame"),
        ("data.box=[1,2,3]", "is no box"),
        ("data.fit=squeeze", "data.fit", "letterbox"),
        ("model.head=deconv", "use neck: none"),
        ("training.imgaug=strong", "no preset"),
        ("training.train_prob=0.95", "is more than 1"),
        ("training.accelerator=cuda", "there is no cuda device"),
        ("training.accelerator=gpu", "there is no cuda device"),
        ("nonsense", "section.key=value"),
        ("model.losses_to_use=[temperal]", "did you mean 'temporal'"),
        ("model.context=4", "model.context = 4", "odd"),
        ("model.do_context=true", "uses single frames"),
        ("data.mirrored_column_matches=null model.losses_to_use=[pca_multiview]", "data.mirrored_column_matches"),
        ("model.model_type=regression model.losses_to_use=[unimodal_kl]", "needs heatmaps_unimodal", "heatmap"),
        ("data.video_dir=nowhere model.losses_to_use=[temporal]", "data.video_dir"),
    ]:
        if setting.endswith(("cuda", "gpu")) and __import__("torch").cuda.is_available():
            continue
        assert_error(run_command("train", project, *setting.split(" ")), *messages)
    assert not (project / "models").exists()  # nothing was begun
    assert_error(run_command("train", tmp_path / "nowhere"), "no such config file")
    (tmp_path / "bad.yaml").write_text("data: [")
    assert_error(run_command("train", tmp_path / "bad.yaml"), "not a YAML file")


def test_nothing_is_overwritten(run_command, project, model, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years")
    assert_error(run_command("train", project, "--out", tmp_path / "mine"), "did not make this folder")
    assert_error(run_command("train", project, "--out", tmp_path / "mine", "--overwrite"), "did not make this folder")
    assert (tmp_path / "mine/thesis.tex").read_text() == "years"
    assert_error(run_command("train", project, "--resume"), "--out")
    assert run_command("predict", model, project / "videos", "--out", tmp_path / "out")[0] == 0
    (tmp_path / "other").mkdir()
    other = shutil.copyfile(project / "videos/toy1.mp4", tmp_path / "other/toy0.mp4")
    assert_error(run_command("predict", model, other, "--out", tmp_path / "out"), "exist already")
    assert (
        run_command("predict", model, project / "videos", "--out", tmp_path / "out", "--overwrite", "--save-heatmaps")[
            0
        ]
        == 0
    )


def test_errors_in_videos(run_command, project, model, tmp_path):
    videos = tmp_path / "videos"
    shutil.copytree(project / "videos", videos)
    assert_error(run_command("predict", model, tmp_path / "gone.mp4"), "no such file")
    assert_error(
        run_command("predict", model, project / "videos/toy0.mp4", videos / "toy0.mp4"), "two inputs are called toy0"
    )
    (videos / "empty.mp4").write_bytes(b"")
    (videos / "text.mp4").write_text("not a video")
    content = (videos / "toy0.mp4").read_bytes()
    (videos / "cut.mp4").write_bytes(content[: len(content) // 2])
    with av.open(str(videos / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert_error(
        run_command("predict", model, videos, "--out", tmp_path / "out"),
        "4 of 6 videos",
        "empty.mp4: the video is empty",
        "text.mp4",
        "cut.mp4",
        "sound.mp4: there is no video track",
    )
    assert (tmp_path / "out/toy0.csv").is_file() and (tmp_path / "out/toy1.csv").is_file()  # the others are done
    assert_error(run_command("predict", project, videos), "no trained model", f"posebook train {project}")
    assert_error(run_command("predict", videos, videos / "toy0.mp4"), "not a model folder")
    assert_error(
        run_command("predict", model, videos / "toy0.mp4", "--device", "tpu", "--out", tmp_path / "tpu"),
        "there is no tpu",
    )
    (tmp_path / "nothing").mkdir()
    assert_error(run_command("predict", model, tmp_path / "nothing"), "no video in this folder, and no image")


def test_ensemble_and_smooth(run_command, model, project, tmp_path):
    video, second = project / "videos/toy0.mp4", tmp_path / "second"
    shutil.copytree(model, second)
    assert run_command("predict", model, second, video, "--ensemble", "--out", tmp_path / "both")[0] == 0
    assert sorted(p.name for p in (tmp_path / "both").iterdir()) == [
        "details",
        model.name,
        "second",
        "toy0.csv",
    ]
    assert (tmp_path / "both/details/toy0_spread.csv").is_file()
    assert (tmp_path / "both/second/details/toy0_pca_multiview_error.csv").is_file()
    code, text = run_command("smooth", tmp_path / "both/toy0.csv", "--threshold", "0.1")
    assert code == 0 and "rows a keypoint moved" in text and (tmp_path / "both/details/toy0_moved.csv").is_file()
    assert_error(run_command("smooth", tmp_path / "both/toy0.csv"), "the file exists already")
    assert_error(run_command("smooth", project / "CollectedData.csv"), "labels, not predictions")
    assert_error(run_command("smooth", tmp_path / "none.csv"), "none.csv")
    assert_error(run_command("predict", model, video, "--ensemble", "--out", tmp_path / "one"), "needs two models")
    assert_error(run_command("predict", model, second, video, "--ensemble"), "--out")
    assert_error(
        run_command("predict", model, video, "--out", tmp_path / "x", "--backend", "torhc"), "did you mean 'torch'"
    )


def test_evaluate(run_command, model, project):
    code, text = run_command("evaluate", model)
    assert code == 0 and "median" in text
    assert_error(run_command("evaluate", model, "--csv", project / "truth.csv"), "header is broken")


def test_a_folder_without_write_permission(run_command, model, project, monkeypatch):
    import errno

    from posebook.inference import predict

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(predict.PredictionTable, "add", full)
    assert_error(
        run_command("predict", model, project / "videos/toy0.mp4", "--out", project / "out"), "the disk is full"
    )


def test_ctrl_c_leaves_a_usable_model(project, tmp_path):
    "A real signal to a real process"
    import signal
    import subprocess
    import time

    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from posebook.cli import main; main()",
            "train",
            str(project),
            "training.max_time=00:00:05:00",
            "training.check_val_every_n_epoch=1",
            "training.accelerator=cpu",
            "--out",
            str(tmp_path / "model"),
        ],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # what runs in the background of a shell ignores it
    last = tmp_path / "model/checkpoints/last.ckpt"
    for _ in range(1200):
        if last.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=240)[1]
    assert process.returncode == 130, output
    assert "stopped; finished work is kept. Continue with:\n" in output and "Traceback" not in output
    words = ["posebook", "train", str(project), "--out", str(tmp_path / "model"), "--resume"]
    assert shlex.split(output.splitlines()[-1]) == words
    from posebook.inference.predictor import Predictor

    Predictor.from_folder(tmp_path / "model", "cpu")
    assert [o for o in last.parent.iterdir() if o.name.startswith(".")] == []


def test_the_command_after_ctrl_c_names_the_new_model_folder(run_command, project, monkeypatch):
    from conftest import FOUR_STEPS, VALIDATE_EACH_EPOCH, Interrupt

    from posebook.training.fit import TrainingRun

    project = project.rename(project.with_name("Anna's mice"))
    callbacks = TrainingRun._callbacks
    monkeypatch.setattr(TrainingRun, "_callbacks", lambda self, progress: [*callbacks(self, progress), Interrupt(3)])
    code, text = run_command("train", project, *FOUR_STEPS, *VALIDATE_EACH_EPOCH)
    assert code == 130, text
    [folder] = (project / "models").iterdir()
    words = shlex.split(text.splitlines()[-1])
    assert words == ["posebook", "train", str(project), "--out", str(folder.resolve()), "--resume"]
    monkeypatch.setattr(TrainingRun, "_callbacks", callbacks)
    code, text = run_command(*words[1:])
    assert code == 0 and (folder / "report.html").is_file(), text
