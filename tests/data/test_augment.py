"Augmentation is drawn per frame and epoch"

import numpy as np
from torch.utils.data import DataLoader

from posebook.data.augment import Augmenter
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
