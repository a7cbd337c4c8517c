"""The tasks of a study of optimisers; each calls one function of ``nepsbench.search``."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from nepsbench_airflow.tasks import task


@task
def check() -> None:
    """Refuse a study that cannot be run: its release, metric, optimisers and their problems."""
    from nepsbench.home import data_home
    from nepsbench.search.contest import Contest

    form = _form()
    contest = Contest(form.as_study(), data_home())
    print(f"{contest.bench!r}: {form.optimisers}")


@task
def search() -> str:
    """Run every search that is missing; returns the study's folder."""
    from nepsbench.home import data_home
    from nepsbench.search.studying import run_study

    form = _form()
    return str(run_study(form.as_study(), data_home(), jobs=form.jobs))


@task
def report() -> str:
    """Write the leaderboard; returns its page."""
    from nepsbench.home import data_home
    from nepsbench.search.leaderboard import write_leaderboard
    from nepsbench.search.standing import result_of
    from nepsbench.search.studying import load_study, study_folder

    name, home = _form().study, data_home()
    return str(write_leaderboard([result_of(*load_study(name, home))], study_folder(name, home)))


@task
def track() -> None:
    """Log every search as a run to MLflow."""
    from nepsbench.home import data_home
    from nepsbench.search.standing import result_of
    from nepsbench.search.studying import load_study
    from nepsbench.tracking.searches import log_study

    if "MLFLOW_TRACKING_URI" not in os.environ:
        raise AirflowSkipException("MLFLOW_TRACKING_URI is not set: nothing is tracked")
    result = result_of(*load_study(_form().study, data_home()))
    print(f"{log_study(os.environ['MLFLOW_TRACKING_URI'], result)} runs")


def _form() -> Any:
    """Return the run's form, checked."""
    from nepsbench.search.form import parse_form

    return parse_form(dict(get_current_context()["params"]))
