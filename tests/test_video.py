"Whatever a lab's camera wrote: every frame once, upright, in its colors; and a sentence for what cannot be read"
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import h5py
import numpy as np
import pytest
import torch

from posebook.core import PosebookError
from posebook.video.dali import dali_installed
from posebook.video.clips import RandomSequences
from posebook.video.files import probe, read_frames
from posebook.video.stream import VideoStream

H, W = 96, 128


def moving_frames(n=40, h=H, w=W):
    "Return smooth colored frames that move"
    y, x = np.mgrid[:h, :w]
    t = np.arange(n)[:, None, None]
    wave = lambda a, b, c: 128 + 100 * np.sin(x / w * a + y / h * b + t / 8 + c)
    return np.stack([wave(6, 2, 0), wave(2, 5, 1), wave(4, 4, 2)], -1).astype(np.uint8)


def write_film(path, frames, codec="libx264", pix="yuv420p", options=None, times=None, tags=()):
    with av.open(str(path), "w") as c:
        s = c.add_stream(codec, rate=30, options=options or {})
        s.height, s.width, s.pix_fmt = *frames[0].shape[:2], pix
        s.codec_context.thread_count = 1
        for k, v in tags: setattr(s.codec_context, k, v)
        for i, f in enumerate(frames):
            f = av.VideoFrame.from_ndarray(f, format="rgb24")
            for k, v in tags: setattr(f, k, v)
            if times is not None: f.pts, f.time_base = int(times[i]), Fraction(1, 30)
            c.mux(s.encode(f))
        c.mux(s.encode())
    return path


def count_frames(path):
    "Return how many frames can be read, and the message about the others"
    n = 0
    try:
        for _ in read_frames(path): n += 1
    except PosebookError as e: return n, str(e)
    return n, None


@pytest.mark.parametrize("name, codec, pix, options", [
    ("h264.mp4", "libx264", "yuv420p", {"crf": "10"}), ("yuv444p.mp4", "libx264", "yuv444p", {"crf": "10"}),
    ("ten_bits.mp4", "libx264", "yuv420p10le", {"crf": "10"}), ("hevc.mkv", "libx265", "yuv420p", {"crf": "10", "x265-params": "log-level=none"}),
    ("interlaced.mp4", "libx264", "yuv420p", {"crf": "10", "flags": "+ildct+ilme", "x264-params": "interlaced=1:tff=1"}),
    ("motion_jpeg.avi", "mjpeg", "yuvj420p", {"b": "20000000"}), ("mpeg4.avi", "mpeg4", "yuv420p", {"b": "8000000"}),
    ("lossless.mkv", "ffv1", "bgr0", {}), ("transparent.mov", "png", "rgba", {}), ("transparent.webm", "libvpx-vp9", "yuva420p", {"crf": "10", "b": "0", "cpu-used": "8"}),
    ("grey.mkv", "ffv1", "gray", {}), ("gray16.mkv", "ffv1", "gray16le", {}), ("gray.mp4", "libx264", "gray", {"crf": "10"})])
def test_formats(tmp_path, name, codec, pix, options):
    frames, tags = moving_frames(), [("color_range", 2)] * (pix == "gray")        # gray is made with the full range
    frames_read = np.stack(list(read_frames(write_film(tmp_path/name, frames, codec, pix, options, tags=tags))))
    expected = frames if "gray" not in pix else (frames @ [.299, .587, .114])[..., None].repeat(3, -1)
    assert frames_read.shape == expected.shape
    assert np.abs(frames_read - expected.astype(float)).mean() < 4
    batches = list(VideoStream(tmp_path/name, (64, 96), batch_size=16))
    assert [len(b["frame_numbers"]) for b in batches] == [16, 16, 8]


def test_odd_sizes(tmp_path):
    frames = moving_frames(5, 97, 131)
    assert np.stack(list(read_frames(write_film(tmp_path/"odd.mkv", frames, "ffv1", "bgr0")))).tolist() == frames.tolist()
    assert next(iter(VideoStream(tmp_path/"odd.mkv", (64, 64))))["images"].shape == (5, 3, 64, 64)


@pytest.mark.parametrize("matrix, red, blue", [(5, .299, .114), (1, .2126, .0722)])
@pytest.mark.parametrize("full", [False, True])
def test_color_matrix_and_range(tmp_path, matrix, red, blue, full):
    "Against the definition of YCbCr"
    y, u, v = 100, 90, 200
    with av.open(str(tmp_path/"c.mp4"), "w") as c:
        s = c.add_stream("libx264", rate=30)
        s.height, s.width, s.pix_fmt = H, W, "yuv420p"
        tags = (("colorspace", matrix), ("color_range", 2 if full else 1))
        for k, value in tags: setattr(s.codec_context, k, value)
        f = av.VideoFrame(W, H, "yuv420p")
        for k, value in tags: setattr(f, k, value)
        for plane, value in zip(f.planes, (y, u, v)): plane.update(bytes([value]) * plane.buffer_size)
        c.mux(s.encode(f)); c.mux(s.encode())
    y, u, v = (y / 255, (u - 128) / 255, (v - 128) / 255) if full else ((y - 16) / 219, (u - 128) / 224, (v - 128) / 224)
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    rgb = np.array([r, (y - red * r - blue * b) / (1 - red - blue), b]) * 255
    assert np.abs(next(read_frames(tmp_path/"c.mp4"))[H // 2, W // 2] - rgb).max() <= 2.5


@pytest.mark.parametrize("matrix, turns", [((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)])
def test_camera_on_its_side(tmp_path, matrix, turns):
    path = write_film(tmp_path/"turned.mp4", moving_frames(5))
    plain, data = next(read_frames(path)), bytearray(path.read_bytes())
    a, b, c, d = (o * 65536 for o in matrix)
    offset = data.find(b"tkhd") + 44
    data[offset:offset + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    assert (next(read_frames(path)) == np.rot90(plain, turns)).all()
    assert (probe(path).height, probe(path).width) == np.rot90(plain, turns).shape[:2]


def test_a_row_for_each_frame_whatever_the_clock_says(tmp_path):
    times = np.cumsum(np.random.default_rng(0).integers(1, 9, 40))
    path = write_film(tmp_path/"jumps.mkv", moving_frames(), times=times)
    assert count_frames(path) == (40, None)
    reader = RandomSequences([path], (32, 32), length=5, memory=0)
    everything = torch.cat([b["images"] for b in VideoStream(path, (32, 32))])
    for number, batch in zip(range(6), reader.batches()):
        start = reader.random_clip(number)[1]
        assert (batch["images"] == everything[start:start + 5]).all()


def test_damage_is_named_by_frame(tmp_path):
    grain = np.random.default_rng(0).integers(-20, 20, (40, H, W, 3))
    path = write_film(tmp_path/"whole.mp4", (moving_frames() + grain).clip(0, 255).astype(np.uint8), options={"bf": "0"})
    with av.open(str(path)) as c: packets = [(p.pos, p.size) for p in c.demux(video=0) if p.size]
    hole, flipped, data = tmp_path/"hole.mp4", tmp_path/"flipped.mp4", path.read_bytes()
    new = bytearray(data)
    for pos, size in packets[20:23]: new[pos:pos + size] = bytes(size)
    hole.write_bytes(new)
    assert count_frames(hole)[0] == 37 and "3 frame(s) cannot be decoded and are left out: 20 to 22 of 40" in count_frames(hole)[1]
    new = bytearray(data)
    pos, size = packets[20]
    for i in range(pos + size // 2, pos + size // 2 + 12): new[i] ^= 0x5a
    flipped.write_bytes(new)
    n, message = count_frames(flipped)
    assert n == 40 and "damaged, but shown: frame(s) 20" in message


def test_cut_off(tmp_path):
    "An mp4 without its index is lost; others give what they have and say that it is not all"
    for name, codec in (("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4")):
        data = write_film(tmp_path/name, moving_frames(120), codec).read_bytes()
        (tmp_path/name).write_bytes(data[:len(data) // 2])
        n, message = count_frames(tmp_path/name)
        assert (n == 0 and "cannot be read as a video" in message) if name == "a.mp4" else (20 < n < 100 and "ends early" in message), (name, n, message)


def test_broken_index(tmp_path):
    data = bytearray(write_film(tmp_path/"a.avi", moving_frames(), "mpeg4").read_bytes())
    offset = data.rfind(b"idx1") + 8
    data[offset:] = np.random.default_rng(0).integers(0, 256, len(data) - offset, dtype=np.uint8).tobytes()
    (tmp_path/"a.avi").write_bytes(data)
    assert count_frames(tmp_path/"a.avi") == (40, None)                   # the frames themselves are found
    data = bytearray(write_film(tmp_path/"a.mp4", moving_frames()).read_bytes())
    offset = data.find(b"stco") + 12
    data[offset:offset + 4] = b"\x00\x00\x10\x00"
    (tmp_path/"a.mp4").write_bytes(data)
    assert "no" in count_frames(tmp_path/"a.mp4")[1] and count_frames(tmp_path/"a.mp4")[0] == 0


def test_grows_while_it_is_read(tmp_path):
    path = write_film(tmp_path/"grows.mkv", moving_frames())
    frames = read_frames(path)
    next(frames)
    with path.open("ab") as f: f.write(bytes(1000))
    with pytest.raises(PosebookError, match="grew while it was read, 40 frames"): list(frames)


def test_not_videos(tmp_path):
    for name, content, expected in (("text.mp4", b"this is a text", "cannot be read as a video"), ("empty.mp4", b"", "no bytes")):
        (tmp_path/name).write_bytes(content)
        assert expected in count_frames(tmp_path/name)[1]
    with av.open(str(tmp_path/"sound.mp4"), "w") as c:
        s = c.add_stream("aac", rate=8000)
        for i in range(10):
            f = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            f.sample_rate, f.pts = 8000, 1024 * i
            c.mux(s.encode(f))
        c.mux(s.encode())
    assert "no video track" in count_frames(tmp_path/"sound.mp4")[1]
    with av.open(str(tmp_path/"none.avi"), "w") as c:
        s = c.add_stream("mpeg4", rate=30)
        s.height, s.width, s.pix_fmt = H, W, "yuv420p"
        c.start_encoding()
    n, message = count_frames(tmp_path/"none.avi")
    assert n == 0 and ("no frame" in message or "no video track" in message or "cannot be read" in message)


def test_another_size_in_the_middle(tmp_path):
    parts = [write_film(tmp_path/f"{i}.h264", moving_frames(10, *size)).read_bytes() for i, size in enumerate(((96, 128), (64, 64)))]
    (tmp_path/"both.h264").write_bytes(b"".join(parts))
    n, message = count_frames(tmp_path/"both.h264")
    assert 8 <= n <= 10 and f"from frame {n} on the video has another size" in message


def test_too_short_to_learn_from(tmp_path):
    write_film(tmp_path/"short.mp4", moving_frames(5))
    with pytest.raises(PosebookError, match="short.mp4"): RandomSequences([tmp_path/"short.mp4"], (32, 32), length=6)
    with pytest.raises(PosebookError, match="at least 8 frames"): RandomSequences([tmp_path/"short.mp4"], (32, 32), length=4, context=5)


@pytest.mark.skipif(not dali_installed(), reason="DALI is not here")
def test_sources_agree_on_a_real_video(mirror_mouse):
    path = mirror_mouse/"videos/test_vid.mp4"
    for size, box in (((256, 256), None), ((128, 160), [20, 30, 300, 200])):
        streams = (VideoStream(path, size, box, source=o, batch_size=64) for o in ("torch", "dali"))
        for a, b, _ in zip(*streams, range(3)):
            error = (a["images"].int() - b["images"].int()).abs()
            assert error[..., 1:-1, 1:-1].max() <= 2 and (error > 2).float().mean() < 1e-4
            assert (a["affine"] == b["affine"]).all()


@pytest.mark.gpu
@pytest.mark.skipif(not (dali_installed() and torch.cuda.is_available()), reason="there is no GPU here")
def test_the_gpu_gives_the_same_frames(mirror_mouse):
    path = mirror_mouse/"videos/test_vid.mp4"
    images = torch.cat([b["images"] for b in VideoStream(path, (256, 256), batch_size=64)])
    images_dali = torch.cat([b["images"].cpu() for b in VideoStream(path, (256, 256), batch_size=64, source="dali", device="cuda")])
    assert images.shape == images_dali.shape
    assert (images.int() - images_dali.int()).abs()[..., 1:-1, 1:-1].float().mean() < 2
    sequences = (RandomSequences([path], (256, 256), length=8, memory=0, source=s, device=d) for s, d in (("torch", "cpu"), ("dali", "cuda")))
    for a, b, _ in zip(*(o.batches() for o in sequences), range(5)):
        assert (a["images"].int() - b["images"].cpu().int()).abs().float().mean() < 2


# ---- tracking them

@pytest.fixture(scope="module")
def tiny_model():
    from posebook.testing import short_run
    return short_run("heatmap", steps=4).folder


@pytest.fixture(scope="module")
def other_model():
    from posebook.testing import short_run
    return short_run("heatmap", "training.rng_seed_model_pt=5", steps=4).folder


def test_a_folder_goes_on_and_reports(tiny_model, tmp_path):
    from posebook.inference.predict import predict_from_folder
    videos = tmp_path/"videos"
    videos.mkdir()
    write_film(videos/"good.mp4", moving_frames())
    write_film(videos/"large.mp4", moving_frames(20, 200, 160))
    write_film(videos/"clear.webm", moving_frames(10), "libvpx-vp9", "yuva420p", {"cpu-used": "8"})
    (videos/"text.mp4").write_bytes(b"this is a text")
    data = write_film(videos/"cut.mkv", moving_frames(120)).read_bytes()
    (videos/"cut.mkv").write_bytes(data[:len(data) // 2])
    with pytest.raises(PosebookError) as e: predict_from_folder(tiny_model, videos, tmp_path/"out")
    message = str(e.value)
    assert "2 of 5 videos" in message and "text.mp4" in message and "cut.mkv" in message and "ends early" in message and "good" not in message.split("cut.mkv")[0]
    rows = {p.stem: len(p.read_text().splitlines()) - 3 for p in (tmp_path/"out").glob("*.csv") if "_" not in p.stem}
    assert rows.pop("cut") > 20 and rows == {"good": 40, "large": 20, "clear": 10}
    with pytest.raises(PosebookError, match="no video in this folder"): predict_from_folder(tiny_model, tiny_model, tmp_path/"out2")


def test_full_disk(tiny_model, tmp_path, monkeypatch):
    import errno
    from posebook.inference.predict import predict_from_folder
    from posebook.data.tables import PredictionTable
    write_film(tmp_path/"a.mp4", moving_frames(120))
    add, calls = PredictionTable.add, []
    def full(self, *args):
        calls.append(1)
        if len(calls) == 4: raise OSError(errno.ENOSPC, "No space left on device")
        return add(self, *args)
    monkeypatch.setattr(PredictionTable, "add", full)
    with pytest.raises(PosebookError, match="the disk is full"): predict_from_folder(tiny_model, tmp_path/"a.mp4", tmp_path/"out")
    assert sorted(p.name for p in (tmp_path/"out").rglob("*.*")) == ["a.csv.part", "a.json.part"]
    monkeypatch.undo()
    predict_from_folder(tiny_model, tmp_path/"a.mp4", tmp_path/"out", resume=True)
    predict_from_folder(tiny_model, tmp_path/"a.mp4", tmp_path/"plain")
    assert (tmp_path/"out/a.csv").read_bytes() == (tmp_path/"plain/a.csv").read_bytes()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_killed_and_resumed(tiny_model, tmp_path):
    "Killed as hard as can be; the files are as if nothing had happened"
    from posebook.inference.predict import predict_from_folder
    write_film(tmp_path/"a.mp4", moving_frames(2000))
    code = "import posebook.testing; from posebook.cli import main; import sys; main(sys.argv[1:])"
    args = [sys.executable, "-c", code, "predict", str(tiny_model), str(tmp_path/"a.mp4"), "--out", str(tmp_path/"out"), "--save-heatmaps"]
    p, part = subprocess.Popen(args, stderr=subprocess.DEVNULL), tmp_path/"out/a.csv.part"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (part.exists() and part.stat().st_size > 60_000): time.sleep(.005)
    os.kill(p.pid, signal.SIGKILL)
    p.wait()
    assert part.exists() and (tmp_path/"out/a_heatmaps.h5.part").exists()
    process = subprocess.run([*args, "--resume"], capture_output=True, text=True)
    assert not process.returncode, process.stderr
    predict_from_folder(tiny_model, tmp_path/"a.mp4", tmp_path/"plain", save_heatmaps=True)
    assert (tmp_path/"out/a.csv").read_bytes() == (tmp_path/"plain/a.csv").read_bytes()
    with h5py.File(tmp_path/"out/a_heatmaps.h5") as a, h5py.File(tmp_path/"plain/a_heatmaps.h5") as b:
        assert len(a["heatmaps"]) == 2000 and (a["heatmaps"][:] == b["heatmaps"][:]).all()
        assert a["heatmaps"].dtype == np.float16
    assert (tmp_path/"out/a_temporal_norm.csv").read_bytes() == (tmp_path/"plain/a_temporal_norm.csv").read_bytes()


@pytest.mark.parametrize("room", [0.5, 1.5, 1.98])
def test_full_disk_while_heatmaps_are_written(tiny_model, tmp_path, room):
    "Whether it fills up while the `.part` grows or while it becomes HDF5: a clear error, and after --resume the files of an uninterrupted run"
    from posebook.inference.predict import predict_from_folder
    write_film(tmp_path/"a.mp4", moving_frames(120))
    predict_from_folder(tiny_model, tmp_path/"a.mp4", tmp_path/"plain", save_heatmaps=True)
    size = (tmp_path/"plain/a_heatmaps.h5").stat().st_size
    out = small_disk(tmp_path/"disk", int(size * room) + 2**16)
    try:
        code = "from posebook.cli import main; import posebook.testing, sys; main(sys.argv[1:])"
        args = [sys.executable, "-c", code, "predict", str(tiny_model), str(tmp_path/"a.mp4"), "--out", str(out), "--save-heatmaps"]
        process = subprocess.run(args, capture_output=True, text=True)
        assert process.returncode == 2 and "the disk is full" in process.stderr and "Traceback" not in process.stderr, (process.returncode, process.stderr)
        assert not (out/"a_heatmaps.h5").exists()
        subprocess.run(["mount", "-o", f"remount,size={4 * size + 2**20}", str(out)], check=True)
        process = subprocess.run([*args, "--resume"], capture_output=True, text=True)
        assert process.returncode == 0, process.stderr
        for name in ("a.csv", "a_heatmaps.h5"): assert (out/name).read_bytes() == (tmp_path/"plain"/name).read_bytes(), name
        assert not list(out.rglob("*.part"))
    finally: subprocess.run(["umount", str(out)])


def small_disk(folder, size):
    "A disk of `size` bytes, where one can be made"
    folder.mkdir()
    process = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, text=True) if shutil.which("mount") else None
    if process is None or process.returncode: pytest.skip("no small disk can be made here")
    return folder


def test_a_file_that_may_not_grow(tiny_model, tmp_path):
    "The same by a limit on the size of files, which needs no rights"
    resource = pytest.importorskip("resource")
    write_film(tmp_path/"a.mp4", moving_frames(120))
    code = "from posebook.cli import main; import posebook.testing, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1)); main(sys.argv[2:])"
    args = lambda limit: [sys.executable, "-c", code, str(limit), "predict", str(tiny_model), str(tmp_path/"a.mp4"), "--out", str(tmp_path/"out"), "--save-heatmaps"]
    assert not subprocess.run(args(2**30), capture_output=True).returncode
    content = (tmp_path/"out/a_heatmaps.h5").read_bytes()
    shutil.rmtree(tmp_path/"out")
    for limit in (len(content) // 3, len(content) - 4096):         # in the `.part`; in the HDF5 file, which is a little larger
        process = subprocess.run([*args(limit), "--resume"], capture_output=True, text=True)
        assert process.returncode == 2 and "larger than this disk takes" in process.stderr, (process.returncode, process.stderr)
    process = subprocess.run([*args(2**30), "--resume"], capture_output=True, text=True)
    assert process.returncode == 0 and (tmp_path/"out/a_heatmaps.h5").read_bytes() == content, process.stderr


# ---- whose table it is

def test_resume_keeps_only_the_table_of_this_video(tiny_model, tmp_path):
    "Session 2's cam1.mp4 does not get session 1's table; a copy of the same video elsewhere does"
    from posebook.inference.predict import predict_from_folder
    for i, day in enumerate(("one", "two", "three")):
        (tmp_path/day).mkdir()
        write_film(tmp_path/day/"cam1.mp4", moving_frames(40)[::1 if i == 0 else -1])
    shutil.copy(tmp_path/"one/cam1.mp4", tmp_path/"three/cam1.mp4")
    [table] = predict_from_folder(tiny_model, tmp_path/"one/cam1.mp4", tmp_path/"out")
    before = {p: p.read_bytes() for p in (tmp_path/"out").rglob("*.*")}
    with pytest.raises(PosebookError, match="not of this video and model: the video's"): predict_from_folder(tiny_model, tmp_path/"two/cam1.mp4", tmp_path/"out", resume=True)
    assert predict_from_folder(tiny_model, tmp_path/"three/cam1.mp4", tmp_path/"out", resume=True) == [table]
    assert {p: p.read_bytes() for p in (tmp_path/"out").rglob("*.*")} == before
    predict_from_folder(tiny_model, tmp_path/"two/cam1.mp4", tmp_path/"out", overwrite=True)
    predict_from_folder(tiny_model, tmp_path/"two/cam1.mp4", tmp_path/"plain")
    after = {p.relative_to(tmp_path/"out"): p.read_bytes() for p in (tmp_path/"out").rglob("*.*")}
    assert after == {p.relative_to(tmp_path/"plain"): p.read_bytes() for p in (tmp_path/"plain").rglob("*.*")}


@pytest.mark.parametrize("differs", ["model", "video", "precision", "record"])
def test_a_part_of_something_else_is_not_continued(tiny_model, other_model, tmp_path, differs):
    from posebook.inference.predict import predict_single_video
    from posebook.inference.predictor import Predictor
    write_film(tmp_path/"a.mp4", moving_frames(60))
    def stop(done, of):
        if done >= 32: raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt): predict_single_video(tmp_path/"a.mp4", tiny_model, tmp_path/"out", progress=stop)
    assert Path(tmp_path/"out/a.csv.part").read_text().count("\n") == 3 + 32
    predictor = Predictor(tiny_model, "cpu")
    if differs == "model": predictor = other_model
    if differs == "video": write_film(tmp_path/"a.mp4", moving_frames(60)[::-1])
    if differs == "precision": predictor.precision = "bf16"
    if differs == "record": (tmp_path/"out/details/a.json.part").unlink()
    before = (tmp_path/"out/a.csv.part").read_bytes()
    message = "there is no a.json.part" if differs == "record" else f"the {'settings' if differs == 'precision' else differs}'s"
    with pytest.raises(PosebookError, match=message): predict_single_video(tmp_path/"a.mp4", predictor, tmp_path/"out", resume=True)
    assert (tmp_path/"out/a.csv.part").read_bytes() == before


def test_a_table_without_a_record_is_not_kept(tiny_model, tmp_path):
    "As older versions left them: nobody knows what it is of"
    from posebook.inference.predict import predict_from_folder
    write_film(tmp_path/"a.mp4", moving_frames(20))
    predict_from_folder(tiny_model, tmp_path/"a.mp4", tmp_path/"out")
    (tmp_path/"out/details/a.json").unlink()
    with pytest.raises(PosebookError, match="there is no a.json that says what it is of"): predict_from_folder(tiny_model, tmp_path/"a.mp4", tmp_path/"out", resume=True)


def test_overwriting_can_be_interrupted_anywhere(tiny_model, other_model, tmp_path):
    "Between any two steps of giving the files their names; in the end no file is of the older model"
    from posebook.inference.predict import predict_videos
    from posebook.inference.predictor import Predictor
    write_film(tmp_path/"a.mp4", moving_frames(40))
    old, new = (Predictor(o, "cpu") for o in (tiny_model, other_model))
    predict_into = lambda model, out, **how: predict_videos([tmp_path/"a.mp4"], model, tmp_path/out, save_heatmaps=True, labeled_video=True, **how)
    content = lambda out: {p.relative_to(tmp_path/out): p.read_bytes() for p in (tmp_path/out).rglob("*.*") if p.suffix != ".part"}
    predict_into(old, "old"); predict_into(new, "new")
    unlink, replace, refused = Path.unlink, os.replace, 0
    for num_steps in range(100):
        shutil.copytree(tmp_path/"old", tmp_path/"out")
        steps = iter(range(num_steps))
        def step():
            if next(steps, None) is None: raise KeyboardInterrupt
        with pytest.MonkeyPatch.context() as m:
            m.setattr(Path, "unlink", lambda self, missing_ok=False: (step(), unlink(self, missing_ok)))
            m.setattr(os, "replace", lambda a, b: (step(), replace(a, b)))
            try: predict_into(new, "out", overwrite=True)
            except KeyboardInterrupt: interrupted = True
            else: interrupted = False
        try: predict_into(new, "out", resume=True)
        except PosebookError as e:                  # before a row of the new table was there
            assert "the model's checkpoint" in str(e) and content("out") == content("old")
            refused += 1
        else: assert content("out") == content("new"), num_steps
        shutil.rmtree(tmp_path/"out")
        if not interrupted: break
    assert 0 < refused < num_steps - 5 and num_steps > 10


def test_the_mean_of_an_ensemble_is_of_this_video_and_these_models(tiny_model, tmp_path):
    from posebook.inference.ensemble import predict_ensemble
    from posebook.testing import short_run
    models = [tmp_path/f"m{i}" for i in range(3)]
    for seed, folder in enumerate(models): shutil.copytree(short_run("heatmap", f"training.rng_seed_model_pt={seed}", steps=4).folder, folder)
    write_film(tmp_path/"a.mp4", moving_frames(20))
    [mean] = predict_ensemble(models[:2], tmp_path/"a.mp4", tmp_path/"out")
    before = mean.read_bytes()
    assert predict_ensemble(models[1::-1], tmp_path/"a.mp4", tmp_path/"out", resume=True) == [mean] and mean.read_bytes() == before
    with pytest.raises(PosebookError, match="not of this video and model: the model's"): predict_ensemble(models[1:], tmp_path/"a.mp4", tmp_path/"out", resume=True)
    with pytest.raises(PosebookError, match="exist already"): predict_ensemble(models[1:], tmp_path/"a.mp4", tmp_path/"out")


def test_review_shows_a_table_with_its_own_video(tiny_model, tmp_path):
    pytest.importorskip("anywidget")
    from posebook.inference.predict import predict_from_folder
    from posebook.notebook.review import TrackedVideo
    for day in ("one", "two"): (tmp_path/day).mkdir()
    write_film(tmp_path/"one/cam1.mp4", moving_frames(40)); write_film(tmp_path/"two/cam1.mp4", moving_frames(40)[::-1])
    [table] = predict_from_folder(tiny_model, tmp_path/"one/cam1.mp4", tmp_path/"out")
    TrackedVideo(table, tmp_path/"one/cam1.mp4")
    with pytest.raises(PosebookError, match="the table is of another video"): TrackedVideo(table, tmp_path/"two/cam1.mp4")


def test_an_interrupted_mean_of_other_models_is_not_taken_for_theirs(tiny_model, other_model, tmp_path, monkeypatch):
    from posebook.inference import ensemble as module
    models = [Path(shutil.copytree(o, tmp_path/n)) for n, o in (("a", tiny_model), ("b", other_model), ("c", tiny_model))]
    write_film(tmp_path/"v.mp4", moving_frames(20))
    predict_into = lambda which, **how: module.predict_ensemble([models[i] for i in which], tmp_path/"v.mp4", tmp_path/how.pop("out", "out"), **how)
    content = lambda out: {p.relative_to(tmp_path/out): p.read_bytes() for p in (tmp_path/out).glob("*.csv")}
    predict_into((0, 2)); predict_into((0, 1), out="plain")
    original = module.ensemble
    for when in ("before", "after the mean"):
        def broken(tables, mean, spread):
            if when != "before":
                original(tables, mean, spread)
                spread.unlink()
            raise KeyboardInterrupt
        monkeypatch.setattr(module, "ensemble", broken)
        with pytest.raises(KeyboardInterrupt): predict_into((0, 1), overwrite=True)
        monkeypatch.setattr(module, "ensemble", original)
        predict_into((0, 1), resume=True)
        assert content("out") == content("plain")
        predict_into((0, 2), overwrite=True)


def test_a_table_without_a_record_is_not_adopted_by_an_interrupted_run(tiny_model, other_model, tmp_path):
    from posebook.inference.predict import predict_single_video
    from posebook.inference.predictor import Predictor
    write_film(tmp_path/"a.mp4", moving_frames(40))
    table = predict_single_video(tmp_path/"a.mp4", tiny_model, tmp_path/"out")
    (tmp_path/"out/details/a.json").unlink()
    predictor = Predictor(other_model, "cpu")
    def stop(*args): raise KeyboardInterrupt
    predictor.predict_batch = stop
    with pytest.raises(KeyboardInterrupt): predict_single_video(tmp_path/"a.mp4", predictor, tmp_path/"out", overwrite=True)
    with pytest.raises(PosebookError, match="not of this video and model"): predict_single_video(tmp_path/"a.mp4", other_model, tmp_path/"out", resume=True)
    predict_single_video(tmp_path/"a.mp4", other_model, tmp_path/"out", overwrite=True)
    assert table.read_bytes() == predict_single_video(tmp_path/"a.mp4", other_model, tmp_path/"plain").read_bytes()


def test_heatmaps_of_an_older_model_do_not_stay(tiny_model, other_model, tmp_path):
    "Neither whole ones, which --overwrite replaces without making new ones, nor a part that another run left"
    from posebook.inference.predict import predict_single_video
    write_film(tmp_path/"a.mp4", moving_frames(60))
    predict_into = lambda model, out="out", **how: predict_single_video(tmp_path/"a.mp4", model, tmp_path/out, **how)
    predict_into(tiny_model, save_heatmaps=True)
    predict_into(other_model, overwrite=True)
    assert not (tmp_path/"out/a_heatmaps.h5").exists()
    predict_into(other_model, "plain", save_heatmaps=True)
    predict_into(other_model, resume=True, save_heatmaps=True)
    heatmaps_equal = lambda: (tmp_path/"out/a_heatmaps.h5").read_bytes() == (tmp_path/"plain/a_heatmaps.h5").read_bytes()
    assert heatmaps_equal()
    def stop(done, of):
        if done >= 32: raise KeyboardInterrupt
    shutil.rmtree(tmp_path/"out")
    for model, options in ((tiny_model, dict(save_heatmaps=True)), (other_model, dict(overwrite=True))):
        with pytest.raises(KeyboardInterrupt): predict_into(model, progress=stop, **options)
    predict_into(other_model, resume=True, save_heatmaps=True)
    assert heatmaps_equal()


def test_the_table_of_a_damaged_video_is_not_kept_as_whole(tiny_model, tmp_path):
    from posebook.inference.predict import predict_from_folder
    grain = np.random.default_rng(0).integers(-20, 20, (300, H, W, 3))
    content = write_film(tmp_path/"a.mp4", (moving_frames(300) + grain).clip(0, 255).astype(np.uint8), options={"bf": "0"}).read_bytes()
    with av.open(str(tmp_path/"a.mp4")) as c: packets = [(p.pos, p.size) for p in c.demux(video=0) if p.size]
    hole = bytearray(content)
    for pos, size in packets[150:153]: hole[pos:pos + size] = bytes(size)
    (tmp_path/"a.mp4").write_bytes(hole)
    for options in ({}, dict(resume=True)):
        with pytest.raises(PosebookError, match="cannot be decoded"): predict_from_folder(tiny_model, tmp_path/"a.mp4", tmp_path/"out", **options)
        assert (tmp_path/"out/a_temporal_norm.csv").exists()
    (tmp_path/"a.mp4").write_bytes(content)                                    # repaired: its beginning and end are the same
    with pytest.raises(PosebookError, match="--overwrite"): predict_from_folder(tiny_model, tmp_path/"a.mp4", tmp_path/"out", resume=True)
    predict_from_folder(tiny_model, tmp_path/"a.mp4", tmp_path/"out", overwrite=True)
    assert len((tmp_path/"out/a.csv").read_text().splitlines()) == 3 + 300


def test_damaged_records_are_an_error(tiny_model, tmp_path):
    from posebook.inference.predict import predict_from_folder
    write_film(tmp_path/"a.mp4", moving_frames(20))
    predict_from_folder(tiny_model, tmp_path/"a.mp4", tmp_path/"out")
    for text in ("", "[]", '{"video": 3}'):
        (tmp_path/"out/details/a.json").write_text(text)
        with pytest.raises(PosebookError, match="not of this video and model"): predict_from_folder(tiny_model, tmp_path/"a.mp4", tmp_path/"out", resume=True)
    model = shutil.copytree(tiny_model, tmp_path/"m")
    (model/"pose_spaces.json").write_text("{")
    with pytest.raises(PosebookError, match="pose spaces of this model are damaged"): predict_from_folder(model, tmp_path/"a.mp4", tmp_path/"out2")
