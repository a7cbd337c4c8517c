"""The DAGs under a real scheduler, triggerer and DAG processor: what a person can do to a run.

MLflow is left out, which the DAGs allow: they skip what they would write there.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from include.platform import environment, services
from include.platform.errors import PlatformError
from include.platform.settings import ROOT, Settings
from nepsbench.campaign.draw import draw_profile
from nepsbench.campaign.form import parse_campaign
from nepsbench.cluster import ClusterFile
from nepsbench.cluster.attempt import Cause, Outcome
from nepsbench.cluster.ledger import open_ledger
from tests.integration.live_airflow import (
    HOLD,
    Api,
    Training,
    airflow_settings,
    finish,
    log_in,
    second_triggerer,
    signal_triggerer,
)
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.platform,
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("airflow")
    limits = {"slots": 8, "max_jobs": 1, "cpus_per_node": 1}
    clusters = {
        name: {
            "name": name, "kind": "local", "root": str(folder / name), "setup": HOLD,
            "poll_interval": 0.3, "limits": limits | more, "recovery": {"launch": 0},
        }
        for name, more in {"local": {}, "hasty": {"max_wait": 8}}.items()
    }  # fmt: skip
    with airflow_settings(folder, clusters) as settings:
        yield settings


@pytest.fixture(scope="module")
def platform(settings: Settings) -> services.Platform:
    return services.up(settings)


@pytest.fixture(scope="module")
def api(platform: services.Platform) -> Iterator[Api]:
    with log_in(platform) as api:
        yield api


def written(settings: Settings, campaign: str) -> dict[str, Any]:
    """What work leaves: commits and releases, and when each was written; attempts."""
    folder = settings.clusters[0].parent
    patterns = ("home/commits/*", "home/releases/**/*.*")
    files = {str(p): p.stat().st_mtime_ns for one in patterns for p in folder.glob(one)}
    with open_ledger(settings.home) as ledger:
        attempts = ledger.attempts()
    return files | {a.place.token: a for a in attempts if a.key.startswith(f"{campaign}.")}


def test_every_dag_shows_its_form_owner_tags_and_documentation(api: Api) -> None:
    assert api._send("GET", "/api/v2/importErrors")["total_entries"] == 0
    assert api._send("GET", "/api/v2/dagWarnings")["total_entries"] == 0
    for path in (ROOT / "dags").glob("*.py"):
        details = api.details(path.stem)
        assert details["owners"] == ["nepsbench"]
        assert "nepsbench" in [tag["name"] for tag in details["tags"]]
        assert details["doc_md"].startswith("### ")
        for name, param in details["params"].items():
            assert param["schema"]["title"], name
            assert param["description"], name
        for task in api._send("GET", f"/api/v2/dags/{path.stem}/tasks")["tasks"]:
            assert task["retries"] == 2
            assert task["doc_md"] or task["operator_name"] == "ClusterJobsOperator"


@pytest.mark.usefixtures("api")
def test_parsing_warns_of_nothing_deprecated(settings: Settings) -> None:
    logs = [*settings.logs.glob("*.log"), *settings.airflow.glob("logs/dag_processor/**/*.log")]
    lines = [line for log in logs for line in log.read_text().splitlines()]
    assert lines
    assert not [
        line for line in lines if "eprecat" in line and ("dags/" in line or "nepsbench" in line)
    ]


@pytest.fixture(scope="module")
def regenerated(api: Api) -> dict[str, Any]:
    """The form of a campaign that was run by one click."""
    dag, form = "regenerate_benchmark", {"streams": 1, "samples": 4, "waves": "1"}
    api.trigger(dag, "first", conf=form)
    assert finish(api, dag, "first") == "success", api.tasks(dag, "first")
    return form


def test_one_click_makes_a_release_and_a_second_does_no_work(
    api: Api, settings: Settings, regenerated: dict[str, Any]
) -> None:
    dag, form = "regenerate_benchmark", regenerated
    name = parse_campaign(form).name
    before = written(settings, name)
    assert any("manifest.json" in path for path in before)
    api.trigger(dag, "second", conf=form)
    assert finish(api, dag, "second") == "success", api.tasks(dag, "second")
    assert written(settings, name) == before


@pytest.mark.usefixtures("regenerated")
def test_an_audit_trains_a_trial_again_and_a_second_one_only_compares(
    api: Api, settings: Settings
) -> None:
    dag, form = "audit_benchmark", {"benchmark": "nepsbench101-digits@1.0.0", "number": 1}
    for run in ("audit", "again"):
        api.trigger(dag, run, conf=form)
        assert finish(api, dag, run) == "success", api.tasks(dag, run)
        assert "1 of 4 trials trained again up to epoch 1" in api.log(dag, run, "judge")
    [record] = settings.home.glob("audits/*/record.json")
    kept = json.loads(record.read_text())
    assert [trial["verdict"] for trial in kept["trials"]] == ["exact"]
    assert kept["by"] == "admin, Airflow run audit"
    with open_ledger(settings.home) as ledger:
        attempts = [a.key for a in ledger.attempts() if a.key.startswith(f"{kept['audit']}.")]
    assert len(attempts) == 2
    assert "trained again before" in api.log(dag, "again", "plan")


def test_a_cleared_task_adopts_the_running_job(api: Api, settings: Settings) -> None:
    training = Training(api, settings, run_id="cleared", first_stream=2)
    job_id = training.job_id
    api.clear("train_wave", "cleared", "train")
    training.wait_until_deferred(try_number=2)
    wait_until(lambda: "its jobs run on" in training.log(1))
    assert training.runs()
    training.release()
    assert training.end() == "success"
    assert training.job_id == job_id
    assert (len(training.attempts), training.submissions) == (1, 1)
    assert training.work.owner == "train_wave/cleared/train#2"


def test_a_task_marked_failed_cancels_its_job(api: Api, settings: Settings) -> None:
    training = Training(api, settings, run_id="killed", first_stream=3)
    assert training.runs()
    api.mark_failed("train_wave", "killed", "train")
    wait_until(lambda: not training.runs())
    assert training.end() == "failed"
    wait_until(lambda: "cancelled 1 jobs" in training.log())
    assert training.work.outcome is Outcome.CANCELLED


def test_a_task_marked_failed_while_no_triggerer_runs_is_swept_up(
    api: Api, settings: Settings
) -> None:
    training = Training(api, settings, run_id="unheard", first_stream=7)
    psutil.wait_procs(signal_triggerer(settings, signal.SIGKILL), timeout=10)
    api.mark_failed("train_wave", "unheard", "train")
    assert training.runs()
    api.trigger("sweep_clusters", "sweep", conf={})
    assert finish(api, "sweep_clusters", "sweep") == "success"
    log = api.log("sweep_clusters", "sweep", "sweep")
    assert "given up, for its task has ended: train_wave/unheard/train#1" in log
    assert not training.runs()
    assert training.work.outcome is Outcome.CANCELLED
    services.up(settings, say=lambda _: None)


def test_a_wait_beyond_the_clusters_patience_cancels_the_job_and_says_so(
    api: Api, settings: Settings
) -> None:
    training = Training(api, settings, run_id="late", first_stream=8, cluster="hasty")
    assert training.end() == "failed"
    assert training.task.try_number == 1
    assert "the jobs did not end within the cluster's limits.max_wait; 1 were" in training.log()
    assert not training.runs()
    assert training.work.outcome is Outcome.CANCELLED


def test_jobs_that_fail_are_not_tried_again_by_airflow_until_somebody_clears_the_task(
    api: Api, settings: Settings
) -> None:
    training = Training(api, settings, run_id="broken", first_stream=1)
    (training.folder / "broken").touch()
    training.release()
    assert training.end() == "failed"
    assert training.task.try_number == 1
    assert "1 of 1 jobs did not succeed" in training.log()
    assert "no such module" in training.log()
    (training.folder / "broken").unlink()
    api.clear_failed("train_wave", "broken")
    wait_until(lambda: training.task.try_number == 2)
    assert training.end() == "success"
    assert [attempt.round for attempt in training.attempts] == [1, 2]


def test_a_task_links_its_jobs_which_only_who_is_logged_in_may_see(
    api: Api, settings: Settings
) -> None:
    training = Training(api, settings, run_id="linked", first_stream=9)
    link = api.link("train_wave", "linked", "train")
    page = api.page(link)
    assert page.status_code == 200
    for text in (training.job.name, training.job_id, "active", f"{training.job}/stdout"):
        assert text in page.text
    assert training.job.name in api.page("/nepsbench/clusters").text
    board = api.page("/nepsbench/benchmarks")
    assert training.campaign in board.text
    one = api.page(f"/nepsbench/benchmarks/{training.campaign}")
    assert "Stages" in one.text
    assert api.page("/nepsbench/benchmarks/none").status_code == 404
    for path in (link, "/nepsbench/clusters", "/nepsbench/benchmarks"):
        stranger = api.page(path, logged_in=False)
        assert stranger.status_code == 307
        assert stranger.headers["location"].startswith("/api/v2/auth/login?next=")
    training.release()
    assert training.end() == "success"
    assert "succeeded" in api.page(link).text


MISTAKES = {
    "dataset": ({"dataset": "none"}, "unknown dataset 'none'; there are: "),
    "stream": ({"streams": 1, "samples": 3, "name": "thief"}, "stream 0"),
    "waves": ({"waves": "12,3"}, "give 1 to 5 rising numbers of epochs"),
}


def test_a_mistake_fails_at_once_with_one_line_and_is_not_tried_again(api: Api) -> None:
    for name, (form, _) in MISTAKES.items():
        api.trigger("create_profile", name, conf=form)
    for name, (_, message) in MISTAKES.items():
        assert finish(api, "create_profile", name) == "failed"
        assert api.task("create_profile", name, "draw_profile").try_number == 1
        log = api.log("create_profile", name, "draw_profile")
        assert len([line for line in log.splitlines() if message in line]) == 1


@pytest.mark.parametrize("form", [{"streams": 0}, {"cluster": "a b"}, {"release": "new"}])
def test_the_form_refuses_what_its_schema_can_tell(api: Api, form: dict[str, Any]) -> None:
    with pytest.raises(PlatformError, match="400"):
        api.trigger("regenerate_benchmark", "refused", conf=form)
    assert api.run_state("regenerate_benchmark", "refused") is None


STAGES = {
    "create_profile": 1, "initialize_campaign": 1, "train_wave": 2, "collect_wave": 2,
    "fit_surrogate": 1, "build_release": 1,
}  # fmt: skip


def test_stages_hand_a_campaign_on_to_each_other(api: Api, settings: Settings) -> None:
    form = {"first_stream": 10, "streams": 1, "samples": 1, "waves": "1,2", "release": "2.0.0"}
    name = parse_campaign(form).name
    stop = {**form, "first_stream": 11, "name": "stops"}
    api.trigger("create_profile", "handed", conf={**form, "hand_on": True})
    api.trigger("create_profile", "stops", conf=stop)
    wait_until(lambda: (settings.home / "releases/nepsbench101-digits/2.0.0").exists())
    of_campaign = {
        dag_id: [run for run in api.runs(dag_id) if run["partition_key"] == name]
        for dag_id in list(STAGES)[1:]
    }
    assert {dag_id: len(runs) for dag_id, runs in of_campaign.items()} == {
        dag_id: count for dag_id, count in STAGES.items() if dag_id != "create_profile"
    }
    for dag_id, runs in of_campaign.items():
        for run in runs:
            assert finish(api, dag_id, run["dag_run_id"]) == "success"
            assert run["run_type"] == "asset_triggered"
    assert finish(api, "create_profile", "stops") == "success"
    assert api.task("create_profile", "stops", "hand_on").state == "skipped"
    assert "stops" not in {run["partition_key"] for run in api.runs("initialize_campaign")}


def test_a_job_that_was_killed_outright_is_begun_again_within_the_same_try(
    api: Api, settings: Settings
) -> None:
    training = Training(api, settings, run_id="shot", first_stream=12)
    first = training.job_id
    os.kill(training.pid, signal.SIGKILL)
    wait_until(lambda: len(training.attempts) == 2)
    training.release()
    assert training.end() == "success"
    assert training.task.try_number == 1
    assert training.attempts[0].cause is Cause.LOST
    assert training.job_id != first


def test_a_task_survives_the_death_of_its_triggerer(api: Api, settings: Settings) -> None:
    training = Training(api, settings, run_id="orphaned", first_stream=4)
    job_id = training.job_id
    psutil.wait_procs(signal_triggerer(settings, signal.SIGKILL), timeout=10)
    services.up(settings, say=lambda _: None)
    training.release()
    assert training.end() == "success"
    assert (training.job_id, training.task.try_number) == (job_id, 1)


def test_a_triggerer_that_was_only_thought_dead_leaves_jobs_alone(
    api: Api, platform: services.Platform, tmp_path: Path
) -> None:
    settings = platform.settings
    training = Training(api, settings, run_id="paused", first_stream=5)
    first = api.triggerer("train_wave", "paused", "train")
    signal_triggerer(settings, signal.SIGSTOP)
    with second_triggerer(platform, tmp_path):
        wait_until(lambda: api.triggerer("train_wave", "paused", "train") not in (None, first))
        signal_triggerer(settings, signal.SIGCONT)
        wait_until(lambda: "the task is deferred: its jobs run on" in training.log())
        assert training.runs()
        training.release()
        assert training.end() == "success"
        assert (len(training.attempts), training.submissions) == (1, 1)


@pytest.mark.slurm
def test_task_and_trigger_reach_a_cluster_by_a_connection_stored_in_airflow(
    api: Api, settings: Settings, slurm_state: Path, slurm_file: ClusterFile
) -> None:
    file = slurm_file.model_copy(update={"name": "stored", "connection": "stored", "ssh": None})
    text = yaml.safe_dump(file.model_dump(mode="json"))
    (settings.clusters[0] / "stored.yaml").write_text(text)
    (exported,) = environment.read_connections(slurm_state / "env.sh").values()
    connection = json.loads(exported)
    api.add_connection("stored", {**connection, "extra": json.dumps(connection["extra"])})
    form = {"first_stream": 6, "streams": 1, "samples": 1, "cluster": "stored", "name": "by-ssh"}
    draw_profile(parse_campaign(form), settings.home)
    api.trigger("initialize_campaign", "by-ssh", conf={"campaign": "by-ssh"})
    assert finish(api, "initialize_campaign", "by-ssh") == "success"
    assert "succeeded" in api.log("initialize_campaign", "by-ssh", "initialize.run")


@pytest.mark.timeout(900)
def test_an_experiment_searches_and_then_trains_what_was_found(
    api: Api, settings: Settings
) -> None:
    conf = {
        "name": "experiment",
        "space": "oneshot_nasbench201",
        "recipe": "oneshot_nasbench201-2",
        "first_stream": 900,
        "streams": 1,
        "samples": 1,
        "waves": "1",
        "portfolio": [{"Method": "gdas", "Width": 4, "Depth": 1, "ArchitectureRate": 0.02}],
        "finals": {"waves": "1", "recipe": "nasbench201-12"},
    }
    api.trigger("run_experiment", "experiment", conf=conf)
    assert finish(api, "run_experiment", "experiment") == "success"
    assert finish(api, "run_experiment", "experiment-finals") == "success"
    page = settings.home / "campaigns/experiment/searches.json"
    (row,) = json.loads(page.read_text())["searches"]
    assert (row["method"], row["epochs"], row["final"]["epoch"]) == ("gdas", 1, 1)
    skipped = api.task("run_experiment", "experiment-finals", "train_found.trigger")
    assert skipped.state == "skipped"


def test_an_experiment_whose_finals_cannot_be_is_refused_before_it_searches(
    api: Api, settings: Settings
) -> None:
    conf = {"name": "refused", "finals": {"waves": "99", "recipe": "nasbench201-12"}}
    api.trigger("run_experiment", "refused", conf=conf)
    assert finish(api, "run_experiment", "refused") == "failed"
    assert "ends at epoch 12, 99 were asked" in api.log("run_experiment", "refused", "check")
    assert not (settings.home / "campaigns/refused").exists()
