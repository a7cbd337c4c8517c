"""A SLURM and an sshd of a test's own, to break and to mend.

Daemons are found by the pid files of their state folder, every other process by the SLURM_CONF in
its environment: nothing else on the machine is touched.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from tests.living import command_of
from tests.waiting import wait_until

SCRIPTS = Path(__file__).parents[2] / "include" / "slurm"
FILTER = Path(__file__).parent / "cli_filter.lua"
#: Small enough that each limit can be met: 4 CPUs of which the machine may have 2, indices 0 to 10.
CONFIGURATION = {
    "CPUS": "4",
    "MEMORY": "4000",
    "MIN_JOB_AGE": "5",
    "MAX_ARRAY_SIZE": "11",
    "MAX_JOB_COUNT": "2000",
}
#: A requeued job may start again as soon as its credential is old: two minutes unless told.
EXTRA = """\
AuthInfo=socket={state}/run/munge.socket,cred_expire=5
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0
SlurmdTimeout=10
CliFilterPlugins=lua
PartitionName=short Nodes=dev1 PriorityTier=1 PreemptMode=REQUEUE MaxTime=2 DefaultTime=1 State=UP
"""


@dataclass(frozen=True)
class Completion:
    """A line of SLURM's own completion log: a job, or an array's task, that came to an end."""

    job_id: str
    name: str
    state: str
    started: bool


@dataclass
class Site:
    """A running cluster.

    Attributes:
        state: Its state folder.
        accounting: Whether it has a slurmdbd.
        variables: What ``slurm-up.sh`` was told.
    """

    state: Path
    accounting: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    # -- up and down ---------------------------------------------------------------------------

    def up(self) -> None:
        """Start what does not run."""
        self._script("slurm-up.sh")

    def down(self) -> None:
        """End all of it."""
        self._script("slurm-down.sh")

    def mend(self) -> None:
        """Make it whole: nothing stopped, nothing down, no job left, every node ready."""
        for daemon in self.daemons:
            if pid := self.find(daemon):
                os.kill(pid, signal.SIGCONT)
        for daemon in self.daemons:
            if not self.find(daemon):
                self.start(daemon)
        self.wait_for_controller()
        self.call("scancel", "--user=root", check=False)
        self.wait_for_node()
        wait_until(lambda: not self.queue(), what=self.queue)

    def wait_for_controller(self) -> None:
        """Return once the controller answers."""
        wait_until(lambda: self.call("scontrol", "ping", check=False).endswith("UP"))

    def wait_for_node(self) -> None:
        """Return once the node takes jobs."""

        def is_ready() -> bool:
            state = self.call("sinfo", "-h", "-n", "dev1", "-p", "low", "-o", "%T", check=False)
            if state.startswith(("down", "drain")):
                self.call("scontrol", "update", "nodename=dev1", "state=resume", check=False)
            return state in ("idle", "mixed", "allocated")

        wait_until(is_ready)

    # -- daemons -------------------------------------------------------------------------------

    @property
    def daemons(self) -> tuple[str, ...]:
        """Their names."""
        accounting = ("mariadbd", "slurmdbd") if self.accounting else ()
        return ("munged", *accounting, "slurmctld", "slurmd", "sshd")

    def find(self, daemon: str) -> int:
        """Return the pid of a daemon that runs, or 0."""
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int((self.state / f"run/{daemon}.pid").read_text()))
            if process.name() == daemon and process.status() != psutil.STATUS_ZOMBIE:
                return process.pid
        return 0

    def send(self, daemon: str, number: signal.Signals) -> None:
        """Send a daemon a signal."""
        pid = self.find(daemon)
        assert pid, f"{daemon} does not run"
        os.kill(pid, number)

    @contextlib.contextmanager
    def paused(self, daemon: str) -> Iterator[None]:
        """Stop a daemon by SIGSTOP as long as the block."""
        self.send(daemon, signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(daemon, signal.SIGCONT)

    def kill(self, daemon: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End a daemon, and wait for its end."""
        pid = self.find(daemon)
        assert pid, f"{daemon} does not run"
        os.kill(pid, number)
        wait_until(lambda: self.find(daemon) != pid)

    def start(self, daemon: str, *options: str) -> None:
        """Start a daemon that is down."""
        ssh = [shutil.which("sshd", path=_path()), "-f", str(self.state / "ssh/sshd_config"), "-E"]
        commands = {
            "slurmctld": ["slurmctld", "-f", str(self.conf)],
            "slurmd": ["slurmd", "-f", str(self.conf)],
            "slurmdbd": ["slurmdbd"],
            "sshd": [*ssh, str(self.state / "log/sshd.log")],
        }
        if daemon not in commands:
            self.up()
            return
        subprocess.run([*commands[daemon], *options], env=self.environment, check=True, timeout=30)
        wait_until(lambda: self.find(daemon))
        if daemon == "slurmdbd":  # without it, slurmctld may not even start
            wait_until(lambda: self.call("sacctmgr", "-n", "show", "cluster", check=False))

    def wait_for_state(self) -> None:
        """Return once slurmctld has written down what it knows by now; it takes up to 5 seconds."""
        begun = time.time()
        file = self.state / "controller/job_state"
        self.call(
            "scontrol", "update", "partition=low", "state=up"
        )  # else nothing is to be written
        wait_until(lambda: file.exists() and file.stat().st_mtime > begun + 0.1)

    def lose_state(self) -> None:
        """Start a controller that was killed as if it were new: it counts its jobs from 1 again."""
        for file in (self.state / "controller").glob("job_state*"):
            file.unlink()
        for file in (self.state / "controller").glob("dbd.messages*"):
            file.unlink()
        self.start("slurmctld")
        self.wait_for_controller()

    def restart_controller(self, *options: str, **values: str) -> None:
        """Restart slurmctld, with other values in slurm.conf: ``MaxJobCount="12"``."""
        self.kill("slurmctld", signal.SIGTERM)
        self.conf.with_suffix(".own").exists() or shutil.copy(
            self.conf, self.conf.with_suffix(".own")
        )
        lines = self.conf.with_suffix(".own").read_text().splitlines()
        kept = [line for line in lines if line.partition("=")[0] not in values]
        changed = [f"{name}={value}" for name, value in values.items()]
        self.conf.write_text("\n".join([*kept, *changed, ""]))
        self.start("slurmctld", *options)
        self.wait_for_controller()

    def node_dies(self) -> None:
        """Kill everything that runs on the node at once, as a power cut does."""
        _kill([psutil.Process(self.find("slurmd")), *self.job_processes()])

    def kill_job(self, job_id: str) -> None:
        """Kill all processes of a job, its script first: nobody is left to write a marker."""
        processes = [p for p in self.job_processes(job_id) if p.name() != "slurmstepd"]
        _kill(sorted(processes, key=lambda process: process.name() != "slurm_script"))

    @contextlib.contextmanager
    def sbatch_held(self, moment: Literal["before", "after"]) -> Iterator[Callable[[], Any]]:
        """Make every sbatch wait, before or after it speaks to the controller.

        Yields a function that returns once an sbatch is there; it goes on after the block.
        """
        hold = self.state / f"hold-{moment}"
        reached = self.state / f"hold-{moment}.reached"
        reached.unlink(missing_ok=True)
        hold.touch()
        try:
            yield lambda: wait_until(reached.exists)
        finally:
            hold.unlink()

    # -- what it says --------------------------------------------------------------------------

    @property
    def conf(self) -> Path:
        """Its slurm.conf."""
        return self.state / "slurm.conf"

    @property
    def environment(self) -> dict[str, str]:
        """In which its commands run."""
        return {**os.environ, "SLURM_CONF": str(self.conf), "PATH": _path()}

    def call(self, *command: str, check: bool = True) -> str:
        """Run one of SLURM's commands; return what it printed."""
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=self.state,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def queue(self, fields: str = "%i|%T|%j", *options: str) -> list[str]:
        """Return the living jobs, as squeue shows them."""
        return self.call("squeue", "-h", "-r", "-o", fields, *options, check=False).splitlines()

    def has_forgotten(self, job_id: str) -> bool:
        """Return whether a job that was there is purged from the queue's memory."""
        known = self.call("squeue", "-h", "-t", "all", "-o", "%A %F").split()
        return job_id.partition(";")[0] not in known

    def completions(self) -> list[Completion]:
        """Return what has ended, as the completion log tells."""
        log = self.state / "log/jobcomp.txt"
        found = []
        for line in log.read_text().splitlines() if log.exists() else []:
            values = dict(re.findall(r"(\w+)=(\S*)", line))
            started = values["NodeList"] not in ("(null)", "None", "")
            found.append(Completion(values["JobId"], values["Name"], values["JobState"], started))
        return found

    def runs_of(self, token: str) -> list[Completion]:
        """Return the runs of a submission that began and ended."""
        return [one for one in self.completions() if one.name == f"nb-{token}" and one.started]

    # -- processes of jobs and of the login node ------------------------------------------------

    def processes(self, name: str = "") -> list[psutil.Process]:
        """Return the processes that belong to this site, all or those of a name."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if name in ("", process.name()) and (
                    process.environ().get("SLURM_CONF") == str(self.conf)
                ):
                    found.append(process)
        return found

    def job_processes(self, job_id: str = "") -> list[psutil.Process]:
        """Return the processes of running jobs, or of one: their shepherds (slurmstepd) first."""
        steps = [
            p for p in self.shepherds() if not job_id or f"[{job_id}." in " ".join(command_of(p))
        ]
        family = []
        for step in steps:
            with contextlib.suppress(psutil.Error):
                family += [step, *step.children(recursive=True)]
        return family

    def shepherds(self) -> list[psutil.Process]:
        """Return this site's slurmstepds: they work in the folder of slurmd's log."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name() == "slurmstepd" and process.cwd() == str(self.state / "log"):
                    found.append(process)
        return found

    def _script(self, name: str) -> None:
        variables = {"STATE": str(self.state), "ACCOUNTING": "1" if self.accounting else "0"}
        values = {**CONFIGURATION, "EXTRA_CONF": EXTRA, **variables}
        done = subprocess.run(
            [SCRIPTS / name],
            env=os.environ
            | {
                f"NEPSBENCH_SLURM_{name}": value.replace("{state}", str(self.state))
                for name, value in (values | self.variables).items()
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def lacking() -> str:
    """Return why a site cannot run here, or nothing."""
    wanted = ("slurmctld", "slurmd", "sbatch", "munged", "sshd")
    missing = [name for name in wanted if shutil.which(name, path=_path()) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    return "" if os.geteuid() == 0 else "it needs root"


def make_site(**options: Any) -> Site:
    """Start a site in a folder of its own."""
    site = Site(Path(tempfile.mkdtemp(prefix="nb-fault-")), **options)
    shutil.copy(FILTER, site.state)
    site.up()
    return site
