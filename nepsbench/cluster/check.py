"""What a cluster has and what it lacks, with the remedy beside each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from nepsbench.cluster.cluster import Cluster
from nepsbench.cluster.definition import ClusterFile
from nepsbench.cluster.shell import fill, quote, words
from nepsbench.errors import ClusterError
from nepsbench.provenance import code_version

#: Below this, a campaign's checkpoints may not fit. MB.
_FREE_MB = 2000
#: Seconds; beyond, times in the warehouse would contradict each other.
_CLOCK_SKEW = 30
_OLDEST_PYTHON = (3, 10)
_TOOLS = 5


class Verdict(str, Enum):
    """What a check found."""

    OK = "ok"
    DEGRADED = "degraded"
    MISSING = "missing"


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def check(cluster: Cluster) -> list[Check]:
    """Return all checks of a cluster, by one visit to it."""
    file = cluster.file
    try:
        answer = cluster.run(_script(cluster), timeout=120)
    except ClusterError as error:
        return [Check("reachable", Verdict.MISSING, str(error), "see the message")]
    facts = dict(line.split("|", 1) for line in answer.stdout.splitlines() if "|" in line)
    return judge(facts, file, now=time.time(), version=code_version())


def judge(facts: Mapping[str, str], file: ClusterFile, *, now: float, version: str) -> list[Check]:
    """Return the checks that ``facts`` lead to. Pure."""
    how = "this machine" if file.ssh is None else f"{file.ssh.host}, host key verified"
    checks = [Check("reachable", Verdict.OK, how), *_machine(facts, file, now)]
    if file.kind == "slurm":
        checks += _slurm(facts, file)
    return [*checks, *_software(facts, file, version)]


def _script(cluster: Cluster) -> str:
    file = cluster.file
    slurm_cluster = f" -M {quote(file.slurm_cluster)}" if file.slurm_cluster else ""
    queue_facts = fill(
        "check_slurm",
        cluster_option=slurm_cluster,
        partition_option=f"-p {quote(file.partition)}" if file.partition else "",
    )
    return fill(
        "check",
        root=quote(file.root),
        python=quote(file.python),
        version_command=words(cluster.python_command("-m", "nepsbench", "version", "--code")),
        queue_facts=queue_facts if file.kind == "slurm" else "",
    )


def _machine(facts: Mapping[str, str], file: ClusterFile, now: float) -> list[Check]:
    free = int(facts.get("free_mb", 0))
    skew = abs(float(facts.get("clock", 0)) - now)
    return [
        _check("root writable", "writable" in facts, file.root, "choose another root"),
        _check("free space", free >= _FREE_MB, f"{free} MB", f"free {_FREE_MB} MB below root"),
        _check("clock", skew <= _CLOCK_SKEW, f"{skew:.0f} s apart", "ask the site for NTP"),
        _check(
            "shell tools",
            facts.get("tools") == str(_TOOLS),
            "flock, sha256sum, head, find, timeout",
            "install util-linux, coreutils and findutils",
        ),
    ]


def _slurm(facts: Mapping[str, str], file: ClusterFile) -> list[Check]:
    states = facts.get("controller", "").strip()
    checks = [
        _check("slurm commands", "slurm" in facts, facts.get("slurm", ""), "load SLURM in setup"),
        _check("controller", bool(states), f"nodes {states}", "ask the site; is slurmctld up?"),
        _check(
            f"partition {file.partition or '(default)'}",
            "partition" in facts,
            facts.get("partition", ""),
            "choose one that sinfo lists",
        ),
        _check("queue limits", "limits" in facts, facts.get("limits", ""), "ask the site"),
    ]
    if "accounting" in facts:
        return [*checks, Check("accounting", Verdict.OK, "sacct answers")]
    remedy = "none needed: exit markers tell how jobs ended; a lost job's cause stays unknown"
    return [*checks, Check("accounting", Verdict.DEGRADED, "no slurmdbd", remedy)]


def _software(facts: Mapping[str, str], file: ClusterFile, version: str) -> list[Check]:
    python = facts.get("python", "")
    number = tuple(int(part) for part in python.split(".")[:2] if part.isdigit())
    there = facts.get("nepsbench", "")
    install = f"run: nepsbench cluster install {file.name}"
    checks = [
        _check(
            "python",
            number >= _OLDEST_PYTHON,
            f"{file.python} {python}",
            "set python in the cluster file to an interpreter of 3.10 or newer",
        )
    ]
    if file.environment == "provided":
        remedy = "set python to an interpreter with torch, or environment: pip"
        checks.append(_check("torch", "torch" in facts, facts.get("torch", ""), remedy))
    return [*checks, _check("nepsbench", there == version, there or "not installed", install)]


def _check(name: str, good: bool, detail: str, remedy: str) -> Check:
    return Check(name, Verdict.OK, detail) if good else Check(name, Verdict.MISSING, detail, remedy)
