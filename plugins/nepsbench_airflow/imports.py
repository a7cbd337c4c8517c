"""The tasks of an import; each calls one function of ``nepsbench.campaign.importing``."""

from __future__ import annotations

from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from nepsbench_airflow.tasks import task

#: Words on the progress in a task's log.
_WORDS = 20


@task
def check() -> None:
    """Refuse a table that cannot be imported before anything is read of it."""
    form = _form()
    print(f"{form.path}: {form.kind}")


@task
def import_table() -> list[str]:
    """Bring the table into the warehouse; returns the names of the benchmarks that it fills."""
    from nepsbench.campaign.importing import import_and_publish
    from nepsbench.home import data_home

    form = _form()
    done = import_and_publish(
        form.kind,
        form.path,
        data_home(),
        name=form.name,
        options=form.options,
        progress=_told(),
    )
    print(done.report)
    return sorted(done.report.rows)


@task
def build_release(benchmark: str) -> str:
    """Publish one of the benchmarks, if the form has a version."""
    from nepsbench.campaign.publish import publish_benchmark
    from nepsbench.home import data_home

    form = _form()
    if form.release is None:
        raise AirflowSkipException("no version was given: no release is built")
    return str(publish_benchmark(benchmark, form.release, data_home()))


def _form() -> Any:
    """Return the run's form, checked."""
    from nepsbench.campaign.importing import parse_import

    return parse_import(dict(get_current_context()["params"]))


def _told() -> Any:
    """Return a progress that the log bears: a line each twentieth part."""
    printed = 0

    def tell(done: int, total: int) -> None:
        nonlocal printed
        part = done * _WORDS // total if total else 0
        if part > printed:
            printed = part
            print(f"{100 * part // _WORDS} % read")

    return tell
