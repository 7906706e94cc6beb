"The decoder `lightning_pose` equals Lightning Pose 2.4.3 (reference/peer_parts.py)"

import peer_parts
import pytest
from conftest import IDENTITY, assert_near, lightning_pose_decoder, read_reference

from posebook.data.geometry import apply_affine, invert

reference = read_reference("parts")


@pytest.mark.parametrize("stride", [2, 4, 8])
@pytest.mark.parametrize("kind", ["random", "peaked"])
def test_sharpened_soft_argmax_is_equal(kind, stride):
    maps = peer_parts.peaked_maps() if kind == "peaked" else peer_parts.softmax(peer_parts.random_maps())
    decoder = lightning_pose_decoder(stride)
    keypoints, confidences = decoder(maps)
    keypoints = apply_affine(invert(decoder.align(IDENTITY)), keypoints)  # its pixels
    listed = reference["decoding"][f"{kind}_{stride}"]
    assert_near(keypoints, listed["keypoints"], 2e-3)
    assert_near(confidences, listed["confidences"], 1e-3)
