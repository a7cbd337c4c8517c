"""The trigger against real local processes, as the triggerer would drive it."""

import asyncio
import re
import threading
import time

import pytest

from nepsbench.cluster import Phase, open_cluster
from nepsbench.cluster.attempt import Cause, Outcome
from nepsbench.cluster.driver import Driver
from nepsbench.cluster.ledger import open_ledger
from nepsbench.cluster.waiting import drive
from nepsbench.errors import LoginError
from nepsbench.home import data_home
from nepsbench_airflow import driver_seat, shared_driver, triggers
from nepsbench_airflow.triggers import ClusterJobsTrigger

pytestmark = pytest.mark.whole

FIRST, SECOND = "d/r/t#1", "d/r/t#2"


@pytest.fixture
def ledger(cluster):
    assert cluster.file.name == "here"
    with open_ledger(data_home()) as opened:
        yield opened


@pytest.fixture
def endless(ledger, cluster, make_job):
    """Want jobs that end only when they are cancelled; afterwards they are."""

    def want(*keys, owner=FIRST):
        ledger.want("here", [make_job(key, "exec sleep 600") for key in keys], owner)

    yield want
    for work in ledger.works(open_only=True).values():
        ledger.unwant([work.key], work.owner)
    drive(cluster, ledger, list(ledger.works()))


def trigger_for(*keys, owner=FIRST):
    return ClusterJobsTrigger(cluster="here", keys=list(keys), owner=owner)


async def events(trigger):
    return [event.payload async for event in trigger.run()]


async def until(holds, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def is_active(ledger, *keys):
    latest = ledger.latest(keys)
    return all(key in latest and latest[key].phase is Phase.ACTIVE for key in keys)


def test_it_fires_once_when_all_jobs_are_settled(ledger, make_job):
    ledger.want("here", [make_job("good", "sleep 0.3"), make_job("bad", "exit 7")], FIRST)
    assert asyncio.run(events(trigger_for("good", "bad"))) == [{"owner": FIRST, "problem": ""}]
    works, latest = ledger.works(), ledger.latest(["good", "bad"])
    assert works["good"].outcome is Outcome.SUCCEEDED
    assert works["bad"].outcome is Outcome.FAILED
    assert (latest["bad"].exit_code, latest["bad"].cause) == (7, Cause.APPLICATION)


def test_it_survives_the_way_through_the_database(ledger, make_job):
    ledger.want("here", [make_job("one", "true")], FIRST)
    path, arguments = trigger_for("one").serialize()
    assert path == "nepsbench_airflow.triggers.ClusterJobsTrigger"
    again = ClusterJobsTrigger(**arguments)
    assert again.serialize() == (path, arguments)
    assert asyncio.run(events(again)) == [{"owner": FIRST, "problem": ""}]


def test_what_was_settled_before_it_came_needs_no_visit(ledger, cluster, make_job):
    ledger.want("here", [make_job("one", "true")], FIRST)
    drive(cluster, ledger, ["one"])
    before = len([tick for tick in ledger.ticks("here", 100) if tick.visited])
    assert asyncio.run(events(trigger_for("one")))
    assert len([tick for tick in ledger.ticks("here", 100) if tick.visited]) == before


def test_all_triggers_of_a_cluster_share_one_driver_that_ends_with_the_last(ledger, make_job):
    keys = [f"job-{number}" for number in range(12)]
    opened = threading.active_count()

    async def all_at_once():
        waiting = [asyncio.create_task(events(trigger_for(key))) for key in keys]
        await until(lambda: is_active(ledger, keys[0]))
        assert len(shared_driver._drivers) == 1
        assert len({t.name for t in threading.enumerate() if t.name.startswith("driver-")}) == 1
        await asyncio.gather(*waiting)
        await until(lambda: not shared_driver._drivers)

    ledger.want("here", [make_job(key, "sleep 0.5") for key in keys], FIRST)
    asyncio.run(all_at_once())
    assert threading.active_count() <= opened
    assert all(work.outcome is Outcome.SUCCEEDED for work in ledger.works().values())
    assert len({attempt.place.token for attempt in ledger.attempts(keys)}) == 1


def test_where_another_process_drives_it_watches_and_takes_over(home, ledger, cluster, make_job):
    ledger.want("here", [make_job("first", "sleep 1"), make_job("second", "sleep 2.5")], FIRST)
    with open_ledger(home) as theirs, open_cluster(cluster.file) as same:
        other = Driver(same, theirs)
        assert other.tick().leads

        async def watch():
            waiting = [asyncio.create_task(events(trigger_for(key))) for key in ("first", "second")]
            deadline = time.monotonic() + 20
            while not waiting[0].done():
                assert time.monotonic() < deadline
                other.tick()
                assert not waiting[1].done()
                await asyncio.sleep(0.1)
            other.release()
            return await asyncio.gather(*waiting)

        assert asyncio.run(watch()) == [[{"owner": FIRST, "problem": ""}]] * 2
    assert ledger.works()["second"].outcome is Outcome.SUCCEEDED


def test_a_cluster_that_will_never_let_us_in_ends_every_wait_with_its_words(
    ledger, cluster, make_job, monkeypatch
):
    def refuse(*_):
        raise LoginError("login refused; add the key")

    monkeypatch.setattr(cluster, "visit", refuse)
    monkeypatch.setattr(driver_seat, "open_airflow_cluster", lambda _: cluster)
    ledger.want("here", [make_job("one", "true"), make_job("two", "true")], FIRST)

    async def both():
        return await asyncio.gather(events(trigger_for("one")), events(trigger_for("two")))

    said = {"owner": FIRST, "problem": "login refused; add the key"}
    assert asyncio.run(both()) == [[said], [said]]
    assert not shared_driver._drivers


@pytest.mark.usefixtures("home")
def test_a_cluster_without_a_file_ends_the_wait():
    trigger = ClusterJobsTrigger(cluster="gone", keys=["one"], owner=FIRST)
    ((payload),) = asyncio.run(events(trigger))
    assert "unknown cluster 'gone'" in payload["problem"]


def test_what_running_jobs_print_lands_in_the_log(ledger, make_job, capsys):
    script = "echo epoch 1; echo careful >&2; sleep 1.5; echo epoch 2; sleep 1.5"
    ledger.want("here", [make_job("talks", script)], FIRST)
    asyncio.run(events(trigger_for("talks")))
    log = capsys.readouterr().out
    for line in ("talks | epoch 1", "talks | epoch 2", "talks | careful"):
        assert log.count(line) == 1
    for phase in ("active", "succeeded"):
        assert len(re.findall(rf"job talks, attempt 1 \(\S+\): {phase}", log)) == 1


def test_a_killed_task_cancels_the_jobs_that_it_owns_and_no_others(
    ledger, endless, monkeypatch, capsys
):
    monkeypatch.setattr(triggers, "task_state", lambda _: "failed")
    endless("mine", "adopted")
    endless("adopted", owner=SECOND)

    async def kill():
        waiting = asyncio.create_task(events(trigger_for("mine", "adopted")))
        await until(lambda: is_active(ledger, "mine", "adopted"))
        waiting.cancel()
        await trigger_for("mine", "adopted").on_kill()

    asyncio.run(kill())
    assert ledger.works()["mine"].outcome is Outcome.CANCELLED
    assert ledger.works()["adopted"].outcome is Outcome.OPEN
    assert is_active(ledger, "adopted")
    assert "cancelled 1 jobs" in capsys.readouterr().out


def test_a_loop_that_ends_while_its_driver_closes_gives_the_lease_back(ledger, endless):
    endless("one")

    async def end_early():
        waiting = asyncio.create_task(events(trigger_for("one")))
        await until(lambda: is_active(ledger, "one"))
        (shared,) = shared_driver._drivers.values()
        shared._thread.submit(time.sleep, 0.5)  # so that what comes next must queue
        waiting.cancel()
        await until(lambda: not shared_driver._drivers)

    asyncio.run(end_early())
    deadline = time.monotonic() + 10
    while not ledger.lease("here", "another", 1.0):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    ledger.release("here", "another")


def test_a_kill_that_is_itself_cancelled_goes_on(ledger, endless, monkeypatch):
    monkeypatch.setattr(triggers, "task_state", lambda _: "failed")
    endless("one")

    async def kill():
        kill = asyncio.create_task(trigger_for("one").on_kill())
        await asyncio.sleep(0)
        kill.cancel()
        await asyncio.wait([kill])
        assert kill.cancelled()
        await until(lambda: ledger.works()["one"].outcome is Outcome.CANCELLED)

    asyncio.run(kill())


@pytest.mark.parametrize("state", [None, "queued", "running", "deferred", "up_for_retry"])
def test_the_jobs_of_a_task_that_goes_on_are_left_alone(ledger, endless, monkeypatch, state):
    monkeypatch.setattr(triggers, "task_state", lambda _: state)
    endless("one")
    asyncio.run(trigger_for("one").on_kill())
    assert ledger.works()["one"].wanted


def test_a_kill_gives_up_on_time_where_the_cluster_does_not_answer(
    ledger, cluster, endless, monkeypatch
):
    monkeypatch.setattr(triggers, "task_state", lambda _: "failed")
    monkeypatch.setattr(triggers, "KILL_PATIENCE", 1.0)
    endless("one")
    with Driver(cluster, ledger).cluster:
        driver = Driver(cluster, ledger)
        driver.tick()
        # As long as another process holds the lease, nothing is done here.
        begun = time.monotonic()
        asyncio.run(trigger_for("one").on_kill())
        assert time.monotonic() - begun < 5
        driver.release()
    assert ledger.works()["one"].outcome is Outcome.OPEN
    assert not ledger.works()["one"].wanted
