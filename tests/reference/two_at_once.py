"""How much two processes slow each other down, with and without `share_cores`; on an idle machine, five minutes.

`python two_at_once.py` prints a line for each kind of work: seconds of a step alone and in two processes at once.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext

POLICIES = {"default": {}, "shared": {}, "passive": {"OMP_WAIT_POLICY": "passive"}}
KINDS = {"training, 96 px": 96, "tracking, 256 px": 256}


def make_step(kind):
    import torch

    from posebook.inference.predictor import prepare_for_prediction
    from posebook.losses.factory import LossFactory
    from posebook.models.heatmap import HeatmapTracker

    torch.manual_seed(0)
    training, size = kind.startswith("training"), KINDS[kind]
    num_frames = 8 if training else 4
    factory = LossFactory({"heatmap_cross_entropy": {}})
    tracker = HeatmapTracker(num_keypoints=18, image_size=(size, size), weights=None, loss_factory=factory)
    tracker = tracker.to(memory_format=torch.channels_last)
    batch = {
        "images": torch.randint(0, 255, (num_frames, 3, size, size), dtype=torch.uint8),
        "keypoints": torch.rand(num_frames, 18, 2) * size,
        "affine": torch.eye(2, 3).expand(num_frames, 2, 3),
    }
    if not training:
        tracker = prepare_for_prediction(tracker)
        return torch.inference_mode()(lambda: tracker.predict_step(batch))
    tracker.train().network.unfreeze()
    optimizer = tracker.configure_optimizers()

    def step():
        loss, _ = tracker.loss_factory("train", **tracker.get_loss_inputs_labeled(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def work(kind, policy, start, seconds=6):
    "Print the seconds of a step, measured from a common start on"
    from posebook.shared_cores import share_cores

    step = make_step(kind)
    with share_cores() if policy == "shared" else nullcontext():
        while time.time() < start:
            step()
        count, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            step()
            count += 1
        print(json.dumps((time.perf_counter() - begun) / count))


def measure(kind, policy, num_processes):
    "Return the mean seconds of a step in so many processes at once"
    command = [sys.executable, __file__, kind, policy, str(time.time() + 12)]
    env = {**os.environ, **POLICIES[policy]}
    processes = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(num_processes)]
    return statistics.mean(json.loads(o.communicate()[0]) for o in processes)


def main(rounds=2):
    for kind in KINDS:
        seconds = {}
        for _ in range(rounds):
            for policy in POLICIES:
                for n in (1, 2):
                    seconds.setdefault((policy, n), []).append(measure(kind, policy, n))
        for policy in POLICIES:
            alone, two = (statistics.median(seconds[policy, n]) for n in (1, 2))
            reference = statistics.median(seconds["default", 1])
            print(f"{kind:17} {policy:8} alone {alone:.3f} ({alone / reference:.2f} of the default)", end="  ")
            print(f"two at once {two:.3f} ({two / alone:.1f} times)", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(sys.argv[1], sys.argv[2], float(sys.argv[3]))
    else:
        main()
