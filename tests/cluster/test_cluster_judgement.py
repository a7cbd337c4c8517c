"""The ladder of truth, rung by rung: one attempt, one sight, one judgement."""

from dataclasses import replace

import pytest

from nepsbench.cluster.attempt import Attempt, Cause
from nepsbench.cluster.conversation import (
    Account,
    End,
    Facts,
    Finding,
    Place,
    Receipt,
    Row,
    Verdict,
)
from nepsbench.cluster.interface import Phase, Resources
from nepsbench.cluster.judgement import Patience, Sight, judge

PLACE = Place("t", 0)
NOW = 10_000.0
PATIENCE = Patience(lost=30, sent=60)
FOUND = Finding("its last words", memory=False)


def attempt(**changes: object) -> Attempt:
    base = Attempt("k", 1, 1, PLACE, Resources(), phase=Phase.QUEUED, job_id="7", sent=NOW - 100)
    return replace(base, **changes)


def row(state: str, job_id: str = "7", **more: str) -> Row:
    return Row("t", job_id, ((0, 0),), state, **more)


def look(known: Attempt, now: float = NOW, **seen: object) -> Attempt:
    return judge(known, Sight(**({"healthy": True} | seen)), now, PATIENCE).attempt


def look_again(known: Attempt, times: int = 2, **seen: object) -> Attempt:
    for _ in range(times):
        known = look(known, **seen) if known.is_open else known
    return known


def test_success_needs_code_zero_and_manifests_that_hold() -> None:
    assert look(attempt(), end=End(0, "7", valid=True)).phase is Phase.SUCCEEDED
    empty = look(attempt(), end=End(0, "7", valid=False), finding=FOUND)
    assert (empty.phase, empty.cause) == (Phase.FAILED, Cause.APPLICATION)
    assert empty.said == "its last words"


def test_a_proven_end_counts_even_if_the_queue_does_not_answer_and_a_failure_does_not() -> None:
    assert look(attempt(), healthy=False, end=End(0, "7", valid=True)).phase is Phase.SUCCEEDED
    known = attempt(phase=Phase.ACTIVE)
    assert look(known, healthy=False, end=End(1, "7"), finding=FOUND) == known


def test_a_queue_that_says_completed_without_a_marker_makes_no_success() -> None:
    known = look_again(attempt(), rows=(row("COMPLETED"),), finding=FOUND)
    assert (known.phase, known.cause) == (Phase.FAILED, Cause.LAUNCH)


def test_a_failure_marker_of_a_job_that_is_queued_again_is_the_past() -> None:
    end = End(143, "7", "terminated")
    for state in ("PENDING", "RUNNING", "COMPLETING", "A_STATE_OF_SLURM_99"):
        assert look(attempt(), rows=(row(state),), end=end).is_open


@pytest.mark.parametrize(
    ("state", "why", "memory", "phase", "cause"),
    [
        ("FAILED", "", False, Phase.FAILED, Cause.APPLICATION),
        ("FAILED", "", True, Phase.OUT_OF_MEMORY, Cause.MEMORY),
        ("OUT_OF_MEMORY", "", False, Phase.OUT_OF_MEMORY, Cause.MEMORY),
        ("TIMEOUT", "", False, Phase.TIMEOUT, Cause.TIMEOUT),
        ("NODE_FAIL", "", False, Phase.NODE_FAILURE, Cause.NODE),
        ("CANCELLED", "terminated", False, Phase.CANCELLED, Cause.CANCELLED),
        ("", "timeout", False, Phase.TIMEOUT, Cause.TIMEOUT),
        ("", "terminated", False, Phase.FAILED, Cause.PREEMPTION),
        ("", "refused", False, Phase.FAILED, Cause.LAUNCH),
    ],
)
def test_a_marker_of_failure_is_read_beside_the_queues_last_word(
    state: str, why: str, memory: bool, phase: Phase, cause: Cause
) -> None:
    rows = (row(state),) if state else ()
    found = Finding("", memory=memory)
    known = look(attempt(), rows=rows, end=End(1, "7", why), finding=found)
    assert (known.phase, known.cause, known.exit_code) == (phase, cause, 1)


@pytest.mark.parametrize(
    ("state", "phase", "cause"),
    [
        ("TIMEOUT", Phase.TIMEOUT, Cause.TIMEOUT),
        ("DEADLINE", Phase.TIMEOUT, Cause.TIMEOUT),
        ("OUT_OF_MEMORY", Phase.OUT_OF_MEMORY, Cause.MEMORY),
        ("NODE_FAIL", Phase.NODE_FAILURE, Cause.NODE),
        ("BOOT_FAIL", Phase.NODE_FAILURE, Cause.NODE),
        ("CANCELLED", Phase.CANCELLED, Cause.CANCELLED),
        ("FAILED", Phase.FAILED, Cause.LAUNCH),
    ],
)
def test_without_a_marker_the_queue_is_believed_at_the_second_look(
    state: str, phase: Phase, cause: Cause
) -> None:
    once = look(attempt(), rows=(row(state),), finding=FOUND)
    assert once.is_open
    twice = look(once, rows=(row(state),), finding=FOUND)
    assert (twice.phase, twice.cause) == (phase, cause)


def test_its_last_words_are_asked_for_before_a_failure_is_closed() -> None:
    judgement = judge(attempt(), Sight(healthy=True, end=End(1, "7")), NOW, PATIENCE)
    assert judgement.examine
    assert judgement.attempt.is_open


def test_training_that_stops_in_order_goes_on_unless_somebody_cancelled_it() -> None:
    end = End(3, "7", "terminated", progress=12)
    drained = look(attempt(), end=end)
    assert (drained.phase, drained.cause) == (Phase.STOPPED, Cause.PREEMPTION)
    cancelled = look(attempt(), rows=(row("CANCELLED"),), end=end)
    assert (cancelled.phase, cancelled.cause) == (Phase.CANCELLED, Cause.CANCELLED)


def test_trials_that_remain_are_no_failure() -> None:
    known = look(attempt(), end=End(3, "7", progress=12))
    assert (known.phase, known.cause, known.progress) == (Phase.STOPPED, Cause.TIMEOUT, 12)


def test_absence_counts_only_in_several_healthy_snapshots_over_some_time() -> None:
    known = look(attempt(), NOW)
    assert known.phase is Phase.MISSING
    known = look(look(known, NOW + 1), NOW + 2)
    assert known.phase is Phase.MISSING, "three looks within two seconds prove nothing"
    known = look(known, NOW + 99, healthy=False)
    assert known.phase is Phase.MISSING
    lost = look(known, NOW + 31, finding=FOUND)
    assert (lost.phase, lost.cause) == (Phase.LOST, Cause.LOST)
    assert look(known, NOW + 31, rows=(row("RUNNING"),)).phase is Phase.ACTIVE


def test_an_index_that_is_gone_from_an_array_that_waits_was_cancelled() -> None:
    gone = look_again(attempt(native="PENDING"), siblings=True)
    assert (gone.phase, gone.cause) == (Phase.CANCELLED, Cause.CANCELLED)
    running = attempt(phase=Phase.ACTIVE, native="RUNNING")
    assert look_again(running, 5, siblings=True).phase is Phase.MISSING
    back = look(look(attempt(native="PENDING"), siblings=True), rows=(row("RUNNING"),))
    assert (back.phase, back.native) == (Phase.ACTIVE, "RUNNING")


def test_accounting_explains_what_the_queue_forgot_but_makes_no_success() -> None:
    missing = attempt(phase=Phase.MISSING, misses=5, since=NOW - 60)
    for state, cause in (("NODE_FAIL", Cause.NODE), ("COMPLETED", Cause.LAUNCH)):
        account = Account("t", 0, state, int(NOW))
        assert look(missing, account=account, finding=FOUND).cause is cause


def test_a_job_that_can_never_begin_is_refused_after_a_while() -> None:
    rows = (row("PENDING", reason="BadConstraints"),)
    known = look(attempt(native="PENDING", since=NOW), rows=rows)
    assert known.phase is Phase.QUEUED
    refused = look(known, NOW + 61, rows=rows)
    assert (refused.phase, refused.cause) == (Phase.REFUSED, Cause.REFUSED)
    assert "BadConstraints" in refused.said
    waiting = look(known, NOW + 9999, rows=(row("PENDING", reason="Resources"),))
    assert waiting.phase is Phase.QUEUED


def test_a_preempted_job_has_five_minutes_to_come_back() -> None:
    known = look(attempt(phase=Phase.ACTIVE), rows=(row("PREEMPTED"),))
    assert known.phase is Phase.QUEUED
    assert look(known, NOW + 200, rows=(row("PREEMPTED"),), finding=FOUND).is_open
    late = look(known, NOW + 301, rows=(row("PREEMPTED"),), finding=FOUND)
    late = look(late, NOW + 302, rows=(row("PREEMPTED"),), finding=FOUND)
    assert late.cause is Cause.PREEMPTION


def test_of_two_rows_the_one_that_lives_speaks() -> None:
    rows = (row("FAILED"), row("RUNNING", "8"))
    assert look(attempt(), rows=rows).job_id == "8"
    assert look(attempt(), rows=(row("PENDING"), row("PENDING", "8"))).job_id == "7"


SENT = attempt(phase=Phase.SENT, job_id="")


@pytest.mark.parametrize("receipt", [None, Receipt(Verdict.UNKNOWN)])
def test_a_submission_without_an_answer_stays_open_for_ever(receipt: Receipt | None) -> None:
    assert look(SENT, NOW + 10_000, receipt=receipt) == SENT


def test_a_submission_that_is_not_found_was_not_made_only_after_all_commands_can_have_ended():
    absent = {"receipt": Receipt(Verdict.ABSENT)}
    young = replace(SENT, sent=NOW)
    assert look_again(young, 5, **absent).phase is Phase.SENT
    assert look(SENT, **absent).phase is Phase.SENT
    given_up = look_again(SENT, 2, **absent)
    assert (given_up.phase, given_up.cause) == (Phase.LOST, Cause.LAUNCH)


def test_an_accepted_submission_is_judged_by_the_same_answer() -> None:
    accepted = Receipt(Verdict.ACCEPTED, "9")
    assert look(SENT, receipt=accepted, rows=(row("RUNNING", "9"),)).phase is Phase.ACTIVE
    assert look(SENT, receipt=accepted, healthy=False).phase is Phase.QUEUED
    assert look(SENT, end=End(0, "9", valid=True)).job_id == "9"


def test_a_busy_queue_takes_nothing_and_nothing_is_held_against_the_job() -> None:
    for verdict in (Verdict.BUSY, Verdict.UNTRIED):
        sight = Sight(healthy=True, receipt=Receipt(verdict))
        assert judge(SENT, sight, NOW, PATIENCE).withdrawn


def test_a_refusal_ends_the_attempt_with_the_queues_words() -> None:
    known = look(SENT, receipt=Receipt(Verdict.REFUSED, words="invalid partition"))
    assert (known.phase, known.cause, known.said) == (
        Phase.REFUSED,
        Cause.REFUSED,
        "invalid partition",
    )


def test_what_nobody_wants_is_cancelled_however_it_ends() -> None:
    for seen in (
        {"rows": (row("CANCELLED"),)},
        {"rows": (row("FAILED"),)},
        {"end": End(143, "7", "terminated")},
        {"end": End(3, "7")},
        {},
    ):
        assert look_again(attempt(), wanted=False, finding=FOUND, **seen).phase is Phase.CANCELLED
    assert look(attempt(), wanted=False, end=End(0, "7", valid=True)).phase is Phase.SUCCEEDED
    assert look(attempt(), wanted=False, rows=(row("RUNNING"),)).phase is Phase.ACTIVE


def test_facts_have_no_defaults_that_could_be_taken_for_answers() -> None:
    assert set(vars(Facts()).values()) == {None, False, ""}


def test_a_success_says_what_was_done_and_nothing_that_was_feared_before() -> None:
    feared = attempt(reason="Resources", said="killed", misses=1)
    done = look(feared, end=End(0, "7", progress=12, valid=True))
    assert (done.exit_code, done.progress, done.reason, done.said) == (0, 12, "", "")
    assert (done.misses, done.ended) == (0, NOW)


def test_since_tells_when_the_queues_word_changed() -> None:
    known = look(attempt(native="PENDING"), NOW + 5, rows=(row("RUNNING"),))
    assert known.since == NOW + 5
    assert look(known, NOW + 9, rows=(row("RUNNING"),)).since == NOW + 5


@pytest.mark.parametrize(
    ("known", "rows"),
    [
        (attempt(misses=1), (row("NODE_FAIL"),)),
        (attempt(phase=Phase.MISSING, misses=5, since=NOW - 60), ()),
    ],
)
def test_whatever_the_queue_says_of_a_failure_its_last_words_are_asked_for(
    known: Attempt, rows: tuple[Row, ...]
) -> None:
    judgement = judge(known, Sight(healthy=True, rows=rows), NOW, PATIENCE)
    assert judgement.examine
    assert judgement.attempt.is_open
    closed = look(known, rows=rows, finding=FOUND)
    assert (closed.is_open, closed.said) == (False, "its last words")


def test_a_cancelled_job_has_no_last_words_to_wait_for() -> None:
    judgement = judge(
        attempt(misses=1), Sight(healthy=True, rows=(row("CANCELLED"),)), NOW, PATIENCE
    )
    assert not judgement.examine
    assert judgement.attempt.phase is Phase.CANCELLED
