"""What made a result: the columns of ``trials`` that say where, by what and when."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterable
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


#: Names the device that networks are trained on; see ``nepsbench.training.placement``.
DEVICE_VARIABLE = "NEPSBENCH_DEVICE"
#: What the bits of a result may depend on: the values of ``MAKER_COLUMNS``.
Maker = tuple[str, ...]
MAKER_COLUMNS = ("torch_version", "device", "code_version")


def this_maker() -> Maker:
    """Return what computes in this process."""
    found = environment()
    return tuple(str(found[column]) for column in MAKER_COLUMNS)


def mixture(makers: Iterable[Maker]) -> dict[str, str]:
    """Return ``MAKER_COLUMNS`` of a result that several made: ``first; second``, each once."""
    columns = zip(*makers, strict=True)
    return {
        name: "; ".join(dict.fromkeys(values))
        for name, values in zip(MAKER_COLUMNS, columns, strict=False)
    }


def environment() -> dict[str, str | None]:
    """Return this process's provenance columns: code, Python, torch, CPU, host, job.

    Outside a job ``job_id`` is None.
    """
    return {
        "code_version": code_version(),
        "python_version": platform.python_version(),
        "torch_version": metadata.version("torch"),
        "device": _device(),
        "host": socket.gethostname(),
        "job_id": os.environ.get("NEPSBENCH_JOB_ID") or None,
    }


def _device() -> str:
    """Return the model of what networks are trained on here."""
    name = os.environ.get(DEVICE_VARIABLE) or "cpu"
    if name == "cpu":
        return cpu_model()
    import torch

    return str(torch.cuda.get_device_name(name))


@cache
def cpu_model() -> str:
    """Return the CPU's name as Linux tells it, or what the platform knows."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
