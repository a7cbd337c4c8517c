"""What comes home is what a job left there, or is refused."""

import pytest

from nepsbench.campaign.arrival import fetch_results
from nepsbench.cluster import ClusterFile, open_cluster
from nepsbench.errors import ClusterError
from nepsbench.manifest import write_manifest

JOURNALS = "results/*.journal"


@pytest.fixture
def cluster(tmp_path):
    with open_cluster(ClusterFile(name="here", kind="local", root=str(tmp_path))) as opened:
        yield opened


@pytest.fixture
def job(tmp_path):
    """A job's folder with the results of two workers, of which the first is proven."""
    folder = tmp_path / "job"
    (folder / "results").mkdir(parents=True)
    for worker in range(2):
        (folder / f"results/worker-{worker}.journal").write_text(f"worker {worker}\n")
    prove(folder, complete=2, pending=1)
    return folder


def prove(folder, **outcomes):
    names = ["results/worker-0.journal"]
    write_manifest(folder / "results/worker-0.sha256", names, directory=folder, outcomes=outcomes)


def test_results_come_with_what_is_proven_of_them(cluster, job, tmp_path):
    here = tmp_path / "here"
    found = fetch_results(cluster, str(job), JOURNALS, here)
    first, second = (here / f"results/worker-{worker}.journal" for worker in range(2))
    assert found.files == [first, second]
    assert found.proven == {first}
    assert found.outcomes == {"complete": 2, "pending": 1}
    assert second.read_text() == "worker 1\n"


def test_a_folder_without_results_brings_nothing(cluster, tmp_path):
    found = fetch_results(cluster, str(tmp_path / "none"), JOURNALS, tmp_path / "here")
    assert (found.files, found.proven, found.outcomes.total()) == ([], frozenset(), 0)


def test_a_file_that_is_not_what_its_manifest_says_is_refused_by_name(cluster, job, tmp_path):
    (job / "results/worker-0.journal").write_text("worker 7\n")
    with pytest.raises(ClusterError) as caught:
        fetch_results(cluster, str(job), JOURNALS, tmp_path / "here")
    text = str(caught.value)
    assert text.startswith(f"{job}/results/worker-0.journal on cluster here is not what its job")
    assert "\n" not in text


def test_a_file_that_is_gone_is_refused_even_if_it_came_before(cluster, job, tmp_path):
    fetch_results(cluster, str(job), JOURNALS, tmp_path / "here")
    (job / "results/worker-0.journal").unlink()
    with pytest.raises(ClusterError, match=r"worker-0\.journal on cluster here is not what"):
        fetch_results(cluster, str(job), JOURNALS, tmp_path / "here")


class Meanwhile:
    """The cluster, on which something happens before the journals are fetched."""

    def __init__(self, cluster, happens):
        self.file, self._fetch, self._happens = cluster.file, cluster.fetch, happens

    def fetch(self, directory, pattern, into):
        if pattern == JOURNALS:
            self._happens()
        return self._fetch(directory, pattern, into)


@pytest.mark.parametrize("ended", [False, True], ids=["it runs", "it has ended"])
def test_a_run_that_began_in_between_is_no_mistake(cluster, job, tmp_path, ended):
    def run_again():
        (job / "results/worker-0.sha256").unlink()
        (job / "results/worker-0.journal").write_text("worker 0\nmore\n")
        if ended:
            prove(job, complete=3)

    found = fetch_results(Meanwhile(cluster, run_again), str(job), JOURNALS, tmp_path / "here")
    assert found.files[0].read_text() == "worker 0\nmore\n"
    assert (found.proven, found.outcomes.total()) == (frozenset(), 0)
