"""Who owns a job, and what becomes of jobs whose owner has ended."""

from types import SimpleNamespace

import pytest

from nepsbench.cluster.attempt import Outcome
from nepsbench.cluster.ledger import open_ledger
from nepsbench.errors import AccessError
from nepsbench_airflow import owners, sweeping
from nepsbench_airflow.owners import TaskTry, give_up_orphans, owner_of, parse_owner
from nepsbench_airflow.sweeping import sweep_all


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (TaskTry("d", "manual__2025-01-01T00:00:00+00:00", "g.run", -1, 1),
         "d/manual__2025-01-01T00:00:00+00:00/g.run#1"),
        (TaskTry("d", "a/b", "t", 0, 12), "d/a/b/t[0]#12"),
    ],
)  # fmt: skip
def test_an_owner_is_written_and_read_the_same(task, name):
    assert str(task) == name
    assert parse_owner(name) == task


@pytest.mark.parametrize("name", ["process 12 on host", "cancelled for now", "d/r/t", "d/r/t#x"])
def test_others_are_no_tasks(name):
    assert parse_owner(name) is None


def test_the_owner_is_the_try_that_runs():
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=None, try_number=2)
    assert str(owner_of({"ti": ti})) == "d/r/t#2"


def test_only_jobs_of_tasks_that_have_ended_are_given_up(home, make_job):
    states = {"ended": "failed", "gone": "removed", "lives": "deferred", "cleared": None}
    with open_ledger(home) as ledger:
        for state in states:
            ledger.want("here", [make_job(state, "true")], f"d/{state}/t#1")
        ledger.want("here", [make_job("mine", "true")], "process 1 on host")
        given_up = give_up_orphans(ledger, "here", lambda task: states[task.run_id])
        assert given_up == {"ended": "d/ended/t#1", "gone": "d/gone/t#1"}
        assert [key for key, work in ledger.works().items() if not work.wanted] == ["ended", "gone"]


def test_a_sweep_cancels_what_an_ended_task_left_and_says_so(home, make_job, capsys, monkeypatch):
    monkeypatch.setattr(owners, "task_state", lambda _: pytest.fail("nobody else is to be asked"))
    monkeypatch.setattr(
        sweeping,
        "give_up_orphans",
        lambda ledger, name: give_up_orphans(ledger, name, lambda _: "failed"),
    )
    with open_ledger(home) as ledger:
        ledger.want("here", [make_job("left", "exec sleep 600")], "d/r/t#1")
        sweep_all(home)
        assert ledger.works()["left"].outcome is Outcome.CANCELLED
    assert "left: given up, for its task has ended: d/r/t#1" in capsys.readouterr().out


def test_a_cluster_that_cannot_be_swept_keeps_no_other_from_it(
    home, cluster, make_job, capsys, monkeypatch
):
    def refuse(name):
        if name == "aaa":
            raise AccessError("no way in")
        return cluster

    (home.parent / "clusters/aaa.yaml").write_text("name: aaa\nkind: local\n")
    monkeypatch.setattr(sweeping, "open_airflow_cluster", refuse)
    monkeypatch.setattr(sweeping, "give_up_orphans", lambda *_: {})
    with open_ledger(home) as ledger:
        ledger.want("aaa", [make_job("theirs", "true")], "me")
        ledger.want("here", [make_job("ours", "true")], "me")
    with pytest.raises(AccessError, match=r"^aaa: no way in$"):
        sweep_all(home)
    assert "cluster aaa: no way in" in capsys.readouterr().out
    with open_ledger(home) as ledger:
        assert sum(tick.submitted for tick in ledger.ticks("here", 100)) == 1


@pytest.mark.usefixtures("cluster")
def test_a_cluster_without_jobs_is_not_visited(home, monkeypatch):
    monkeypatch.setattr(sweeping, "open_airflow_cluster", lambda _: pytest.fail("visited"))
    sweep_all(home)
