"""What ``nepsbench cluster status`` says of jobs in every condition."""

from dataclasses import replace

from nepsbench.cluster import Facts, Job, Phase, Place, Resources
from nepsbench.cluster.attempt import Attempt, Cause, Outcome, Work
from nepsbench.cluster.status import ClusterStatus, job_lines, notices, text
from nepsbench.cluster.tick import Tick

NOW = 10_000.0
BUDGETS = {Cause.TIMEOUT: 4, Cause.APPLICATION: 1}


def work(key="one", **changes):
    job = Job(key, f"/root/jobs/{key}", ("true",), Resources())
    return replace(Work(key, "here", job, "d/r/t#1"), **changes)


def attempt(generation=1, key="one", **changes):
    place = Place(f"abc-{generation}", 0)
    begun = Attempt(key, generation, 1, place, Resources(), job_id="7", sent=NOW - 60)
    return replace(begun, **{"phase": Phase.ACTIVE, "native": "RUNNING", **changes})


def lines(some_work, *attempts):
    return job_lines([some_work], attempts, BUDGETS, NOW)


def test_a_job_that_nobody_submitted_yet_has_a_line():
    (line,) = lines(work())
    assert (line.phase, line.attempt, line.job_id, line.wrong) == ("waiting", 1, "", ())


def test_a_running_job_has_nothing_wrong():
    (line,) = lines(work(), attempt(node="n1"))
    assert (line.phase, line.attempt, line.job_id) == ("active", 1, "7")
    assert (line.state, line.node, line.wrong, line.failure) == ("RUNNING", "n1", (), "")


def test_why_a_job_waits_and_when_it_may_start():
    queued = attempt(phase=Phase.QUEUED, native="PENDING")
    (line,) = lines(work(), replace(queued, reason="Priority", start="2030-01-01T00:00:00"))
    assert (line.why, line.start, line.wrong) == ("Priority", "2030-01-01T00:00:00", ())
    assert line.begin == "expected 2030-01-01T00:00:00"


def test_a_held_job_says_how_to_let_it_go():
    held = attempt(phase=Phase.QUEUED, native="PENDING", reason="JobHeldUser")
    (line,) = lines(work(), replace(held, job_id="7;cluster"))
    assert line.wrong == ("it is held; let it go with: scontrol release 7",)


def test_missing_looks_are_counted():
    (line,) = lines(work(), attempt(phase=Phase.MISSING, misses=2, since=NOW - 20))
    assert line.wrong == ("neither in the queue nor ended for 2 looks, 20 s",)


def test_a_submission_without_an_answer_says_so():
    (line,) = lines(work(), attempt(phase=Phase.SENT, misses=1))
    assert line.wrong == ("whether it was submitted is not known yet, 60 s, not found by one look",)


def test_jobs_of_an_array_have_their_index():
    there = [
        replace(attempt(key=key, job_id="7;site"), place=Place("abc-1", index))
        for index, key in enumerate(("one", "two"))
    ]
    found = job_lines([work("one"), work("two")], there, BUDGETS, NOW)
    assert [line.job_id for line in found] == ["7_0;site", "7_1;site"]


def test_earlier_failures_and_what_is_left_of_their_budget_are_told():
    ended = attempt(1, phase=Phase.TIMEOUT, cause=Cause.TIMEOUT, ended=NOW - 5)
    first, second = lines(work(), ended, attempt(2))
    assert first.wrong == ()
    assert second.wrong == ("before: timeout once, of 4 retries for that cause",)
    assert (first.failure, second.failure) == ("timeout", "timeout")
    _, waiting = lines(work(), ended)
    assert (waiting.phase, waiting.attempt) == ("waiting", 2)
    assert waiting.wrong == second.wrong


def test_an_ended_attempt_tells_its_cause_exit_code_and_last_words():
    ended = attempt(1, phase=Phase.FAILED, cause=Cause.APPLICATION, exit_code=7, said="no data")
    assert lines(work(), ended)[0].wrong == ("cause application, exit code 7, no data",)


def test_failures_of_an_earlier_round_are_forgiven():
    ended = attempt(1, phase=Phase.FAILED, cause=Cause.APPLICATION, ended=NOW - 5)
    lively = attempt(2, round=2)
    assert lines(work(round=2), ended, lively)[1].wrong == ()


def test_a_job_that_was_given_up_is_being_cancelled():
    (line,) = lines(work(wanted=False), attempt())
    assert line.wrong == ("given up: it is being cancelled",)


def test_a_settled_failure_says_why():
    ended = attempt(phase=Phase.FAILED, cause=Cause.APPLICATION, ended=NOW)
    (line,) = lines(work(outcome=Outcome.FAILED, why="exit code 7 (twice)"), ended)
    assert (line.outcome, line.wrong) == ("failed", ("exit code 7 (twice)",))


def tick(age, **changes):
    return replace(Tick("here", NOW - age, visited=True, next_in=15.0), **changes)


def said(*ticks, facts=None, has_open=True):
    return notices(ticks, facts, has_open=has_open, now=NOW)


def test_a_healthy_cluster_has_no_notices():
    assert said(tick(5), tick(20)) == []
    assert said(has_open=False) == []


def test_no_answer_tells_since_when_and_why():
    bad = {"healthy": False, "problem": "no route to host"}
    ticks = (tick(5, failures=2, **bad), tick(300, failures=1, **bad), tick(400))
    assert said(*ticks) == ["no answer for 5 min, 2 times: no route to host"]


def test_open_jobs_that_nobody_drives_are_noticed():
    (notice,) = said(tick(600))
    assert "nobody has driven it for 10 min" in notice
    assert "nepsbench cluster sweep here" in notice
    assert said(tick(600), has_open=False) == []


def test_strays_and_a_lack_of_accounting_are_told():
    strays, degraded = said(tick(5, strays=2), facts=Facts(accounting=False))
    assert strays == "strays in the queue, to be cancelled: 2"
    assert degraded.startswith("degraded: it has no accounting database")
    assert said(tick(5), facts=Facts(accounting=True)) == []


def test_the_text_is_a_table_with_the_notices_above_it():
    jobs = tuple(lines(work(), attempt(node="n1")))
    shown = text(ClusterStatus("here", 12.0, True, ("mind this",), jobs))
    assert shown[0] == "cluster here: last tick 12 s ago, healthy"
    assert shown[1] == "  ! mind this"
    assert shown[2].split() == ["PHASE", "TRY", "JOB", "STATE", "NODE", "START", "KEY", "WHY"]
    assert shown[3].split() == ["active", "1", "7", "RUNNING", "n1", "one"]
    assert text(ClusterStatus("here", None, False, (), ())) == [
        "cluster here: no tick yet",
        "no jobs",
    ]
