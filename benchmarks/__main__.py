"""``python -m benchmarks [NAME ...]``: measure all figures, or some, into RESULTS.md."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.figure import Figure, measure
from benchmarks.results import record, row

FOLDER = Path(__file__).parent


def all_figures() -> list[Figure]:
    """Return the figures of every ``bench_*.py`` here, by file name."""
    modules = sorted(path.stem for path in FOLDER.glob("bench_*.py"))
    return [figure for name in modules for figure in import_module(f"benchmarks.{name}").figures()]


def main() -> int:
    """Measure; exit code 1 if a target was missed or a figure failed."""
    figures = all_figures()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [figure.name for figure in figures]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(names)}")
    chosen = parser.parse_args().names
    unknown = set(chosen) - set(names)
    if unknown:
        parser.error(f"no figure {min(unknown)!r}; there are: {', '.join(names)}")
    met = True
    for figure in figures:
        if not chosen or figure.name in chosen:
            met &= _measured(figure, names)
    return 0 if met else 1


def _measured(figure: Figure, names: list[str]) -> bool:
    """Measure one figure into the page; return whether its targets are met."""
    try:
        result = measure(figure)
    except subprocess.CalledProcessError as error:
        print(f"{figure.name}: failed with exit code {error.returncode}", file=sys.stderr)
        return False
    print(row(result), flush=True)
    record(FOLDER / "RESULTS.md", names, result)
    return result.is_met


sys.exit(main())
