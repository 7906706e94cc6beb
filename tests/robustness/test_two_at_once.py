"Two processes that write to the same files"

from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import assert_error, file_contents


def test_two_predictions_into_one_folder(tiny_model, toy_project, run_command, tmp_path):
    "The second one is told who writes; nothing is damaged, and other videos can be tracked"
    from posebook.inference.predict import _output_lock

    out, videos = tmp_path / "out", toy_project / "videos"
    with _output_lock(out / "toy0.csv"):
        before = file_contents(out)
        assert_error(
            run_command("predict", tiny_model, videos / "toy0.mp4", "--out", out),
            "another process is writing toy0.csv (process ",
            "since ",
            "wait until it has ended",
        )
        assert file_contents(out) == before
        assert run_command("predict", tiny_model, videos / "toy1.mp4", "--out", out)[0] == 0
    assert run_command("predict", tiny_model, videos / "toy0.mp4", "--out", out)[0] == 0


def test_rows_added_at_once_are_all_kept(project):
    "By commands and by a widget that saves meanwhile"
    from posebook.data.labels import read_labels
    from posebook.labeling.pick_frames import add_rows
    from posebook.notebook.label_table import LabelingSession

    session, path = LabelingSession(project), project / "CollectedData.csv"
    image, names = read_labels(path).images[0], read_labels(path).keypoint_names
    new = [f"labeled-data/toy0/img{i:08d}.png" for i in range(900, 940)]

    def save(i):
        session.set_labels(image, {names[0]: (i, i)})
        session.save()

    with ThreadPoolExecutor(8) as pool:
        rows = [pool.submit(add_rows, path, [o]) for o in new]
        twice = [pool.submit(add_rows, path, [o]) for o in new[:10]]
        saved = [pool.submit(save, i) for i in range(10)]
        for o in (*rows, *twice, *saved):
            o.result()
    images = read_labels(path).images
    assert set(new) <= set(images) and len(set(images)) == len(images)
    assert read_labels(path).keypoints[0, 0, 0] in range(10)


def test_model_folders_of_one_second(toy_project, tmp_path):
    from posebook.config.schema import Config
    from posebook.training.fit import default_model_dir

    cfg = Config(data=dict(data_dir=str(tmp_path)))
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: default_model_dir(cfg), range(20)))
    assert len(set(folders)) == 20 and all(o.is_dir() for o in folders)


@pytest.mark.parametrize("mode", [0o640, 0o600])
def test_links_and_modes_are_kept(project, mode):
    from posebook.labeling.pick_frames import add_rows

    target = project.parent / "labels.csv"
    (project / "CollectedData.csv").rename(target)
    (project / "CollectedData.csv").symlink_to(target)
    target.chmod(mode)
    add_rows(project / "CollectedData.csv", ["labeled-data/toy0/img00000999.png"])
    assert (project / "CollectedData.csv").is_symlink() and target.stat().st_mode & 0o777 == mode
    assert "img00000999.png" in target.read_text()
