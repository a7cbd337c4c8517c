"""What follows an attempt, how jobs are bundled, and how often a cluster is visited."""

from dataclasses import replace
from random import Random

import pytest

from nepsbench.cluster.attempt import Attempt, Cause, Outcome, Work
from nepsbench.cluster.chunks import Due, capacity, chunks
from nepsbench.cluster.conversation import Facts, Place
from nepsbench.cluster.interface import Job, Phase, Resources
from nepsbench.cluster.pace import Pace
from nepsbench.cluster.recovery import Again, Caps, Settled, next_step

ASKED = Resources(tasks=2, memory_mb=1000, time_limit=600)
WORK = Work("k", "c", Job("k", "/k", ("true",), ASKED), "me")
NO_CAPS = Caps()
BUDGETS = {Cause.APPLICATION: 1, Cause.TIMEOUT: 2, Cause.MEMORY: 2, Cause.PREEMPTION: 20}


def ended(*causes: Cause, progress: tuple[int, ...] = ()) -> list[Attempt]:
    phase = {Cause.REFUSED: Phase.REFUSED, Cause.CANCELLED: Phase.CANCELLED}
    return [
        Attempt("k", n, 1, Place(f"t{n}", 0), ASKED, phase.get(cause, Phase.FAILED), cause=cause,
                progress=progress[n - 1] if progress else -1, ended=1.0, said="its words")
        for n, cause in enumerate(causes, start=1)
    ]  # fmt: skip


def follow(*causes: Cause, caps: Caps = NO_CAPS, **more: object) -> Settled | Again:
    return next_step(WORK, ended(*causes, **more), BUDGETS, caps)


def test_a_work_begins_with_what_it_asks_for() -> None:
    assert follow() == Again(ASKED)


def test_each_cause_has_its_own_budget() -> None:
    app, preempted = Cause.APPLICATION, Cause.PREEMPTION
    assert follow(*[preempted] * 20) == Again(ASKED)
    assert follow(app, *[preempted] * 9) == Again(ASKED)
    failed = follow(app, preempted, app)
    assert isinstance(failed, Settled)
    assert failed.outcome is Outcome.FAILED
    assert "2 times" in failed.why
    assert "its words" in failed.why


def test_a_cause_without_a_budget_is_not_tried_again() -> None:
    assert follow(Cause.LOST).outcome is Outcome.FAILED


@pytest.mark.parametrize("cause", [Cause.REFUSED, Cause.CANCELLED])
def test_some_ends_are_for_good(cause: Cause) -> None:
    assert follow(cause).outcome is Outcome.FAILED


def test_a_time_out_doubles_the_time_up_to_what_the_site_allows() -> None:
    assert follow(Cause.TIMEOUT) == Again(replace(ASKED, time_limit=1200))
    assert follow(Cause.TIMEOUT, caps=Caps(time=900)) == Again(replace(ASKED, time_limit=900))
    assert follow(Cause.TIMEOUT, caps=Caps(time=60)) == Again(ASKED)


def test_a_time_out_after_progress_costs_nothing() -> None:
    five = [Cause.TIMEOUT] * 5
    assert isinstance(follow(*five, progress=(1, 2, 3, 4, 5)), Again)
    assert follow(*five, progress=(1, 1, 1, 1, 1)).outcome is Outcome.FAILED
    one = next_step(WORK, ended(Cause.TIMEOUT, progress=(1,)), {}, NO_CAPS)
    assert isinstance(one, Again)
    none = next_step(WORK, ended(Cause.TIMEOUT, progress=(0,)), {}, NO_CAPS)
    assert none.outcome is Outcome.FAILED


def test_a_submission_that_never_arrived_costs_nothing() -> None:
    assert follow(*[Cause.LAUNCH] * 9) == Again(ASKED)
    arrived = [replace(attempt, job_id="7") for attempt in ended(*[Cause.LAUNCH] * 2)]
    assert next_step(WORK, arrived, {Cause.LAUNCH: 1}, NO_CAPS).outcome is Outcome.FAILED


def test_a_shortage_of_memory_asks_for_half_as_much_again_up_to_the_nodes_share() -> None:
    assert follow(Cause.MEMORY) == Again(replace(ASKED, memory_mb=1500))
    some = follow(Cause.MEMORY, caps=Caps(memory_mb_per_node=2400))
    assert some == Again(replace(ASKED, memory_mb=1200))
    none = follow(Cause.MEMORY, caps=Caps(memory_mb_per_node=2000))
    assert none.outcome is Outcome.FAILED
    assert "2000 MB" in none.why
    wide = replace(ASKED, nodes=3, tasks=6)
    last = replace(ended(Cause.MEMORY)[0], resources=wide)
    share = next_step(WORK, [last], BUDGETS, Caps(memory_mb_per_node=2400))
    assert share == Again(replace(wide, memory_mb=1200))


def test_what_was_given_up_is_cancelled_unless_it_succeeded() -> None:
    gone = replace(WORK, wanted=False)
    assert next_step(gone, ended(Cause.LOST), BUDGETS, Caps()).outcome is Outcome.CANCELLED
    done = [replace(ended(Cause.LOST)[0], phase=Phase.SUCCEEDED, round=7)]
    assert next_step(gone, done, BUDGETS, Caps()).outcome is Outcome.SUCCEEDED


def test_a_new_round_has_fresh_budgets() -> None:
    again = replace(WORK, round=2)
    assert next_step(again, ended(*[Cause.APPLICATION] * 9), BUDGETS, Caps()) == Again(ASKED)


def due(*sizes: int) -> list[Due]:
    return [Due(f"{n}-{k}", Resources(memory_mb=n)) for n, s in enumerate(sizes) for k in range(s)]


def test_an_array_holds_equal_jobs_and_ends_below_the_sites_largest_index() -> None:
    bundled = list(chunks(due(25, 3), Facts(max_array_size=11), taken=0))
    assert [len(chunk) for chunk in bundled] == [11, 11, 3, 3]
    assert all(len({job.resources for job in chunk}) == 1 for chunk in bundled)


def test_no_more_is_submitted_than_the_site_takes() -> None:
    facts = Facts(max_array_size=11, max_job_count=100, max_submit_jobs=30)
    assert capacity(facts) == 30
    assert sum(map(len, chunks(due(200), facts, taken=12))) == 18
    assert list(chunks(due(5), facts, taken=30)) == []
    assert capacity(Facts(max_job_count=100)) == 90


def test_a_quiet_cluster_is_visited_less_often_and_a_change_brings_the_rhythm_back() -> None:
    pace = Pace(15.0, changed=0.0)
    waits = [pace.interval(now, Random(0)) for now in (1, 600, 3000, 1e6)]
    for wait, expected in zip(waits, (15, 60, 300, 300), strict=True):
        assert expected <= wait <= expected * 1.1
    assert pace.after(healthy=True, changed=True, now=1e6).interval(1e6, Random(0)) < 17


def test_failures_are_answered_by_patience_and_then_by_looking_only() -> None:
    pace, waits = Pace(15.0), []
    for _ in range(7):
        pace = pace.after(healthy=False, changed=False, now=0)
        waits.append(pace.interval(0, Random(1)))
        assert pace.is_broken == (len(waits) >= 5)
    jitter = waits[0] / 30
    assert 1 <= jitter <= 1.1
    expected = [30, 60, 120, 240, 300, 300, 300]
    assert waits == pytest.approx([jitter * wait for wait in expected])
    assert not pace.after(healthy=True, changed=False, now=9).is_broken


def test_two_drivers_do_not_keep_step() -> None:
    waits = {Pace(15.0).interval(0, Random(seed)) for seed in range(20)}
    assert len(waits) == 20
    assert min(waits) >= 15
