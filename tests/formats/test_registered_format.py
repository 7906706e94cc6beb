"A file format that a user registers"

import numpy as np

from posebook.config.read import read_config
from posebook.data.labels import read_labels
from posebook.project.project import init_project


def test_a_registered_format_reads_labels(toy_project, tmp_path):
    "`init` imports its labels, and `csv_file` of a config may name its file"
    from posebook.core import formats
    from posebook.formats.base import Format
    from posebook.training.setup import get_labels

    labels = read_labels(toy_project / "CollectedData.csv")

    class Points(Format):
        suffixes = (".pts",)

        def find_labels(self, project):
            return next(project.glob("*.pts"), None)

        def read_labels(self, path, root):
            return type(labels)(labels.images, labels.keypoints, labels.keypoint_names, root)

    formats("points")(Points)
    try:
        (tmp_path / "a.pts").touch()
        init_project(tmp_path)
        np.testing.assert_allclose(read_labels(tmp_path / "CollectedData.csv").keypoints, labels.keypoints, atol=1e-6)
        (toy_project / "a.pts").touch()
        read = get_labels(read_config(toy_project, ["data.csv_file=a.pts"]))
        np.testing.assert_array_equal(read.keypoints, labels.keypoints)
        assert read.images == labels.images
    finally:
        del formats["points"]
        (toy_project / "a.pts").unlink(missing_ok=True)
