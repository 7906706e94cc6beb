"Evaluation: which set a frame belongs to"

from types import SimpleNamespace

import numpy as np

from posebook.data.labels import read_labels
from posebook.data.preprocess import Preprocess
from posebook.evaluation import evaluate


def test_frames_of_other_labels_are_test_frames(toy_project, tmp_path, monkeypatch):
    "No frame of labels that the model was not trained on is called a training frame"
    csv = toy_project / "CollectedData.csv"
    names = read_labels(csv).keypoint_names

    def predict_batch(batch):
        confidences = np.ones((len(batch["index"]), len(names)))
        return dict(keypoints_pred=batch["keypoints"].numpy() * 0, confidences=confidences)

    cfg = SimpleNamespace(data=SimpleNamespace(context_frames=None))
    predictor = SimpleNamespace(cfg=cfg, names=names, preprocess=Preprocess((96, 96)), context=1, scorer="none")
    predictor.label_sizes = []
    predictor.predict_batch = predict_batch
    monkeypatch.setattr(evaluate, "report", lambda *args: None)
    evaluate.evaluate_model(tmp_path, csv=csv, out=tmp_path / "new", predictor=predictor)
    lines = (tmp_path / "new/predictions.csv").read_text().splitlines()[3:]
    assert len(lines) == 12 and all(o.endswith(",test") for o in lines)
