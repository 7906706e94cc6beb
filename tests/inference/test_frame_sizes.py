"A video whose frames do not have the shape of the labeled images gives one warning, and is tracked"

import json
import shutil
import struct

import av
import cv2
import numpy as np
import pytest
from conftest import moving_frames, write_film, write_lightning_pose_model
from PIL import Image

import posebook
from posebook.data.labels import read_labels
from posebook.data.sizes import fits, image_sizes, size_notes
from posebook.inference.predictor import Predictor
from posebook.video.frame_index import frame_index

LABELS = "the labeled images have 128 x 96 pixels"


def copy_of(model, folder, sizes=((96, 128),), box=None):
    "Return a copy of a model folder whose labeled images have other sizes (height, width)"
    folder = shutil.copytree(model, folder)
    manifest = json.loads((folder / "posebook.json").read_text())
    assert "image_sizes" not in manifest
    if sizes:
        manifest["image_sizes"] = sizes
    (folder / "posebook.json").write_text(json.dumps(manifest))
    if box:
        config = (folder / "config.yaml").read_text()
        assert config.count("box: null") == 1
        (folder / "config.yaml").write_text(config.replace("box: null", f"box: {list(box)}"))
    return folder


def video(path, height, width, frames=3):
    return write_film(path, moving_frames(frames, height, width))


def warnings_of(caplog, function, *args, **settings):
    "Return the warnings of a call"
    caplog.clear()
    function(*args, **settings)
    return [o.getMessage() for o in caplog.records if o.levelname == "WARNING"]


@pytest.mark.parametrize(
    "height, width, warns",
    [
        (96, 128, False),
        (48, 64, False),  # another resolution
        (144, 192, False),
        (128, 96, True),  # turned
        (128, 128, True),  # padded
        (72, 128, True),  # cropped
        (96, 130, False),  # 1.6 %
        (96, 132, True),  # 3.1 %
        (94, 128, True),  # 2.1 %
    ],
)
def test_predict_warns_of_another_aspect_ratio(tiny_model, tmp_path, run_command, height, width, warns):
    model = copy_of(tiny_model, tmp_path / "model")
    code, text = run_command("predict", model, video(tmp_path / "film.mp4", height, width), "--out", tmp_path / "out")
    assert code == 0 and text.count("film.mp4 (") == text.count("the labeled images have") == warns
    if warns:
        assert f"film.mp4 ({width} x {height} pixels): {LABELS}" in text
        assert "not rotated, cropped or padded" in text and "train again" in text
    assert len((tmp_path / "out/film.csv").read_text().splitlines()) == 6


def test_python_warns_too(tiny_model, tmp_path, caplog):
    predictor = Predictor.from_folder(copy_of(tiny_model, tmp_path / "model"), "cpu")
    good, turned = moving_frames(2), moving_frames(2, 128, 96)
    for i, o in enumerate((good, turned)):
        cv2.imwrite(str(tmp_path / f"{i}.png"), o[0])
    films = [video(tmp_path / "good.mp4", 96, 128), video(tmp_path / "turned.mp4", 128, 96)]
    for function, (right, wrong) in (
        (predictor.video, films),
        (predictor.frames, (good, turned)),
        (predictor.images, ([tmp_path / "0.png"], [tmp_path / "0.png", tmp_path / "1.png"])),
        (lambda o: posebook.predict(predictor.model_dir, o, tmp_path / "out", progress=False), films),
    ):
        assert warnings_of(caplog, function, right) == []
        [warning] = warnings_of(caplog, function, wrong)
        assert f"(96 x 128 pixels): {LABELS}" in warning and warning.count("pixels)") == 1


@pytest.mark.parametrize("height, width, warns", [(96, 128, False), (97, 128, False), (192, 256, True), (48, 64, True)])
def test_with_a_box_the_size_must_be_the_same(tiny_model, tmp_path, caplog, height, width, warns):
    model = copy_of(tiny_model, tmp_path / "model", box=(0, 0, 40, 40))
    frames = moving_frames(2, height, width)
    warnings = warnings_of(caplog, Predictor.from_folder(model, "cpu").frames, frames)
    assert len(warnings) == warns
    if warns:
        assert "data.box cuts out another part" in warnings[0] and f"{width} x {height}" in warnings[0]


def test_the_nearest_of_several_sizes_counts(tiny_model, tmp_path, caplog):
    model = copy_of(tiny_model, tmp_path / "model", [(96, 128), (128, 96)])
    frames = Predictor.from_folder(model, "cpu").frames
    assert warnings_of(caplog, frames, moving_frames(2, 64, 48)) == []
    [warning] = warnings_of(caplog, frames, moving_frames(2, 64, 64))
    assert "128 x 96 or 96 x 128 pixels" in warning


def test_a_model_without_sizes_does_not_warn(tiny_model, tmp_path, caplog):
    model = copy_of(tiny_model, tmp_path / "model", None)
    assert warnings_of(caplog, Predictor.from_folder(model, "cpu").frames, moving_frames(2, 128, 96)) == []


def test_training_stores_the_sizes(model):
    assert json.loads((model / "posebook.json").read_text())["image_sizes"] == [[96, 96]]


@pytest.mark.parametrize("size", [(406, 396), None, (None, None)])
def test_a_converted_model_has_the_size_of_its_config(tmp_path, caplog, size):
    folder, _ = write_lightning_pose_model(tmp_path / "lp")
    if size:
        config = (folder / "config.yaml").read_text().replace("null", "~")
        sizes = "~" if size == (None, None) else size
        height, width = ("~", "~") if sizes == "~" else sizes
        line = f"data:\n  image_orig_dims: {{height: {height}, width: {width}}}\n"
        (folder / "config.yaml").write_text(config.replace("data:\n", line, 1))
    warnings = warnings_of(caplog, posebook.convert, folder, tmp_path / "new")
    assert not any("image_orig_dims" in o for o in warnings)
    stored = json.loads((tmp_path / "new/posebook.json").read_text())["image_sizes"]
    assert stored == ([[406, 396]] if size == (406, 396) else [])


def test_unlabeled_videos_of_another_shape_give_one_warning(project, tmp_path, caplog):
    for name, size in (("turned", (128, 96)), ("padded", (96, 192)), ("large", (192, 192))):
        video(project / f"videos/{name}.mp4", *size, frames=40)
    settings = ["model.losses_to_use=[temporal]", "training.accelerator=cpu", "training.max_steps=1"]
    settings += ["model.backbone=tiny", "model.weights=null", "eval.predict_vids_after_training=false"]
    from posebook.testing import register_tiny

    register_tiny()
    warnings = warnings_of(caplog, posebook.train, project, *settings, out=tmp_path / "model", progress=False)
    [warning] = [o for o in warnings if "aspect ratio" in o]
    assert warning.startswith(
        "padded.mp4 (192 x 96 pixels), turned.mp4 (96 x 128 pixels): the labeled images have 96 x 96"
    )


def test_a_rotation_tag_of_a_video_counts(tiny_model, tmp_path, caplog):
    path = video(tmp_path / "turned.mp4", 128, 96)
    data = bytearray(path.read_bytes())
    offset = data.find(b"tkhd") + 44
    data[offset : offset + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    predictor = Predictor.from_folder(copy_of(tiny_model, tmp_path / "model"), "cpu")
    assert (frame_index(path).height, frame_index(path).width) == (96, 128)
    assert warnings_of(caplog, predictor.video, path) == []


def test_pixels_that_are_not_square_are_used_as_they_are_stored(tmp_path):
    from fractions import Fraction

    frames = moving_frames(3, 96, 128)
    tags = [("sample_aspect_ratio", Fraction(4, 3))]
    with av.open(str(tmp_path / "wide.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        for name, value in tags:
            setattr(stream.codec_context, name, value)
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    with av.open(str(tmp_path / "wide.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
    info = frame_index(tmp_path / "wide.mp4")
    assert (info.height, info.width) == (96, 128)


def test_odd_sizes_fit_the_even_sizes_of_their_video():
    assert fits((34, 40), [(33, 39)]) and fits((33, 39), [(34, 40)])
    assert not fits((36, 39), [(33, 39)])


def test_many_files_are_shortened():
    [note] = size_notes({f"{i}.mp4": (10, 10 + i) for i in range(1, 100)}, [(900, 100 + i) for i in range(9)])
    assert "5.mp4 (15 x 10 pixels) and more (99 in all): " in note and "6.mp4" not in note
    assert "104 x 900 and more (9 in all) pixels" in note


# Images


def toy_labels(folder, sizes):
    "Write a project with one image for each size (height, width), and read its labels"
    (folder / "labeled-data/a").mkdir(parents=True)
    lines = ["scorer,me,me", "bodyparts,nose,nose", "coords,x,y"]
    for i, (height, width) in enumerate(sizes):
        image = np.random.default_rng(i).integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / f"labeled-data/a/img{i}.png")
        lines.append(f"labeled-data/a/img{i}.png,5,5")
    (folder / "CollectedData.csv").write_text("\n".join(lines) + "\n")
    return read_labels(folder / "CollectedData.csv")


def test_images_of_several_sizes_have_their_own_affines(tmp_path):
    from posebook.data.dataset import LabeledDataset
    from posebook.data.geometry import apply_affine
    from posebook.data.preprocess import Preprocess

    labels = toy_labels(tmp_path, [(64, 96), (96, 64), (128, 192)])
    assert image_sizes(labels) == [(64, 96), (96, 64), (128, 192)]
    data = LabeledDataset(labels, Preprocess((64, 64)))
    for i, expected in enumerate([(5.5 * 64 / 96 - 0.5, 5), (5, 5.5 * 64 / 96 - 0.5), (5.5 / 3 - 0.5, 5.5 / 2 - 0.5)]):
        sample = data[i]
        placed = apply_affine(sample["affine"].numpy(), sample["keypoints"].numpy())[0]
        np.testing.assert_allclose(placed, expected, atol=1e-5)
