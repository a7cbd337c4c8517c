import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from slurm_site import Site

from nepsbench.cluster import (
    Answer,
    Cluster,
    ClusterFile,
    End,
    Job,
    Limits,
    Orders,
    Place,
    Receipt,
    Resources,
    Row,
    Submission,
    Target,
    open_cluster,
)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """A local cluster with one slot, in a folder whose name a careless script would break on."""
    root = tmp_path / "a 'folder' $(of) \"odd\"; names & 100%"
    file = ClusterFile(name="here", kind="local", root=str(root), limits=Limits(slots=1))
    return open_cluster(file)


@pytest.fixture
def make_job(cluster: Cluster):
    def make(
        key: str,
        script: str,
        *,
        tasks: int = 1,
        time_limit: int = 60,
        manifests: tuple[str, ...] = (),
    ) -> Job:
        resources = Resources(tasks=tasks, time_limit=time_limit)
        folder = cluster.path("jobs", key)
        return Job(key, folder, ("bash", "-c", script), resources, manifests)

    return make


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[..., Site]:
    def make(**changes: object) -> Site:
        return Site(tmp_path, **changes)

    return make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """A site whose sbatch says 77 and whose queue is empty."""
    made = make_site()
    made.fake("sbatch", "echo 77")
    return made


@dataclass
class Visitor:
    """Visits a cluster by hand, as the driver does by itself."""

    cluster: Cluster

    def visit(self, **orders) -> Answer:
        answer = self.cluster.visit(Orders(**orders))
        assert answer.rows is not None, answer.problem
        return answer

    def submit(self, token: str, *jobs: Job, supersedes: tuple[Place, ...] = ()) -> Receipt:
        return self.visit(submit=(Submission(token, jobs, supersedes),)).receipts[token]

    def look(self, token: str) -> Receipt:
        return self.visit(look=(Submission(token, ()),)).receipts[token]

    def cancel(self, token: str, *indices: int) -> None:
        self.visit(cancel=(Target(token, "", indices),))

    def rows(self, token: str) -> dict[int, Row]:
        """Return the rows of a submission by index; each is of one job."""
        rows = [row for row in self.visit().rows if row.token == token]
        found = {row.indices[0][0]: row for row in rows}
        assert len(found) == len(rows)
        return found

    def states(self, token: str) -> dict[int, str]:
        return {index: row.state for index, row in self.rows(token).items()}

    def ends(self, token: str) -> dict[int, End]:
        return {place.index: end for place, end in self.visit(watch=(token,)).ends.items()}

    def end(self, token: str, index: int = 0) -> End:
        """Wait for the end of a job."""
        self.wait(lambda: index in self.ends(token))
        return self.ends(token)[index]

    def leader(self, token: str, index: int = 0) -> int:
        """Return the process that runs a job's script."""
        claim = Path(self.cluster.path("submissions", token, "claims", str(index)))
        return int(claim.read_text().partition("-")[0])

    def is_dead(self, token: str) -> bool:
        """Return True if nothing is left of the first job, nor of its workers."""
        return not session(self.leader(token))

    def wait(self, condition: Callable[[], bool], seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not so after {seconds} s"
            time.sleep(0.1)


def session(number: int) -> list[int]:
    """Return the living processes of a session, by its leader's number."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if fields[3] == str(number) and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.fixture
def visitor(cluster: Cluster) -> Iterator[Visitor]:
    """Somebody who visits the local cluster, and leaves nothing running there."""
    visitor = Visitor(cluster)
    yield visitor
    for claim in Path(cluster.path("submissions")).glob("*/claims/*"):
        for pid in session(visitor.leader(claim.parent.parent.name, int(claim.name))):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
