"Wrong inputs of each command: each must lead to a message that says what, where and what to do, and to no damage"

import shutil

import pytest
from harness import TRAIN, Case, check_case, config, link_to_itself, nothing, override, plugin, write

LONG = "a" * 300
PREDICT = "predict {model} {project}/videos/toy0.mp4 --out {root}/out"


def both(*steps):
    "Prepare one after another"

    def prepare(root):
        for step in steps:
            step(root)

    return prepare


def remove(*paths):
    def prepare(root):
        for path in map(root.__truediv__, paths):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return prepare


def folder(*paths):
    def prepare(root):
        for path in paths:
            (root / path).mkdir(parents=True)

    return prepare


def copy(source, target):
    def prepare(root):
        path = root / source
        (shutil.copytree if path.is_dir() else shutil.copy)(path, root / target)

    return prepare


def table(change):
    "Change the prediction table, given as a list of lines"

    def prepare(root):
        lines = (root / "tables/toy0.csv").read_text().splitlines()
        (root / "tables/toy0.csv").write_text("\n".join(change(lines)) + "\n")

    return prepare


def cell(row, column, value):
    "Replace a cell of the prediction table"

    def change(lines):
        cells = lines[row].split(",")
        cells[column] = value
        return [*lines[:row], ",".join(cells), *lines[row + 1 :]]

    return table(change)


def expect(path, *parts):
    "Check that a file contains parts of text"

    def check(root):
        text = (root / path).read_text(encoding="utf-8")
        assert all(o in text for o in parts), text

    return check


def as_excel_writes(separator=","):
    "Rename the label table, and write it with a byte order mark, quotes and another separator"

    def prepare(root):
        table = root / "project/CollectedData.csv"
        head, *rows = table.read_text().splitlines()
        quote = '"' if separator == "," else ""
        head = ",".join(f"{quote}{o}{quote}" for o in ["Scorer", *head.split(",")[1:]])
        text = "\r\n".join([head, *rows, ""]).replace(",", separator)
        (root / "project/labels of Anna.csv").write_text(text, encoding="utf-8-sig")
        table.unlink()
        (root / "project/posebook.yaml").unlink()

    return prepare


DEMO = [
    Case("an existing folder", write("out/a"), "demo --quick --out {root}/out", ('this path exists already',)),
    Case("a file", write("out"), "demo --quick --out {root}/out", ('this path exists already',)),
    Case(
        "below a file", write("a"), "demo --quick --out {root}/a/out", ('a part of the path is a file, not a folder',)
    ),
    Case("a long name", nothing, f"demo --quick --out {{root}}/{LONG}", ('the name is too long',)),
    Case("no name", nothing, "demo --quick --out ''", ('one of the arguments is empty',)),
    Case(
        "a link to nothing",
        lambda r: (r / "out").symlink_to(r / "none"),
        "demo --quick --out {root}/out",
        ('this path exists already',),
    ),
    Case("a link to itself", link_to_itself("out"), "demo --quick --out {root}/out", ('this path exists already',)),
    Case("a project", nothing, "demo --quick --out {project}", ('this path exists already',)),
    Case("an unknown option", nothing, "demo --quik", ("--quik",)),
    Case("a value of a flag", nothing, "demo --quick=3", ("Option '--quick' does not take a value.",)),
    Case("an argument", nothing, "demo {root}/out", ('Got unexpected extra argument',)),
    Case("an option without value", nothing, "demo --out", ("Option '--out' requires an argument.",)),
]
INIT = [
    Case("no folder", nothing, "init {root}/none", code=0),
    Case("a file", write("a"), "init {root}/a", ('this is a file; a project is a folder',)),
    Case("a config that exists", nothing, "init {project}", ('there is a config already',)),
    Case("a video", nothing, "init {project}/videos/toy0.mp4", ('this is a file; a project is a folder',)),
    Case("the config itself", nothing, "init {project}/posebook.yaml", ('this is a file; a project is a folder',)),
    Case("no argument", nothing, "init", ("Missing argument",)),
    Case("two arguments", nothing, "init {project} {project}", ('Got unexpected extra argument',)),
    Case("no text", nothing, "init ''", ('one of the arguments is empty',)),
    Case(
        "a plug-in that is missing",
        remove("project/posebook.yaml"),
        "init {project} --plugin {root}/none.py",
        ('the plug-in does not exist',),
    ),
    Case(
        "a plug-in that is a folder",
        remove("project/posebook.yaml"),
        "init {project} --plugin {root}",
        ('the plug-in cannot be read: Is a directory',),
    ),
    Case(
        "a plug-in with a fault",
        both(remove("project/posebook.yaml"), plugin("1/0")),
        "init {project} --plugin {root}/plugin.py",
        ('the plug-in does not run: ZeroDivisionError: division by',),
    ),
    Case(
        "a link to nothing",
        both(remove("project/posebook.yaml"), lambda r: (r / "project/posebook.yaml").symlink_to(r / "no/where")),
        "init {project}",
        code=0,
    ),
    Case(
        "a folder in the place of the config",
        both(remove("project/posebook.yaml"), folder("project/posebook.yaml")),
        "init {project}",
        ('there is a config already',),
    ),
    Case("an empty folder", folder("empty"), "init {root}/empty", code=0),
    Case(
        "labels that cannot be read",
        both(remove("project/posebook.yaml"), write("project/CollectedData.csv", "a;b\n")),
        "init {project}",
        ('the three header rows are missing',),
    ),
    Case("a long name", nothing, f"init {{root}}/{LONG}", ('the name is too long',)),
    Case(
        "a table saved by Excel",
        as_excel_writes(),
        "init {project}",
        code=0,
        check=expect("project/posebook.yaml", "csv_file: labels of Anna.csv"),
    ),
    Case(
        "a table saved by Excel with semicolons",
        as_excel_writes(";"),
        "init {project}",
        ("labels of Anna.csv: the columns are separated by semicolons",),
    ),
]
FRAMES = [
    Case("no folder", nothing, "frames {root}/none", ('there is no such folder',)),
    Case("a video as project", nothing, "frames {project}/videos/toy0.mp4", ('there is no such folder',)),
    Case("no frames", nothing, "frames {project} -n 0", ('0 frames with 2 neighbors cannot be picked',)),
    Case("negative frames", nothing, "frames {project} -n -3", ('-3 frames with 2 neighbors cannot be picked',)),
    Case("too many frames", nothing, "frames {project} -n 1000000000", code=0),
    Case(
        "half a frame",
        nothing,
        "frames {project} -n 1.5",
        ("Invalid value for '-n'",),
    ),
    Case("a video that is missing", nothing, "frames {project} --video none", ('there is no such video',)),
    Case(
        "a text as video",
        write("a.mp4"),
        "frames {project} --video {root}/a.mp4",
        ('this cannot be read as a video: the file is damaged,',),
    ),
    Case(
        "an image as video",
        nothing,
        "frames {project} --video {project}/posebook.yaml",
        ('this cannot be read as a video: the file is damaged,',),
    ),
    Case(
        "negative neighbors",
        nothing,
        "frames {project} --neighbors -1",
        ('20 frames with -1 neighbors cannot be picked',),
    ),
    Case("a million neighbors", nothing, "frames {project} --neighbors 1000000", code=0),
    Case(
        "other keypoints",
        nothing,
        "frames {project} --keypoints nose,tail",
        ('the keypoints are nose_side, ear_left_side,',),
    ),
    Case(
        "no keypoints",
        remove("project/CollectedData.csv", "project/posebook.yaml"),
        "frames {project}",
        ('what are the keypoints called? There is no table of',),
    ),
    Case(
        "keypoints twice",
        remove("project/CollectedData.csv", "project/posebook.yaml"),
        "frames {project} --keypoints nose,nose",
        ("this name is empty, occurs twice or has a line break: 'nose'",),
    ),
    Case(
        "a keypoint without name",
        remove("project/CollectedData.csv", "project/posebook.yaml"),
        "frames {project} --keypoints nose,,tail",
        code=0,
    ),
    Case(
        "a keypoint with a space",
        remove("project/CollectedData.csv", "project/posebook.yaml"),
        "frames {project} -n 1 --keypoints 'left paw, nose'",
        code=0,
        check=expect("project/CollectedData.csv", "\nbodyparts,left paw,left paw,nose,nose\n"),
    ),
    Case("a negative seed", nothing, "frames {project} --seed -1", code=0),
    Case("a large seed", nothing, f"frames {{project}} --seed {2**70}", code=0),
    Case("no videos", remove("project/videos"), "frames {project}", ('there is no video in this folder',)),
    Case("no text", nothing, "frames ''", ('one of the arguments is empty',)),
    Case(
        "a file instead of a folder",
        both(remove("project/labeled-data"), write("project/labeled-data")),
        "frames {project} -n 1",
        ('2 of 2 videos could not be used:',),
    ),
    Case(
        "a broken label table",
        write("project/CollectedData.csv", "hello"),
        "frames {project} -n 1",
        ('the three header rows are missing',),
    ),
]
TRAINING = [
    Case(
        "resume from text",
        write("model/checkpoints/last.ckpt"),
        "train {project} --resume --out {model}",
        ("checkpoint",),
    ),
    Case("no folder", nothing, "train {root}/none", ('there is no such config file or project folder',)),
    Case("a label table", nothing, "train {project}/CollectedData.csv", ('this is not a YAML file',)),
    Case("a video", nothing, "train {project}/videos/toy0.mp4", ('this is not a YAML file',)),
    Case("an image", nothing, "train {project}/labeled-data", ('there is no posebook.yaml in this folder',)),
    Case("a folder of nothing", folder("empty"), "train {root}/empty", ('there is no posebook.yaml in this folder',)),
    Case("a model folder", nothing, "train {model} --out {root}/out", code=0),
    Case("resume without a folder", nothing, "train {project} --resume", ('no training to resume is given',)),
    Case(
        "resume of nothing",
        nothing,
        "train {project} --resume --out {root}/none",
        ('this is not a model folder: it contains no config.yaml',),
    ),
    Case(
        "resume of a project",
        nothing,
        "train {project} --resume --out {project}",
        ('this is not a model folder: it contains no config.yaml',),
    ),
    Case(
        "resume and overwrite",
        nothing,
        "train {project} --resume --overwrite --out {model}",
        ('--resume and --overwrite cannot be used together',),
    ),
    Case("an existing model", nothing, "train {project} --out {model}", ('there is a model in this folder already',)),
    Case(
        "the project as output",
        nothing,
        "train {project} --out {project}",
        ('posebook did not make this folder (there is no',),
    ),
    Case(
        "overwrite of a project",
        nothing,
        "train {project} --out {project} --overwrite",
        ('posebook did not make this folder (there is no',),
    ),
    Case(
        "overwrite of a folder of others",
        write("out/thesis.txt"),
        "train {project} --out {root}/out --overwrite",
        ('posebook did not make this folder (there is no',),
    ),
    Case(
        "output below a file",
        write("a"),
        "train {project} --out {root}/a/out",
        ('a part of the path is a file, not a folder',),
    ),
    Case("an output with a long name", nothing, f"train {{project}} --out {{root}}/{LONG}", ('the name is too long',)),
    Case("a setting without name", nothing, override("=3"), ("'=3' is not of the form section.key=value",)),
    Case("a missing label table", nothing, override("data.csv_file=none.csv"), ('there is no such file or folder',)),
    Case(
        "true as a number",
        nothing,
        override("training.max_steps=true"),
        ('training.max_steps = True: true is not allowed',),
    ),
    Case("a power of ten", nothing, override("training.max_steps=2e0"), code=0),
    Case(
        "a height that is no multiple of 32",
        nothing,
        override("data.image_resize_dims.height=33"),
        ('data.image_resize_dims.height: 33 is not a multiple of 32',),
    ),
    Case("an unknown tracker", nothing, override("model.model_type=heatmp"), ("no model is called 'heatmp'",)),
    Case(
        "a fraction above 1",
        nothing,
        override("data.train_prob=1.5 training.train_prob=1.5"),
        ('unknown key data.train_prob; did you mean',),
    ),
    Case(
        "a loss's threshold",
        nothing,
        override("losses.temporal.prob_threshold=7", "model.losses_to_use=[temporal]"),
        ('losses.temporal.prob_threshold: 7 is not allowed',),
    ),
    Case(
        "a negative weight",
        nothing,
        override("losses.temporal.log_weight=-1e400", "model.losses_to_use=[temporal]"),
        ('losses.temporal: log_weight = -inf is not a number',),
    ),
    Case(
        "a loss's distance",
        nothing,
        override("losses.temporal.epsilon=-3", "model.losses_to_use=[temporal]"),
        ('losses.temporal.epsilon: -3 is not allowed',),
    ),
    Case(
        "keypoints of others",
        nothing,
        override("data.keypoint_names=[a,b]"),
        ('data.keypoint_names: the label table has keypoint(s) that are not in the config: nose_side',),
    ),
    Case("a box outside", nothing, override("data.box=[1,2]"), ('data.box: [1.0, 2.0] is no box',)),
    Case(
        "no videos",
        nothing,
        override("data.video_dir=none", "model.losses_to_use=[temporal]"),
        ('losses of unlabeled video need videos, but the folder',),
    ),
    Case(
        "a column that is missing",
        nothing,
        override("data.columns_for_singleview_pca=[99]", "model.losses_to_use=[pca_singleview]"),
        ('data.columns_for_singleview_pca: there is no keypoint',),
    ),
    Case("a project that is a list", config("[1, 2]"), TRAIN, ('this is not a config: there are no sections in it',)),
]
PREDICTION = [
    Case(
        "no model",
        nothing,
        "predict {root}/none {project}/videos/toy0.mp4",
        ('this is not a model folder: it contains no config.yaml',),
    ),
    Case(
        "a project as model",
        nothing,
        "predict {project} {project}/videos/toy0.mp4",
        ('this project has no trained model', 'posebook train {project}'),
    ),
    Case(
        "a checkpoint as model",
        nothing,
        "predict {model}/checkpoints/last.ckpt {project}/videos/toy0.mp4",
        ('this is not a model folder: it contains no config.yaml',),
    ),
    Case("no video", nothing, "predict {model} {root}/none.mp4", ('there is no such file or folder',)),
    Case("no path", nothing, "predict {model}", ("Missing argument",)),
    Case("an empty folder", folder("empty"), "predict {model} {root}/empty", ('there is no video in this folder',)),
    Case(
        "a folder of text", write("texts/a.txt"), "predict {model} {root}/texts", ('there is no video in this folder',)
    ),
    Case(
        "a text",
        write("a.txt"),
        "predict {model} {root}/a.txt",
        ('this cannot be read as a video: the file is damaged,',),
    ),
    Case(
        "a table",
        nothing,
        "predict {model} {root}/tables/toy0.csv --out {root}/out",
        ('this cannot be read as a video: the file is damaged,',),
    ),
    Case(
        "an unknown device",
        nothing,
        f"{PREDICT} --device tpu",
        ('training.accelerator or --device: there is no tpu on this machine',),
    ),
    Case("an unknown backend", nothing, f"{PREDICT} --backend opencv", ("no source is called 'opencv'",)),
    Case("an unknown precision", nothing, f"{PREDICT} --precision 16", ("there is no precision '16'",)),
    Case("a file as output", write("out"), PREDICT, ('a part of the path is a file, not a folder',)),
    Case(
        "output below a file",
        write("a"),
        "predict {model} {project}/videos/toy0.mp4 --out {root}/a/out",
        ('a part of the path is a file, not a folder',),
    ),
    Case(
        "an output with a long name",
        nothing,
        f"predict {{model}} {{project}}/videos/toy0.mp4 --out {{root}}/{LONG}",
        ('the name is too long',),
    ),
    Case(
        "two videos of one name",
        copy("project/videos", "more"),
        "predict {model} {project}/videos/toy0.mp4 {root}/more/toy0.mp4 --out {root}/out",
        ('two inputs are called toy0, so their tables would have',),
    ),
    Case(
        "resume and overwrite",
        nothing,
        f"{PREDICT} --resume --overwrite",
        ('--resume and --overwrite cannot be used together',),
    ),
    Case(
        "an ensemble of one",
        nothing,
        f"{PREDICT} --ensemble",
        ('an ensemble needs two models or more, in folders with',),
    ),
    Case("a model without weights", remove("model/checkpoints"), PREDICT, ('there is no such checkpoint',)),
    Case(
        "a model without config",
        remove("model/config.yaml"),
        PREDICT,
        ('this is not a model folder: it contains no config.yaml',),
    ),
    Case(
        "a config of bytes",
        lambda r: (r / "model/config.yaml").write_bytes(b"\xff\xfe\x00") and None,
        PREDICT,
        ('this file is text in UTF-16',),
    ),
    Case(
        "a posebook.json of text",
        write("model/posebook.json", "hi"),
        PREDICT,
        ('this file is damaged: Expecting value: line 1 column 1',),
    ),
    Case(
        "a posebook.json of a list", write("model/posebook.json", "[]"), PREDICT, ('this is not a valid posebook.json',)
    ),
    Case(
        "a deep posebook.json",
        write("model/posebook.json", "[" * 100_000),
        PREDICT,
        ('this file is damaged: it has too many nested lists',),
    ),
    Case(
        "weights of text",
        write("model/checkpoints/last.ckpt"),
        PREDICT,
        ('the checkpoint has changed since the training wrote it:',),
    ),
    Case(
        "weights that are cut off",
        lambda r: (
            (r / "model/checkpoints/last.ckpt").write_bytes((r / "model/checkpoints/last.ckpt").read_bytes()[:5000])
            and None
        ),
        PREDICT,
        ('the checkpoint has changed since the training wrote it:',),
    ),
    Case(
        "the labels of a project",
        copy("project/videos/toy0.mp4", "CollectedData.mp4"),
        "predict {model} {root}/CollectedData.mp4 --out {project}",
        ('exist already',),
    ),
    Case(
        "half a video",
        lambda r: (r / "v.mp4").write_bytes((r / "project/videos/toy0.mp4").read_bytes()[:3000]) and None,
        "predict {model} {root}/v.mp4 --out {root}/out",
        ('this cannot be read as a video: the file is damaged,',),
    ),
    Case(
        "an empty video",
        write("v.mp4", ""),
        "predict {model} {root}/v.mp4 --out {root}/out",
        ('the video is empty: the file has no bytes',),
    ),
    Case(
        "a folder named as a video",
        folder("v.mp4"),
        "predict {model} {root}/v.mp4 --out {root}/out",
        ('there is no video in this folder',),
    ),
    Case(
        "a link to itself",
        link_to_itself("v.mp4"),
        "predict {model} {root}/v.mp4 --out {root}/out",
        ('there is no such file or folder',),
    ),
]
EVALUATION = [
    Case("no model", nothing, "evaluate {root}/none", ('this is not a model folder: it contains no config.yaml',)),
    Case("a project", nothing, "evaluate {project}", ('this project has no trained model', 'posebook train {project}')),
    Case("no table", nothing, "evaluate {model} --csv {root}/none.csv", ('there is no such file or folder',)),
    Case(
        "a folder as table", nothing, "evaluate {model} --csv {project}/labeled-data", ('this is a folder, not a file',)
    ),
    Case(
        "an image as table",
        nothing,
        "evaluate {model} --csv {project}/videos/toy0.mp4",
        ('this file is not text in UTF-8: line 1 has other bytes',),
    ),
    Case("a prediction table", nothing, "evaluate {model} --csv {root}/tables/toy0.csv", ('of the CSV do not exist',)),
    Case(
        "a table without rows",
        lambda r: (
            (r / "l.csv").write_text("".join((r / "project/CollectedData.csv").read_text().splitlines(True)[:3]))
            and None
        ),
        "evaluate {model} --csv {root}/l.csv",
        ('there is no labeled frame',),
    ),
    Case(
        "other keypoints",
        lambda r: (
            (r / "project/l.csv").write_text((r / "project/CollectedData.csv").read_text().replace("nose", "mouth"))
            and None
        ),
        "evaluate {model} --csv {project}/l.csv",
        ('labels and model have different keypoints: only the model',),
    ),
    Case("the project as output", nothing, "evaluate {model} --out {project}", ("this is a project's folder",)),
    Case(
        "a file as output",
        write("out"),
        "evaluate {model} --out {root}/out",
        ('a part of the path is a file, not a folder',),
    ),
    Case(
        "output below a file",
        write("a"),
        "evaluate {model} --out {root}/a/out",
        ('a part of the path is a file, not a folder',),
    ),
    Case(
        "a split that is text",
        write("model/split.csv", "hello"),
        "evaluate {model}",
        ('this is not the split of a training: the header is wrong',),
    ),
    Case(
        "a split of bytes",
        lambda r: (r / "model/split.csv").write_bytes(b"\xff\x00") and None,
        "evaluate {model}",
        ('this is not the split of a training',),
    ),
    Case(
        "a split without sets",
        write("model/split.csv", "image,set\n"),
        "evaluate {model}",
        ('this is not the split of a training: the header is wrong',),
    ),
    Case("a project that is gone", lambda r: (r / "project").rename(r / "p") and None, "evaluate {model}", code=0),
    Case("an unknown option", nothing, "evaluate {model} --cvs a", ("--cvs",)),
]
SMOOTHING = [
    Case("no table", nothing, "smooth {root}/none.csv", ('there is no such file or folder',)),
    Case("a folder", nothing, "smooth {root}/tables", ('this is a folder, not a file',)),
    Case(
        "a label table",
        nothing,
        "smooth {project}/CollectedData.csv",
        ('the file contains labels, not predictions: there is no',),
    ),
    Case(
        "a video",
        nothing,
        "smooth {project}/videos/toy0.mp4",
        ('this file is not text in UTF-8: line 1 has other bytes',),
    ),
    Case("text", write("a.csv"), "smooth {root}/a.csv", ('the three header rows are missing',)),
    Case("an empty file", write("a.csv", ""), "smooth {root}/a.csv", ('the three header rows are missing',)),
    Case(
        "text as a coordinate",
        cell(5, 1, "abc"),
        "smooth {root}/tables/toy0.csv",
        ("1 cell(s) hold no finite number: 'abc' for nose_side x of",),
    ),
    Case(
        "an infinite coordinate",
        cell(5, 1, "inf"),
        "smooth {root}/tables/toy0.csv",
        ("1 cell(s) hold no finite number: 'inf' for nose_side x of",),
    ),
    Case(
        "a confidence of 7",
        cell(5, 3, "7"),
        "smooth {root}/tables/toy0.csv",
        ('the likelihood of nose_side in 2 is 7',),
    ),
    Case(
        "a negative confidence",
        cell(5, 3, "-0.5"),
        "smooth {root}/tables/toy0.csv",
        ('the likelihood of nose_side in 2 is -0.5',),
    ),
    Case(
        "a half frame number",
        cell(5, 0, "1.5"),
        "smooth {root}/tables/toy0.csv",
        ('the rows are not successive frames of a video',),
    ),
    Case(
        "a frame twice",
        table(lambda o: [*o[:5], o[4], *o[5:]]),
        "smooth {root}/tables/toy0.csv",
        ('the rows are not successive frames of a video',),
    ),
    Case(
        "a row cut off",
        table(lambda o: [*o[:-1], o[-1][:20]]),
        "smooth {root}/tables/toy0.csv",
        ('line 43 has 4 cells, but the first line has 55',),
    ),
    Case("a threshold of 2", nothing, "smooth {root}/tables/toy0.csv --threshold 2", ('2.0 is not a confidence',)),
    Case(
        "a negative window",
        nothing,
        "smooth {root}/tables/toy0.csv --window -1",
        ('a window of -1 frames has no middle frame',),
    ),
    Case(
        "half a gap",
        nothing,
        "smooth {root}/tables/toy0.csv --gap 1.5",
        ("Invalid value for '--gap'",),
    ),
    Case("a folder as output", nothing, "smooth {root}/tables/toy0.csv --out {project}", ('the file exists already',)),
    Case(
        "an existing file",
        write("a.csv"),
        "smooth {root}/tables/toy0.csv --out {root}/a.csv",
        ('the file exists already',),
    ),
    Case(
        "output below a file",
        write("a"),
        "smooth {root}/tables/toy0.csv --out {root}/a/b.csv",
        ('a part of the path is a file, not a folder',),
    ),
    Case("side table", nothing, "smooth {root}/tables/details/toy0.json", ("the header is broken",)),
]
CONVERSION = [
    Case("no folder", nothing, "convert {root}/none", ('there is no config.yaml in this folder',)),
    Case("a model of posebook", nothing, "convert {model}", ('trackers with tiny cannot be converted',)),
    Case("a project", nothing, "convert {project}", ('there is no config.yaml in this folder',)),
    Case("an empty folder", folder("lp"), "convert {root}/lp", ('there is no config.yaml in this folder',)),
    Case("a file", write("lp"), "convert {root}/lp", ('there is no config.yaml in this folder',)),
    Case(
        "a config alone",
        write("lp/config.yaml", "data: {}\nmodel: {model_type: heatmap}\ntraining: {}"),
        "convert {root}/lp",
        ('the config has no keypoint_names or no image_resize_dims',),
    ),
    Case(
        "a config of bytes",
        lambda r: folder("lp")(r) or (r / "lp/config.yaml").write_bytes(b"\xff\x00\x01") and None,
        "convert {root}/lp",
        ('this file is not text in UTF-8: line 1 has other bytes',),
    ),
    Case(
        "a config that is a list",
        write("lp/config.yaml", "[1]"),
        "convert {root}/lp",
        ('this is not a config: there are no sections in it',),
    ),
    Case(
        "a config without sections",
        write("lp/config.yaml", "a: 1"),
        "convert {root}/lp",
        ('the config has no keypoint_names or no image_resize_dims',),
    ),
    Case("no text", nothing, "convert ''", ('one of the arguments is empty',)),
    Case("two folders", nothing, "convert {model} {model}", ('Got unexpected extra argument',)),
    Case("a long name", nothing, f"convert {{root}}/{LONG}", ('the name is too long',)),
    Case(
        "weights of text",
        both(
            write("lp/config.yaml", "data: {}\nmodel: {model_type: heatmap}\ntraining: {}"),
            write("lp/tb_logs/v/version_0/checkpoints/a.ckpt"),
        ),
        "convert {root}/lp",
        ('the config has no keypoint_names or no image_resize_dims',),
    ),
]
LIST = [
    Case("a folder", nothing, "list --plugin {root}", ('the plug-in cannot be read: Is a directory',)),
    Case(
        "an import that is missing",
        plugin("import nosuchmodule"),
        "list --plugin {root}/plugin.py",
        ('the plug-in does not run: ModuleNotFoundError: No module',),
    ),
    Case(
        "an endless recursion",
        plugin("def f(): f()\nf()"),
        "list --plugin {root}/plugin.py",
        ('the plug-in does not run: RecursionError: maximum',),
    ),
    Case("an interrupt", plugin("raise KeyboardInterrupt"), "list --plugin {root}/plugin.py", code=130),
    Case(
        "a name that is taken",
        plugin("from posebook.core import losses\n@losses('temporal')\nclass A: 'b'"),
        "list --plugin {root}/plugin.py",
        ("two definitions are registered as the loss 'temporal'",),
    ),
    Case(
        "a loss of another class",
        plugin("from posebook.core import losses\n@losses('mine')\nclass A: 'b'"),
        "list --plugin {root}/plugin.py",
        ('the loss A: it is not a subclass of posebook.losses.base.Loss',),
    ),
    Case(
        "an empty name",
        plugin("from posebook.core import losses\n@losses('')\nclass A: 'b'"),
        "list --plugin {root}/plugin.py",
        ("a loss needs a name, and this is ''",),
    ),
    Case(
        "a wrong decorator",
        plugin("from posebook.core import losses\n@losses\nclass A: 'b'"),
        "list --plugin {root}/plugin.py",
        ('a loss needs a name, and this is <class',),
    ),
    Case(
        "a notebook",
        write("plugin.ipynb", "{}"),
        "list --plugin {root}/plugin.ipynb",
        ('a plug-in is a Python file, with the ending .py',),
    ),
    Case(
        "a notebook as .py",
        write("plugin.py", '{"cells": [], "metadata": {"a": null}}'),
        "list --plugin {root}/plugin.py",
        ("the plug-in does not run: NameError: name 'null' is not",),
    ),
    Case(
        "UTF-16",
        lambda r: (r / "plugin.py").write_text("a=1", encoding="utf-16") and None,
        "list --plugin {root}/plugin.py",
        ('the plug-in does not run: SyntaxError: source code string',),
    ),
    Case("an argument", nothing, "list models", ('Got unexpected extra argument',)),
    Case(
        "a link to itself",
        link_to_itself("plugin.py"),
        "list --plugin {root}/plugin.py",
        ('the plug-in cannot be read: Too many levels of symbolic',),
    ),
    Case(
        "another ending",
        write("plugin.txt", "a = 1"),
        "list --plugin {root}/plugin.txt",
        ('a plug-in is a Python file, with the ending .py',),
    ),
]
BENCH = [
    Case("a value of a flag", nothing, "bench --quick=1", ("does not take a value",)),
    Case("an option without value", nothing, "bench --out", ("requires an argument",)),
    Case("an existing file", write("b.json"), "bench --quick --out {root}/b.json", ('the file exists already',)),
    Case("a folder", nothing, "bench --quick --out {root}", ('the file exists already',)),
    Case(
        "below a file",
        write("a"),
        "bench --quick --out {root}/a/b.json",
        ('a part of the path is a file, not a folder',),
    ),
    Case("a long name", nothing, f"bench --quick --out {{root}}/{LONG}", ('the name is too long',)),
    Case("no name", nothing, "bench --quick --out ''", ('one of the arguments is empty',)),
    Case("an argument", nothing, "bench {root}/b.json", ('Got unexpected extra argument',)),
    Case("an unknown option", nothing, "bench --fast", ("--fast",)),
    Case(
        "a link to itself",
        link_to_itself("b.json"),
        "bench --quick --out {root}/b.json",
        ('a link on the path leads back to itself',),
    ),
    Case(
        "a video",
        nothing,
        "bench --quick --overwrite --out {project}/videos/toy0.mp4",
        ('the file contains no results of posebook bench, so it is',),
    ),
]
TRUST = [
    Case("no file", nothing, "trust {root}/none.py", ('the plug-in does not exist',)),
    Case("a folder", nothing, "trust {root}", ('the plug-in cannot be read: Is a directory',)),
    Case("a table", nothing, "trust {project}/CollectedData.csv", ('a plug-in is a Python file, with the ending .py',)),
    Case("a video", nothing, "trust {project}/videos/toy0.mp4", ('a plug-in is a Python file, with the ending .py',)),
    Case("an empty name", nothing, "trust ''", ('one of the arguments is empty',)),
    Case("a long name", nothing, f"trust {{root}}/{LONG}", ('the name is too long',)),
    Case(
        "two files",
        both(plugin("a = 1")),
        "trust {root}/plugin.py {root}/plugin.py",
        ('Got unexpected extra argument',),
    ),
    Case(
        "a link to itself",
        link_to_itself("plugin.py"),
        "trust {root}/plugin.py",
        ('the plug-in cannot be read: Too many levels of symbolic',),
    ),
    Case("no Python", plugin("def ("), "trust {root}/plugin.py", ('this is not Python code',)),
    Case(
        "bytes",
        lambda r: (r / "plugin.py").write_bytes(b"\xff\x00") and None,
        "trust {root}/plugin.py",
        ('this is not Python code',),
    ),
    Case("an empty file", plugin(""), "trust {root}/plugin.py", code=0),
]


CASES = [
    *(DEMO + INIT + FRAMES + TRAINING + PREDICTION + EVALUATION),
    *(SMOOTHING + CONVERSION + LIST + BENCH + TRUST),
]


@pytest.mark.parametrize("case", CASES, ids=lambda o: f"{o.command.split()[0]}: {o.name}")
def test_command(case, workspace, run_command, monkeypatch, tmp_path):
    monkeypatch.setenv("POSEBOOK_SETTINGS", str(tmp_path / "settings"))
    monkeypatch.chdir(workspace)
    check_case(case, workspace, run_command)
