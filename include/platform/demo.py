"""``make demo``: one small regeneration from the form to the answer, on what runs here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from rich.console import Console

from include.platform import services
from include.platform.airflow_api import ACTIVE_RUN, AirflowApi
from include.platform.credentials import USER, ensure_credentials
from include.platform.environment import nepsbench_variables
from include.platform.errors import PlatformError
from include.platform.run_view import RunView
from include.platform.services import BIN, Platform
from include.platform.settings import ROOT, Settings
from nepsbench.campaign.form import Campaign, parse_campaign

DAG = "regenerate_benchmark"
FORM = ROOT / "include/profiles/demo.json"
#: Seconds between two looks at the run; each costs the trainings a moment of CPU.
POLL = 3.0


def run_demo(settings: Settings, *, cluster: str, console: Console, form: Path = FORM) -> None:
    """Start the services, run the demo's campaign on ``cluster``, and show what it made.

    Interrupted, it stops the run and all services.

    Raises:
        PlatformError: If a service or a stage fails; with the end of its log.
    """
    begun = time.monotonic()
    settings = demo_settings(settings, cluster)
    conf = demo_form(cluster, form)
    campaign = parse_campaign(conf)
    platform = None
    try:
        platform = services.up(settings, say=console.print)
        follow(platform, run_id_of(conf), conf=conf, campaign=campaign, console=console)
        answer = ask(platform, campaign)
    except KeyboardInterrupt:
        _stop_everything(settings, platform, run_id=run_id_of(conf), console=console)
        raise
    console.rule()
    print_result(platform, campaign, console=console)
    console.print(answer, markup=False, highlight=False, soft_wrap=True)
    console.print(f"total time   {time.monotonic() - begun:.0f} s")


def demo_settings(settings: Settings, cluster: str) -> Settings:
    """Return the settings of the demo on ``cluster``.

    A cluster other than the local one has a data home of its own, so that the same trials are
    trained there again.
    """
    return settings if cluster == "local" else replace(settings, home=settings.home / cluster)


def demo_form(cluster: str, form: Path = FORM) -> dict[str, Any]:
    """Return the form's values, as they would be sent from the UI."""
    conf: dict[str, Any] = {**json.loads(form.read_text()), "cluster": cluster}
    if cluster != "local":
        conf["name"] = f"demo-{cluster}"
    return conf


def run_id_of(conf: dict[str, Any]) -> str:
    """Return a run id that is the same for the same values."""
    digest = sha256(json.dumps(conf, sort_keys=True).encode()).hexdigest()
    return f"demo-{conf['cluster']}-{digest[:10]}"


def follow(
    platform: Platform, run_id: str, *, conf: dict[str, Any], campaign: Campaign, console: Console
) -> None:
    """Trigger the run unless it is there, and show it until it ends.

    Raises:
        PlatformError: If a stage fails.
    """
    api = _login(platform)
    api.wait_for_dag(DAG)
    state = api.run_state(DAG, run_id)
    if state is None:
        console.print(f"triggering {DAG}, run {run_id}")
        api.trigger(DAG, run_id, conf=conf)
    elif state == "failed":
        console.print(f"run {run_id} has failed before: going on from there")
        api.clear_failed(DAG, run_id)
    else:
        done = "is done: reusing what it made" if state == "success" else "goes on"
        console.print(f"run {run_id} {done}")
    with RunView(console) as view:
        while (state := api.run_state(DAG, run_id)) in ACTIVE_RUN:
            view.show(api.tasks(DAG, run_id), _training(platform, campaign))
            time.sleep(POLL)
        view.show(api.tasks(DAG, run_id), "")
    if state != "success":
        raise PlatformError(_what_failed(api, run_id, platform))
    api.close()


def ask(platform: Platform, campaign: Campaign) -> str:
    """Return one question and its answers, asked as a user of the release would."""
    done = subprocess.run(
        [
            sys.executable,
            str(Path(__file__).with_name("question.py")),
            str(_release(platform, campaign)),
        ],
        env=services.environment_of(platform),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PlatformError(f"the release does not answer: {done.stderr.strip()[-2000:]}")
    return done.stdout.rstrip()


def print_result(platform: Platform, campaign: Campaign, *, console: Console) -> None:
    """Print where everything is."""
    settings = platform.settings
    for name, value in (
        ("Airflow", f"{platform.airflow_url}/dags/{DAG}"),
        ("MLflow", platform.mlflow_url),
        ("log in as", f"{USER}, passwords in {settings.credentials}"),
        ("warehouse", settings.home / "nepsbench.duckdb"),
        ("release", _release(platform, campaign)),
    ):
        console.print(f"{name:12} {value}", highlight=False, soft_wrap=True)


def _release(platform: Platform, campaign: Campaign) -> Path:
    return platform.settings.home / "releases" / campaign.benchmark / campaign.release


def _login(platform: Platform) -> AirflowApi:
    credentials = ensure_credentials(platform.settings)
    return AirflowApi(platform.airflow_url, username=USER, password=credentials.airflow_password)


def _training(platform: Platform, campaign: Campaign) -> str:
    """Return how far the campaign's training is; empty while there is nothing to count."""
    done = subprocess.run(
        [str(BIN / "nepsbench"), "campaign", "progress", "--json", campaign.name],
        env={**os.environ, **nepsbench_variables(platform.settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return ""
    found = json.loads(done.stdout)
    if not found["planned"]:
        return ""
    return (
        f"wave to {found['wave']} epochs: {found['left']} of {found['planned']} trials done, "
        f"{found['epochs']} epochs trained"
    )


def _what_failed(api: AirflowApi, run_id: str, platform: Platform) -> str:
    failed = [task for task in api.tasks(DAG, run_id) if task.state == "failed"]
    if not failed:
        return f"run {run_id} failed; see {platform.airflow_url}/dags/{DAG}/runs/{run_id}"
    tail = api.log_tail(DAG, run_id, task=failed[0])
    return (
        f"stage {failed[0].label} failed; mend the cause and run make demo again, which goes on "
        f"from there. The end of its log:\n{tail}"
    )


def _stop_everything(
    settings: Settings, platform: Platform | None, *, run_id: str, console: Console
) -> None:
    """End the run, which cancels its jobs on the cluster, and all services."""
    console.print("interrupted: stopping everything")
    if platform is not None:
        try:
            api = _login(platform)
            if api.run_state(DAG, run_id) in ACTIVE_RUN:
                api.fail(DAG, run_id)
        except PlatformError as error:
            console.print(str(error), markup=False)
    services.down(settings, say=console.print)
