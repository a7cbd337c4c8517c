"""The driver beside a model of a site: one visit a tick, and what it does with the answers."""

from pathlib import Path
from random import Random

import pytest

from nepsbench.cluster.attempt import Cause, Outcome
from nepsbench.cluster.conversation import Facts, Orders, Receipt, Submission, Verdict
from nepsbench.cluster.driver import LEASE, Driver
from nepsbench.cluster.interface import Job, Phase, Resources
from nepsbench.cluster.judgement import Patience
from nepsbench.cluster.ledger import Ledger, LostLeaseError
from nepsbench.errors import AccessError
from tests.cluster.cluster_model import ModelCluster, Site


class Bench:
    """A driver, its clock, and all orders that the site saw."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "jobs.sqlite"
        self.now = 1e6
        self.site = Site()
        self.cluster = ModelCluster(self.site)
        self.visits: list[Orders] = []
        self._visit = self.cluster.visit
        self.cluster.visit = self._count
        self.ledger = Ledger(self.path)
        self.driver = self.new_driver()

    def new_driver(self) -> Driver:
        patience = Patience(lost=30, sent=60)
        return Driver(self.cluster, Ledger(self.path), clock=lambda: self.now,
                      patience=patience, random=Random(0))  # fmt: skip

    def visit_every(self, seconds: float) -> None:
        """Let a new driver visit so often at most."""
        self.cluster.file = self.cluster.file.model_copy(update={"poll_interval": seconds})
        self.driver.release()
        self.driver = self.new_driver()

    def _count(self, orders: Orders):
        self.visits.append(orders)
        return self._visit(orders)

    def want(self, *keys: str, **resources: int) -> None:
        asked = Resources(**resources)
        self.ledger.want("model", [Job(k, f"/{k}", ("true",), asked) for k in keys], "me")

    def tick(self, mishap: str = "", seconds: float = 10):
        self.now += seconds
        self.cluster.mishap = mishap
        return self.driver.tick()

    def outcome(self, key: str) -> Outcome:
        return self.ledger.works([key])[key].outcome


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_nobody_is_visited_for_nothing(bench: Bench) -> None:
    tick = bench.tick()
    assert (tick.visited, tick.healthy, bench.visits) == (False, True, [])


def test_one_job_goes_its_way_with_one_visit_a_tick(bench: Bench) -> None:
    bench.want("a")
    assert bench.tick().submitted == 1
    task = bench.site.tasks[0]
    bench.site.begin(task)
    assert bench.tick().counts == {"active": 1}
    bench.site.end(task, 0, valid=True)
    tick = bench.tick()
    assert (tick.ended, tick.counts) == (1, {})
    assert bench.outcome("a") is Outcome.SUCCEEDED
    assert len(bench.visits) == 3
    assert not bench.tick().visited


def test_how_large_an_array_may_be_is_asked_first(bench: Bench) -> None:
    bench.want("a", "b", "c", "d")
    bench.tick()
    assert (bench.visits[0].facts, bench.visits[0].submit) == (True, ())
    assert bench.tick().submitted == 4
    assert [len(submission.jobs) for submission in bench.visits[1].submit] == [3, 1]
    assert not bench.visits[1].facts


def test_only_the_index_that_failed_runs_again(bench: Bench) -> None:
    bench.want("a", "b", "c")
    bench.tick()
    bench.tick()
    for number, task in enumerate(bench.site.tasks):
        bench.site.begin(task)
        bench.site.end(task, 7 if number == 1 else 0, valid=number != 1)
    for _ in range(3):
        bench.tick()
    again = bench.visits[-1].submit or bench.visits[-2].submit
    assert [job.key for job in again[0].jobs] == ["b"]
    assert [place.index for place in again[0].supersedes] == [1]
    assert bench.ledger.latest(["b"])["b"].generation == 2
    assert bench.outcome("a") is bench.outcome("c") is Outcome.SUCCEEDED


@pytest.mark.parametrize("mishap", ["cut", "late", "refused"])
def test_a_submission_without_an_answer_is_looked_for_and_never_repeated(bench, mishap) -> None:
    bench.want("a")
    tick = bench.tick(mishap)
    assert (tick.healthy, tick.counts) == (False, {"sent": 1})
    bench.tick()
    assert bench.visits[1].submit == ()
    assert [look.token for look in bench.visits[1].look] == [bench.visits[0].submit[0].token]
    phases = {"cut": Phase.QUEUED, "late": Phase.SENT, "refused": Phase.SENT}
    assert bench.ledger.latest(["a"])["a"].phase is phases[mishap]


def test_what_was_never_made_is_submitted_under_another_token(bench: Bench) -> None:
    bench.want("a")
    bench.tick("refused")
    for _ in range(10):
        bench.tick()
    tokens = [s.token for orders in bench.visits for s in orders.submit]
    assert len(set(tokens)) == 2
    assert len(bench.site.tasks) == 1
    first = bench.ledger.attempts(["a"])[0]
    assert (first.phase, first.cause) == (Phase.LOST, Cause.LAUNCH)


def test_a_late_duplicate_stays_held_and_is_cancelled(bench: Bench) -> None:
    bench.want("a")
    bench.tick()
    bench.site.sbatch(bench.visits[0].submit[0])
    bench.tick()
    bench.tick()
    assert [(task.held, task.state) for task in bench.site.tasks] == [
        (False, "PENDING"),
        (True, "CANCELLED"),
    ]
    assert bench.outcome("a") is Outcome.OPEN


def test_jobs_of_another_home_or_another_kind_are_left_alone(bench: Bench) -> None:
    bench.want("a")
    bench.tick()
    stranger = Job("x", "/x", ("true",), Resources())
    for token in ("abcdef-0123", f"{bench.ledger.home_id}-notinledger"):
        bench.site.sbatch(Submission(token, (stranger,)))
    for _ in range(9):
        bench.tick()
    assert [task.state for task in bench.site.tasks] == ["PENDING"] * 3
    bench.driver.sweeping = True
    bench.tick()
    bench.tick()
    assert [task.state for task in bench.site.tasks] == ["PENDING", "PENDING", "CANCELLED"]


@pytest.mark.parametrize("sweeping", [False, True])
def test_jobs_under_another_cluster_file_of_the_same_site_are_left_alone(bench, sweeping) -> None:
    """Two files, for example one a partition, see the same queue of the same user."""
    bench.want("a")
    bench.tick()
    bench.driver.release()
    bench.cluster.file = bench.cluster.file.model_copy(update={"name": "other"})
    bench.driver = bench.new_driver()
    bench.driver.sweeping = sweeping
    job = Job("b", "/b", ("true",), Resources())
    bench.ledger.want("other", [job], "me")
    for _ in range(9):
        bench.tick()
    assert [task.state for task in bench.site.tasks] == ["PENDING", "PENDING"]


def test_what_is_given_up_is_cancelled_and_what_is_wanted_again_follows(bench: Bench) -> None:
    bench.want("a")
    bench.tick()
    bench.ledger.unwant(["a"], "me")
    assert bench.tick().cancelled == 1
    bench.want("a")
    for _ in range(4):
        bench.tick()
    assert [task.state for task in bench.site.tasks] == ["CANCELLED", "PENDING"]
    assert bench.outcome("a") is Outcome.OPEN


def test_a_job_given_up_before_it_was_sent_is_never_sent(bench: Bench) -> None:
    bench.want("a")
    bench.ledger.unwant(["a"], "me")
    bench.tick()
    assert bench.visits == []
    assert bench.outcome("a") is Outcome.CANCELLED


def test_one_index_of_an_array_is_cancelled_and_its_siblings_go_on(bench: Bench) -> None:
    bench.want("a", "b", "c")
    bench.tick()
    bench.tick()
    bench.ledger.unwant(["b"], "me")
    bench.tick()
    assert [task.state for task in bench.site.tasks] == ["PENDING", "CANCELLED", "PENDING"]


def test_a_busy_queue_is_waited_for(bench: Bench) -> None:
    bench.want("a")
    submit, bench.site.submit = bench.site.submit, lambda _: Receipt(Verdict.BUSY, words="full")
    assert bench.tick().counts == {"waiting": 1}
    assert bench.ledger.attempts(["a"]) == []
    bench.site.submit = submit
    assert bench.tick().submitted == 1


def test_a_refusal_fails_the_work_at_once_with_the_queues_words(bench: Bench) -> None:
    bench.want("a")
    bench.site.submit = lambda _: Receipt(Verdict.REFUSED, words="invalid partition: nowhere")
    bench.tick()
    work = bench.ledger.works(["a"])["a"]
    assert (work.outcome, work.why) == (Outcome.FAILED, "invalid partition: nowhere")


def test_after_several_failures_a_visit_only_looks(bench: Bench) -> None:
    bench.want("a")
    bench.tick()
    waits = [bench.tick("refused").next_in for _ in range(6)]
    assert waits == sorted(waits)
    bench.want("b")
    bench.ledger.unwant(["a"], "me")
    tick = bench.tick("silent")
    assert not tick.healthy
    assert (bench.visits[-1].submit, bench.visits[-1].cancel) == ((), ())
    bench.tick()
    bench.tick()
    assert bench.visits[-1].submit
    assert bench.visits[-1].cancel


def test_an_unreachable_cluster_changes_no_state(bench: Bench) -> None:
    bench.want("a")
    bench.tick()
    before = bench.ledger.attempts(["a"])
    for mishap in ("refused", "silent") * 5:
        bench.tick(mishap, seconds=100)
    assert bench.ledger.attempts(["a"]) == before


def test_one_driver_drives_until_it_is_silent_for_too_long(bench: Bench) -> None:
    bench.want("a")
    other = bench.new_driver()
    assert bench.tick().leads
    assert not other.tick().leads
    bench.now += LEASE + 1
    assert other.tick().leads
    assert not bench.tick().leads
    other.release()
    assert bench.tick().leads


def test_a_driver_that_waits_for_its_next_visit_keeps_the_lease(bench: Bench) -> None:
    bench.visit_every(LEASE)
    bench.want("a")
    bench.tick()
    bench.site.begin(bench.site.tasks[0])
    bench.tick()
    assert bench.tick(seconds=12 * LEASE).next_in > LEASE
    bench.now += LEASE / 2
    assert not bench.driver.is_due()
    bench.now += LEASE / 2 + 1
    assert not bench.new_driver().tick().leads


def test_a_driver_that_was_frozen_in_a_visit_writes_nothing(bench: Bench) -> None:
    bench.want("a")
    other, visit = bench.new_driver(), bench.cluster.visit

    def frozen(orders: Orders):
        bench.cluster.visit = visit
        bench.now += LEASE + 1
        other.tick()
        return visit(orders)

    bench.cluster.visit = frozen
    with pytest.raises(LostLeaseError):
        bench.tick()
    assert len(bench.site.tasks) == 1
    other.tick()
    assert bench.ledger.latest(["a"])["a"].phase is Phase.QUEUED


def test_no_access_is_an_error_that_the_caller_sees(bench: Bench) -> None:
    bench.want("a")

    def refuse(_: Orders):
        raise AccessError("login refused")

    bench.cluster.visit = refuse
    with pytest.raises(AccessError):
        bench.tick()


def test_something_new_is_due_at_once_and_nothing_else_before_its_time(bench: Bench) -> None:
    bench.want("a")
    tick = bench.tick()
    assert not bench.driver.is_due()
    bench.want("b")
    assert not bench.driver.is_due(), "not within a second of the last visit"
    bench.now += 1
    assert bench.driver.is_due()
    bench.tick()
    bench.now += tick.next_in
    assert bench.driver.is_due()


def test_what_a_visit_has_seen_is_not_new_any_more(bench: Bench) -> None:
    bench.visit_every(60)
    bench.want("a")
    bench.tick()
    bench.now += 2
    assert not bench.driver.is_due()
    bench.want("b")
    assert bench.driver.is_due()


def test_nothing_goes_round_the_patience_with_a_broken_line(bench: Bench) -> None:
    bench.want("a")
    bench.tick("refused")
    bench.want("b")
    bench.now += 1.5
    assert not bench.driver.is_due()


def test_each_tick_leaves_a_line_of_metrics(bench: Bench) -> None:
    bench.want("a")
    bench.tick()
    line = bench.ledger.ticks("model")[0].line()
    assert "cluster=model healthy=true visited=true" in line
    assert "jobs_queued=1 submitted=1" in line


def test_a_site_that_forbids_held_jobs_runs_a_late_duplicate_no_further_than_its_gate(bench):
    bench.site.holds = False
    bench.want("a")
    bench.tick("late")
    while len(bench.ledger.attempts(["a"])) < 2:
        bench.tick()
    bench.site.begin(bench.site.tasks[0])
    late = bench.site.under_way.pop()
    assert bench.site.submit(late).verdict is Verdict.UNKNOWN, "its place is revoked by now"
    bench.site.sbatch(late)
    bench.site.begin(bench.site.tasks[1])
    assert [task.state for task in bench.site.tasks] == ["RUNNING", "FAILED"]
    assert len(bench.site.runs) == 1


def test_a_job_whose_fate_is_unsure_is_looked_for_often_however_quiet_it_was(bench: Bench) -> None:
    bench.want("a")
    bench.tick()
    bench.site.begin(bench.site.tasks[0])
    bench.tick()
    seldom = bench.tick(seconds=2000).next_in
    bench.site.tasks.clear()
    often = [bench.tick(seconds=2000).next_in for _ in range(2)]
    assert seldom > 10 * max(often)
    assert bench.ledger.latest(["a"])["a"].phase is Phase.MISSING


def test_the_site_is_asked_for_its_limits_once_an_hour(bench: Bench) -> None:
    bench.want("a")
    bench.tick()
    bench.tick()
    bench.tick(seconds=3500)
    bench.tick(seconds=200)
    bench.tick()
    assert [orders.facts for orders in bench.visits] == [True, False, False, True, False]


@pytest.mark.parametrize(("message_timeout", "patience"), [(5, 30), (20, 60)])
def test_a_job_is_lost_after_the_sites_own_patience(bench, message_timeout, patience) -> None:
    bench.driver.release()
    bench.driver = Driver(bench.cluster, Ledger(bench.path), clock=lambda: bench.now,
                          random=Random(0))  # fmt: skip
    bench.want("a")
    bench.tick()
    bench.ledger.set_facts("model", Facts(message_timeout=message_timeout), bench.now)
    bench.site.begin(bench.site.tasks[0])
    bench.tick()
    bench.site.tasks.clear()
    bench.tick()
    for _ in range(2):  # the second is after its last words were asked for
        bench.tick(seconds=patience / 2 - 1)
    assert bench.ledger.latest(["a"])["a"].phase is Phase.MISSING
    bench.tick(seconds=3)
    bench.tick(seconds=1)
    phases = [attempt.phase for attempt in bench.ledger.attempts(["a"])]
    assert phases[0] is Phase.LOST


@pytest.mark.parametrize(
    ("own", "sites", "asked"),
    [(900, 800, 800), (700, 800, 700), (None, 800, 800), (700, None, 700)],
)
def test_more_time_is_asked_for_up_to_the_lower_of_two_limits(bench, own, sites, asked) -> None:
    limits = bench.cluster.file.limits.model_copy(update={"max_time": own})
    bench.cluster.file = bench.cluster.file.model_copy(update={"limits": limits})
    bench.want("a", time_limit=600)
    bench.tick()
    bench.ledger.set_facts("model", Facts(max_time=sites), bench.now)
    task = bench.site.tasks[0]
    bench.site.begin(task)
    bench.site.vanish(task, "TIMEOUT")
    for _ in range(4):
        bench.tick()
    assert bench.ledger.latest(["a"])["a"].resources.time_limit == asked


def test_old_markers_are_read_again_only_after_something_went_wrong(bench: Bench) -> None:
    bench.want("a")
    bench.site.clock = 5000
    bench.tick()
    bench.site.begin(bench.site.tasks[0])
    bench.tick()
    assert [orders.since for orders in bench.visits] == [0, 5000 - 120]
    bench.tick("refused")
    bench.tick()
    bench.tick()
    assert [orders.since for orders in bench.visits[3:]] == [0, 5000 - 120]
