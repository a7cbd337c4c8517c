"""The trigger against real local processes, as the triggerer would drive it."""

import asyncio
import sys
from dataclasses import asdict

import pytest
import yaml

from nepsbench.campaign.owners import claim
from nepsbench.cluster import Job, Phase, Resources, load_cluster, open_cluster
from nepsbench_airflow.triggers import ClusterJobsTrigger


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    content = {
        "name": "here", "kind": "local", "root": str(tmp_path / "work"),
        "python": sys.executable, "poll_interval": 0.1, "limits": {"slots": 4},
    }  # fmt: skip
    (tmp_path / "here.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(tmp_path))
    monkeypatch.setenv("NEPSBENCH_HOME", str(tmp_path / "home"))
    with open_cluster(load_cluster("here")) as opened:
        yield opened


def submit(cluster, key, *command):
    return cluster.submit(
        Job(key=key, directory=cluster.path("jobs", key), command=command, resources=Resources())
    )


def trigger_for(handles, owner="run 1"):
    return ClusterJobsTrigger(
        cluster="here", campaign="c", owner=owner, handles=[asdict(handle) for handle in handles]
    )


async def first_event(trigger):
    async for event in trigger.run():
        return event
    return None


def test_it_fires_once_all_jobs_have_ended_with_the_state_of_each(cluster):
    handles = [
        submit(cluster, "good", "sleep", "0.3"),
        submit(cluster, "bad", "sh", "-c", "exit 7"),
    ]
    event = asyncio.run(first_event(trigger_for(handles)))
    assert event.payload["good"]["phase"] == Phase.SUCCEEDED
    assert event.payload["bad"]["phase"] == Phase.FAILED
    assert event.payload["bad"]["exit_code"] == 7


def test_it_survives_the_way_through_the_database(cluster):
    path, arguments = trigger_for([submit(cluster, "one", "true")]).serialize()
    assert path == "nepsbench_airflow.triggers.ClusterJobsTrigger"
    again = ClusterJobsTrigger(**arguments)
    assert again.serialize() == (path, arguments)
    assert asyncio.run(first_event(again)).payload["one"]["phase"] == Phase.SUCCEEDED


def test_a_killed_task_cancels_the_jobs_that_it_owns_and_no_others(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(ClusterJobsTrigger, "_task_state", lambda _: "failed")
    handles = [submit(cluster, "mine", "sleep", "60"), submit(cluster, "theirs", "sleep", "60")]
    claim(tmp_path / "home", "c", ["mine", "theirs"], "run 1")
    claim(tmp_path / "home", "c", ["theirs"], "run 2")
    try:
        asyncio.run(trigger_for(handles, owner="run 1").on_kill())
        states = cluster.poll(handles).states
        assert states["mine"].phase is Phase.CANCELLED
        assert states["theirs"].phase in (Phase.ACTIVE, Phase.QUEUED)
    finally:
        cluster.cancel(handles)


@pytest.mark.parametrize("state", [None, "queued", "running", "deferred", "up_for_retry"])
def test_the_jobs_of_a_task_that_goes_on_are_left_alone(cluster, tmp_path, monkeypatch, state):
    monkeypatch.setattr(ClusterJobsTrigger, "_task_state", lambda _: state)
    handle = submit(cluster, "one", "sleep", "60")
    claim(tmp_path / "home", "c", ["one"], "run 1")
    try:
        asyncio.run(trigger_for([handle], owner="run 1").on_kill())
        assert cluster.poll([handle]).states["one"].phase in (Phase.ACTIVE, Phase.QUEUED)
    finally:
        cluster.cancel([handle])
