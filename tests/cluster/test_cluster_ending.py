"""Giving up jobs and sweeping, beside a model of a site."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepsbench.cluster.attempt import Outcome
from nepsbench.cluster.driver import Driver
from nepsbench.cluster.ending import cancel_jobs, remark, sweep
from nepsbench.cluster.interface import Job, Resources
from nepsbench.cluster.ledger import Ledger
from nepsbench.errors import SpecError
from tests.cluster.cluster_model import ModelCluster, Site


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def cluster(site: Site) -> ModelCluster:
    return ModelCluster(site)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "jobs.sqlite")


def want(ledger: Ledger, *keys: str, owner: str = "me") -> None:
    ledger.want("model", [Job(k, f"/{k}", ("true",), Resources()) for k in keys], owner)


def test_only_open_jobs_are_given_up(cluster, site, ledger) -> None:
    want(ledger, "done")
    driver = Driver(cluster, ledger)
    driver.tick()
    site.begin(site.tasks[0])
    site.end(site.tasks[0], 0, valid=True)
    driver.tick()
    driver.release()
    want(ledger, "open", owner="another")
    assert cancel_jobs(cluster, ledger) == ["open"]
    works = ledger.works(["done", "open"])
    assert [works[key].outcome for key in ("done", "open")] == [
        Outcome.SUCCEEDED,
        Outcome.CANCELLED,
    ]
    assert cancel_jobs(cluster, ledger, ["done"]) == []
    with pytest.raises(SpecError, match="unknown job 'no'"):
        cancel_jobs(cluster, ledger, ["no", "done"])


def test_a_sweep_of_a_silent_cluster_ends_at_once_and_lets_others_drive(cluster, ledger) -> None:
    cluster.mishap = "refused"
    (tick,) = sweep(cluster, ledger)
    assert remark(tick) == "cluster model did not answer: refused"
    driver = Driver(cluster, ledger)
    next_one = driver.tick()
    assert next_one.leads
    (blocked,) = sweep(cluster, ledger)
    assert "another process drives it" in remark(blocked)
    assert remark(next_one) == ""


def test_a_sweep_goes_on_until_nothing_unwanted_is_left(cluster, site, ledger) -> None:
    want(ledger, "a", "b")
    driver = Driver(cluster, ledger)
    for _ in range(2):
        driver.tick()
    driver.release()
    ledger.unwant(["a", "b"], "me")
    ticks = list(sweep(cluster, ledger))
    assert sum(tick.cancelled for tick in ticks) >= 1
    assert not [task for task in site.tasks if task.is_alive]
    assert not ledger.works(cluster="model", open_only=True)
