"""The durable table: what is wanted, what was tried, and who may write it."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from nepsbench.cluster.attempt import Attempt, Cause, Outcome
from nepsbench.cluster.conversation import Facts, Place
from nepsbench.cluster.interface import Job, Phase, Resources
from nepsbench.cluster.ledger import Ledger, LostLeaseError, process_start
from nepsbench.cluster.tick import Tick


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    found = Ledger(tmp_path / "jobs.sqlite")
    found.lease("c", "driver", 60)
    return found


def job(key: str) -> Job:
    resources = Resources(tasks=2, memory_mb=7)
    return Job(key, f"/work/{key}", ("echo", "a 'b' $(c)"), resources, ("a.sha256",))


def attempt(key: str, generation: int = 1, **changes: object) -> Attempt:
    base = Attempt(key, generation, 1, Place(f"token-{key}-{generation}", 3), Resources())
    return replace(base, **changes)


def test_what_is_written_is_read_by_another_process_as_it_was(ledger, tmp_path) -> None:
    ledger.want("c", [job("a"), job("b")], "me")
    first = attempt("a", phase=Phase.ACTIVE, job_id="7;x", node="n1", since=1.5, sent=1.0)
    second = attempt("b", phase=Phase.LOST, cause=Cause.LOST, ended=9.0, exit_code=1, said="x")
    ledger.save("c", "driver", attempts=[first, second])
    with Ledger(tmp_path / "jobs.sqlite") as other:
        assert other.home_id == ledger.home_id
        assert other.works(["a"])["a"].job == job("a")
        assert other.attempts(cluster="c") == [first, second]
        assert other.attempts(["a", "b"], open_only=True) == [first]
        assert other.latest(["b"]) == {"b": second}
        assert other.clusters_of(["token-a-1", "stranger"]) == {"token-a-1": "c"}


def test_wanting_again_adopts_what_lives_and_what_succeeded(ledger) -> None:
    ledger.want("c", [job("a"), job("b")], "try 1")
    done = replace(ledger.works()["b"], outcome=Outcome.SUCCEEDED)
    ledger.save("c", "driver", works=[done])
    ledger.want("c", [job("a"), job("b")], "try 2")
    works = ledger.works()
    assert [(w.owner, w.round, w.outcome) for w in works.values()] == [
        ("try 2", 1, Outcome.OPEN),
        ("try 2", 1, Outcome.SUCCEEDED),
    ]


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.CANCELLED])
def test_wanting_again_what_ended_badly_begins_a_new_round(ledger, outcome: Outcome) -> None:
    ledger.want("c", [job("a")], "me")
    ledger.save("c", "driver", works=[replace(ledger.works()["a"], outcome=outcome, why="x")])
    ledger.want("c", [job("a")], "me")
    work = ledger.works()["a"]
    assert (work.round, work.outcome, work.why, work.wanted) == (2, Outcome.OPEN, "", True)


def test_only_the_last_owner_can_give_up_and_only_what_is_open(ledger) -> None:
    ledger.want("c", [job("a"), job("b")], "try 1")
    ledger.want("c", [job("a")], "try 2")
    assert ledger.unwant(["a", "b"], "try 1") == ["b"]
    assert ledger.works()["a"].wanted
    assert not ledger.works()["b"].wanted
    assert ledger.unwant(["b"], "try 1") == []
    ledger.want("c", [job("b")], "try 2")
    assert ledger.works()["b"].round == 2


def test_an_outcome_of_an_earlier_round_is_dropped(ledger) -> None:
    ledger.want("c", [job("a")], "me")
    before = ledger.works()["a"]
    ledger.unwant(["a"], "me")
    ledger.want("c", [job("a")], "me")
    ledger.save("c", "driver", works=[replace(before, outcome=Outcome.FAILED)])
    assert ledger.works()["a"].outcome is Outcome.OPEN


def test_what_is_settled_can_be_forgotten_and_what_is_open_cannot(ledger) -> None:
    ledger.want("c", [job("a"), job("b")], "me")
    done = replace(ledger.works()["a"], outcome=Outcome.SUCCEEDED)
    ledger.save("c", "driver", attempts=[attempt("a", ended=1.0)], works=[done])
    assert ledger.forget(["a", "b", "none"]) == ["a"]
    assert (list(ledger.works()), ledger.attempts()) == (["b"], [])


def test_one_process_holds_the_lease_until_it_ends_or_the_time_is_over(ledger) -> None:
    assert ledger.lease("c", "driver", 60, now=1e10)
    assert not ledger.lease("c", "other", 60, now=1e10 + 59)
    assert ledger.lease("c", "other", 60, now=1e10 + 61)
    assert not ledger.lease("c", "driver", 60, now=1e10 + 62)
    ledger.release("c", "driver")
    assert not ledger.lease("c", "driver", 60, now=1e10 + 62), "not its own lease to release"
    ledger.release("c", "other")
    assert ledger.lease("c", "driver", 60, now=1e10 + 62)


def test_the_lease_of_a_process_that_died_is_free_at_once(ledger) -> None:
    code = "import os; print(os.getpid())"
    dead = int(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout)
    host = os.uname().nodename
    assert ledger.lease("d", f"{host}:{dead}:123:x", 1e6)
    assert ledger.lease("d", "next", 1e6)
    living = f"{host}:{os.getpid()}:{process_start(os.getpid())}:x"
    assert ledger.lease("e", living, 1e6)
    assert not ledger.lease("e", "next", 1e6)
    reused = f"{host}:{os.getpid()}:1:x"
    assert ledger.lease("f", reused, 1e6)
    assert ledger.lease("f", "next", 1e6)
    assert ledger.lease("g", "elsewhere:1:1:x", 1e6)
    assert not ledger.lease("g", "next", 1e6), "a process of another machine cannot be looked at"


def test_who_lost_the_lease_writes_nothing(ledger) -> None:
    ledger.want("c", [job("a")], "me")
    ledger.lease("c", "other", 60, now=1e10)
    with pytest.raises(LostLeaseError):
        ledger.save("c", "driver", attempts=[attempt("a")])
    assert ledger.attempts() == []


def test_an_attempt_that_never_came_to_be_is_struck(ledger) -> None:
    ledger.want("c", [job("a")], "me")
    ledger.save("c", "driver", attempts=[attempt("a")])
    ledger.save("c", "driver", withdrawn=[attempt("a")])
    assert ledger.attempts() == []


def test_who_drives_sees_that_something_new_is_wanted_there(ledger, tmp_path) -> None:
    with Ledger(tmp_path / "jobs.sqlite") as other:
        before = ledger.wishes("c")
        other.want("elsewhere", [job("own")], "me")
        other.record_tick(Tick("c", 1.0))
        assert ledger.wishes("c") == before
        other.want("c", [job("a")], "me")
        wanted = ledger.wishes("c")
        assert wanted > before
        other.unwant(["a"], "me")
        assert ledger.wishes("c") > wanted


def test_facts_and_the_newest_ticks_are_kept(ledger) -> None:
    facts = Facts(max_array_size=11, accounting=True, version="slurm 22.05.8")
    ledger.set_facts("c", facts, 5.0)
    assert ledger.facts("c") == (facts, 5.0)
    assert ledger.facts("unknown") == (Facts(), 0.0)
    for at in range(600):
        ledger.record_tick(Tick("c", float(at), counts={"queued": at}))
    kept = ledger.ticks("c", 1000)
    assert (len(kept), kept[0].at, kept[0].counts) == (500, 599.0, {"queued": 599})


def test_many_processes_write_at_the_same_time(tmp_path: Path) -> None:
    def write(number: int) -> None:
        with Ledger(tmp_path / "jobs.sqlite") as own:
            own.want("c", [job(f"{number}-{k}") for k in range(20)], "me")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    with Ledger(tmp_path / "jobs.sqlite") as own:
        assert len(own.works()) == 160


def test_a_ledger_names_its_home_once_and_is_durable(tmp_path):
    path = tmp_path / "new" / "jobs.sqlite"
    first, second = Ledger(path), Ledger(path)
    assert first.home_id == second.home_id
    assert re.fullmatch("[0-9a-f]{6}", first.home_id)
    assert Ledger(tmp_path / "other.sqlite").home_id != first.home_id
    # Readers never wait for a writer; what was committed is on the disk.
    for name, mode in (("journal_mode", "wal"), ("synchronous", 2)):
        assert first._db.execute(f"PRAGMA {name}").fetchone() == (mode,)
