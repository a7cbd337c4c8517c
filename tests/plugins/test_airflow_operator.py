"""The operator's second half: what it makes of what the ledger says when it is woken."""

from types import SimpleNamespace

import pytest
from airflow.sdk.bases.operator import TriggerFailureReason
from airflow.sdk.exceptions import AirflowFailException, TaskDeferralError, TaskDeferred

from nepsbench.cluster.attempt import Outcome
from nepsbench.cluster.ledger import open_ledger
from nepsbench.cluster.waiting import drive
from nepsbench_airflow.operators import ClusterJobsOperator

OWNER, OTHER = "d/r/t#1", "d/other/t#1"
TIMED_OUT = {"error": TriggerFailureReason.TRIGGER_TIMEOUT}


@pytest.fixture
def context():
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=1)
    return {"ti": ti}


@pytest.fixture
def ledger(home, cluster):
    with open_ledger(home) as opened:
        yield opened
        for work in opened.works(open_only=True).values():
            opened.unwant([work.key], work.owner)
        drive(cluster, opened, list(opened.works()))


@pytest.fixture
def operator():
    return ClusterJobsOperator(task_id="t", stage="wave", wave=1)


def wake(operator, context, *keys, event=None, until=None):
    event = event or {"owner": OWNER, "problem": ""}
    return operator.finish(context, event=event, cluster="here", keys=list(keys), until=until)


def test_success_is_what_the_ledger_says(operator, context, ledger, cluster, make_job):
    ledger.want("here", [make_job("one", "true")], OWNER)
    drive(cluster, ledger, ["one"])
    assert wake(operator, context, "one") is None


def test_failed_jobs_fail_the_task_for_good_in_their_own_words(
    operator, context, ledger, cluster, make_job
):
    ledger.want("here", [make_job("one", "echo no such data >&2; exit 7")], OWNER)
    drive(cluster, ledger, ["one"])
    with pytest.raises(AirflowFailException, match=r"1 of 1 jobs .*exit code 7.*no such data"):
        wake(operator, context, "one")


def test_another_tasks_event_leads_to_waiting_on(operator, context, ledger, make_job):
    ledger.want("here", [make_job("one", "sleep 60")], OWNER)
    theirs = {"owner": OTHER, "problem": "their host key changed"}
    with pytest.raises(TaskDeferred) as deferred:
        wake(operator, context, "one", event=theirs)
    again = deferred.value
    assert again.trigger.serialize()[1] == {"cluster": "here", "keys": ["one"], "owner": OWNER}
    assert again.method_name == "finish"
    assert again.kwargs == {"cluster": "here", "keys": ["one"], "until": None}


def test_waiting_on_does_not_begin_the_wait_anew(operator, context, ledger, make_job):
    ledger.want("here", [make_job("one", "sleep 60")], OWNER)
    with pytest.raises(TaskDeferred) as deferred:
        wake(operator, context, "one", until=1.0)
    assert deferred.value.timeout.total_seconds() == 1
    assert deferred.value.kwargs["until"] == 1.0


def test_no_way_in_fails_the_task_for_good(operator, context, ledger, make_job):
    ledger.want("here", [make_job("one", "true")], OWNER)
    with pytest.raises(AirflowFailException, match=r"^host key changed$"):
        wake(operator, context, "one", event={"owner": OWNER, "problem": "host key changed"})
    assert ledger.works()["one"].wanted


def test_a_job_that_others_gave_up_is_wanted_again(
    operator, context, ledger, cluster, make_job, monkeypatch
):
    monkeypatch.setattr(operator, "execute", lambda _: "again")
    ledger.want("here", [make_job("one", "true")], OWNER)
    ledger.want("here", [make_job("one", "true")], OTHER)
    ledger.unwant(["one"], OTHER)
    drive(cluster, ledger, ["one"])
    assert wake(operator, context, "one") == "again"


def test_a_job_that_was_cancelled_under_our_name_fails_the_task(
    operator, context, ledger, cluster, make_job
):
    ledger.want("here", [make_job("one", "true")], OWNER)
    ledger.unwant(["one"], OWNER)
    drive(cluster, ledger, ["one"])
    with pytest.raises(AirflowFailException, match="given up"):
        wake(operator, context, "one")


def test_a_wait_that_lasts_too_long_cancels_the_jobs_and_says_so(
    operator, context, ledger, make_job
):
    ledger.want("here", [make_job("one", "exec sleep 600")], OWNER)
    ledger.want("here", [make_job("two", "exec sleep 600")], OTHER)
    with pytest.raises(AirflowFailException, match=r"max_wait; 1 were cancelled \(one\)"):
        operator.resume_execution("__fail__", TIMED_OUT, context)
    works = ledger.works()
    assert works["one"].outcome is Outcome.CANCELLED
    assert works["two"].wanted


def test_a_trigger_that_broke_leaves_the_jobs_to_the_next_try(operator, context, ledger, make_job):
    ledger.want("here", [make_job("one", "true")], OWNER)
    failure = {"error": TriggerFailureReason.TRIGGER_FAILURE, "traceback": ["bang"]}
    with pytest.raises(TaskDeferralError):
        operator.resume_execution("__fail__", failure, context)
    assert ledger.works()["one"].wanted


def test_a_kill_before_the_deferral_gives_up_what_this_process_wanted(operator, ledger, make_job):
    operator.on_kill()
    ledger.want("here", [make_job("one", "true"), make_job("two", "true")], OWNER)
    ledger.want("here", [make_job("two", "true")], "d/r/t#2")
    operator._wanted = (["one", "two"], OWNER)
    operator.on_kill()
    works = ledger.works()
    assert not works["one"].wanted
    assert works["two"].wanted
