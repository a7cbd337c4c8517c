"""What made a result: the columns of ``trials`` that say where, by what and when."""

from __future__ import annotations

import os
import platform
import socket
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import nepsbench


@cache
def code_version() -> str:
    """Return ``<version>+<12 hex digits>``: the digits hash every source file of the package.

    The same wheel gives the same words on every machine, with or without git.
    """
    root = Path(nepsbench.__file__).parent
    digest = sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(sha256(path.read_bytes()).digest())
    return f"{nepsbench.__version__}+{digest.hexdigest()[:12]}"


def environment() -> dict[str, str]:
    """Return this process's provenance columns: code, Python, torch, CPU, host, job."""
    return {
        "code_version": code_version(),
        "python_version": platform.python_version(),
        "torch_version": metadata.version("torch"),
        "device": cpu_model(),
        "host": socket.gethostname(),
        "job_id": os.environ.get("NEPSBENCH_JOB_ID", ""),
    }


def cpu_model() -> str:
    """Return the CPU's name as Linux tells it, or what the platform knows."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
