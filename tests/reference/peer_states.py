"""Target heatmaps of Lightning Pose's own dataset class for tables with and without the column `visible`.

    python peer_states.py

Writes peer_states.json beside this file. Run in an environment of its own (pip install lightning-pose==2.4.3), never by
the tests. The tests take the tables from the top of this file, so that both sides get the same.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
SIZE, NUM_HALVINGS, IMAGES = 128, 3, ("a.png", "b.png", "c.png")


# --- Inputs of both ---


def table(cells, coords):
    "A label table of three images; `cells` has a row for each image"
    names = ["nose", "ear_left", "ear_right", "tail"]
    header = [
        ("scorer", *["anna"] * len(names) * len(coords)),
        ("bodyparts", *np.repeat(names, len(coords))),
        ("coords", *list(coords) * len(names)),
    ]
    return "\n".join(",".join(map(str, row)) for row in [*header, *([n, *c] for n, c in zip(IMAGES, cells))]) + "\n"


WITH_STATES = table(
    [
        # visible, occluded without and with a position, missing
        (20.5, 30, 2, "", "", 1, 90, 40.25, 1, "", "", 0),
        # missing with a position; visible near the edges
        (60, 60, 0, 0.5, 1, 2, 120, 119, 2, 70, 12, 2),
        # no animal
        *[("", "", 1) * 4],
    ],
    ("x", "y", "visible"),
)
WITHOUT_STATES = table(
    [(20.5, 30, "", "", 90, 40.25, "", ""), (60, 60, 0.5, 1, 120, 119, 70, 12), ("",) * 8],
    ("x", "y"),
)
# name -> label table, `uniform_heatmaps_for_nan_keypoints`
CASES = {
    "states": (WITH_STATES, False),
    "states_uniform": (WITH_STATES, True),
    "no_states": (WITHOUT_STATES, False),
    "no_states_uniform": (WITHOUT_STATES, True),
}
# labels at (0, 0), as some programs write keypoints that are not labeled
ORIGIN = table([(20.5, 30, 0, 0, 90, 40.25, 0, 0)] * 3, ("x", "y"))


def write_project(folder, text):
    "Write a label table and its images"
    (folder / "CollectedData.csv").write_text(text)
    for name in IMAGES:
        Image.new("RGB", (SIZE, SIZE)).save(folder / name)


# --- Outputs of Lightning Pose ---


def target_heatmaps(folder, uniform):
    import imgaug.augmenters as iaa
    from lightning_pose.data.datasets import HeatmapDataset

    dataset = HeatmapDataset(
        root_directory=folder,
        csv_path="CollectedData.csv",
        image_resize_height=SIZE,
        image_resize_width=SIZE,
        imgaug_transform=iaa.Sequential([]),
        downsample_factor=NUM_HALVINGS,
        uniform_heatmaps=uniform,
    )
    maps = [np.round(dataset[i]["heatmaps"].numpy().astype(float), 6) for i in range(len(dataset))]
    return [[o[0, 0] if np.ptp(o) == 0 else o.tolist() for o in row] for row in maps]  # a constant map: its value


def main():
    import lightning_pose

    said = {"lightning_pose": lightning_pose.__version__}
    for name, (text, uniform) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            write_project(Path(folder), text)
            said[name] = target_heatmaps(folder, uniform)
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder), ORIGIN)
        said["origin"] = [[np.ravel(o).argmax().tolist() for o in target_heatmaps(folder, False)[0]]]
    (HERE / "peer_states.json").write_text(json.dumps(said, separators=(",", ":")))


if __name__ == "__main__":
    main()
