"""How much each installation takes on disk, how long it takes to import, and that it works."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figure import ROOT, Figure

_MB = 1e6
#: Interpreters that the client is tried on where they are at hand.
_INTERPRETERS = ("python3.10", "python3.11", "python3.12", "python3.13")
#: What each extra is for, as an import that must work.
_EXTRAS = {
    "cli": "import nepsbench.cli.main",
    "surrogate": "import catboost, nepsbench.surrogate.fitting",
    "search": "import ConfigSpace, nepsbench.search.form",
    "train": "import torch, nepsbench.training.loop",
}
_IMPORTS = 9
_IMPORT = "import time; t = time.perf_counter(); import nepsbench; print(time.perf_counter() - t)"


def figures() -> list[Figure]:
    at_hand = [each for each in _INTERPRETERS if shutil.which(each)]
    return [
        *(
            Figure(
                name=f"install-{interpreter}",
                title=f"`pip install .`, the client, into a new environment of {interpreter}, and "
                "`import nepsbench` in it",
                command=("-m", "benchmarks.bench_install", interpreter),
                bounds={"MB on disk": 160, "import s": 0.1},
                runs=1,
                cpus=2,
            )
            for interpreter in at_hand
        ),
        *(
            Figure(
                name=f"install-{extra}",
                title=f"`pip install '.[{extra}]'` into a new environment, and an import of what "
                "it is for",
                command=("-m", "benchmarks.bench_install", "python3.11", extra),
                runs=1,
                cpus=2,
            )
            for extra in _EXTRAS
        ),
    ]


def install(interpreter: str, extra: str, folder: Path) -> dict[str, float | str]:
    """Install into a new environment; return what it takes.

    Raises:
        subprocess.CalledProcessError: If it cannot be installed, or does not work.
    """
    _run(interpreter, "-m", "venv", str(folder))
    python = folder / "bin" / "python"
    site = Path(_run(python, "-c", "import site; print(site.getsitepackages()[0])").strip())
    before = _bytes(site)  # pip, and setuptools where the interpreter brings it
    what = f"{ROOT}[{extra}]" if extra else str(ROOT)
    _run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", what)
    found: dict[str, float | str] = {"MB on disk": (_bytes(site) - before) / _MB}
    if extra:
        _run(python, "-c", _EXTRAS[extra])
    seconds = [float(_run(python, "-c", _IMPORT)) for _ in range(_IMPORTS)]
    packages = json.loads(_run(python, "-m", "pip", "list", "--format", "json"))
    brought = len(packages) - sum(each["name"] in ("pip", "setuptools") for each in packages)
    return {**found, "import s": statistics.median(seconds), "packages": brought}


def _run(*command: str | Path) -> str:
    # Away from the clone, so that the installed package is what is imported.
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(each) for each in command], check=True, stdout=subprocess.PIPE, text=True, env=clean
    )
    return done.stdout


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main(arguments: Sequence[str]) -> None:
    """Install and report."""
    interpreter, extra = [*arguments, ""][:2]
    print(json.dumps(install(interpreter, extra, Path("environment").absolute())))


if __name__ == "__main__":
    main(sys.argv[1:])
