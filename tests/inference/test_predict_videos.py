"Tracking videos: folders with bad files, full disks, and tables that belong to their video and model"

import shutil
import subprocess
import sys

import pytest
from conftest import command_line, moving_frames, small_disk, write_film

from posebook.core import PosebookError


def test_a_bad_video_does_not_stop_the_others(tiny_model, tmp_path, caplog):
    from posebook.inference.predict import predict_from_folder

    videos = tmp_path / "videos"
    videos.mkdir()
    write_film(videos / "good.mp4", moving_frames())
    write_film(videos / "large.mp4", moving_frames(20, 200, 160))
    write_film(videos / "clear.webm", moving_frames(10), "libvpx-vp9", "yuva420p", {"cpu-used": "8"})
    (videos / "text.mp4").write_bytes(b"this is a text")
    data = write_film(videos / "cut.mkv", moving_frames(120)).read_bytes()
    (videos / "cut.mkv").write_bytes(data[: len(data) // 2])
    written = predict_from_folder(tiny_model, videos, tmp_path / "out")
    assert [o.stem for o in written] == ["clear", "cut", "good", "large"]
    left_out = {o.left_out: o.getMessage() for o in caplog.records if hasattr(o, "left_out")}
    assert set(left_out) == {"frames of cut.mkv", "text.mp4"}
    assert "ends early" in left_out["frames of cut.mkv"]
    assert "1 of 5 videos" in left_out["text.mp4"] and "videos/text.mp4" in left_out["text.mp4"]
    rows = {p.stem: len(p.read_text().splitlines()) - 3 for p in (tmp_path / "out").glob("*.csv") if "_" not in p.stem}
    assert rows.pop("cut") > 20 and rows == {"good": 40, "large": 20, "clear": 10}
    with pytest.raises(PosebookError, match="no video in this folder"):
        predict_from_folder(tiny_model, tiny_model, tmp_path / "out2")


def test_full_disk(tiny_model, tmp_path, monkeypatch):
    import errno

    from posebook.data.tables import PredictionTable
    from posebook.inference.predict import predict_from_folder

    write_film(tmp_path / "a.mp4", moving_frames(120))
    add, calls = PredictionTable.add, []

    def full(self, *args):
        calls.append(1)
        if len(calls) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return add(self, *args)

    monkeypatch.setattr(PredictionTable, "add", full)
    with pytest.raises(PosebookError, match="the disk is full"):
        predict_from_folder(tiny_model, tmp_path / "a.mp4", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.*")) == ["a.csv.part", "a.json.part", "a.lock"]
    monkeypatch.undo()
    predict_from_folder(tiny_model, tmp_path / "a.mp4", tmp_path / "out", resume=True)
    predict_from_folder(tiny_model, tmp_path / "a.mp4", tmp_path / "plain")
    assert (tmp_path / "out/a.csv").read_bytes() == (tmp_path / "plain/a.csv").read_bytes()


@pytest.mark.parametrize("room", [0.5, 1.5, 1.98])
def test_full_disk_while_heatmaps_are_written(tiny_model, tmp_path, room):
    """While the `.part` file grows, or while it becomes HDF5: a clear error.

    After --resume the files are those of an uninterrupted run."""
    from posebook.inference.predict import predict_from_folder

    write_film(tmp_path / "a.mp4", moving_frames(120))
    predict_from_folder(tiny_model, tmp_path / "a.mp4", tmp_path / "plain", save_heatmaps=True)
    size = (tmp_path / "plain/a_heatmaps.h5").stat().st_size
    out = small_disk(tmp_path / "disk", int(size * room) + 2**16)
    try:
        args = command_line("predict", tiny_model, tmp_path / "a.mp4", "--out", out, "--save-heatmaps")
        process = subprocess.run(args, capture_output=True, text=True)
        assert process.returncode == 2 and "the disk is full" in process.stderr and "Traceback" not in process.stderr, (
            process.returncode,
            process.stderr,
        )
        assert not (out / "a_heatmaps.h5").exists()
        subprocess.run(["mount", "-o", f"remount,size={4 * size + 2**20}", str(out)], check=True)
        process = subprocess.run([*args, "--resume"], capture_output=True, text=True)
        assert process.returncode == 0, process.stderr
        for name in ("a.csv", "a_heatmaps.h5"):
            assert (out / name).read_bytes() == (tmp_path / "plain" / name).read_bytes(), name
        assert not list(out.rglob("*.part"))
    finally:
        subprocess.run(["umount", str(out)])


def test_a_file_that_may_not_grow(tiny_model, tmp_path):
    "The same by a limit on the size of files, which needs no rights"
    pytest.importorskip("resource")
    write_film(tmp_path / "a.mp4", moving_frames(120))
    code = (
        "from posebook.cli import main; import posebook.testing, resource, sys; posebook.testing.register_tiny()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1)); main(sys.argv[2:])"
    )
    args = lambda limit: [
        sys.executable,
        "-c",
        code,
        str(limit),
        "predict",
        str(tiny_model),
        str(tmp_path / "a.mp4"),
        "--out",
        str(tmp_path / "out"),
        "--save-heatmaps",
    ]
    assert not subprocess.run(args(2**30), capture_output=True).returncode
    content = (tmp_path / "out/a_heatmaps.h5").read_bytes()
    shutil.rmtree(tmp_path / "out")
    for limit in (len(content) // 3, len(content) - 4096):  # in the `.part`; in the HDF5 file, which is a little larger
        process = subprocess.run([*args(limit), "--resume"], capture_output=True, text=True)
        assert process.returncode == 2 and "too large for this disk" in process.stderr, (
            process.returncode,
            process.stderr,
        )
    process = subprocess.run([*args(2**30), "--resume"], capture_output=True, text=True)
    assert process.returncode == 0 and (tmp_path / "out/a_heatmaps.h5").read_bytes() == content, process.stderr


def test_review_shows_a_table_with_its_own_video(tiny_model, tmp_path):
    pytest.importorskip("anywidget")
    from posebook.inference.predict import predict_from_folder
    from posebook.notebook.review import TrackedVideo

    for day in ("one", "two"):
        (tmp_path / day).mkdir()
    write_film(tmp_path / "one/cam1.mp4", moving_frames(40))
    write_film(tmp_path / "two/cam1.mp4", moving_frames(40)[::-1])
    [table] = predict_from_folder(tiny_model, tmp_path / "one/cam1.mp4", tmp_path / "out")
    TrackedVideo(table, tmp_path / "one/cam1.mp4")
    with pytest.raises(PosebookError, match="the table is of another video"):
        TrackedVideo(table, tmp_path / "two/cam1.mp4")


def test_heatmaps_of_an_older_model_do_not_stay(tiny_model, other_model, tmp_path):
    "Neither whole ones, which --overwrite replaces without making new ones, nor a part that another run left"
    from posebook.inference.predict import predict_single_video

    write_film(tmp_path / "a.mp4", moving_frames(60))
    predict_into = lambda model, out="out", **how: predict_single_video(
        tmp_path / "a.mp4", model, tmp_path / out, **how
    )
    predict_into(tiny_model, save_heatmaps=True)
    predict_into(other_model, overwrite=True)
    assert not (tmp_path / "out/a_heatmaps.h5").exists()
    predict_into(other_model, "plain", save_heatmaps=True)
    predict_into(other_model, resume=True, save_heatmaps=True)
    heatmaps_equal = lambda: (
        (tmp_path / "out/a_heatmaps.h5").read_bytes() == (tmp_path / "plain/a_heatmaps.h5").read_bytes()
    )
    assert heatmaps_equal()

    def stop(done, of):
        if done >= 32:
            raise KeyboardInterrupt

    shutil.rmtree(tmp_path / "out")
    for model, options in ((tiny_model, dict(save_heatmaps=True)), (other_model, dict(overwrite=True))):
        with pytest.raises(KeyboardInterrupt):
            predict_into(model, progress=stop, **options)
    predict_into(other_model, resume=True, save_heatmaps=True)
    assert heatmaps_equal()
