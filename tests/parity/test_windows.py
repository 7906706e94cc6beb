"Context windows of a video equal those of Lightning Pose 2.4.3 away from its ends (reference/peer_parts.py)"

import torch
from conftest import read_reference

from posebook.video.stream import batch_windows

listed_windows = read_reference("parts_windows")


def our_windows(n, chunk=16):
    frames = torch.arange(n).view(-1, 1, 1, 1).expand(n, 3, 1, 1)
    rows = [o["images"][:, 0, 0, 0][o["windows"]] for o in batch_windows(frames.split(chunk), chunk, context=5)]
    return torch.cat(rows)


def test_context_windows_of_a_video():
    "Equal in the middle, also across chunks; at the ends every window is around its own frame, clamped"
    windows, listed = our_windows(41), torch.tensor(listed_windows["41"])
    assert torch.equal(windows[2:-2], listed[2:-2])
    ends = [[0, 0, 0, 1, 2], [0, 0, 1, 2, 3], [37, 38, 39, 40, 40], [38, 39, 40, 40, 40]]
    assert windows[[0, 1, -2, -1]].tolist() == ends


def test_every_frame_has_a_window_around_itself():
    "For every length; Lightning Pose gives the last frames of some lengths the window of the third frame"
    for n in map(int, listed_windows["middles"]):
        assert our_windows(n)[:, 2].tolist() == list(range(n))
