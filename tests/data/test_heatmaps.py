"Decoding of heatmaps near the border, with two peaks, and with little confidence"

import torch

from posebook.data.heatmaps import decode_windowed_soft_argmax, gaussian_heatmaps


def at(x):
    "Return keypoints at x, in the middle of an image of 256 pixels"
    x = torch.as_tensor(x).float()
    return torch.stack([x, torch.full_like(x, 128.0)], -1)[None]


def decode_x(maps):
    return decode_windowed_soft_argmax(maps)[0][0, :, 0]


def test_decoding_near_the_border():
    x = torch.arange(0, 255.5, 0.25)
    assert (decode_x(gaussian_heatmaps(at(x), (64, 64))) - x).abs().max() < 0.05


def test_decoding_of_two_equal_peaks_is_one_of_them():
    two_peaks = gaussian_heatmaps(at([80, 176]), (64, 64)).mean(1, keepdim=True)
    assert min(abs(decode_x(two_peaks).item() - x) for x in (80, 176)) < 0.05


def test_decoding_of_an_uncertain_heatmap():
    "A peak with a tenth of the mass; the rest is spread evenly"
    uncertain = 0.1 * gaussian_heatmaps(at([40]), (64, 64)) + 0.9 / 64**2
    assert abs(decode_x(uncertain).item() - 40) < 0.5
