"Threads wait less busily while other processes need the cores, and nothing else changes"

import subprocess
import sys
import threading
import time

import pytest
import torch

from posebook.shared_cores import SecondTeam, busy_wait_is_adjustable, share_cores

adjustable = pytest.mark.skipif(not busy_wait_is_adjustable(), reason="torch's threads do not wait in libgomp's loop")


def team_threads():
    return [t for t in threading.enumerate() if t.name.startswith("posebook")]


def wait_until(is_true, seconds=20):
    end = time.monotonic() + seconds
    while not is_true() and time.monotonic() < end:
        time.sleep(0.005)
    return is_true()


@adjustable
def test_a_second_team_comes_and_goes_with_the_preemptions():
    preemptions = [0]
    step = [1000]

    def count():
        preemptions[0] += step[0]
        return preemptions[0]

    with share_cores(interval=0.01, count=count, cpu_time=lambda: 0) as team:
        assert wait_until(lambda: team.thread is not None)
        step[0] = 0
        assert wait_until(lambda: team.thread is None)
        step[0] = 1000
        assert wait_until(lambda: team.thread is not None)
    assert team.thread is None and team_threads() == []


@adjustable
def test_a_process_that_has_the_cores_for_itself_is_left_alone():
    "Preempted by its own threads, such as the one that decodes video"
    counts = iter(range(0, 10**9, 10_000))
    with share_cores(interval=0.01, count=counts.__next__, cpu_time=lambda: 100 * time.monotonic()) as team:
        assert wait_until(lambda: next(counts) > 200_000)
        assert team.thread is None


@adjustable
def test_the_threads_end_when_the_block_fails():
    with (
        pytest.raises(ZeroDivisionError),
        share_cores(interval=0.01, count=iter(range(0, 10**9, 1000)).__next__, cpu_time=lambda: 0),
    ):
        time.sleep(0.1)
        raise ZeroDivisionError
    assert team_threads() == []


def test_a_second_team_changes_no_result_and_no_number_of_threads():
    x = torch.rand(8, 3, 200, 200, generator=torch.Generator().manual_seed(0))
    weight = torch.rand(16, 3, 3, 3, generator=torch.Generator().manual_seed(1))
    compute = lambda: torch.nn.functional.conv2d(x, weight).relu().sum((2, 3))
    threads, alone = torch.get_num_threads(), compute()
    team = SecondTeam()
    team.start()
    assert torch.equal(compute(), alone) and torch.get_num_threads() == threads
    team.stop()
    assert torch.equal(compute(), alone) and torch.get_num_threads() == threads


@pytest.mark.parametrize("setting", ["OMP_WAIT_POLICY=active", "GOMP_SPINCOUNT=5", "OMP_NUM_THREADS=1"])
def test_a_setting_of_the_user_is_left_alone(setting):
    code = "from posebook.shared_cores import share_cores\nwith share_cores() as team: assert team is None"
    subprocess.run(["env", setting, sys.executable, "-c", code], check=True)
