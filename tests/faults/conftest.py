"""A private SLURM for each worker, mended after each test, and the table of what was seen.

NEPSBENCH_RELIABILITY names the document whose table a run replaces (``make test-faults``).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.desk import Desk, open_desk
from tests.faults.report import Case, Line, as_property, line_of, now, write_table
from tests.faults.sites import Site, lacking, make_site

_CASE = pytest.StashKey[Case]()
_COLLECTED: list[Line] = []


@pytest.fixture(scope="session")
def _site() -> Iterator[Site]:
    yield from _session_site()


@pytest.fixture(scope="session")
def _site_with_accounts() -> Iterator[Site]:
    yield from _session_site(accounting=True)


@pytest.fixture
def site(_site: Site) -> Iterator[Site]:
    """A cluster without slurmdbd, whole and empty; whatever a test breaks is mended after it."""
    yield _site
    _site.mend()


@pytest.fixture
def site_with_accounts(_site_with_accounts: Site) -> Iterator[Site]:
    """A cluster with a real slurmdbd, likewise."""
    yield _site_with_accounts
    _site_with_accounts.mend()


@pytest.fixture
def desk(site: Site, tmp_path: Path) -> Iterator[Desk]:
    """A data home at work on the cluster."""
    with open_desk(site, tmp_path) as desk:
        yield desk


@pytest.fixture
def make_desk(site: Site, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Open a desk whose cluster file says something else: ``make_desk(partition="none")``."""
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(open_desk(site, tmp_path, **changes))


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Callable[..., Case]:
    """Say which fault a test is about; the returned case takes what was seen."""

    def begin(number: int, *, injected: str, expected: str) -> Case:
        request.node.stash[_CASE] = Case(number, injected, expected)
        return request.node.stash[_CASE]

    return begin


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Put the case of a test into its report, which comes through from a worker as well."""
    report = yield
    if report.when == "call" and _CASE in item.stash:
        report.user_properties = [("case", as_property(item.stash[_CASE]))]
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect the lines of the table."""
    properties = dict(report.user_properties)
    if report.when != "call" or "case" not in properties:
        return
    failure = "" if report.passed else _last_line(report)
    name = report.nodeid.rpartition("::")[2]
    _COLLECTED.append(line_of(name, properties["case"], failure=failure, seconds=report.duration))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table, where one is wanted; a run of some tests only leaves it as it is."""
    document = os.environ.get("NEPSBENCH_RELIABILITY")
    options = session.config.option
    whole = not (options.keyword or options.markexpr)
    if document and whole and _COLLECTED and not hasattr(session.config, "workerinput"):
        write_table(Path(document), _COLLECTED, when=now())


def _last_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message).splitlines()[0] if crash else "error"


def _session_site(**options: Any) -> Iterator[Site]:
    if reason := lacking():
        if os.environ.get("NEPSBENCH_REQUIRE_SLURM") == "1":
            pytest.fail(f"NEPSBENCH_REQUIRE_SLURM is set, but SLURM cannot run: {reason}")
        pytest.skip(reason)
    site = make_site(**options)
    try:
        yield site
    finally:
        site.down()
        shutil.rmtree(site.state)
