"""What takes a minute: the jobs of ``slow_jobs``, which began with the first SLURM test."""

from pathlib import Path

import pytest

from nepsbench.cluster import Cluster, Phase

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("slurm")]


def test_workers_are_warned_before_the_time_limit_and_a_deaf_one_times_out(
    slurm: Cluster, slow_jobs, wait_for
) -> None:
    job, handle = slow_jobs["deaf"]
    wait_for(slurm, handle, Phase.TIMEOUT, seconds=110)
    assert Path(job.directory, "warned").exists()
    job, handle = slow_jobs["obedient"]
    assert Path(job.directory, "saved").exists()
    assert slurm.poll([handle]).states[handle.key].phase is Phase.SUCCEEDED


def test_the_outcome_outlives_the_queues_memory(slurm: Cluster, slow_jobs, wait_for) -> None:
    job, handle = slow_jobs["short"]
    wait_for(slurm, handle, Phase.SUCCEEDED, native="absent", seconds=90)
    assert slurm.submit(job) == handle
