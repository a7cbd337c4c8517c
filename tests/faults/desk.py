"""One data home at work on one site: a ledger, a driver, and jobs that leave traces of each run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from nepsbench.cluster import Cluster, ClusterFile, Job, Resources, load_cluster, open_cluster
from nepsbench.cluster.attempt import Attempt, Outcome, describe
from nepsbench.cluster.driver import Driver
from nepsbench.cluster.ledger import Ledger, open_ledger
from nepsbench.cluster.tick import Tick
from tests.faults.sites import Completion, Site
from tests.waiting import wait_until

#: Every run of a job leaves a line here before anything else, and proves its work at the end.
BEGIN = 'echo "$NEPSBENCH_JOB_ID" >> runs\n'
END = "\necho done > result; sha256sum result > manifest"
OWNER = "test"


@dataclass
class Desk:
    """Where the driver of one test sits.

    Attributes:
        site: The cluster that is broken.
        file: How it is reached.
        home: The data home.
        ledger: What is wanted, and what was done.
        cluster: The open cluster.
        driver: Driven by hand, tick by tick.
    """

    site: Site
    file: ClusterFile
    home: Path
    ledger: Ledger
    cluster: Cluster
    driver: Driver
    jobs: list[Job] = field(default_factory=list)

    # -- jobs ----------------------------------------------------------------------------------

    def job(self, body: str = "", *, script: str = "", **resources: int) -> Job:
        """Return a job that notes each of its runs, does ``body``, and proves its success.

        With ``script``, it does only that.
        """
        key = f"job-{uuid4().hex[:8]}"
        directory = Path(self.cluster.path("jobs", key))
        directory.mkdir(parents=True)
        asked = Resources(**{"memory_mb": 100, "time_limit": 120, **resources})
        command = ("bash", "-c", script or BEGIN + body + END)
        return Job(key, str(directory), command, asked, ("manifest",))

    def many(self, count: int, body: str = "", **resources: int) -> list[Job]:
        """Return jobs that ask for the same."""
        return [self.job(body, **resources) for _ in range(count)]

    def want(self, *jobs: Job) -> None:
        """Commit the intent."""
        self.jobs += jobs
        self.ledger.want(self.file.name, jobs, OWNER)

    def runs(self, job: Job) -> list[str]:
        """Return the job ids under which a job's command ran, as the runs themselves noted."""
        path = Path(job.directory, "runs")
        return path.read_text().split() if path.exists() else []

    # -- driving -------------------------------------------------------------------------------

    def tick(self) -> Tick:
        """Do one tick."""
        return self.driver.tick()

    def until(self, holds: Callable[[], Any], *, seconds: float = 300) -> Any:
        """Tick until something holds; return that."""
        deadline = time.monotonic() + seconds
        while True:
            self.tick()
            if found := holds():
                return found
            assert time.monotonic() < deadline, f"after {seconds} s:\n{self.story()}"
            time.sleep(0.3)

    def until_phase(self, job: Job, *phases: str, seconds: float = 300) -> Attempt:
        """Tick until the newest attempt at a job is in one of these phases."""

        def holds() -> Attempt | None:
            attempt = self.attempt(job)
            return attempt if attempt and attempt.phase.value in phases else None

        found: Attempt = self.until(holds, seconds=seconds)
        return found

    def settle(self, *jobs: Job) -> list[Outcome]:
        """Tick until jobs are settled, all if none is named; return their outcomes."""
        keys = [job.key for job in jobs or self.jobs]

        def holds() -> bool:
            return all(w.outcome is not Outcome.OPEN for w in self.ledger.works(keys).values())

        self.until(holds)
        works = self.ledger.works(keys)
        return [works[key].outcome for key in keys]

    # -- what is known -------------------------------------------------------------------------

    def attempt(self, job: Job) -> Attempt | None:
        """Return the newest attempt."""
        return self.ledger.latest([job.key]).get(job.key)

    def attempts(self, job: Job) -> list[Attempt]:
        """Return all attempts, oldest first."""
        return self.ledger.attempts([job.key])

    def made(self, job: Job) -> list[Attempt]:
        """Return the attempts that SLURM took."""
        return [attempt for attempt in self.attempts(job) if attempt.job_id]

    def tokens(self) -> list[str]:
        """Return every token that was ever sent, each once."""
        return list(dict.fromkeys(attempt.place.token for attempt in self.ledger.attempts()))

    def completions(self) -> list[Completion]:
        """Return what SLURM's own log tells of this home's submissions."""
        mine = f"nb-{self.ledger.home_id}-"
        return [one for one in self.site.completions() if one.name.startswith(mine)]

    def in_queue(self) -> list[str]:
        """Return this home's living jobs, as squeue shows them."""
        return [row for row in self.site.queue() if f"nb-{self.ledger.home_id}-" in row]

    def require_one_run_each(self, *jobs: Job) -> None:
        """Fail unless each job succeeded by one submission and one run, by its word and SLURM's.

        An attempt that was written down and never reached SLURM is no submission.
        """
        for job in jobs or self.jobs:
            (attempt,) = self.made(job)
            assert attempt.phase.value == "succeeded", self.story()
            assert len(self.runs(job)) == 1, self.story()
        # The marker is a job's last word, but not its end.
        wait_until(lambda: not self.in_queue(), what=self.story)
        tokens = {self.made(job)[0].place.token for job in jobs or self.jobs}
        logged = [one for one in self.completions() if one.name[3:] in tokens]
        assert len([one for one in logged if one.started]) == len(jobs or self.jobs), logged

    def require_adoption(self) -> None:
        """Fail unless the first submission of each job is its only one, here and for SLURM."""
        self.require_one_run_each()
        assert [len(self.attempts(job)) for job in self.jobs] == [1] * len(self.jobs)
        assert len(self.completions()) == len(self.jobs), self.completions()

    def story(self) -> str:
        """Return all that a person would ask for."""
        works = [f"{w.key}: {w.outcome.value} {w.why}" for w in self.ledger.works().values()]
        attempts = [
            f"  {a.key} #{a.generation} {a.place.token}/{a.place.index} job {a.job_id}: "
            f"{describe(a)} {a.said}"
            for a in self.ledger.attempts()
        ]
        ticks = [f"  {t.line()} {t.problem}" for t in self.ledger.ticks(self.file.name, 5)]
        queue = self.site.queue("%i|%T|%r|%j", "-t", "all")
        return "\n".join([*works, "attempts:", *attempts, "ticks:", *ticks, "queue:", *queue])

    @contextlib.contextmanager
    def second_driver(self) -> Iterator[Driver]:
        """Another driver of the same home, with a connection and a ledger of its own."""
        with open_ledger(self.home) as ledger, open_cluster(self.file) as cluster:
            driver = Driver(cluster, ledger)
            yield driver
            driver.release()


def site_file(site: Site, **changes: Any) -> ClusterFile:
    """Return the site's cluster file with other values; ``ssh`` changes single values of it."""
    file = load_cluster(site.state / "clusters" / "dev-slurm.yaml")
    content = file.model_dump(mode="json", exclude_unset=True)
    ssh = {**content["ssh"], **changes.pop("ssh", {})}
    return ClusterFile.model_validate({**content, "poll_interval": 0.3, **changes, "ssh": ssh})


@contextlib.contextmanager
def open_desk(site: Site, folder: Path, **changes: Any) -> Iterator[Desk]:
    """Open a desk whose home is in ``folder``; ``changes`` are to the site's cluster file."""
    root = site.state / "work" / uuid4().hex[:8]
    file = site_file(site, **{"root": str(root), **changes})
    home = folder / f"home-{uuid4().hex[:4]}"
    with open_ledger(home) as ledger, open_cluster(file) as cluster:
        desk = Desk(site, file, home, ledger, cluster, Driver(cluster, ledger))
        try:
            yield desk
        finally:
            desk.driver.release()


def seconds_of(attempts: Sequence[Attempt]) -> float:
    """Return how long the attempts took from the first's submission to the last's end."""
    return max(a.ended for a in attempts) - min(a.sent for a in attempts)
