"""Any order of events: no attempt is lost, doubled, or falsely called a success."""

from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nepsbench.cluster.attempt import Outcome
from nepsbench.cluster.driver import Driver
from nepsbench.cluster.interface import Job, Resources
from nepsbench.cluster.judgement import Patience
from nepsbench.cluster.ledger import Ledger, LostLeaseError
from tests.cluster.cluster_model import ModelCluster, Site, Task

pytestmark = pytest.mark.whole

KEYS = [f"job-{n}" for n in range(5)]
PATIENCE = Patience(lost=30, sent=60)


class Killed(BaseException):
    """The driver's process dies here."""


class Platform(RuleBasedStateMachine):
    """People, drivers and a site, each doing what they may at any time."""

    @initialize(holds=st.booleans())
    def begin(self, holds: bool) -> None:
        self.folder = TemporaryDirectory()
        self.now = 1_000_000.0
        self.site = Site(holds=holds)
        self.cluster = ModelCluster(self.site)
        self.drivers = [self._new_driver(), self._new_driver()]
        self.wanted: set[str] = set()

    def _new_driver(self) -> Driver:
        ledger = Ledger(Path(self.folder.name) / "jobs.sqlite")
        return Driver(
            self.cluster, ledger, clock=lambda: self.now, patience=PATIENCE, random=Random(0)
        )

    @property
    def ledger(self) -> Ledger:
        return self.drivers[0].ledger

    def _tick(self, driver: Driver) -> None:
        with suppress(LostLeaseError):
            driver.tick()

    # -- people --------------------------------------------------------------------------------

    @rule(keys=st.sets(st.sampled_from(KEYS), min_size=1))
    def want(self, keys: set[str]) -> None:
        jobs = [Job(key, f"/jobs/{key}", ("true",), Resources()) for key in sorted(keys)]
        self.ledger.want("model", jobs, "me")
        self.wanted |= keys

    @precondition(lambda self: self.wanted)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.wanted)))
        if self.ledger.unwant([key], "me"):
            self.wanted.discard(key)
        assert self.ledger.unwant(KEYS, "somebody else") == []

    # -- drivers -------------------------------------------------------------------------------

    @rule(
        which=st.integers(0, 1),
        mishap=st.sampled_from(["", "", "", "refused", "cut", "half", "late", "silent"]),
        seconds=st.floats(0, 40),
    )
    def tick(self, which: int, mishap: str, seconds: float) -> None:
        self.now += seconds
        self.cluster.mishap = mishap
        self._tick(self.drivers[which])
        self.cluster.mishap = ""

    @rule(which=st.integers(0, 1), before=st.booleans())
    def kill_in_a_tick(self, which: int, before: bool) -> None:
        """The process dies after it committed its intent: before the visit, or after it."""
        driver = self.drivers[which]
        visit = self.cluster.visit

        def die(orders):
            if not before:
                visit(orders)
            raise Killed

        self.cluster.visit = die
        with suppress(Killed):
            self._tick(driver)
        del self.cluster.visit
        driver.ledger.close()
        self.drivers[which] = self._new_driver()

    @rule()
    def freeze(self) -> None:
        """The driver stops for longer than its lease lasts; the other may take over."""
        self.now += 1000

    # -- the site ------------------------------------------------------------------------------

    @precondition(lambda self: self.site.under_way)
    @rule(twice=st.booleans())
    def a_late_command_arrives(self, twice: bool) -> None:
        submission = self.site.under_way.pop()
        self.site.submit(submission)
        if twice:
            self.site.sbatch(submission)

    @precondition(lambda self: self.site.tasks)
    @rule(
        data=st.data(),
        what=st.sampled_from(
            ["begin", "begin", "succeed", "succeed", "fail", "stop", "empty", "requeue", "crash"]
        ),
    )
    def something_happens_to_a_job(self, data: st.DataObject, what: str) -> None:
        task: Task = data.draw(st.sampled_from(self.site.tasks))
        if what == "begin":
            self.site.begin(task)
        elif task.state == "RUNNING":
            self._happen(task, what)

    def _happen(self, task: Task, what: str) -> None:
        if what == "requeue":
            self.site.requeue(task)
        elif what == "crash":
            self.site.vanish(task, "NODE_FAIL")
        else:
            code, valid = {"succeed": (0, True), "fail": (1, False), "stop": (3, True),
                           "empty": (0, False)}[what]  # fmt: skip
            self.site.end(task, code, valid=valid)

    @precondition(lambda self: any(not task.is_alive for task in self.site.tasks))
    @rule(data=st.data())
    def the_queue_forgets(self, data: st.DataObject) -> None:
        ended = [task for task in self.site.tasks if not task.is_alive]
        data.draw(st.sampled_from(ended)).visible = False

    # -- what must hold ------------------------------------------------------------------------

    @invariant()
    def no_job_runs_twice_at_a_time(self) -> None:
        running = Counter(task.key for task in self.site.tasks if task.state == "RUNNING")
        assert not [key for key, count in running.items() if count > 1]

    @invariant()
    def nothing_is_done_twice(self) -> None:
        done = Counter(run.key for run in self.site.runs if run.succeeded)
        assert not [key for key, count in done.items() if count > 1]

    @invariant()
    def success_is_never_claimed(self) -> None:
        done = {run.key for run in self.site.runs if run.succeeded}
        for key, work in self.ledger.works().items():
            if work.outcome is Outcome.SUCCEEDED:
                assert key in done

    def teardown(self) -> None:
        """Once the site behaves, everything is settled, and nothing of ours is left there."""
        if not hasattr(self, "folder"):
            return
        for _ in range(400):
            self._behave()
            if self._is_quiet():
                break
        assert self._is_quiet(), [task for task in self.site.tasks if task.is_alive]
        for driver in self.drivers:
            driver.ledger.close()
        self.folder.cleanup()

    def _behave(self) -> None:
        """Let some time pass in which everything works."""
        self.now += 20
        for submission in self.site.under_way:
            self.site.submit(submission)
        self.site.under_way = []
        for driver in self.drivers:
            driver.sweeping = not self.ledger.works(open_only=True)
            self._tick(driver)
        for task in self.site.tasks:
            if task.state == "RUNNING":
                self.site.end(task, 0, valid=True)
            self.site.begin(task)
            self.no_job_runs_twice_at_a_time()
        self.nothing_is_done_twice()
        self.success_is_never_claimed()

    def _is_quiet(self) -> bool:
        alive = [task for task in self.site.tasks if task.is_alive]
        return not alive and not self.ledger.works(open_only=True)


TestPlatform = Platform.TestCase
TestPlatform.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
