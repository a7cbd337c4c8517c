"""Run a study: every search once, on some processes, into the data home."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from nepsbench.errors import ConflictError, NepsbenchError, SpecError, StorageError
from nepsbench.files import storage_errors, write_text
from nepsbench.search.contest import Contest
from nepsbench.search.results import (
    evaluations_table,
    provenance,
    read_results,
    write_results,
)
from nepsbench.search.study import Entry, Study, parse_study

#: Below the data home: a folder a study.
SEARCHES = "searches"
#: In a study's folder.
EVALUATIONS, STUDY, PARTS = "evaluations.parquet", "study.json", "parts"

#: Told after every search: how many are done, of how many.
Progress = Callable[[int, int], None]
Job = tuple[str, int]


def run_study(study: Study, home: Path, *, jobs: int = 1, progress: Progress | None = None) -> Path:
    """Run every search of a study that was not run yet, and return the study's folder.

    Killed at any moment, it goes on with the searches that are missing.

    Args:
        study: The study.
        home: The data home.
        jobs: Processes.
        progress: Is told how far it is.

    Raises:
        ConflictError: If another study was run by that name, or this one on other data.
        NepsbenchError: If a search cannot be run.
        StorageError: If the disk is full.
    """
    contest = Contest(study, home)
    folder = study_folder(study.study, home)
    _claim(folder, study)
    made = provenance(study.model_dump(), contest.bench)
    if (folder / EVALUATIONS).exists():
        _, before = read_results(folder / EVALUATIONS)
        if before["content"] != made["content"]:
            raise ConflictError(
                f"{folder}: was run on another release of {made['benchmark']}; delete the folder, "
                "or give the study another name"
            )
        return folder
    rows = [entry.row for entry in study.optimisers]
    wanted = [(row, seed) for row in rows for seed in range(study.seeds)]
    missing = [job for job in wanted if not _part(folder, job).exists()]
    done = len(wanted) - len(missing)
    for job, table in _run(study, home, missing, jobs):
        write_results(_part(folder, job), table, made)
        done += 1
        if progress:
            progress(done, len(wanted))
    parts = [read_results(_part(folder, job))[0] for job in wanted]
    write_results(folder / EVALUATIONS, pa.concat_tables(parts), made)
    shutil.rmtree(folder / PARTS)
    return folder


def run_again(
    study: Study, home: Path, row: str, seeds: Sequence[int], *, jobs: int = 1
) -> pa.Table:
    """Run searches of a row again and return their evaluations; nothing is stored."""
    study.entry(row)
    found = dict(_run(study, home, [(row, seed) for seed in seeds], jobs))
    return pa.concat_tables([found[row, seed] for seed in seeds])


def first_difference(stored: pa.Table, again: pa.Table) -> str | None:
    """Return in words where two runs of the same searches differ; None if they do not."""
    if stored.num_rows != again.num_rows:
        return f"{stored.num_rows} evaluations are stored, {again.num_rows} were made now"
    for name in stored.column_names:
        before, now = stored[name].to_pylist(), again[name].to_pylist()
        for place, (old, new) in enumerate(zip(before, now, strict=True)):
            if old != new:
                search = f"seed {stored['seed'][place]}, evaluation {stored['number'][place]}"
                return f"{search}: {name} was {old!r}, is {new!r}"
    return None


@dataclass(frozen=True)
class Reproduced:
    """What became of running searches again.

    Attributes:
        searches: How many were run.
        evaluations: How many evaluations they have.
        difference: The first that is not as it was stored, in words; None if all are.
    """

    searches: int
    evaluations: int
    difference: str | None


def reproduce_row(
    name: str, row: str, home: Path, *, seed: int | None = None, jobs: int = 1
) -> Reproduced:
    """Run the searches of a row again and compare them with what is stored.

    Args:
        name: A study that was run.
        row: Which optimiser of it.
        home: The data home.
        seed: Only this search.
        jobs: Processes.

    Raises:
        StorageError: If the study was not run.
        SpecError: If it has no such row or seed.
    """
    study, stored, _ = load_study(name, home)
    if seed is not None and seed >= study.seeds:
        raise SpecError(f"study {name} has no seed {seed}; there are 0 to {study.seeds - 1}")
    seeds = range(study.seeds) if seed is None else [seed]
    again = run_again(study, home, row, seeds, jobs=jobs)
    kept = [
        own == row and number in seeds
        for own, number in zip(
            stored["optimiser"].to_pylist(), stored["seed"].to_pylist(), strict=True
        )
    ]
    before = stored.filter(pa.array(kept))
    return Reproduced(len(seeds), again.num_rows, first_difference(before, again))


def load_study(name: str, home: Path) -> tuple[Study, pa.Table, dict[str, Any]]:
    """Return a study that was run, its evaluations, and their provenance.

    Raises:
        StorageError: If it was not run; names those that were.
    """
    folder = study_folder(name, home)
    if not (folder / EVALUATIONS).exists():
        there = ", ".join(study_names(home)) or "none yet"
        raise StorageError(f"{folder}: holds no finished study; there are: {there}")
    table, made = read_results(folder / EVALUATIONS)
    return parse_study(made["study"], where=str(folder / EVALUATIONS)), table, made


def study_folder(name: str, home: Path) -> Path:
    """Return where a study's results are, or will be."""
    return home / SEARCHES / name


def study_names(home: Path) -> list[str]:
    """Return the names of all finished studies of a data home."""
    return sorted(path.parent.name for path in (home / SEARCHES).glob(f"*/{EVALUATIONS}"))


def _claim(folder: Path, study: Study) -> None:
    """Note what the study is, or refuse if the folder is another's."""
    text = json.dumps(study.model_dump(), indent=1) + "\n"
    path = folder / STUDY
    with storage_errors(path):
        known = path.read_text("utf-8") if path.exists() else None
    if known is None:
        write_text(path, text)
    elif known != text:
        raise ConflictError(
            f"{folder}: another study of that name was run; give this one another name, or delete "
            "the folder"
        )


def _part(folder: Path, job: Job) -> Path:
    row, seed = job
    return folder / PARTS / f"{row}-{seed}.parquet"


def _run(
    study: Study, home: Path, wanted: Iterable[Job], jobs: int
) -> Iterator[tuple[Job, pa.Table]]:
    """Yield the evaluations of searches as they end."""
    if jobs < 1:
        raise NepsbenchError(f"{jobs} processes; give 1 or more")
    if jobs == 1:
        contest = Contest(study, home)
        for job in wanted:
            yield job, _table(contest, study.entry(job[0]), job[1])
        return
    # A fork would copy locks that other threads hold.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        text = study.model_dump_json()
        futures = {pool.submit(_in_process, text, str(home), *job): job for job in wanted}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise NepsbenchError(
                f"study {study.study}: a process was killed (by hand, or for want of memory); run "
                "it again with fewer --jobs, it goes on with the searches that are missing"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _in_process(text: str, home: str, row: str, seed: int) -> pa.Table:
    contest = _opened(text, home)
    return _table(contest, contest.study.entry(row), seed)


@lru_cache(1)
def _opened(text: str, home: str) -> Contest:
    return Contest(parse_study(json.loads(text), where="study"), Path(home))


def _table(contest: Contest, entry: Entry, seed: int) -> pa.Table:
    study = contest.study
    return evaluations_table(
        entry.row,
        seed,
        list(contest.search(entry, seed)),
        space=contest.bench.space,
        metrics=study.metrics,
        final=study.finals,
    )
