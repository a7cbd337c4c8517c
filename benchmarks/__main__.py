"""``python -m benchmarks [NAME ...]``: measure all figures, or some, into RESULTS.md."""

from __future__ import annotations

import argparse
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
    """Measure; exit code 1 if a target was missed."""
    figures = all_figures()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [figure.name for figure in figures]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(names)}")
    chosen = parser.parse_args().names
    unknown = set(chosen) - set(names)
    if unknown:
        parser.error(f"no figure {min(unknown)!r}; there are: {', '.join(names)}")
    results = []
    for figure in figures:
        if not chosen or figure.name in chosen:
            results.append(measure(figure))
            print(row(results[-1]), flush=True)
            record(FOLDER / "RESULTS.md", names, results[-1])
    return 0 if all(result.is_met for result in results) else 1


sys.exit(main())
