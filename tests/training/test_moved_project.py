"A project that was moved or copied together with its models, or without them"

import json
import shutil

import pytest
from conftest import Interrupt

from posebook.config.read import read_config
from posebook.core import PosebookError
from posebook.data.labels import read_labels
from posebook.evaluation.evaluate import evaluate_model
from posebook.project.toy_project import make_toy_project
from posebook.toy import Toy
from posebook.training.checkpoints import load_checkpoint
from posebook.training.fit import train_tracker


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    "A project with an interrupted model inside it, and the same model beside it"
    folder = tmp_path_factory.mktemp("moved")
    project = make_toy_project(Toy(0, 64, 64), folder / "project", labels=8, videos=1, frames=20, neighbors=0)
    for out in (project / "models/a", folder / "outside"):
        with pytest.raises(KeyboardInterrupt):
            train_tracker(project, "training.max_steps=6", out=out, progress=False, callbacks=[Interrupt(3)])
    return folder


@pytest.fixture
def trained(unchanged, tmp_path):
    "The folder of the project and of both models, at another place"
    shutil.copytree(unchanged, tmp_path / "first")
    for model in ("project/models/a", "outside"):  # as if trained there
        path = tmp_path / "first" / model / "posebook.json"
        path.write_text(path.read_text().replace(str(unchanged), str(tmp_path / "first")))
    return tmp_path / "first"


def change_label(project, pixels):
    "Move the first keypoint of all frames to the right; return how many positions there are"
    labels = read_labels(project / "CollectedData.csv")
    labels.keypoints[:, 0, 0] = labels.keypoints[:, 0, 0] * 0 + pixels
    labels.write(project / "CollectedData.csv")
    return labels.keypoint_names[0]


def median(results, keypoint):
    return results["train"][keypoint]["median"]


@pytest.mark.parametrize("model", ["project/models/a", "outside"])
def test_a_copy_uses_its_own_labels_and_the_original_stays(trained, tmp_path, model):
    original = median(
        evaluate_model(trained / model), read_labels(trained / "project/CollectedData.csv").keypoint_names[0]
    )
    written = (trained / model / "metrics.json").read_bytes(), (trained / "project/CollectedData.csv").read_bytes()
    shutil.copytree(trained, tmp_path / "copy")
    name = change_label(tmp_path / "copy/project", 2.0)
    results = evaluate_model(tmp_path / "copy" / model)
    assert abs(median(results, name) - original) > 1
    assert json.loads((tmp_path / "copy" / model / "metrics.json").read_text())["train"] == results["train"]
    assert (
        (trained / model / "metrics.json").read_bytes(),
        (trained / "project/CollectedData.csv").read_bytes(),
    ) == written


@pytest.mark.parametrize("model", ["project/models/a", "outside"])
def test_a_moved_project_is_resumed_in_its_new_place(trained, tmp_path, model):
    trained.rename(tmp_path / "second")
    moved = tmp_path / "second"
    train_tracker(moved / "project", out=moved / model, resume=True, progress=False)
    assert load_checkpoint(moved / model / "checkpoints/last.ckpt")["global_step"] == 6
    assert not (tmp_path / "first").exists()
    assert read_config(moved / model).data.video_dir == str(moved / "project/videos")
    assert json.loads((moved / model / "posebook.json").read_text())["project"] == str(moved / "project")
    assert str(tmp_path) not in (moved / model / "config.yaml").read_text()


def test_a_model_that_was_moved_alone_uses_its_project_with_a_note(trained, tmp_path, caplog):
    (trained / "project/models/a").rename(tmp_path / "alone")
    name = change_label(trained / "project", 2.0)
    assert evaluate_model(tmp_path / "alone")["train"][name]["count"] > 0
    assert f"{trained / 'project'} is used" in caplog.text


def test_an_error_names_both_projects_if_the_copy_does_not_fit(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "copy")
    project, model = tmp_path / "copy/project", tmp_path / "copy/project/models/a"
    image = read_labels(project / "CollectedData.csv").images[0]
    (project / image).rename(tmp_path / "image.png")
    both = f"{project} does not fit.*1 image.*{image}.*trained in {trained / 'project'}"
    for use in (evaluate_model, lambda o: train_tracker(project, out=o, resume=True, progress=False)):
        with pytest.raises(PosebookError, match=both):
            use(model)
    (tmp_path / "image.png").rename(project / image)
    table = project / "CollectedData.csv"
    name = read_labels(table).keypoint_names[0]
    table.write_text(table.read_text().replace(f",{name},{name}", ",other,other"))
    with pytest.raises(PosebookError, match=f"keypoints differ: .*other.*trained in {trained / 'project'}"):
        evaluate_model(model)
    with pytest.raises(PosebookError, match="keypoints differ"):
        train_tracker(project, out=model, resume=True, progress=False)


def test_an_error_names_the_places_if_the_project_was_deleted(trained, tmp_path):
    (trained / "outside").rename(tmp_path / "alone")
    shutil.rmtree(trained / "project")
    with pytest.raises(PosebookError, match=f"no CollectedData.csv: .*; it was trained in {trained / 'project'}"):
        evaluate_model(tmp_path / "alone")


def test_a_copy_is_used_when_the_original_is_deleted(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "copy")
    shutil.rmtree(trained)
    assert evaluate_model(tmp_path / "copy/project/models/a")["train"]["all"]["count"] > 0


def test_an_old_model_folder_with_an_absolute_path(trained, tmp_path):
    model = trained / "outside"
    config, manifest = model / "config.yaml", json.loads((model / "posebook.json").read_text())
    config.write_text(config.read_text().replace("data_dir: ../project", f"data_dir: {trained / 'project'}"))
    (model / "posebook.json").write_text(json.dumps({k: v for k, v in manifest.items() if k != "project"}))
    model.rename(tmp_path / "alone")
    assert evaluate_model(tmp_path / "alone")["train"]["all"]["count"] > 0
    (trained / "project").rename(tmp_path / "elsewhere")
    with pytest.raises(PosebookError, match=f"no CollectedData.csv: {trained / 'project'}"):
        evaluate_model(tmp_path / "alone")


def test_review_adds_frames_to_the_copy(trained, tmp_path):
    from posebook.inference.predict import predict_from_folder
    from posebook.notebook.review import ReviewWidget, TrackedVideo

    shutil.copytree(trained, tmp_path / "copy")
    project = tmp_path / "copy/project"
    [video] = (project / "videos").iterdir()
    predict_from_folder(project / "models/a", [video])
    before = (trained / "project/CollectedData.csv").read_text()
    frame = next(i for i in range(20) if f"img{i:08d}" not in before)
    ReviewWidget(TrackedVideo(project / "models/a", video)).on_label_frame(frame)
    assert f"img{frame:08d}.png" in (project / "CollectedData.csv").read_text()
    assert (trained / "project/CollectedData.csv").read_text() == before


def test_other_labels_are_evaluated_again_after_a_move(trained, tmp_path):
    other = trained / "project/CollectedData_new.csv"
    shutil.copy(trained / "project/CollectedData.csv", other)
    evaluate_model(trained / "project/models/a", other)
    shutil.copytree(trained, tmp_path / "copy")
    copy = tmp_path / "copy/project"
    results = copy / "models/a/evaluate/CollectedData_new"
    assert str(tmp_path) not in (results / "labels_from.txt").read_text()
    labels = read_labels(copy / "CollectedData_new.csv")
    labels.keypoints[:] = 2.0
    labels.write(copy / "CollectedData_new.csv")
    before = (trained / "project/models/a/evaluate/CollectedData_new/metrics.json").read_bytes()
    again = evaluate_model(copy / "models/a", copy / "CollectedData_new.csv")
    assert json.loads((results / "metrics.json").read_text()) == again != json.loads(before)
    with pytest.raises(PosebookError, match="results of other labels, .*copy/project/CollectedData_new.csv"):
        evaluate_model(copy / "models/a", other)
    assert (trained / "project/models/a/evaluate/CollectedData_new/metrics.json").read_bytes() == before


def test_names_with_accents_after_a_move_to_another_file_system(trained):
    "macOS spells file names with separate accents (NFD), most programs write one character into tables (NFC)"
    project = trained / "project"
    folder = project / "labeled-data/toy0"
    composed, decomposed = "andr\u00e9", "andre\u0301"
    folder.rename(folder.with_name(composed))
    table = (project / "CollectedData.csv").read_text(encoding="utf-8").replace("data/toy0/", f"data/{composed}/")
    (project / "CollectedData.csv").write_text(table, encoding="utf-8")
    model = project / "models/b"
    train_tracker(project, "training.max_steps=2", out=model, progress=False)
    results = evaluate_model(model)
    folder.with_name(composed).rename(folder.with_name(decomposed))
    labels = read_labels(project / "CollectedData.csv")
    assert all(o.is_file() for o in labels.paths())
    assert evaluate_model(model) == results
    report = (model / "report.html").read_text(encoding="utf-8")
    assert report.count("data:image/jpeg") + report.count("data:image/png") > 0
    train_tracker(project, "training.max_steps=3", out=project / "models/c", progress=False)
    assert {o["count"] for o in evaluate_model(project / "models/c")["train"].values()} == {
        o["count"] for o in results["train"].values()
    }
