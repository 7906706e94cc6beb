"""Frame number N is one frame everywhere: in the stream, when reading from any position, and in a labeled video

Each frame of these videos shows its number as a row of black and white squares."""

import os
import struct
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
            image_track.disposition = av.stream.Disposition.attached_pic.value
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


def test_a_video_trimmed_by_a_phone(tmp_path):
    "All packets stay in the file, and a list of edits in the container says which are shown"
    cut = copy_packets(film(tmp_path / "whole.mp4"), tmp_path / "cut.mp4", 33 / 30)
    with av.open(str(cut)) as c:
        assert c.streams.video[0].frames == 60
    assert check(cut, list(range(33, 60))).problem == ""


def without_data(path, numbers):
    "Empty the packets of some frames of an AVI file: `dropped frames`, which show the frame before them"
    data = path.read_bytes()
    start = data.index(b"movi")
    movi, entries, pos, end = (
        bytearray(b"movi"),
        b"",
        start + 4,
        start + struct.unpack("<I", data[start - 4 : start])[0],
    )
    while pos < end:
        tag, size = data[pos : pos + 4], struct.unpack("<I", data[pos + 4 : pos + 8])[0]
        if tag == b"00dc":
            content = b"" if len(entries) // 16 in numbers else data[pos + 8 : pos + 8 + size]
            entries += tag + struct.pack("<III", 16 * bool(content), len(movi), len(content))
            movi += tag + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
        pos += 8 + size + size % 2
    data = bytearray(data[: start - 4] + struct.pack("<I", len(movi)) + movi)
    data += b"idx1" + struct.pack("<I", len(entries)) + entries
    data[4:8] = struct.pack("<I", len(data) - 8)
    path.write_bytes(data)
    return path


def test_frames_that_a_camera_dropped(tmp_path):
    "The header counts them, but they have no row, as in other programs; the times of the others are kept"
    path = without_data(film(tmp_path / "a.avi", codec="mjpeg"), (20, 21, 22))
    with av.open(str(path)) as c:
        assert c.streams.video[0].frames == 60
    index = check(path, [*range(20), *range(23, 60)])
    assert index.problem == "" and np.allclose(index.seconds()[19:21], [19 / 30, 23 / 30])


def test_h264_in_an_avi_file_that_ends_early(tmp_path):
    path = film(tmp_path / "a.avi")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    index = build_index(path)
    assert (
        len(index.times) == 0
        and index.problem == f"the video ends early: {index.num_frames} frames of 60 could be read"
    )


def with_sound(path, video, sound_codec, seconds, first=0.0):
    "Write a video together with sound that has another length"
    with av.open(str(video)) as a, av.open(str(path), "w") as b:
        source = a.streams.video[0]
        track, sound = b.add_stream_from_template(source), b.add_stream(sound_codec, rate=48000, layout="mono")
        packets = [p for p in a.demux(source) if p.size]
        for packet in packets:
            packet.pts, packet.dts = (o + round(first / source.time_base) for o in (packet.pts, packet.dts))
            packet.stream = track
        sound_packets, size = [], sound.codec_context.frame_size or 1024
        for i in range(0, int(48000 * seconds), size):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, size), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48000, i
            sound_packets += sound.encode(frame)
        sound_packets += sound.encode(None)
        for packet in sorted(packets + sound_packets, key=lambda o: o.dts * o.time_base):
            b.mux(packet)
    return path


@pytest.mark.parametrize("name, codec", [("a.mkv", "pcm_s16le"), ("a.ts", "mp2")])
def test_sound_that_is_longer_than_the_video(tmp_path, name, codec):
    whole = film(tmp_path / "whole.mp4", bf="0")
    for first in (0, 1.5):
        index = check(with_sound(tmp_path / name, whole, codec, 6, first), list(range(60)))
        assert index.problem == "" and abs(index.fps - 30) < 0.01
    path = with_sound(tmp_path / "long.mkv", whole, "pcm_s16le", 2)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "the video ends early" in build_index(path).problem


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


def test_images_that_are_refreshed_bit_by_bit(tmp_path):
    "Without key frames after the first; the decoder then skips frames after a jump until an image is complete"
    for name in ("a.mp4", "a.ts"):
        path = film(tmp_path / name, **{"x264-params": "intra-refresh=1:keyint=20:bframes=2"})
        assert len(check(path, list(range(60))).key_times) == 3


def test_a_palette_is_kept_after_a_jump(tmp_path):
    "Uncompressed AVI files of cameras with 8 bits: only the first packet contains the palette"
    path, palette = tmp_path / "a.avi", np.arange(256, dtype=np.uint8)[::-1, None].repeat(4, 1)
    with av.open(str(path), "w") as c:
        s = c.add_stream("rawvideo", rate=30)
        s.height, s.width, s.pix_fmt = H, W, "pal8"
        for frame in numbered_frames(60):
            c.mux(s.encode(av.VideoFrame.from_ndarray((255 - frame[..., 0], palette), format="pal8")))
        c.mux(s.encode())
    check(path, list(range(60)))
    assert (FrameReader(path)[30] == numbered_frames(1, 30)[0]).all()


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
