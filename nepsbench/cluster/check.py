"""What a cluster has and what it lacks, with the remedy beside each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

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
    """Return all checks of a cluster: one script there, and a file that goes there and back."""
    file = cluster.file
    try:
        answer = cluster.run(_script(cluster), timeout=120)
    except ClusterError as error:
        return [Check("reachable", Verdict.MISSING, str(error), "see the message")]
    facts = dict(line.split("|", 1) for line in answer.stdout.splitlines() if "|" in line)
    if "writable" in facts:
        facts |= _carried(cluster)
    return judge(facts, file, now=time.time(), version=code_version())


def judge(facts: Mapping[str, str], file: ClusterFile, *, now: float, version: str) -> list[Check]:
    """Return the checks that ``facts`` lead to. Pure."""
    checks = [Check("reachable", Verdict.OK, _way(file)), *_machine(facts, file, now)]
    if file.kind == "slurm":
        checks += _slurm(facts, file)
    return [*checks, *_software(facts, file, version)]


def _script(cluster: Cluster) -> str:
    file = cluster.file
    slurm_cluster = f" -M {quote(file.slurm_cluster)}" if file.slurm_cluster else ""
    queue_facts = fill(
        "check_slurm",
        cluster_option=slurm_cluster,
        site_options=words(file.site_options),
        partition_option=f"-p {quote(file.partition)}" if file.partition else "",
    )
    return fill(
        "check",
        root=quote(file.root),
        python=quote(file.python),
        version_command=words(cluster.python_command("-m", "nepsbench", "version", "--code")),
        queue_facts=queue_facts if file.kind == "slurm" else "",
    )


def _way(file: ClusterFile) -> str:
    if file.ssh is None:
        return "this machine" if file.kind == "local" else f"connection {file.connection}"
    through = "".join(f" through {hop.host}" for hop in file.ssh.jump)
    return f"{file.ssh.host}{through}, host key verified"


def _carried(cluster: Cluster) -> dict[str, str]:
    """Send a file there and fetch it; the fact that it went, or why not."""
    there = cluster.path(".check", uuid4().hex)
    try:
        with TemporaryDirectory() as name:
            here = Path(name)
            (here / "sent").write_text(there)
            cluster.put(here / "sent", f"{there}/file")
            (back,) = cluster.fetch(there, "file", here)
            same = back.read_text() == there
        cluster.run(f"rm -r -- {quote(there)} && rmdir -- {quote(cluster.path('.check'))}")
    except ClusterError as error:
        return {"files_problem": str(error)}
    return {"files": "yes"} if same else {"files_problem": "it came back changed"}


def _machine(facts: Mapping[str, str], file: ClusterFile, now: float) -> list[Check]:
    free = int(facts.get("free_mb", 0))
    skew = abs(float(facts.get("clock", 0)) - now)
    return [
        _check("root writable", "writable" in facts, file.root, "choose another root"),
        _check("free space", free >= _FREE_MB, f"{free} MB", f"free {_FREE_MB} MB below root"),
        _check(
            "files",
            "files" in facts,
            facts.get(
                "files_problem", "there and back" + ("" if file.kind == "local" else " by SFTP")
            ),
            "ask the site for SFTP",
        ),
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
        _check(
            "submission",
            "submit" in facts,
            facts.get("submit_refused", "sbatch accepts this file's options"),
            "mend partition, account, qos, constraint, gpus or options",
        ),
        *_held(facts, file),
    ]
    if "accounting" in facts:
        return [*checks, Check("accounting", Verdict.OK, "sacct answers")]
    remedy = "none needed: exit markers tell how jobs ended; a lost job's cause stays unknown"
    return [*checks, Check("accounting", Verdict.DEGRADED, "no slurmdbd", remedy)]


def _held(facts: Mapping[str, str], file: ClusterFile) -> list[Check]:
    """Return what is known of held jobs: nothing, where no job is accepted at all."""
    allowed = "hold" in facts
    if not allowed and "submit" not in facts:
        return []
    if not file.hold:
        detail = f"{'allowed, but' if allowed else 'forbidden, and'} not used (hold: false)"
        return [Check("held jobs", Verdict.OK, detail)]
    words_of_slurm = facts.get("hold_refused", "allowed")
    return [_check("held jobs", allowed, words_of_slurm, "set hold: false in the cluster file")]


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
