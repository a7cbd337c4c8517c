"""The package on a cluster: one environment a code version, and the proof that it is ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nepsbench
from nepsbench.cluster.cluster import Cluster
from nepsbench.cluster.shell import fill, quote, words
from nepsbench.errors import ClusterError, VersionMismatchError
from nepsbench.provenance import code_version

#: Seconds; the ``pip`` environment downloads torch.
_INSTALL_TIMEOUT = 1800.0


def install(cluster: Cluster) -> str:
    """Put this version of the package on a cluster, unless it is there.

    Returns:
        The folder of its environment there, or a remark where there is nothing to install.

    Raises:
        ClusterError: If it cannot be built, copied or installed.
        VersionMismatchError: If what runs there afterwards is not this version.
    """
    if cluster.file.kind == "local":
        return "nothing to install: local processes run this very package"
    environment = cluster.path("envs", code_version())
    marker = f"{environment}/installed"
    if cluster.run(f"test -e {quote(marker)}").exit_code != 0:
        with TemporaryDirectory() as folder:
            wheel = build_wheel(Path(folder))
            cluster.put(wheel, f"{environment}/{wheel.name}")
        script = fill(
            f"install_{cluster.file.environment}",
            environment=quote(environment),
            wheel=quote(wheel.name),
            python=quote(cluster.file.python),
        )
        answer = cluster.run(script, timeout=_INSTALL_TIMEOUT)
        if answer.exit_code != 0:
            raise ClusterError(
                f"cluster {cluster.file.name}: installation failed: {_last_line(answer.stderr)}"
            )
    require_same_version(cluster)
    return environment


def require_same_version(cluster: Cluster) -> None:
    """Compare the code version there with ours.

    Raises:
        VersionMismatchError: If it is another, or missing.
    """
    if cluster.file.kind == "local":
        return
    there = installed_version(cluster)
    if there != code_version():
        raise VersionMismatchError(
            f"cluster {cluster.file.name} has nepsbench {there or '(none)'}, here is "
            f"{code_version()}; run: nepsbench cluster install {cluster.file.name}"
        )


def installed_version(cluster: Cluster) -> str | None:
    """Return the code version that jobs on the cluster would run with, or None."""
    answer = cluster.run(words(cluster.python_command("-m", "nepsbench", "version", "--code")))
    return answer.stdout.strip() if answer.exit_code == 0 else None


def build_wheel(into: Path) -> Path:
    """Build the wheel of the source tree that this package runs from.

    Raises:
        ClusterError: If it does not run from a source tree, or cannot be built.
    """
    source = Path(nepsbench.__file__).resolve().parent.parent
    if not (source / "pyproject.toml").is_file():
        raise ClusterError(
            f"nepsbench runs from {source}, which is no source tree; run this from a clone of the "
            "repository, or install nepsbench on the cluster by its set-up block"
        )
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    wheels = sorted(into.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        raise ClusterError(f"the wheel could not be built: {_last_line(done.stderr)}")
    return wheels[0]


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
