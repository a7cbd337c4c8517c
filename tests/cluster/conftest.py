import time
from pathlib import Path

import pytest

from nepsbench.cluster import Cluster, Handle, Job, JobState, Limits, Phase, Resources, open_cluster
from nepsbench.cluster.definition import ClusterFile


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """A local cluster with one slot, in a folder whose name a careless script would break on."""
    root = tmp_path / "a 'folder' $(of) \"odd\"; names & 100%"
    file = ClusterFile(name="here", kind="local", root=str(root), limits=Limits(slots=1))
    return open_cluster(file)


@pytest.fixture
def make_job(cluster: Cluster):
    def make(key: str, script: str, *, tasks: int = 1, time_limit: int = 60) -> Job:
        resources = Resources(tasks=tasks, time_limit=time_limit)
        return Job(key, cluster.path("jobs", key), ("bash", "-c", script), resources)

    return make


@pytest.fixture
def wait_for(cluster: Cluster):
    def wait(handle: Handle, *phases: Phase, seconds: float = 15) -> JobState:
        deadline = time.monotonic() + seconds
        while True:
            snapshot = cluster.poll([handle])
            assert snapshot.healthy, snapshot.problem
            state = snapshot.states[handle.key]
            if state.phase in phases:
                return state
            assert time.monotonic() < deadline, f"still {state} after {seconds} s"
            time.sleep(0.1)

    return wait
