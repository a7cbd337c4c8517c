import shutil

import pytest
from small_campaign import CAMPAIGN, cluster_at, write_cluster

from nepsbench.campaign import publish
from nepsbench.campaign.run import run_campaign


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A data home in which the campaign ran, and the cluster that it ran on."""
    home = tmp_path_factory.mktemp("home")
    with cluster_at(home / "cluster") as cluster:
        first = CAMPAIGN.model_copy(update={"waves": (1,)})
        run_campaign(first, home, cluster, say=lambda _: None)
        there = home / "cluster/campaigns" / CAMPAIGN.name
        shutil.copytree(there / "checkpoints", there / "checkpoints-of-wave-1")
        run_campaign(CAMPAIGN, home, cluster, say=lambda _: None)
        publish.check_benchmark(CAMPAIGN.benchmark, home)
        publish.fit_surrogate(CAMPAIGN, home)
        publish.publish(CAMPAIGN, home)
        yield home, cluster


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished home that a test may spoil, without the cluster's folder."""
    home = tmp_path / "home"
    shutil.copytree(finished[0], home, ignore=shutil.ignore_patterns("cluster"))
    return home


@pytest.fixture
def whole(finished, tmp_path, monkeypatch):
    """A copy of the finished home with its cluster's folder, and a file for that cluster."""
    home = tmp_path / "home"
    shutil.copytree(finished[0], home)
    write_cluster(tmp_path / "clusters", home / "cluster")
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(tmp_path / "clusters"))
    return home
