"Reading videos: every frame once, upright, in its colors; and a clear message for what cannot be read"

import io
import struct

import av
import numpy as np
import pytest
import torch
from conftest import moving_frames, write_film
from PIL import Image

import posebook
from posebook.core import PosebookError
from posebook.data.preprocess import Preprocess
from posebook.video.clips import RandomSequences
from posebook.video.dali import dali_installed
from posebook.video.files import find_videos
from posebook.video.frame_index import frame_index
from posebook.video.read import read_frames
from posebook.video.stream import VideoStream

H, W = 96, 128  # of `moving_frames`


def count_frames(path):
    "Return how many frames can be read, and the message about the others"
    n = 0
    try:
        for frame in read_frames(path):
            n += frame is not None
    except PosebookError as e:
        return n, str(e)
    return n, None


@pytest.mark.parametrize(
    "name, codec, pix, options",
    [
        ("h264.mp4", "libx264", "yuv420p", {"crf": "10"}),
        ("yuv444p.mp4", "libx264", "yuv444p", {"crf": "10"}),
        ("ten_bits.mp4", "libx264", "yuv420p10le", {"crf": "10"}),
        ("hevc.mkv", "libx265", "yuv420p", {"crf": "10", "x265-params": "log-level=none"}),
        (
            "interlaced.mp4",
            "libx264",
            "yuv420p",
            {"crf": "10", "flags": "+ildct+ilme", "x264-params": "interlaced=1:tff=1"},
        ),
        ("motion_jpeg.avi", "mjpeg", "yuvj420p", {"b": "20000000"}),
        ("mpeg4.avi", "mpeg4", "yuv420p", {"b": "8000000"}),
        ("lossless.mkv", "ffv1", "bgr0", {}),
        ("transparent.mov", "png", "rgba", {}),
        ("transparent.webm", "libvpx-vp9", "yuva420p", {"crf": "10", "b": "0", "cpu-used": "8"}),
        ("grey.mkv", "ffv1", "gray", {}),
        ("gray16.mkv", "ffv1", "gray16le", {}),
        ("gray.mp4", "libx264", "gray", {"crf": "10"}),
    ],
)
def test_codecs_and_pixel_formats(tmp_path, name, codec, pix, options):
    frames, tags = moving_frames(), [("color_range", 2)] * (pix == "gray")  # gray is made with the full range
    frames_read = np.stack(list(read_frames(write_film(tmp_path / name, frames, codec, pix, options, tags=tags))))
    expected = frames if "gray" not in pix else (frames @ [0.299, 0.587, 0.114])[..., None].repeat(3, -1)
    assert frames_read.shape == expected.shape
    assert np.abs(frames_read - expected.astype(float)).mean() < 4
    batches = list(VideoStream(tmp_path / name, Preprocess((64, 96)), batch_size=16))
    assert [len(b["frame_numbers"]) for b in batches] == [16, 16, 8]


def test_odd_frame_sizes(tmp_path):
    frames = moving_frames(5, 97, 131)
    assert (
        np.stack(list(read_frames(write_film(tmp_path / "odd.mkv", frames, "ffv1", "bgr0")))).tolist()
        == frames.tolist()
    )
    assert next(iter(VideoStream(tmp_path / "odd.mkv", Preprocess((64, 64)))))["images"].shape == (5, 3, 64, 64)


@pytest.mark.parametrize("matrix, red, blue", [(5, 0.299, 0.114), (1, 0.2126, 0.0722)])
@pytest.mark.parametrize("full", [False, True])
def test_color_matrix_and_range(tmp_path, matrix, red, blue, full):
    "Against the definition of YCbCr"
    y, u, v = 100, 90, 200
    with av.open(str(tmp_path / "c.mp4"), "w") as c:
        s = c.add_stream("libx264", rate=30)
        s.height, s.width, s.pix_fmt = H, W, "yuv420p"
        tags = (("colorspace", matrix), ("color_range", 2 if full else 1))
        for k, value in tags:
            setattr(s.codec_context, k, value)
        f = av.VideoFrame(W, H, "yuv420p")
        for k, value in tags:
            setattr(f, k, value)
        for plane, value in zip(f.planes, (y, u, v)):
            plane.update(bytes([value]) * plane.buffer_size)
        c.mux(s.encode(f))
        c.mux(s.encode())
    y, u, v = (
        (y / 255, (u - 128) / 255, (v - 128) / 255) if full else ((y - 16) / 219, (u - 128) / 224, (v - 128) / 224)
    )
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    rgb = np.array([r, (y - red * r - blue * b) / (1 - red - blue), b]) * 255
    assert np.abs(next(read_frames(tmp_path / "c.mp4"))[H // 2, W // 2] - rgb).max() <= 2.5


def with_matrix(path, matrix):
    "Write a video whose file has a matrix (x to x, x to y, y to x, y to y) that turns or mirrors its frames"
    data = bytearray(write_film(path, moving_frames(5)).read_bytes())
    a, b, c, d = (round(o * 65536) for o in matrix)
    offset = data.find(b"tkhd") + 44
    data[offset : offset + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "matrix, expected",
    [
        ((0, 1, -1, 0), lambda o: np.rot90(o, -1)),
        ((-1, 0, 0, -1), lambda o: np.rot90(o, 2)),
        ((0, -1, 1, 0), np.rot90),
        ((-1, 0, 0, 1), lambda o: o[:, ::-1]),  # mirrored, as by the front camera of a phone
        ((1, 0, 0, -1), lambda o: o[::-1]),
        ((0, 1, 1, 0), lambda o: o.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda o: o.transpose(1, 0, 2)[::-1, ::-1]),
        ((0.9998, -0.0175, 0.0175, 0.9998), lambda o: o),  # one degree
        ((0.0017, 1, -1, 0.0017), lambda o: np.rot90(o, -1)),
        ((2, 0, 0, 2), lambda o: o),
        ((0, 0, 0, 0), lambda o: o),
    ],
)
def test_frames_are_turned_and_mirrored_as_the_file_states(tmp_path, matrix, expected):
    plain = next(read_frames(with_matrix(tmp_path / "plain.mp4", (1, 0, 0, 1))))
    path = with_matrix(tmp_path / "turned.mp4", matrix)
    assert (next(read_frames(path)) == expected(plain)).all()
    index = frame_index(path)
    assert (index.height, index.width) == expected(plain).shape[:2]
    assert not index.is_plain  # DALI's decoder does not use the matrix


@pytest.mark.parametrize("orientation, turns", [(1, 0), (6, -1), (3, 2)])
def test_orientation_of_jpeg_images_in_a_video(tmp_path, orientation, turns):
    "Each image of a camera's MJPEG stream has its own EXIF data, a kind that PyAV does not know"
    image, exif, jpeg = Image.fromarray(moving_frames(1)[0]), Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    image.save(jpeg, "JPEG", exif=exif, quality=95)
    with av.open(str(tmp_path / "a.avi"), "w") as c:
        s = c.add_stream("mjpeg", rate=30)
        s.height, s.width, s.pix_fmt = H, W, "yuvj420p"
        c.start_encoding()
        for i in range(3):
            packet = av.Packet(jpeg.getvalue())
            packet.stream, packet.pts, packet.dts, packet.time_base = s, i, i, s.time_base
            c.mux(packet)
    expected = np.rot90(np.asarray(Image.open(jpeg)), turns)
    for frame in read_frames(tmp_path / "a.avi"):
        assert frame.shape == expected.shape and np.abs(frame - expected.astype(float)).mean() < 3


def test_irregular_timestamps_change_no_frame(tmp_path):
    times = np.cumsum(np.random.default_rng(0).integers(1, 9, 40))
    path = write_film(tmp_path / "jumps.mkv", moving_frames(), times=times)
    assert count_frames(path) == (40, None)
    reader = RandomSequences([path], Preprocess((32, 32)), length=5, memory=0)
    everything = torch.cat([b["images"] for b in VideoStream(path, Preprocess((32, 32)))])
    for number, batch in zip(range(6), reader.batches()):
        start = reader.random_clip(number)[1]
        assert (batch["images"] == everything[start : start + 5]).all()


def test_damaged_frames_are_named(tmp_path):
    grain = np.random.default_rng(0).integers(-20, 20, (40, H, W, 3))
    path = write_film(
        tmp_path / "whole.mp4", (moving_frames() + grain).clip(0, 255).astype(np.uint8), options={"bf": "0"}
    )
    with av.open(str(path)) as c:
        packets = [(p.pos, p.size) for p in c.demux(video=0) if p.size]
    hole, flipped, data = tmp_path / "hole.mp4", tmp_path / "flipped.mp4", path.read_bytes()
    new = bytearray(data)
    for pos, size in packets[20:23]:
        new[pos : pos + size] = bytes(size)
    hole.write_bytes(new)
    assert count_frames(hole)[0] == 37 and "3 frame(s) cannot be decoded: 20 to 22 of 40" in count_frames(hole)[1]
    new = bytearray(data)
    pos, size = packets[20]
    for i in range(pos + size // 2, pos + size // 2 + 12):
        new[i] ^= 0x5A
    flipped.write_bytes(new)
    n, message = count_frames(flipped)
    assert n == 40 and "damaged, but shown: frame(s) 20" in message


def test_truncated_files(tmp_path):
    "An mp4 without its index is lost; others give what they have and say that it is not all"
    for name, codec in (("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4")):
        data = write_film(tmp_path / name, moving_frames(120), codec).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        n, message = count_frames(tmp_path / name)
        assert (
            (n == 0 and "cannot be read as a video" in message)
            if name == "a.mp4"
            else (20 < n < 100 and "ends early" in message)
        ), (name, n, message)


def test_damaged_index(tmp_path):
    data = bytearray(write_film(tmp_path / "a.avi", moving_frames(), "mpeg4").read_bytes())
    offset = data.rfind(b"idx1") + 8
    data[offset:] = np.random.default_rng(0).integers(0, 256, len(data) - offset, dtype=np.uint8).tobytes()
    (tmp_path / "a.avi").write_bytes(data)
    assert count_frames(tmp_path / "a.avi") == (40, None)  # the frames themselves are found
    data = bytearray(write_film(tmp_path / "a.mp4", moving_frames()).read_bytes())
    offset = data.find(b"stco") + 12
    data[offset : offset + 4] = b"\x00\x00\x10\x00"
    (tmp_path / "a.mp4").write_bytes(data)
    assert "no" in count_frames(tmp_path / "a.mp4")[1] and count_frames(tmp_path / "a.mp4")[0] == 0


def test_a_file_that_grows_while_it_is_read(tmp_path):
    path = write_film(tmp_path / "grows.mkv", moving_frames())
    frames = read_frames(path)
    next(frames)
    with path.open("ab") as f:
        f.write(bytes(1000))
    with pytest.raises(PosebookError, match="grew while it was read: 40 frames"):
        list(frames)


def test_videos_are_found_by_their_names(tmp_path):
    "Files of camcorders, phones, microscopes and players of many years"
    names = "a.MTS b.m2ts c.asf d.3gp e.ogv f.vob g.hevc h.265 i.264 j.mj2 k.mxf l.dv m.y4m n.m2v o.MOV p.wmv q.divx"
    for name in (*names.split(), "._a.mp4", "table.csv", "image.png", "notes.txt"):
        (tmp_path / name).touch()
    assert [o.name for o in find_videos(tmp_path)] == names.split()


def test_files_without_video(tmp_path):
    for name, content, expected in (
        ("text.mp4", b"this is a text", "cannot be read as a video"),
        ("empty.mp4", b"", "no bytes"),
    ):
        (tmp_path / name).write_bytes(content)
        assert expected in count_frames(tmp_path / name)[1]
    with av.open(str(tmp_path / "sound.mp4"), "w") as c:
        s = c.add_stream("aac", rate=8000)
        for i in range(10):
            f = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            f.sample_rate, f.pts = 8000, 1024 * i
            c.mux(s.encode(f))
        c.mux(s.encode())
    assert "no video track" in count_frames(tmp_path / "sound.mp4")[1]
    pages = [Image.fromarray(o) for o in moving_frames(4)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    assert "a stack of 4 images, not a video" in count_frames(tmp_path / "stack.tif")[1]
    with av.open(str(tmp_path / "none.avi"), "w") as c:
        s = c.add_stream("mpeg4", rate=30)
        s.height, s.width, s.pix_fmt = H, W, "yuv420p"
        c.start_encoding()
    n, message = count_frames(tmp_path / "none.avi")
    assert n == 0 and ("no frame" in message or "no video track" in message or "cannot be read" in message)


def test_frame_size_that_changes(tmp_path):
    parts = [
        write_film(tmp_path / f"{i}.h264", moving_frames(10, *size)).read_bytes()
        for i, size in enumerate(((96, 128), (64, 64)))
    ]
    (tmp_path / "both.h264").write_bytes(b"".join(parts))
    n, message = count_frames(tmp_path / "both.h264")
    assert 8 <= n <= 10 and f"from frame {n} on the video has another size" in message


def test_videos_too_short_for_a_clip(tmp_path):
    write_film(tmp_path / "short.mp4", moving_frames(5))
    with pytest.raises(PosebookError, match="short.mp4"):
        RandomSequences([tmp_path / "short.mp4"], Preprocess((32, 32)), length=6)
    with pytest.raises(PosebookError, match="at least 8 frames"):
        RandomSequences([tmp_path / "short.mp4"], Preprocess((32, 32)), length=4, context=5)


def test_a_registered_format_reads_videos(tiny_model, toy_project, tmp_path):
    "All ways into a file: tracking, drawing, picking frames, clips, folders; a file that cannot be read is left out"
    from posebook.core import formats
    from posebook.formats.base import Format
    from posebook.labeling.pick_frames import pick_frames, some_frames

    class Arrays(Format):
        video_suffixes = (".npy",)

        def video_facts(self, path):
            return *np.load(path).shape[:3], 30.0

        def video_frames(self, path, start):
            yield from np.load(path)[start:]

    frames = np.stack(list(read_frames(toy_project / "videos/toy0.mp4")))
    np.save(tmp_path / "a.npy", frames)
    write_film(tmp_path / "b.mp4", frames)
    (tmp_path / "broken.npy").write_text("no array")
    assert [o.name for o in find_videos(tmp_path)] == ["b.mp4"]
    formats("arrays")(Arrays)
    try:
        assert [o.name for o in find_videos(tmp_path)] == ["a.npy", "b.mp4", "broken.npy"]
        for source in ("torch", *["dali"] * dali_installed()):
            stream = VideoStream(tmp_path / "a.npy", Preprocess(frames.shape[1:3]), source=source, context=3)
            images = torch.cat([b["images"][b["windows"][:, 1]] for b in stream])
            assert (images.permute(0, 2, 3, 1).int() - torch.tensor(frames).int()).abs().max() <= 2
        assert {i: (frame == frames[i]).all() for i, frame in some_frames(tmp_path / "a.npy", [3, 30])} == {3: 1, 30: 1}
        assert len(pick_frames(tmp_path / "a.npy", 3)) == 3
        clips = RandomSequences([tmp_path / "a.npy"], Preprocess((32, 32)), length=6)
        assert len(next(clips.batches(1))["images"]) == 6
        tables = posebook.predict(tiny_model, tmp_path, out=tmp_path / "out", labeled_video=True, progress=False)
        assert [o.stem for o in tables] == ["a", "b"]
        assert (tmp_path / "out/labeled_videos/a_labeled.mp4").is_file()
        with pytest.raises(PosebookError, match="broken.npy: this cannot be read as a video: ValueError"):
            posebook.predict(tiny_model, tmp_path / "broken.npy", progress=False)
    finally:
        del formats["arrays"]
