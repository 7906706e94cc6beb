"Default fractions of the split, and time limits"

import numpy as np
import pytest

from posebook.config.read import check_config, read_config
from posebook.data.labels import Labels
from posebook.project.toy_project import make_toy_project
from posebook.toy import Toy
from posebook.training.setup import get_split, resolve


def labels(n, videos=1):
    images = [f"labeled-data/v{i % videos}/img{i:03d}.png" for i in range(n)]
    return Labels(images, np.ones((n, 1, 2)), ["nose"])


def sizes(settings, labels):
    split = get_split(check_config(settings), labels)
    return tuple(len(split[k]) for k in ("train", "val", "test"))


@pytest.mark.parametrize(
    "n, expected", [(12, (11, 1, 0)), (39, (36, 3, 0)), (40, (32, 4, 4)), (90, (72, 9, 9)), (101, (80, 10, 11))]
)
def test_default_sizes(n, expected):
    assert sizes({"posebook": 1}, labels(n)) == expected


def test_configs_of_lightning_pose_keep_its_fractions():
    assert sizes({}, labels(90)) == (86, 4, 0)
    assert sizes({}, labels(20)) == (19, 1, 0)
    assert sizes({"training": {"train_prob": 0.8, "val_prob": 0.1}}, labels(40)) == (36, 4, 0)  # under 5 test frames


def test_one_fraction_is_given():
    assert sizes({"posebook": 1, "training": {"val_prob": 0.2}}, labels(50)) == (35, 10, 5)
    assert sizes({"posebook": 1, "training": {"train_prob": 0.6}}, labels(50)) == (30, 5, 15)


def test_a_group_split_of_two_videos_has_no_test_set():
    group = {"posebook": 1, "training": {"split": "group"}}
    assert sizes(group, labels(60, videos=2)) == (30, 30, 0)
    assert sorted(sizes(group, labels(60, videos=3))) == [20, 20, 20]


def test_the_fractions_are_in_the_resolved_config(tmp_path):
    for n, fractions in ((39, (0.9, 0.1)), (40, (0.8, 0.1))):
        project = make_toy_project(Toy(0, 32, 32), tmp_path / str(n), labels=n, videos=1, frames=45, neighbors=0)
        cfg = read_config(project, ["training.accelerator=cpu"])
        assert (cfg.training.train_prob, cfg.training.val_prob) == (None, None)
        from posebook.training.setup import get_labels

        found = get_labels(cfg)
        resolved = resolve(cfg, found)
        assert (resolved.training.train_prob, resolved.training.val_prob) == fractions
        assert get_split(resolved, found) == get_split(cfg, found)


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("4m", 240),
        ("2h30m", 9000),
        ("90s", 90),
        ("1d", 86400),
        ("1h 30s", 3630),
        ("00:00:04:00", 240),
        ("1:00:00:00", 86400),
    ],
)
def test_time_limits(text, seconds):
    from posebook.training.schedule import parse_duration

    limit = check_config({"posebook": 1, "training": {"max_time": text}}).training.max_time
    assert parse_duration(limit) == seconds
