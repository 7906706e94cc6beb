"""Frame number N is one frame everywhere: in the stream, when reading from any position, and in a labeled video

Each frame of these videos shows its number as a row of black and white squares."""

import os
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from conftest import write_film

from posebook.core import PosebookError
from posebook.data.preprocess import Preprocess
from posebook.data.tables import PredictionTable
from posebook.inference.labeled_video import write_labeled_video
from posebook.labeling.pick_frames import some_frames
from posebook.video import frame_index as frame_index_module
from posebook.video.frame_index import build_index, frame_index
from posebook.video.read import FrameReader, read_frames
from posebook.video.stream import VideoStream

H, W, SQUARE = 64, 128, 16  # eight squares


def numbered_frames(n, first=0):
    "Return frames that show their numbers, on a background that moves"
    y, x = np.mgrid[:H, :W]
    frames = []
    for i in range(first, first + n):
        frame = (128 + 60 * np.sin(x / 20 + i / 5) * np.cos(y / 15))[..., None].repeat(3, -1)
        bits = [255 * (i >> b & 1) for b in range(W // SQUARE)]
        frame[:SQUARE] = np.repeat(bits, SQUARE)[None, :, None]
        frames.append(frame.astype(np.uint8))
    return np.stack(frames)


def shown_number(frame):
    "Return the number that a frame shows"
    squares = frame[:SQUARE].reshape(SQUARE, -1, SQUARE, 3).mean((0, 2, 3))
    return int(sum(1 << b for b, light in enumerate(squares) if light > 128))


def film(path, n=60, codec="libx264", gop=20, **options):
    "Write a video of numbered frames with B-frames"
    if codec == "mjpeg":
        return write_film(path, numbered_frames(n), codec, "yuvj420p")
    return write_film(path, numbered_frames(n), codec, options={"g": str(gop), "bf": "2", **options})


def copy_packets(source, path, first_time=None, cover=False, keep=lambda number, packet: True):
    "Copy the packets of a video without encoding them again; times count from `first_time` (seconds)"
    with av.open(str(source)) as a, av.open(str(path), "w") as b:
        stream = a.streams.video[0]
        if cover:
            image_track = b.add_stream("png", rate=1)
            image_track.height, image_track.width, image_track.pix_fmt = 64, 64, "rgb24"
            image_track.disposition = av.stream.Disposition.attached_pic
        track = b.add_stream_from_template(stream)
        if cover:
            red = av.VideoFrame.from_ndarray(np.full((64, 64, 3), [255, 0, 0], np.uint8), "rgb24")
            b.mux(image_track.encode(red))
        shift = round((first_time or 0) / stream.time_base)
        packets = [p for p in a.demux(stream) if p.size]
        for number, packet in enumerate(packets):
            if not keep(number, packet):
                continue
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = track
            b.mux(packet)
    return path


def check(path, expected):
    "Every way of reading gives the expected frames by the same numbers"
    index = build_index(path)
    read = list(read_frames(path))
    assert [shown_number(f) for f in read] == expected
    assert index.num_frames == len(expected)
    reader = FrameReader(path)
    order = np.random.default_rng(0).permutation(len(expected))
    assert [shown_number(reader[int(i)]) for i in order] == [expected[i] for i in order]
    for i in (*order[:5], 0, len(expected) - 3):
        i = min(int(i), len(expected) - 3)
        assert [shown_number(f) for f in reader.read_sequence(i, 3)] == expected[i : i + 3]
    numbers = sorted(order[:4].tolist())
    assert [shown_number(f) for _, f in some_frames(path, numbers, 1)] == [expected[i] for i in numbers]
    batches = list(VideoStream(path, Preprocess((H, W)), batch_size=16, context=5, start=3))
    images = torch.cat([b["images"][b["windows"][:, 2]] for b in batches])
    assert [shown_number(o.permute(1, 2, 0).numpy()) for o in images] == expected[3:]
    return index


def test_a_video_cut_without_encoding_it_again(tmp_path):
    "`ffmpeg -ss 1.1 -c copy`: the packets before frame 33 are there, and the container marks them as hidden"
    whole = film(tmp_path / "whole.mp4")
    cut = copy_packets(
        whole, tmp_path / "cut.mp4", 33 / 30, keep=lambda number, packet: packet.pts >= 0 and number >= 20
    )
    index = check(cut, list(range(33, 60)))
    with av.open(str(cut)) as c:
        assert c.streams.video[0].frames == 40  # packets
    assert not index.is_plain and index.problem == ""


def test_a_stream_that_begins_between_two_key_frames(tmp_path):
    for name, codec, gop in (("a.ts", "libx264", 20), ("b.ts", "mpeg2video", 12), ("c.mkv", "libx264", 20)):
        whole = film(tmp_path / f"whole_{name}", codec=codec, gop=gop)
        part = copy_packets(whole, tmp_path / name, keep=lambda number, packet: number >= 7)
        shown = [shown_number(f) for f in read_frames(part)]
        assert shown == list(range(shown[0], 60)) and shown[0] >= gop - 1, (name, shown)
        check(part, shown)


def test_formats_and_codecs(tmp_path):
    "All frames, whatever the container says about times and key frames"
    for name, codec, options in (
        ("a.mp4", "libx264", {}),
        ("a.mkv", "libx264", {}),
        ("a.mov", "libx265", {"x265-params": "log-level=none:open-gop=1:keyint=20"}),
        ("a.ts", "libx264", {}),
        ("a.avi", "libx264", {}),  # with the times of decoding in place of the times of display
        ("b.avi", "mpeg4", {}),
        ("a.mpg", "mpeg2video", {}),
        ("a.h264", "libx264", {}),  # without times
        ("a.webm", "libvpx", {"bf": "0", "auto-alt-ref": "1", "lag-in-frames": "16", "b": "500000"}),
        ("b.webm", "libvpx-vp9", {"bf": "0", "cpu-used": "8"}),
        ("c.avi", "mjpeg", {}),
    ):
        path = film(tmp_path / name, codec=codec, **options)
        index = check(path, list(range(60)))
        assert index.fps == 30 and index.is_constant_rate, name


def test_packets_without_a_frame_of_their_own():
    "VP8 stores frames that are only used to decode others; bit 4 of their first byte is 0"
    packets = np.zeros(6, [("pts", "i8"), ("dts", "i8"), ("is_key", "?"), ("is_hidden", "?")])
    packets["pts"], packets["is_key"][1], packets["is_hidden"][3] = [0, 2, 1, 4, 5, 6], True, True
    # the first packet is before the first key frame, the third is shown before it, the fourth is hidden
    assert frame_index_module.shown_packets(packets)["pts"].tolist() == [2, 5, 6]


def test_a_cover_image_is_not_the_video(tmp_path):
    path = copy_packets(film(tmp_path / "whole.mp4"), tmp_path / "cover.mp4", cover=True)
    with av.open(str(path)) as c:
        assert len(c.streams.video) == 2
    check(path, list(range(60)))


def test_two_halves_of_each_frame_in_two_packets(tmp_path, monkeypatch):
    "As interlaced video of some camcorders: twice as many packets as frames"
    path, read = film(tmp_path / "a.mp4"), frame_index_module.read_packets

    def doubled(container, stream):
        packets = read(container, stream)
        second = packets.copy()
        second["pts"] += 1
        return np.stack([packets, second], 1).ravel()

    monkeypatch.setattr(frame_index_module, "read_packets", doubled)
    check(path, list(range(60)))


def test_times_that_begin_again(tmp_path):
    "Two recordings in one stream, as after a restart of the camera"
    parts = [film(tmp_path / f"{i}.ts", bf="0") for i in range(2)]
    (tmp_path / "both.ts").write_bytes(b"".join(p.read_bytes() for p in parts))
    index = check(tmp_path / "both.ts", [*range(60), *range(60)])
    assert len(index.times) == 0


def test_frames_that_cannot_be_decoded_keep_their_numbers(tmp_path):
    path = film(tmp_path / "a.mp4", gop=10, bf="0")
    with av.open(str(path)) as c:
        packets = [(p.pos, p.size) for p in c.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    for pos, size in packets[25:28]:
        data[pos : pos + size] = bytes(size)
    path.write_bytes(data)
    frames, message = [], ""
    try:
        frames.extend(read_frames(path))
    except PosebookError as e:
        message = str(e)
    assert "3 frame(s) cannot be decoded: 25 to 27 of 60" in message
    assert [i for i, f in enumerate(frames) if f is None] == [25, 26, 27]
    assert [shown_number(f) for f in frames[30:]] == list(range(30, 60))
    reader = FrameReader(path)
    assert reader[26] is None and shown_number(reader[45]) == 45 and shown_number(reader[30]) == 30
    stream = VideoStream(path, Preprocess((H, W)), batch_size=16)
    missing = []
    with pytest.raises(PosebookError, match="25 to 27"):
        for batch in stream:
            missing += batch["missing"].tolist()
    assert [i for i, m in enumerate(missing) if m] == [25, 26, 27] and len(missing) == 60


def labeled_video(path, n):
    "Return the path of a labeled video, without keypoints"
    table = PredictionTable(path.with_suffix(".csv"), "me", ["nose"])
    table.open(0)
    table.add(range(n), np.full((n, 1, 2), np.nan), np.zeros((n, 1)))
    table.close()
    table.finish()
    out = path.with_name(f"{path.stem}_labeled.mp4")
    write_labeled_video(path, table.path, out)
    return out


def test_variable_frame_rates_keep_their_times(tmp_path):
    times = np.cumsum(np.random.default_rng(0).integers(1, 9, 40))
    for name in ("a.mkv", "a.mp4"):
        path = write_film(tmp_path / name, numbered_frames(40), times=times)
        index = check(path, list(range(40)))
        assert not index.is_constant_rate
        seconds = index.seconds()
        assert np.abs(seconds - (times - times[0]) / 30).max() < 2e-3
        labeled = labeled_video(path, 40)
        assert np.abs(frame_index(labeled).seconds() - seconds).max() < 1e-3
        assert abs(frame_index(labeled).fps / index.fps - 1) < 0.01


@pytest.mark.parametrize(
    "name, rate", [("a.mkv", 30), ("a.mkv", 900), ("a.h264", 30), ("a.mp4", Fraction(30000, 1001))]
)
def test_labeled_videos_have_the_frame_rate_of_the_video(tmp_path, name, rate):
    path = tmp_path / name
    with av.open(str(path), "w") as c:
        s = c.add_stream("libx264", rate=rate)
        s.height, s.width, s.pix_fmt = H, W, "yuv420p"
        for f in numbered_frames(90):
            c.mux(s.encode(av.VideoFrame.from_ndarray(f, format="rgb24")))
        c.mux(s.encode())
    assert abs(frame_index(path).fps / float(rate) - 1) < 0.01
    assert abs(frame_index(labeled_video(path, 90)).fps / float(rate) - 1) < 0.01


def test_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(frame_index_module, "CACHED_FRAMES", 50)
    path, calls = film(tmp_path / "a.mp4"), []
    monkeypatch.setattr(
        frame_index_module, "read_packets", lambda *a, f=frame_index_module.read_packets: calls.append(1) or f(*a)
    )
    first, again = frame_index(path), frame_index(path)
    assert len(calls) == 1 and np.array_equal(first.times, again.times) and again.key_time(30) == first.key_time(30)
    assert {k: v for k, v in vars(first).items() if not isinstance(v, np.ndarray)} == {
        k: v for k, v in vars(again).items() if not isinstance(v, np.ndarray)
    }
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))  # changed
    frame_index(path)
    assert len(calls) == 2
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(path.read_bytes())
    assert frame_index(copy).path == copy and len(calls) == 3
    for file in (tmp_path / "cache").rglob("*.npz"):  # a full disk
        file.write_bytes(file.read_bytes()[:100])
    assert np.array_equal(frame_index(path).times, first.times) and len(calls) == 4
    (tmp_path / "cache_is_a_file").write_text("")
    monkeypatch.setenv("POSEBOOK_CACHE", str(tmp_path / "cache_is_a_file"))
    assert frame_index(path).num_frames == 60
