"Augmentation is drawn per frame and epoch"

import numpy as np
import pytest
from torch.utils.data import DataLoader

from posebook.core import PosebookError
from posebook.data.augment import Augmenter, Flip
from posebook.data.dataset import EpochSampler, LabeledDataset, collate
from posebook.data.labels import read_labels
from posebook.data.preprocess import Preprocess


def test_augmentation_does_not_depend_on_workers(toy_project):
    labels = read_labels(toy_project / "CollectedData.csv")
    labels.images = [labels.images[0]] * 8
    labels.keypoints = np.repeat(labels.keypoints[:1], 8, 0)
    data, batches = LabeledDataset(labels, Preprocess((96, 96)), augment=Augmenter("dlc", labels.keypoint_names)), {}
    for workers in (0, 2):
        sampler, batches[workers] = EpochSampler(range(8)), []
        for epoch in range(2):
            sampler.set_epoch(epoch)
            method = "fork" if workers else None
            settings = dict(sampler=sampler, collate_fn=collate, num_workers=workers, multiprocessing_context=method)
            for batch in DataLoader(data, 1, **settings):
                batches[workers].append(batch["images"].numpy().tobytes() + batch["affine"].numpy().tobytes())
    assert batches[0] == batches[2] and len(set(batches[0])) == 16


@pytest.mark.parametrize(
    "names, order",
    [
        (["nose", "LeftEar", "right_ear"], [0, 2, 1]),
        (["earL", "earR", "R_paw", "L_paw", "hip l", "hip r"], [1, 0, 3, 2, 5, 4]),
        (["LEar", "REar", "pawFL", "pawFR", "LED", "rump"], [1, 0, 3, 2, 4, 5]),
        (["LEFT_EYE", "RIGHT_EYE", "RUMP", "TAIL"], [1, 0, 2, 3]),
        (["L1A", "R1A", "L2A", "R2A"], [1, 0, 3, 2]),
        (["paw_left_top", "paw_right_top", "paw_left_bot", "paw_right_bot"], [1, 0, 3, 2]),
    ],
)
def test_a_flip_exchanges_the_sides_however_they_are_spelled(names, order):
    assert Flip(names).order.tolist() == order


@pytest.mark.parametrize(
    "names, alone",
    [
        (["left_ear", "right_ear", "R_paw", "nose"], "R_paw"),
        (["paw1LF", "paw2RF", "ear_left", "ear_right"], "paw1LF, paw2RF"),
        (["ear_left", "EarLeft", "ear_right"], "ear_left, EarLeft, ear_right"),
    ],
)
def test_a_flip_of_some_sides_only_is_an_error(names, alone):
    with pytest.raises(PosebookError, match=f": {alone}\n") as e:
        Flip(names)
    assert str(e.value).startswith("training.imgaug.flip.pairs")
    assert Flip(names, []).order.tolist() == list(range(len(names)))
