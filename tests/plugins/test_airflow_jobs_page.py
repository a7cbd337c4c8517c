"""The page of cluster jobs, as text; who may see it is tried on a running platform."""

import html
from dataclasses import replace
from types import SimpleNamespace

import pytest

from nepsbench.cluster.ledger import open_ledger
from nepsbench.cluster.status import ClusterStatus, JobLine
from nepsbench_airflow import links
from nepsbench_airflow.jobs_page import _all_status, render
from nepsbench_airflow.links import ClusterJobsLink

LINE = JobLine(
    "c.w003.ab.0000", 2, "active", "17", "RUNNING", "n1", "", "2030-01-01T00:00:00",
    ("before: timeout once, of 4 retries for that cause",), "d/r/t#1", "open",
    "/root/jobs/one", "memory",
)  # fmt: skip


def status(*jobs, **changes):
    return replace(ClusterStatus("site", 3.0, True, (), jobs), **changes)


def test_a_job_shows_all_that_is_known_of_it():
    before = replace(LINE, attempt=1, phase="timeout", job_id="11", wrong=("ended",))
    page = render("d / r / t", [status(before, LINE)])
    for text in ("c.w003.ab.0000", "RUNNING", "n1", "2030-01-01T00:00:00", "memory", LINE.wrong[0]):
        assert text in page
    assert "/root/jobs/one/stdout" in page
    assert "1 earlier attempt<" in page
    assert page.index(">17<") < page.index("job 11,")


def test_the_page_loads_itself_again_until_all_is_settled():
    assert 'http-equiv="refresh"' in render("t", [status(LINE)])
    assert 'http-equiv="refresh"' not in render("t", [status(replace(LINE, outcome="succeeded"))])


def test_a_task_without_jobs_says_so():
    assert "none were asked for yet" in render("t", [])


def test_words_of_a_cluster_are_text_not_html():
    evil = "<script>alert(1)</script>"
    page = render(evil, [status(replace(LINE, why=evil, node=evil), notices=(evil,))])
    assert evil not in page
    assert page.count(html.escape(evil)) >= 4


def test_every_cluster_with_jobs_is_shown(home, make_job):
    assert _all_status(every=False) == []
    with open_ledger(home) as ledger:
        ledger.want("here", [make_job("one", "true")], "me")
    (found,) = _all_status(every=False)
    assert (found.cluster, [job.key for job in found.jobs]) == ("here", ["one"])


@pytest.mark.parametrize("base", ["", "/airflow"])
def test_the_link_names_the_task_and_keeps_the_servers_path(monkeypatch, base):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"http://host:8080{base}")
    ti = SimpleNamespace(dag_id="d", run_id="a+b c&d", task_id="g.run", map_index=None)
    link = ClusterJobsLink().get_link(None, ti_key=ti)
    wanted = "dag_id=d&run_id=a%2Bb+c%26d&task_id=g.run&map_index=-1"
    assert link == f"{base}{links.PREFIX}/jobs?{wanted}"
