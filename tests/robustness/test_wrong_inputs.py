"A table of wrong inputs: each must lead to a message that says what, where and what to do, and to no damage"

import gzip
import os
import shutil

import numpy as np
import pytest
from conftest import TINY_CONFIG
from harness import TRAIN, Case, check_case, config, link_to_itself, nothing, override, plugin, write
from PIL import Image

# Changes of the project


def labels(change):
    "Change the text of the label table"

    def prepare(root):
        path = root / "project/CollectedData.csv"
        content = change(path.read_text())
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return prepare


def first_image(change):
    "Change the first labeled image"

    def prepare(root):
        row = (root / "project/CollectedData.csv").read_text().splitlines()[3]
        change(root / "project" / row.split(",")[0])

    return prepare


def second_row(spell):
    "Add a row for the first image, with its path spelled in another way"

    def change(text):
        row = text.splitlines()[3]
        return f"{text}{row.replace(row.split(',')[0], spell(row.split(',')[0]), 1)}\n"

    return labels(change)


def cut_table(first, last=None):
    "Remove lines of the prediction table"

    def prepare(root):
        lines = (root / "tables/toy0.csv").read_text().splitlines(keepends=True)
        del lines[first:last]
        (root / "tables/toy0.csv").write_text("".join(lines))

    return prepare


def half_jpeg(path):
    Image.open(path).convert("RGB").save(path, "JPEG", quality=95)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def twelve_bits(path):
    Image.fromarray(np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 16).save(path)


def folder_for_table(root):
    (root / "project/CollectedData.csv").unlink()
    (root / "project/CollectedData.csv").mkdir()


LABELS = [
    Case("UTF-16", labels(lambda t: t.encode("utf-16")), TRAIN, ("CollectedData.csv", "UTF-16", "save it as text")),
    Case("Latin-1", labels(lambda t: t.replace("nose", "né").encode("latin-1")), TRAIN, ("line 2", "UTF-8")),
    Case("compressed", labels(lambda t: gzip.compress(t.encode())), TRAIN, ("compressed (gzip)",)),
    Case("a spreadsheet", labels(lambda t: b"PK\x03\x04" + t.encode()), TRAIN, ("a spreadsheet",)),
    Case("semicolons", labels(lambda t: t.replace(",", ";")), TRAIN, ("separated by semicolons", "with commas")),
    Case(
        "semicolons and decimal commas, as Excel writes them",
        labels(lambda t: "\ufeff" + t.replace(",", ";").replace(".", ",").replace(",png", ".png")),
        TRAIN,
        ("separated by semicolons", "points in numbers"),
    ),
    Case("tabs", labels(lambda t: t.replace(",", "\t")), TRAIN, ("separated by tabs",)),
    Case("cut off", labels(lambda t: t.rstrip("\n").rsplit(",", 3)[0]), TRAIN, ("was cut off", "copy the whole file")),
    Case("a quote without end", labels(lambda t: t.replace("labeled", '"labeled', 1)), TRAIN, ("is not a row",)),
    Case(
        "a row that is too long",
        labels(lambda t: t.rstrip("\n") + ",5,6\n"),
        TRAIN,
        ("has 39 cells, but the first line has 37",),
    ),
    Case("./ in a path", second_row(lambda o: "./" + o), TRAIN, ("more than one row", "keep one row")),
    Case("// in a path", second_row(lambda o: o.replace("/", "//", 1)), TRAIN, ("more than one row",)),
    Case("a backslash in a path", second_row(lambda o: o.replace("/", "\\")), TRAIN, ("more than one row",)),
    Case("a path of 5000 letters", second_row(lambda o: "a" * 5000), TRAIN, ("do not exist", "copy them there"), 3),
    Case(
        "no path", second_row(lambda o: ""), TRAIN, ("do not exist: ''", "done except for: a row without an image"), 3
    ),
    Case("a line break in a name", labels(lambda t: t.replace("nose_side", '"a\nb"')), TRAIN, ("name of a keypoint",)),
    Case("a folder as table", folder_for_table, TRAIN, ("this is a folder",)),
    Case("a link to itself", link_to_itself("project/CollectedData.csv"), TRAIN, ("leads back to itself",)),
    Case("half a JPEG", first_image(half_jpeg), TRAIN, ("it is damaged", "replace it"), 3),
    Case("half a PNG", first_image(lambda p: p.write_bytes(p.read_bytes()[:900])), TRAIN, ("it is damaged",), 3),
    Case("text as image", first_image(lambda p: p.write_text("hi")), TRAIN, ("damaged or no image",), 3),
    Case("12 bits in 16", first_image(twelve_bits), TRAIN, ("16 bits per channel", "convert the images"), 3),
]


CONFIGS = [
    Case("a tab", config("data:\n\tbox: null"), TRAIN, ("posebook.yaml, line 2", "not a YAML file")),
    Case("UTF-16", config(TINY_CONFIG.encode("utf-16")), TRAIN, ("UTF-16",)),
    Case("a list", config("- data"), TRAIN, ("no sections in it",)),
    Case("text as section", config("posebook: 1\ntraining: fast"), TRAIN, ("training = 'fast'", "must have keys")),
    Case("a number as section", config("posebook: 1\nmodel: 3"), TRAIN, ("model = 3",)),
    Case("a number as key", config("posebook: 1\n1: 2"), TRAIN, ("the key 1 is not text",)),
    Case("a newer format", config("posebook: 999"), TRAIN, ("posebook = 999", "update the program")),
    Case("no version", config("model: {backbone: tiny}"), TRAIN, ("posebook: 1", "first line")),
    Case("an empty file", config(""), TRAIN, ("posebook: 1", "first line")),
    Case("an environment variable", nothing, override("model.model_name='${{oc.env:HOME}}'"), ("only another key",)),
    Case("an unknown reference", nothing, override("model.model_name='${{nosuch}}'"), ("the command line", "nosuch")),
    Case("a key without its section", nothing, override("max_steps=1"), ("did you mean training.max_steps?",)),
    Case("a key of another section", nothing, override("training.backbone=tiny"), ("did you mean model.backbone?",)),
    Case("no value", nothing, override("training.max_steps"), ("not of the form", "training.max_steps=600")),
    Case(
        "a large seed", nothing, override("training.rng_seed_model_pt=4294967296"), ("the command line", "4294967296")
    ),
    Case("a huge number", nothing, override(f"training.train_batch_size={10**20}"), ("is too large",)),
    Case("no time", nothing, override("training.max_time=00:00:00:00"), ("longer than zero",)),
    Case("an optimizer's setting", nothing, override("training.optimizer_params.learning_rat=1"), ("learning_rate",)),
    Case("a schedule's setting", nothing, override("training.lr_scheduler_params.milestonez=[1]"), ("multisteplr",)),
    Case("NaN", nothing, override("training.optimizer_params.learning_rate=.nan"), ("finite number",)),
    Case("a loss's name", nothing, override("losses.tempral.log_weight=3"), ("did you mean 'temporal'",)),
    Case("a loss's setting", nothing, override("losses.temporal.log_weigt=3"), ("did you mean 'log_weight'",)),
    Case("a loss's value", nothing, override("losses.temporal.log_weight=abc"), ("is not a number",)),
    Case("text for a list", nothing, override("model.losses_to_use=temporal"), ("[temporal]",)),
    Case("a colormap", nothing, override("eval.colormap=rainbwo"), ("no such colormap", "rainbow")),
    Case("many processes", nothing, override("training.num_workers=100000"), ("less than or equal to 256",)),
]

SMOOTH = "smooth {root}/tables/toy0.csv"
OTHERS = [
    Case("threshold NaN", nothing, f"{SMOOTH} --threshold nan", ("nan is not a confidence", "from 0 to 1")),
    Case("an even window", nothing, f"{SMOOTH} --window 4", ("no middle", "give 1, 5 or 7")),
    Case("a long window", nothing, f"{SMOOTH} --window 1000000001", ("longer than the table",)),
    Case("a negative gap", nothing, f"{SMOOTH} --gap -1", ("a gap cannot have -1 frames",)),
    Case("no distance", nothing, f"{SMOOTH} --jump nan", ("nan is not a distance",)),
    Case("no rows", cut_table(3), SMOOTH, ("the table has no rows", "a whole video")),
    Case("a missing row", cut_table(5, 6), SMOOTH, ("not successive frames",)),
    Case("onto the input", nothing, f"{SMOOTH} --out {{root}}/tables/toy0.csv --overwrite", ("overwrite its input",)),
    Case(
        "an existing table of another video",
        lambda r: shutil.copy(r / "project/videos/toy1.mp4", r / "project/videos/toy0.mp4") and None,
        "predict {model} {project}/videos/toy0.mp4 --out {root}/tables",
        ("exist already", "--overwrite"),
    ),
    Case(
        "results of a model",
        lambda r: shutil.copytree(r / "model", r / "other") and None,
        "evaluate {model} --out {root}/other",
        ("this is a model folder", "another folder"),
    ),
    Case("a link to itself", link_to_itself("out"), "evaluate {model} --out {root}/out", ("leads back to itself",)),
    Case("a plug-in that exits", plugin("import sys\nsys.exit(3)"), "list --plugin {root}/plugin.py", ("SystemExit",)),
    Case("a plug-in with a fault", plugin("def ("), "list --plugin {root}/plugin.py", ("does not run", "correct")),
    Case("a plug-in of bytes", plugin(os.urandom(50)), "list --plugin {root}/plugin.py", ("does not run",)),
    Case("no plug-in", nothing, "list --plugin {root}/none.py", ("does not exist", "another path")),
    Case("text as checkpoint", write("x.ckpt"), override("model.checkpoint={root}/x.ckpt"), ("checkpoint",)),
    Case("a folder below a file", nothing, "demo --quick --out {project}/posebook.yaml/demo", ("is a file",)),
    Case("text as video", write("v/a.mp4"), "predict {model} {root}/v/a.mp4 --out {root}/out", ("try to play it",)),
]


def test_files_of_others_do_not_block_an_evaluation(workspace, run_command):
    (workspace / "model/video_preds").mkdir(exist_ok=True)
    (workspace / "model/video_preds/other.csv").write_bytes(b"\xff\x00")
    (workspace / "model/logs/metrics.csv").write_bytes(b"\xff\x00")
    assert run_command("evaluate", workspace / "model")[0] == 0


@pytest.mark.parametrize("case", LABELS, ids=lambda o: o.name)
def test_labels(case, workspace, run_command):
    check_case(case, workspace, run_command)


@pytest.mark.parametrize("case", CONFIGS, ids=lambda o: o.name)
def test_configs(case, workspace, run_command):
    check_case(case, workspace, run_command)


@pytest.mark.parametrize("case", OTHERS, ids=lambda o: o.name)
def test_other_inputs(case, workspace, run_command):
    check_case(case, workspace, run_command)
