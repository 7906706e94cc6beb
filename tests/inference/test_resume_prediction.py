"Interrupted tracking is continued exactly, and only if video, model and settings are the same"

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import av
import h5py
import numpy as np
import pytest
from conftest import command_line, moving_frames, write_film

from posebook.core import PosebookError


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_killed_and_resumed(tiny_model, tmp_path):
    "Killed as hard as can be; the files are as if nothing had happened"
    from posebook.inference.predict import predict_from_folder

    write_film(tmp_path / "a.mp4", moving_frames(2000))
    args = command_line("predict", tiny_model, tmp_path / "a.mp4", "--out", tmp_path / "out", "--save-heatmaps")
    p, part = subprocess.Popen(args, stderr=subprocess.DEVNULL), tmp_path / "out/a.csv.part"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (part.exists() and part.stat().st_size > 60_000):
        time.sleep(0.005)
    os.kill(p.pid, signal.SIGKILL)
    p.wait()
    assert part.exists() and (tmp_path / "out/a_heatmaps.h5.part").exists()
    process = subprocess.run([*args, "--resume"], capture_output=True, text=True)
    assert not process.returncode, process.stderr
    predict_from_folder(tiny_model, tmp_path / "a.mp4", tmp_path / "plain", save_heatmaps=True)
    assert (tmp_path / "out/a.csv").read_bytes() == (tmp_path / "plain/a.csv").read_bytes()
    with h5py.File(tmp_path / "out/a_heatmaps.h5") as a, h5py.File(tmp_path / "plain/a_heatmaps.h5") as b:
        assert len(a["heatmaps"]) == 2000 and (a["heatmaps"][:] == b["heatmaps"][:]).all()
        assert a["heatmaps"].dtype == np.float16
    assert (tmp_path / "out/details/a_temporal_norm.csv").read_bytes() == (
        tmp_path / "plain/details/a_temporal_norm.csv"
    ).read_bytes()


def test_resume_keeps_only_the_table_of_this_video(tiny_model, tmp_path):
    "Session 2's cam1.mp4 does not get session 1's table; a copy of the same video elsewhere does"
    from posebook.inference.predict import predict_from_folder

    for i, day in enumerate(("one", "two", "three")):
        (tmp_path / day).mkdir()
        write_film(tmp_path / day / "cam1.mp4", moving_frames(40)[:: 1 if i == 0 else -1])
    shutil.copy(tmp_path / "one/cam1.mp4", tmp_path / "three/cam1.mp4")
    [table] = predict_from_folder(tiny_model, tmp_path / "one/cam1.mp4", tmp_path / "out")
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.*")}
    with pytest.raises(PosebookError, match="not of this video and model: the video's"):
        predict_from_folder(tiny_model, tmp_path / "two/cam1.mp4", tmp_path / "out", resume=True)
    assert predict_from_folder(tiny_model, tmp_path / "three/cam1.mp4", tmp_path / "out", resume=True) == [table]
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.*")} == before
    predict_from_folder(tiny_model, tmp_path / "two/cam1.mp4", tmp_path / "out", overwrite=True)
    predict_from_folder(tiny_model, tmp_path / "two/cam1.mp4", tmp_path / "plain")
    after = {p.relative_to(tmp_path / "out"): p.read_bytes() for p in (tmp_path / "out").rglob("*.*")}
    assert after == {p.relative_to(tmp_path / "plain"): p.read_bytes() for p in (tmp_path / "plain").rglob("*.*")}


@pytest.mark.parametrize("differs", ["model", "video", "precision", "record"])
def test_a_part_file_of_other_settings_is_not_continued(tiny_model, other_model, tmp_path, differs):
    from posebook.inference.predict import predict_single_video
    from posebook.inference.predictor import Predictor

    write_film(tmp_path / "a.mp4", moving_frames(60))

    def stop(done, of):
        if done >= 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_single_video(tmp_path / "a.mp4", tiny_model, tmp_path / "out", progress=stop)
    assert Path(tmp_path / "out/a.csv.part").read_text().count("\n") == 3 + 32
    predictor = Predictor.from_folder(tiny_model, "cpu")
    if differs == "model":
        predictor = other_model
    if differs == "video":
        write_film(tmp_path / "a.mp4", moving_frames(60)[::-1])
    if differs == "precision":
        predictor.precision = "bf16"
    if differs == "record":
        (tmp_path / "out/details/a.json.part").unlink()
    before = (tmp_path / "out/a.csv.part").read_bytes()
    message = (
        "there is no sidecar a.json.part"
        if differs == "record"
        else f"the {'settings' if differs == 'precision' else differs}'s"
    )
    with pytest.raises(PosebookError, match=message):
        predict_single_video(tmp_path / "a.mp4", predictor, tmp_path / "out", resume=True)
    assert (tmp_path / "out/a.csv.part").read_bytes() == before


def test_a_table_without_a_record_is_not_kept(tiny_model, tmp_path):
    "As older versions left them: nobody knows what it is of"
    from posebook.inference.predict import predict_from_folder

    write_film(tmp_path / "a.mp4", moving_frames(20))
    predict_from_folder(tiny_model, tmp_path / "a.mp4", tmp_path / "out")
    (tmp_path / "out/details/a.json").unlink()
    with pytest.raises(PosebookError, match="there is no sidecar a.json"):
        predict_from_folder(tiny_model, tmp_path / "a.mp4", tmp_path / "out", resume=True)


def fail_after(num_steps):
    "Return a function that raises KeyboardInterrupt after a number of calls"
    steps = iter(range(num_steps))

    def step():
        if next(steps, None) is None:
            raise KeyboardInterrupt

    return step


def after(step, function):
    "Return a function that calls `step` before `function`"
    return lambda *args, **kwargs: (step(), function(*args, **kwargs))


def test_overwriting_can_be_interrupted_anywhere(tiny_model, other_model, tmp_path):
    "Between any two steps of giving the files their names; in the end no file is of the older model"
    from posebook.inference.predict import predict_inputs
    from posebook.inference.predictor import Predictor

    write_film(tmp_path / "a.mp4", moving_frames(40))
    old, new = (Predictor.from_folder(o, "cpu") for o in (tiny_model, other_model))
    predict_into = lambda model, out, **how: predict_inputs(
        tmp_path / "a.mp4", model, tmp_path / out, save_heatmaps=True, labeled_video=True, **how
    )
    content = lambda out: {
        p.relative_to(tmp_path / out): p.read_bytes() for p in (tmp_path / out).rglob("*.*") if p.suffix != ".part"
    }
    predict_into(old, "old")
    predict_into(new, "new")
    refused = 0
    for num_steps in range(100):
        shutil.copytree(tmp_path / "old", tmp_path / "out")
        step = fail_after(num_steps)
        with pytest.MonkeyPatch.context() as m:
            m.setattr(Path, "unlink", after(step, Path.unlink))
            m.setattr(os, "replace", after(step, os.replace))
            try:
                predict_into(new, "out", overwrite=True)
            except KeyboardInterrupt:
                interrupted = True
            else:
                interrupted = False
        try:
            predict_into(new, "out", resume=True)
        except PosebookError as e:  # before a row of the new table was there
            assert "the model's checkpoint" in str(e) and content("out") == content("old")
            refused += 1
        else:
            assert content("out") == content("new"), num_steps
        shutil.rmtree(tmp_path / "out")
        if not interrupted:
            break
    assert 0 < refused < num_steps - 5 and num_steps > 10


def write_damaged_film(path):
    "Write a video of 300 frames, of which some from frame 150 on cannot be decoded; return the undamaged file"
    grain = np.random.default_rng(0).integers(-20, 20, (300, 96, 128, 3))
    frames = (moving_frames(300) + grain).clip(0, 255).astype(np.uint8)
    content = write_film(path, frames, options={"bf": "0"}).read_bytes()
    with av.open(str(path)) as c:
        packets = [(p.pos, p.size) for p in c.demux(video=0) if p.size]
    hole = bytearray(content)
    for pos, size in packets[150:153]:
        hole[pos : pos + size] = bytes(size)
    path.write_bytes(hole)
    return content


def left_out(caplog):
    "Return the items that were left out since the last call"
    items = [o.left_out for o in caplog.records if hasattr(o, "left_out")]
    caplog.clear()
    return items


def test_the_table_of_a_damaged_video_is_kept_and_named_again(tiny_model, tmp_path, caplog):
    "As are those of good videos; after a repair, the user is told to use --overwrite"
    from posebook.inference.predict import predict_from_folder

    (tmp_path / "videos").mkdir()
    content = write_damaged_film(tmp_path / "videos/a.mp4")
    write_film(tmp_path / "videos/b.mp4", moving_frames(20))
    predict_into = lambda **how: predict_from_folder(tiny_model, tmp_path / "videos", tmp_path / "out", **how)
    written = predict_into()
    assert [o.name for o in written] == ["a.csv", "b.csv"] and "cannot be decoded" in caplog.text
    assert left_out(caplog) == ["frames of a.mp4"]
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.*")}
    for _ in range(2):
        assert predict_into(resume=True) == written
        assert "the video was damaged" in caplog.text and "cannot be decoded" in caplog.text
        assert "--overwrite" in caplog.text and left_out(caplog) == ["frames of a.mp4"]
        assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.*")} == before
    predict_into(resume=True, save_heatmaps=True)  # heatmaps of a repaired video would not belong to the table
    assert left_out(caplog) == ["a.mp4"] and not (tmp_path / "out/a_heatmaps.h5").exists()
    assert (tmp_path / "out/b_heatmaps.h5").exists()
    (tmp_path / "videos/a.mp4").write_bytes(content)
    predict_into(resume=True)
    assert "not of this video and model" in caplog.text and left_out(caplog) == ["a.mp4"]
    predict_into(overwrite=True)
    assert left_out(caplog) == [] and len((tmp_path / "out/a.csv").read_text().splitlines()) == 3 + 300
    assert ",,," not in (tmp_path / "out/a.csv").read_text()


def test_damage_before_the_start_of_a_resumed_run_is_named(tiny_model, tmp_path, caplog):
    from posebook.inference.predict import predict_from_folder

    write_damaged_film(tmp_path / "a.mp4")
    predict_into = lambda out, **how: predict_from_folder(tiny_model, tmp_path / "a.mp4", tmp_path / out, **how)
    predict_into("plain")
    assert left_out(caplog) == ["frames of a.mp4"]

    def stop(inputs, number, done, total):
        if done >= 224:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_into("out", progress=stop)
    for _ in range(2):
        predict_into("out", resume=True)
        assert "cannot be decoded: 15" in caplog.text and left_out(caplog) == ["frames of a.mp4"]
        assert (tmp_path / "out/a.csv").read_bytes() == (tmp_path / "plain/a.csv").read_bytes()


def test_damaged_records_are_an_error(tiny_model, tmp_path):
    from posebook.inference.predict import predict_from_folder

    write_film(tmp_path / "a.mp4", moving_frames(20))
    predict_from_folder(tiny_model, tmp_path / "a.mp4", tmp_path / "out")
    for text in ("", "[]", '{"video": 3}'):
        (tmp_path / "out/details/a.json").write_text(text)
        with pytest.raises(PosebookError, match="not of this video and model"):
            predict_from_folder(tiny_model, tmp_path / "a.mp4", tmp_path / "out", resume=True)
    model = shutil.copytree(tiny_model, tmp_path / "m")
    (model / "pose_spaces.json").write_text("{")
    with pytest.raises(PosebookError, match="pose spaces of this model are damaged"):
        predict_from_folder(model, tmp_path / "a.mp4", tmp_path / "out2")
