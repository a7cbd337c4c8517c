"""``nepsbench cluster`` status, cancel and sweep, against real processes."""

import json
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from nepsbench.cli.cluster import app
from nepsbench.cluster import Job, Orders, Phase, Resources, load_cluster, open_cluster
from nepsbench.cluster.attempt import Outcome
from nepsbench.cluster.driver import Driver
from nepsbench.cluster.ending import FOR_NOW
from nepsbench.cluster.ledger import open_ledger
from nepsbench.cluster.waiting import drive
from nepsbench.errors import SpecError

pytestmark = pytest.mark.whole


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A cluster of processes by the name ``here``, open, with an empty data home."""
    content = {
        "name": "here", "kind": "local", "root": str(tmp_path / "work"), "python": sys.executable,
        "poll_interval": 0.1, "limits": {"slots": 4}, "recovery": {"application": 1},
    }  # fmt: skip
    (tmp_path / "here.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(tmp_path))
    monkeypatch.setenv("NEPSBENCH_HOME", str(tmp_path / "home"))
    with open_cluster(load_cluster("here")) as cluster:
        yield cluster


@pytest.fixture
def ledger(here, tmp_path):
    with open_ledger(tmp_path / "home") as opened:
        yield opened
        for work in opened.works(open_only=True).values():
            opened.unwant([work.key], work.owner)
        drive(here, opened, list(opened.works()))


@pytest.fixture
def job(here):
    def make(key, script="exec sleep 600"):
        return Job(key, here.path("jobs", key), ("bash", "-c", script), Resources())

    return make


def run(*arguments):
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def start(here, ledger, *keys):
    """Drive until these jobs run, and let go."""
    driver = Driver(here, ledger)
    deadline = time.monotonic() + 20
    while not all(a.phase is Phase.ACTIVE for a in ledger.latest(keys).values()) or not (
        ledger.latest(keys)
    ):
        assert time.monotonic() < deadline
        driver.tick()
        time.sleep(0.1)
    driver.release()


@pytest.mark.usefixtures("here")
def test_status_of_an_unused_cluster_is_empty():
    assert run("status", "here") == "cluster here: no tick yet\nno jobs\n"


def test_status_shows_open_jobs_and_with_all_every_attempt(here, ledger, job):
    ledger.want("here", [job("bad", "echo too bad >&2; exit 7"), job("waits")], "me")
    drive(here, ledger, ["bad"])
    shown = run("status", "here")
    assert "waits" in shown
    assert "bad" not in shown
    assert [line.split()[0] for line in shown.splitlines()[2:]] == ["active"]
    rows = [line for line in run("status", "here", "--all").splitlines() if " bad " in line]
    assert [row.split()[:2] for row in rows] == [["failed", "1"], ["failed", "2"]]
    assert all("exit code 7" in row and "too bad" in row for row in rows)


def test_status_needs_no_cluster_to_be_reached(ledger, job, tmp_path, monkeypatch):
    ledger.want("here", [job("waits")], "me")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "waiting" in run("status", "here")


def test_status_as_json_is_the_same(here, ledger, job):
    ledger.want("here", [job("waits")], "me")
    start(here, ledger, "waits")
    found = json.loads(run("status", "here", "--json"))
    (line,) = found["jobs"]
    assert (line["key"], line["phase"], line["owner"]) == ("waits", "active", "me")
    assert line["directory"] == here.path("jobs", "waits")
    assert found["healthy"] is True
    assert found["age"] < 60


def test_cancel_ends_the_named_jobs_whoever_owns_them(here, ledger, job):
    ledger.want("here", [job("one")], "me")
    ledger.want("here", [job("two")], "you")
    start(here, ledger, "one", "two")
    assert "cancelled 1 jobs" in run("cancel", "here", "two")
    works = ledger.works()
    assert works["two"].outcome is Outcome.CANCELLED
    assert works["one"].outcome is Outcome.OPEN
    assert "cancelled 1 jobs" in run("cancel", "here", "--all")
    assert ledger.works()["one"].outcome is Outcome.CANCELLED
    assert run("cancel", "here", "--all") == "cancelled 0 jobs\n"


def test_cancel_for_now_lets_the_owner_see_that_it_was_somebody_else(here, ledger, job):
    ledger.want("here", [job("one")], "me")
    start(here, ledger, "one")
    run("cancel", "here", "--all", "--for-now")
    work = ledger.works()["one"]
    assert (work.outcome, work.owner) == (Outcome.CANCELLED, FOR_NOW)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("arguments", [["here"], ["here", "one", "--all"]])
def test_cancel_wants_to_know_which(arguments):
    with pytest.raises(SpecError, match="say which jobs to cancel"):
        CliRunner().invoke(app, ["cancel", *arguments], catch_exceptions=False)


@pytest.mark.usefixtures("here")
def test_cancel_of_an_unknown_key_names_it():
    with pytest.raises(SpecError, match=r"unknown job 'none'; see: nepsbench cluster status here"):
        CliRunner().invoke(app, ["cancel", "here", "none"], catch_exceptions=False)


def test_sweep_ends_jobs_that_the_ledger_lost(here, ledger, job):
    ledger.want("here", [job("ghost")], "me")
    start(here, ledger, "ghost")
    (token,) = {attempt.place.token for attempt in ledger.attempts()}
    ledger._db.executescript("DELETE FROM attempts; DELETE FROM works;")
    shown = run("sweep", "here")
    assert "strays=1" in shown.splitlines()[0]
    assert "strays=0" in shown.splitlines()[-1]
    rows = here.visit(Orders()).rows
    assert token not in {row.token for row in rows if row.state != "COMPLETED"}


def test_sweep_leaves_a_cluster_alone_that_another_process_drives(here, ledger, job, tmp_path):
    ledger.want("here", [job("one")], "me")
    with open_ledger(tmp_path / "home") as theirs:
        driver = Driver(here, theirs)
        driver.tick()
        assert "another process drives it" in run("sweep", "here")
        driver.release()


def test_cancel_waits_for_who_drives(here, ledger, job, tmp_path):
    ledger.want("here", [job("one")], "me")
    stop = threading.Event()

    def drive_there():
        with open_ledger(tmp_path / "home") as theirs, open_cluster(here.file) as same:
            driver = Driver(same, theirs)
            while not stop.wait(0.1):
                if driver.is_due():
                    driver.tick()
            driver.release()

    thread = threading.Thread(target=drive_there)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not ledger.latest(["one"]):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "cancelled 1 jobs" in run("cancel", "here", "one")
    finally:
        stop.set()
        thread.join()
    assert ledger.works()["one"].outcome is Outcome.CANCELLED


def test_a_settled_job_can_be_forgotten_and_is_then_done_again(here, ledger, job):
    wanted = job("again", "echo x >> runs")
    for _ in range(2):
        ledger.want("here", [wanted], "me")
        drive(here, ledger, [wanted.key])
    assert Path(wanted.directory, "runs").read_text() == "x\n"
    assert run("forget", "here", "again") == "forgot 1 jobs\n"
    ledger.want("here", [wanted], "me")
    drive(here, ledger, [wanted.key])
    assert Path(wanted.directory, "runs").read_text() == "x\nx\n"
