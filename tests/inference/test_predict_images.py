"Tracking images and folders with subfolders: positions, tables, structure of the output, exit codes"

import shutil

import numpy as np
import pytest
from conftest import assert_error, moving_frames, write_film
from PIL import Image

from posebook.core import PosebookError
from posebook.data.tables import read_predictions
from posebook.inference.predict import predict_from_folder
from posebook.inference.predictor import Predictor
from posebook.model_folder import other_files


def write_image(path, number, h=96, w=128):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(moving_frames(number + 1, h, w)[number]).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    "Images of several sizes and types, two videos of one name, and files that must be skipped"
    root = tmp_path / "data"
    write_image(root / "img10.png", 10)
    write_image(root / "img9.png", 9, 60, 90)
    write_image(root / "a, b.bmp", 3)
    write_image(root / "day1/img10.tif", 20)
    write_image(root / "day2/deep/x.JPG", 25)
    write_film(root / "cam0.mp4", moving_frames(12))
    write_film(root / "day1/cam0.mp4", moving_frames(14))
    write_film(root / "day2/cam0.mp4", moving_frames(16))
    for name in ("._img9.png", ".hidden.png", "__MACOSX/img9.png", ".trash/img9.png", "._cam0.mp4"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"\0\5\x16\7")
    shutil.copytree(root / "day1", root / "labeled_videos")
    shutil.copy(root / "cam0.mp4", root / "day1/cam0_labeled.mp4")
    return root


def tables(out):
    return {
        p.relative_to(out).as_posix(): read_predictions(p)[0] for p in out.rglob("*.csv") if "details" not in p.parts
    }


def numbers(n):
    return [str(i) for i in range(n)]


EXPECTED = {
    "cam0.csv": numbers(12),
    "day1/cam0.csv": numbers(14),
    "day2/cam0.csv": numbers(16),
    "image_preds/data/predictions.csv": ["a, b.bmp", "img9.png", "img10.png"],
    "image_preds/data/day1/predictions.csv": ["day1/img10.tif"],
    "image_preds/data/day2/deep/predictions.csv": ["day2/deep/x.JPG"],
}


def test_a_folder_of_videos_images_and_subfolders(tiny_model, folder, tmp_path, run_command):
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    code, text = run_command("predict", tiny_model, folder, "--out", tmp_path / "out", "--labeled-video")
    assert code == 0 and tables(tmp_path / "out") == EXPECTED, text
    assert "1 video(s) with labels drawn on them are left out: cam0_labeled.mp4" in text
    assert "1 folder(s) with the output of tracking are left out" in text
    predictor = Predictor.from_folder(tiny_model, "cpu")
    for table, names in EXPECTED.items():
        _, _, keypoints, confidences = read_predictions(tmp_path / "out" / table)
        if table.startswith("image_preds"):
            alone = [predictor.images([folder / name]) for name in names]
            expected = [np.concatenate(o) for o in zip(*alone)]
        else:
            expected = predictor.video((folder / table).with_suffix(".mp4"))
        np.testing.assert_allclose(keypoints, expected[0], atol=2e-3)
        np.testing.assert_allclose(confidences, expected[1], atol=2e-3)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    files = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    videos = ("", "day1/", "day2/")
    images = ("", "day1/", "day2/deep/")
    assert files >= {f"{o}labeled_videos/cam0_labeled.mp4" for o in videos}
    assert files >= {f"{o}details/cam0_temporal_norm.csv" for o in videos} | {f"{o}details/cam0.json" for o in videos}
    assert files >= {f"image_preds/data/{o}details/predictions.json" for o in images}
    assert not [o for o in files if "predictions_temporal" in o]  # images are no successive frames
    drawn = {o for o in files if "labeled_images/" in o}
    names = ("a, b_labeled.bmp", "img9_labeled.png", "img10_labeled.png")
    assert drawn == {f"image_preds/data/labeled_images/{o}" for o in names} | {
        "image_preds/data/day1/labeled_images/img10_labeled.tif",
        "image_preds/data/day2/deep/labeled_images/x_labeled.JPG",
    }


def test_the_model_folder_is_the_default(tiny_model, folder, tmp_path, run_command):
    "Output in the tracked folder is not tracked the second time; smoothing keeps the structure"
    model = shutil.copytree(tiny_model, folder / "models/first")
    shutil.rmtree(model / "video_preds", ignore_errors=True)
    before = other_files(model)
    assert run_command("predict", model, folder, "--labeled-video")[0] == 0
    for part, prefix in (("video_preds", ""), ("image_preds", "image_preds/")):
        expected = {o: rows for o, rows in EXPECTED.items() if o.startswith("image_preds") == bool(prefix)}
        assert {f"{prefix}{o}": rows for o, rows in tables(model / part).items()} == expected
    assert other_files(model) == before  # all new files are listed in posebook.json
    content = {p: p.read_bytes() for p in model.rglob("*.csv")}
    assert run_command("predict", model, folder)[0] == 0  # all is tracked already
    assert {p: p.read_bytes() for p in model.rglob("*.csv")} == content
    assert run_command("predict", model, folder, "--resume")[0] == 0
    assert {p: p.read_bytes() for p in model.rglob("*.csv")} == content
    assert run_command("predict", model, folder, "--overwrite")[0] == 0
    assert {p: p.read_bytes() for p in model.rglob("*.csv")} == content
    assert run_command("smooth", model / "video_preds/day1/cam0.csv")[0] == 0
    assert (model / "video_preds/day1/smoothed/cam0.csv").is_file()
    images = model / "image_preds/data/predictions.csv"
    assert_error(run_command("smooth", images), "the rows are not successive frames of a video")


def test_images_given_one_by_one_are_those_of_their_folder(tiny_model, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    [table] = predict_from_folder(tiny_model, ["img9.png", folder / "img10.png"], tmp_path / "out")
    assert table == tmp_path / "out/image_preds/data/predictions.csv"
    assert read_predictions(table)[0] == ["img9.png", "img10.png"]
    [table] = predict_from_folder(tiny_model, "day1/cam0.mp4", tmp_path / "out")
    assert table == tmp_path / "out/cam0.csv"  # a video that is given itself
    written = predict_from_folder(tiny_model, [".", "day1"], tmp_path / "all")
    assert len(written) == 6 and (written[1], written[3]) == tuple(
        tmp_path / f"all/image_preds/data/{o}predictions.csv" for o in ("", "day1/")
    )


def test_folders_of_one_name_are_not_mixed(tiny_model, folder, tmp_path, run_command):
    for day in ("day1", "day2"):
        write_image(tmp_path / day / "frames/a.png", 3)
    paths = [tmp_path / "day1/frames", tmp_path / "day2/frames"]
    assert_error(run_command("predict", tiny_model, *paths, "--out", tmp_path / "out"), "two inputs are called frames")
    code, text = run_command("predict", tiny_model, tmp_path, "--out", tmp_path / "out")
    name = tmp_path.name
    found = [o for o in tables(tmp_path / "out") if "frames" in o]
    assert code == 0 and sorted(found) == [
        f"image_preds/{name}/{day}/frames/predictions.csv" for day in ("day1", "day2")
    ]


def test_a_damaged_image_is_left_out(tiny_model, tmp_path, run_command):
    for i in range(5):
        write_image(tmp_path / f"frames/img{i}.png", i)
    (tmp_path / "frames/img3.png").write_bytes((tmp_path / "frames/img3.png").read_bytes()[:300])
    stack = [Image.new("L", (64, 64))] * 2
    stack[0].save(tmp_path / "frames/stack.tif", save_all=True, append_images=stack[1:])
    predict = "predict", tiny_model, tmp_path / "frames", "--out", tmp_path / "out"
    for more in ([], ["--resume"], ["--overwrite"]):
        code, text = run_command(*predict, *more)
        assert code == 3 and "2 of 6 images cannot be read" in text and "a stack of 2 images" in text, text
        assert text.splitlines()[-1] == "done except for: frames/img3.png, frames/stack.tif"
        table = tmp_path / "out/image_preds/frames/predictions.csv"
        assert read_predictions(table)[0] == ["img0.png", "img1.png", "img2.png", "img4.png"]
    alone = Predictor.from_folder(tiny_model, "cpu").images([tmp_path / "frames/img4.png"])[0]
    np.testing.assert_allclose(read_predictions(table)[2][3:], alone, atol=2e-3)
    for i in (0, 1):
        (tmp_path / f"frames/img{i}.png").write_text("a text")
    assert_error(run_command(*predict, "--overwrite"), "4 of 6 images cannot be read")
    assert len(read_predictions(table)[0]) == 4  # the older table is kept
    write_film(tmp_path / "frames/a.mp4", moving_frames(8))
    code, text = run_command(*predict[:-1], tmp_path / "both")
    assert code == 3 and text.splitlines()[-1] == "done except for: frames" and "1 of 2 videos or folders" in text


def test_resume_only_with_the_same_images(tiny_model, other_model, tmp_path):
    for i in range(40):
        write_image(tmp_path / f"frames/img{i}.png", i)
    predict_into = lambda out="out", model=tiny_model, **how: predict_from_folder(
        model, tmp_path / "frames", tmp_path / out, **how
    )

    def stop(inputs, number, done, total):
        assert (inputs[number].name, total) == ("frames", 40)
        if done == 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_into(progress=stop)
    part = tmp_path / "out/image_preds/frames/predictions.csv.part"
    assert part.read_text().count("\n") == 3 + 32
    done = []
    [table] = predict_into(resume=True, progress=lambda inputs, number, n, total: done.append(n))
    [plain] = predict_into("plain")
    assert done == [40] and table.read_bytes() == plain.read_bytes() and not part.exists()
    with pytest.raises(PosebookError, match="not of this image folder and model: the model's"):
        predict_into(model=other_model, resume=True)
    write_image(tmp_path / "frames/img7.png", 30)
    with pytest.raises(PosebookError, match="not of this image folder and model: the image folder's sha256"):
        predict_into(resume=True)
    (tmp_path / "frames/img7.png").unlink()
    with pytest.raises(PosebookError, match=r"the image folder's images \(40, now 39\)"):
        predict_into(resume=True)
    with pytest.raises(PosebookError, match="exist already"):
        predict_into()
    [table] = predict_into(overwrite=True)
    assert len(read_predictions(table)[0]) == 39


def test_drawn_images_of_an_older_table_do_not_stay(tiny_model, tmp_path):
    for i in range(3):
        write_image(tmp_path / f"frames/{i}.png", i)
    how = dict(labeled_video=True)
    predict_from_folder(tiny_model, tmp_path / "frames", tmp_path / "out", **how)
    drawn = tmp_path / "out/image_preds/frames/labeled_images"
    shown = np.array(Image.open(drawn / "2_labeled.png"))
    assert shown.shape == (480, 640, 3)  # five times 96 x 128
    assert 0 < (shown != np.array(Image.open(tmp_path / "frames/2.png")).repeat(5, 0).repeat(5, 1)).mean() < 0.2
    (drawn / "1_labeled.png").unlink()
    predict_from_folder(tiny_model, tmp_path / "frames", tmp_path / "out", resume=True, **how)
    (tmp_path / "frames/0.png").unlink()
    predict_from_folder(tiny_model, tmp_path / "frames", tmp_path / "out", overwrite=True, **how)
    assert sorted(o.name for o in drawn.iterdir()) == ["1_labeled.png", "2_labeled.png"]
    shutil.rmtree(tmp_path / "out/image_preds/frames/details")
    (tmp_path / "out/image_preds/frames/predictions.csv").unlink()
    with pytest.raises(PosebookError, match="posebook probably did not write it"):
        predict_from_folder(tiny_model, tmp_path / "frames", tmp_path / "out")


def test_heatmaps_only_of_videos(tiny_model, folder, tmp_path, run_command):
    result = run_command("predict", tiny_model, folder, "--save-heatmaps", "--out", tmp_path / "out")
    assert_error(result, "heatmaps are saved only for videos")
    assert not (tmp_path / "out").exists()
    shutil.rmtree(folder / "day2/deep")
    predict_from_folder(tiny_model, folder / "day2", tmp_path / "out", save_heatmaps=True)
    assert (tmp_path / "out/cam0_heatmaps.h5").is_file()


def test_an_ensemble(tiny_model, other_model, folder, tmp_path, run_command):
    models = [shutil.copytree(o, tmp_path / n) for n, o in (("m1", tiny_model), ("m2", other_model))]
    predict = "predict", *models, folder, "--ensemble", "--out"
    assert run_command(*predict, tmp_path / "out")[0] == 0
    found = tables(tmp_path / "out")
    assert found == EXPECTED | {f"{m}/{o}": rows for m in ("m1", "m2") for o, rows in EXPECTED.items()}
    for table in EXPECTED:
        parts = [read_predictions(tmp_path / "out" / m / table)[2] for m in ("m1", "m2")]
        np.testing.assert_allclose(read_predictions(tmp_path / "out" / table)[2], np.mean(parts, 0), atol=1e-3)
    assert (tmp_path / "out/day1/details/cam0_spread.csv").is_file()
    assert (tmp_path / "out/image_preds/data/details/predictions_spread.csv").is_file()
    content = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.csv")}
    assert run_command(*predict, tmp_path / "out", "--resume")[0] == 0
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.csv")} == content
    write_image(folder / "day1/img10.tif", 21)
    code, text = run_command(*predict, tmp_path / "out", "--resume")
    assert code == 3 and text.splitlines()[-1] == "done except for: data/day1", text
    (folder / "day1").rename(folder / "m1")
    assert_error(run_command(*predict, tmp_path / "other"), "a model and a folder of the input have the same name")
    assert not (tmp_path / "other").exists()


def test_context_frames_of_images(tmp_path, run_command):
    """In labeled-data, images with the next numbers are the context; elsewhere, the image itself, with a note.

    A damaged neighbor is not used."""
    from posebook.testing import short_run

    model = short_run("heatmap_mhcrnn", steps=2).folder
    for place in ("labeled-data/x", "frames"):
        for i in range(6):
            write_image(tmp_path / place / f"img{i:03}.png", 6 * i)
    predictor = Predictor.from_folder(model, "cpu")
    predict = lambda place: run_command("predict", model, tmp_path / place, "--out", tmp_path / "out")
    code, text = predict("labeled-data/x")
    assert code == 0 and "used alone" not in text, text
    index, _, keypoints, _ = read_predictions(tmp_path / "out/image_preds/x/predictions.csv")
    paths = sorted((tmp_path / "labeled-data/x").iterdir())
    as_labeled = predictor.images(paths)[0]
    np.testing.assert_allclose(keypoints, as_labeled, atol=2e-3)
    code, text = predict("frames")
    assert code == 0 and "6 of 6 images in frames have no frames before and after them" in text, text
    alone = read_predictions(tmp_path / "out/image_preds/frames/predictions.csv")[2]
    repeated = [predictor.frames(np.stack([np.array(Image.open(p))] * 5))[0][2] for p in paths]
    np.testing.assert_allclose(alone, repeated, atol=2e-3)
    assert abs(alone - keypoints).max() > 0.01
    paths[1].write_bytes(paths[1].read_bytes()[:300])
    code, text = run_command("predict", model, paths[3], "--out", tmp_path / "bad")
    assert code == 0, text
    frames = [np.array(Image.open(paths[i])) for i in (2, 2, 3, 4, 5)]
    expected = predictor.frames(np.stack(frames))[0][2]
    found = read_predictions(tmp_path / "bad/image_preds/x/predictions.csv")[2][0]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_python_and_names(tiny_model, tmp_path, caplog):
    import posebook

    for name in ("img1.png", ".hidden.png", "._img1.png"):
        write_image(tmp_path / "frames" / name, 1)
    write_image(tmp_path / "frames/two\nlines.png", 1)
    (tmp_path / "frames/no.png").mkdir()
    [table] = posebook.predict(tiny_model, tmp_path / "frames", out=tmp_path / "out", progress=False)
    assert read_predictions(table)[0] == ["img1.png"]
    assert any("the name has a line break" in o for o in caplog.messages)
    (tmp_path / "frames/two\nlines.png").unlink()
    keypoints, _ = Predictor.from_folder(tiny_model, "cpu").images(tmp_path / "frames")
    assert len(keypoints) == 1
    (tmp_path / "empty/inner").mkdir(parents=True)
    with pytest.raises(PosebookError, match="there is no video in this folder, and no image"):
        posebook.predict(tiny_model, tmp_path / "empty", progress=False)


@pytest.mark.skipif(not hasattr(__import__("os"), "symlink"), reason="no links here")
def test_links(tiny_model, tmp_path):
    "A link to a folder is followed under its own name; a link that leads back is not"
    write_image(tmp_path / "disk/run7/a.png", 1)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/day1").symlink_to(tmp_path / "disk/run7", target_is_directory=True)
    (tmp_path / "disk/run7/loop").symlink_to(tmp_path / "data", target_is_directory=True)
    predict_from_folder(tiny_model, tmp_path / "data", tmp_path / "out")
    assert tables(tmp_path / "out") == {"image_preds/data/day1/predictions.csv": ["day1/a.png"]}


def test_a_folder_that_may_not_be_read_and_a_link_to_nothing(tiny_model, tmp_path, run_command, monkeypatch):
    for name in ("a", "b", "c"):
        write_image(tmp_path / f"data/{name}.png", 1)
    write_image(tmp_path / "data/lost+found/a.png", 1)
    (tmp_path / "data/gone.png").symlink_to(tmp_path / "nothing.png")
    iterdir = type(tmp_path).iterdir

    def refused(self):
        if self.name == "lost+found":
            raise PermissionError(13, "Permission denied", str(self))
        return iterdir(self)

    monkeypatch.setattr(type(tmp_path), "iterdir", refused)
    code, text = run_command("predict", tiny_model, tmp_path / "data", "--out", tmp_path / "out")
    assert code == 3 and text.splitlines()[-1].startswith("done except for: "), text
    assert "lost+found" in text.splitlines()[-1] and "data/gone.png" in text.splitlines()[-1]
    assert tables(tmp_path / "out") == {"image_preds/data/predictions.csv": ["a.png", "b.png", "c.png"]}


def test_an_image_outside_the_box(tiny_model, tmp_path, run_command):
    import yaml

    model = shutil.copytree(tiny_model, tmp_path / "model")
    config = yaml.safe_load((model / "config.yaml").read_text())
    config["data"]["box"] = [100, 0, 100, 96]
    (model / "config.yaml").write_text(yaml.safe_dump(config))
    for i, width in enumerate((128, 160, 90)):
        write_image(tmp_path / f"frames/{i}.png", i, w=width)
    code, text = run_command("predict", model, tmp_path / "frames", "--out", tmp_path / "out")
    assert code == 3 and text.splitlines()[-1] == "done except for: frames/2.png", text
    index, _, keypoints, _ = read_predictions(tmp_path / "out/image_preds/frames/predictions.csv")
    assert index == ["0.png", "1.png"] and (keypoints[..., 0] > 90).all()


def test_the_command_that_continues_an_interrupted_run(tiny_model, tmp_path, run_command, monkeypatch):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    for i in range(40):
        write_image(tmp_path / f"frames/{i}.png", i)
    predict_batch, calls = Predictor.predict_batch, []

    def stop(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return predict_batch(self, *args)

    monkeypatch.setattr(Predictor, "predict_batch", stop)
    code, text = run_command("predict", model, tmp_path / "frames")
    assert code == 130, text
    line = text.splitlines()[-1]
    assert line == f"posebook predict {model} {tmp_path / 'frames'} --resume"
    assert run_command(*line.split()[1:])[0] == 0 and len(calls) == 4
    assert len(read_predictions(model / "image_preds/frames/predictions.csv")[0]) == 40


def test_a_labeled_video_and_heatmaps_are_added_to_complete_tables(
    tiny_model, other_model, folder, tmp_path, run_command
):
    "No table is changed, and only one of this model and of this video is added to"
    video, out = folder / "day1/cam0.mp4", tmp_path / "out"
    command = lambda *more, model=tiny_model: run_command("predict", model, folder, "--out", out, *more)
    assert command()[0] == 0
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in out.rglob("*.csv")}
    assert_error(command("--labeled-video", model=other_model), "6 table(s) exist already")
    code, text = command("--labeled-video")
    assert code == 0 and f"labeled video: {out / 'day1/labeled_videos/cam0_labeled.mp4'}" in text, text
    assert (out / "day1/labeled_videos/cam0_labeled.mp4").is_file()
    assert (out / "image_preds/data/labeled_images/img9_labeled.png").is_file()
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in out.rglob("*.csv")} == before
    code, text = command("--labeled-video")  # nothing is missing
    assert code == 0 and f"labeled video: {out / 'day1/labeled_videos/cam0_labeled.mp4'}" in text, text
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in out.rglob("*.csv")} == before
    alone = ("predict", tiny_model, video, "--out", tmp_path / "alone")
    assert run_command(*alone)[0] == 0 and run_command(*alone, "--save-heatmaps")[0] == 0
    assert (tmp_path / "alone/cam0_heatmaps.h5").is_file()
    (tmp_path / "alone/cam0_heatmaps.h5").unlink()
    (tmp_path / "alone/cam0.csv.part").write_text("an overwriting run was interrupted")
    assert_error(run_command(*alone, "--save-heatmaps"), "1 table(s) exist already")
