"""Cluster files: what a site is called, how to get there, and what may be asked of it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from typing_extensions import Self

from nepsbench.boundary import Section, first_problem
from nepsbench.cluster.hops import Ssh
from nepsbench.errors import SpecError

__all__ = ["ClusterFile", "Limits", "Recovery", "Ssh", "cluster_names", "load_cluster"]


def _quotable(value: str) -> str:
    if "\0" in value:
        raise ValueError("no shell can be given a NUL character")
    return value


def _absolute(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("an absolute path is wanted")
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("a path without control characters is wanted")
    return value


def _number_as_text(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _gpus(value: str) -> str:
    if not re.fullmatch(r"(?:[\w.-]+:)?\d+(?:,(?:[\w.-]+:)?\d+)*", value):
        raise ValueError("a number is wanted, or a type and a number: 'a100:2'")
    return value


#: Shell text can hold it, quoted.
Text = Annotated[str, AfterValidator(_quotable)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
#: Options of sbatch that tell jobs apart, or that keys of the cluster file stand for.
_OWN_OPTIONS = (
    *("array", "chdir", "clusters", "comment", "error", "hold", "input", "job-name", "no-requeue"),
    *("open-mode", "output", "parsable", "requeue", "signal", "test-only", "wait", "wrap"),
)
_OWN_LETTERS = ("-a", "-D", "-M", "-e", "-H", "-i", "-J", "-o", "-W")
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class Limits(Section):
    """What the planner may put into one job, and how many jobs. Seconds and MB.

    Attributes:
        max_nodes, cpus_per_node, memory_mb_per_node, max_time: Of one job.
        max_jobs: Of one wave.
        slots: Jobs at a time, of a local cluster.
        max_wait: How long a stage may wait for its jobs; None for as long as it takes.
    """

    max_nodes: int = Field(default=1, ge=1)
    cpus_per_node: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    memory_mb_per_node: int | None = Field(default=None, ge=1)
    max_time: int = Field(default=86400, ge=1)
    max_jobs: int = Field(default=100, ge=1)
    slots: int = Field(default=1, ge=1)
    max_wait: float | None = Field(default=None, gt=0)


class Recovery(Section):
    """How many failures of one cause are followed by another attempt.

    Attributes:
        application: The command ended with an error.
        timeout: The time limit was reached; an attempt that got further is not counted.
        memory: The memory did not suffice.
        preemption: Another job took its place.
        node: A node failed.
        launch: The job could not even begin.
        lost: It vanished, and nobody knows why.
    """

    application: int = Field(default=1, ge=0)
    timeout: int = Field(default=4, ge=0)
    memory: int = Field(default=3, ge=0)
    preemption: int = Field(default=20, ge=0)
    node: int = Field(default=5, ge=0)
    launch: int = Field(default=3, ge=0)
    lost: int = Field(default=2, ge=0)


class ClusterFile(Section):
    """A file of ``include/clusters/``.

    Attributes:
        name: What the user calls the cluster.
        kind: ``local`` (plain processes) or ``slurm``.
        connection: Airflow connection id of an SSH connection; None for processes on this machine.
        ssh: The same for the command line.
        root: Absolute folder on the cluster that all work lies in.
        python: Interpreter there.
        environment: ``provided``: the interpreter has what ``nepsbench[train]`` needs; ``pip``:
            ``nepsbench cluster install`` makes an environment that has.
        setup: Shell lines run first in every script and job: modules, conda, variables.
        partition, account, qos, constraint: As sbatch knows them.
        gpus: For ``--gpus``, of each job: ``2``, or ``a100:2``.
        options: More options for sbatch, one string each.
        slurm_cluster: For ``-M``, where one login node serves several clusters.
        hold: Jobs are submitted held and released once they are on record; False where the site
            forbids held jobs.
        requeue: SLURM may start a job again by itself after preemption or a node's failure.
        limits: See :class:`Limits`.
        recovery: See :class:`Recovery`.
        poll_interval: The shortest time between two looks at the queue, in seconds.
    """

    name: Name
    kind: Literal["local", "slurm"]
    connection: Text | None = None
    ssh: Ssh | None = None
    root: Annotated[str, AfterValidator(_absolute)]
    python: Text = "python3"
    environment: Literal["provided", "pip"] = "provided"
    setup: Text = ""
    partition: Text | None = None
    account: Text | None = None
    qos: Text | None = None
    constraint: Text | None = None
    gpus: Annotated[str, BeforeValidator(_number_as_text), AfterValidator(_gpus)] | None = None
    options: tuple[Text, ...] = ()
    slurm_cluster: Text | None = None
    hold: bool = True
    requeue: bool = True
    limits: Limits = Limits()
    recovery: Recovery = Recovery()
    poll_interval: float = Field(default=15.0, gt=0)

    @model_validator(mode="after")
    def _kind_fits(self) -> Self:
        if self.kind == "local" and (self.ssh or self.connection):
            raise ValueError("a local cluster has no ssh and no connection; is kind: slurm meant?")
        if self.kind == "slurm" and not (self.ssh or self.connection):
            raise ValueError("say how to reach it: ssh (host, user), connection, or both")
        if self.kind == "slurm" and "cpus_per_node" not in self.limits.model_fields_set:
            raise ValueError("limits: say cpus_per_node, the CPUs of one node")
        return self

    @property
    def site_options(self) -> tuple[str, ...]:
        """What sbatch is told of every job, unquoted."""
        named = {
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "constraint": self.constraint,
            "gpus": self.gpus,
            "clusters": self.slurm_cluster,
        }
        return (*(f"--{name}={value}" for name, value in named.items() if value), *self.options)


def cluster_folders() -> tuple[Path, ...]:
    """Return where cluster files are looked for, in order.

    ``NEPSBENCH_CLUSTERS`` (folders with colons between), else ``include/clusters``; behind them
    the folder into which ``make slurm-up`` writes the developer cluster's file.
    """
    chosen = os.environ.get("NEPSBENCH_CLUSTERS", "include/clusters").split(":")
    state = Path(os.environ.get("NEPSBENCH_SLURM_STATE", ".platform/slurm"))
    return (*(Path(folder) for folder in chosen if folder), state / "clusters")


def cluster_names() -> tuple[str, ...]:
    """Return the names of all cluster files."""
    found = {path.stem for folder in cluster_folders() for path in folder.glob("*.yaml")}
    return tuple(sorted(found))


def load_cluster(name_or_path: str | Path) -> ClusterFile:
    """Return the cluster called so, or of that file.

    Raises:
        SpecError: If there is no such file, or it says something wrong; names file and key.
    """
    path = _find(name_or_path)
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: no valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(content, dict):
        raise SpecError(f"{path}: a cluster file is a mapping; see include/clusters/local.yaml")
    content = _expand(content, path, "")
    if content.get("kind") == "local":
        content = {"root": _local_root(content), "python": sys.executable} | content
    try:
        cluster = ClusterFile.model_validate(content)
    except ValidationError as error:
        raise SpecError(f"{path}: {first_problem(error, ClusterFile)}") from None
    if wrong := _wrong_option(cluster.options):
        raise SpecError(f"{path}: options: {wrong}")
    return cluster


def _wrong_option(options: Sequence[str]) -> str:
    """Return what is wrong with the first option that is none, or is not the site's to give."""
    for option in options:
        name = option.partition("=")[0]
        if not re.fullmatch(r"-[A-Za-z].*|--[a-z].*", option, flags=re.DOTALL):
            return f"{option!r} is no option; write one string each, '--name=value'"
        long = name[2:] if name.startswith("--") else ""
        # sbatch takes the beginning of a name for the name.
        if any(len(long) > 1 and own.startswith(long) for own in _OWN_OPTIONS) or (
            not long and option[:2] in _OWN_LETTERS
        ):
            return f"{name} is set by nepsbench itself; leave it out"
    return ""


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise SpecError(f"{path}: no such cluster file")
    for folder in cluster_folders():
        candidate = folder / f"{name_or_path}.yaml"
        if path.name == str(name_or_path) and candidate.is_file():
            return candidate
    if str(name_or_path) == "dev-slurm":
        raise SpecError("cluster 'dev-slurm' is not up; start it with: make slurm-up")
    raise SpecError(
        f"unknown cluster {str(name_or_path)!r}; there are: {', '.join(cluster_names()) or 'none'} "
        f"(looked in {', '.join(map(str, cluster_folders()))}; NEPSBENCH_CLUSTERS says where)"
    )


def _local_root(content: dict[str, Any]) -> str:
    """Return the default root of a local cluster: under the data home, one folder a cluster."""
    home = Path(os.environ.get("NEPSBENCH_HOME", "warehouse"))
    return str((home / "clusters" / str(content.get("name", "local"))).absolute())


def _expand(value: Any, path: Path, where: str) -> Any:
    """Return ``value`` with ``${NAME}`` and ``${NAME:-default}`` replaced, except in ``setup``."""
    if isinstance(value, dict):
        return {k: v if k == "setup" else _expand(v, path, f"{k}: ") for k, v in value.items()}
    if isinstance(value, list):
        return [_expand(item, path, where) for item in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        name, default = match.groups()
        if name not in os.environ and default is None:
            raise SpecError(f"{path}: {where}environment variable {name} is not set")
        return os.environ.get(name, default or "")

    return _VARIABLE.sub(replace, value)
