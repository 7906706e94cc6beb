"Images of every kind are read as the pixels that are stored, and as bright as the video"

import cv2
import numpy as np
import pytest
from PIL import Image

from posebook.core import PosebookError
from posebook.data.dataset import LabeledDataset
from posebook.data.images import image_size, read_image
from posebook.data.labels import Labels
from posebook.data.preprocess import Preprocess
from posebook.data.sizes import image_sizes, rotation_notes


def gray(height=48, width=64):
    "Return a gray gradient from 0 to 255"
    return np.linspace(0, 255, height * width).round().astype(np.uint8).reshape(height, width)


def project(folder, name):
    return Labels([name], np.array([[[10.0, 20.0]]]), ["nose"], folder)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tag_for_rotation_changes_no_pixel_and_gives_one_note(tmp_path, suffix, orientation):
    from posebook.notebook.label_table import image_bytes

    tag, path = Image.Exif(), tmp_path / f"a.{suffix}"
    tag[0x0112] = orientation
    Image.fromarray(gray()).save(path, exif=tag, **({"quality": 100} if suffix == "jpg" else {}))
    labels = project(tmp_path, path.name)
    stored = np.repeat(gray()[..., None], 3, -1)
    assert image_size(path) == (48, 64) and image_sizes(labels) == [(48, 64)]
    assert abs(read_image(path).astype(int) - stored).max() <= 2
    inputs, _ = LabeledDataset(labels, Preprocess((48, 64))).load_image(path)
    assert abs(inputs.astype(int) - stored).max() <= 2
    shown = cv2.imdecode(np.frombuffer(image_bytes(path), np.uint8), cv2.IMREAD_COLOR)  # rotates as browsers do
    assert shown.shape == stored.shape and abs(shown.astype(int) - stored).max() <= 2
    np.testing.assert_array_equal(labels.check().keypoints, labels.keypoints)
    notes = rotation_notes(labels)
    assert len(notes) == (orientation > 1) and all("1 image(s) have a tag (EXIF)" in o for o in notes)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tag_for_rotation_in_a_tiff_file_is_an_error(tmp_path, dtype):
    path = tmp_path / "a.tif"
    for orientation in (1, 6):  # Pillow 13 returns scrambled pixels for 6, OpenCV 4 rotates the image
        tag = Image.Exif()
        tag[0x0112] = orientation
        Image.fromarray(gray().astype(dtype) * (1 if dtype == np.uint8 else 257)).save(path, exif=tag)
        if orientation == 1:
            assert (read_image(path) == gray()[..., None]).all() and image_size(path) == (48, 64)
    for function in (read_image, image_size):
        with pytest.raises(PosebookError, match="a tag rotates this TIFF image"):
            function(path)


@pytest.mark.parametrize("bits", [8, 9, 10, 11, 12, 13, 14])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_fewer_bits_in_16_bits_are_an_error_that_says_how_to_convert(tmp_path, bits, suffix):
    image = np.linspace(0, 2**bits - 1, 48 * 64).astype(np.uint16).reshape(48, 64)
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), image)
    with pytest.raises(PosebookError, match=f"its brightest pixel is {2**bits - 1} of 65535") as e:
        read_image(tmp_path / f"a.{suffix}")
    assert "12 bits: divide by 16" in str(e.value)
    with pytest.raises(PosebookError, match="brightest pixel"):
        project(tmp_path, f"a.{suffix}").check()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("shift", [0, 4])
def test_16_bits_and_left_aligned_12_bits_are_as_bright_as_8_bits(tmp_path, channels, shift):
    wide = np.linspace(0, 65535, 48 * 64).astype(np.uint16).reshape(48, 64) >> shift << shift
    cv2.imwrite(str(tmp_path / "a.png"), wide if channels == 1 else np.repeat(wide[..., None], channels, -1))
    assert abs(read_image(tmp_path / "a.png").astype(int) - gray()[..., None]).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_kind_of_8_bit_image_is_rgb(tmp_path, mode):
    image = Image.fromarray(gray() // 128 * 255 if mode == "1" else gray()).convert(mode)
    if "A" in mode:
        image.putalpha(Image.fromarray(gray().T.reshape(48, 64)))  # transparency changes nothing
    image.save(tmp_path / "a.png")
    expected = np.repeat((gray() // 128 * 255 if mode == "1" else gray())[..., None], 3, -1)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


def test_a_palette_gives_its_colors(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [2, 0]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", transparency=0)
    red, green, blue = np.eye(3, dtype=np.uint8) * 255
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), [[red, green], [blue, red]])
