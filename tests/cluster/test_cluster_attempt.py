"""What people are told of an attempt."""

from __future__ import annotations

import pytest

from nepsbench.cluster.attempt import Attempt, Cause, describe
from nepsbench.cluster.conversation import Place
from nepsbench.cluster.interface import Phase, Resources


def attempt(phase: Phase, **changes: object) -> Attempt:
    return Attempt("k", 1, 1, Place("t", 0), Resources(), phase=phase, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (attempt(Phase.SENT), "sent"),
        (
            attempt(Phase.QUEUED, native="PENDING", reason="Resources", start="12:00"),
            "queued, PENDING, Resources, expected to start 12:00",
        ),
        (attempt(Phase.QUEUED, native="QUEUED", reason="None"), "queued"),
        (
            attempt(Phase.ACTIVE, native="RUNNING", node="n1", start="12:00"),
            "active, RUNNING, on n1",
        ),
        (
            attempt(Phase.FAILED, exit_code=1, cause=Cause.APPLICATION, native="FAILED"),
            "failed, exit code 1, cause application",
        ),
        (attempt(Phase.SUCCEEDED, exit_code=0), "succeeded, exit code 0"),
        (attempt(Phase.TIMEOUT, cause=Cause.TIMEOUT, reason="TimeLimit"), "timeout, TimeLimit"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_attempt_is_told_in_one_line_that_says_nothing_twice(known: Attempt, told: str) -> None:
    assert describe(known) == told


def test_an_attempt_is_open_until_its_phase_is_final() -> None:
    assert attempt(Phase.MISSING).is_open
    assert not attempt(Phase.LOST).is_open
