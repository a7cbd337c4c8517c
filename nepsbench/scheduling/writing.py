"""A plan on disk: one folder a job with its portfolios, a summary, and the remainder.

The portfolio format is a contract with the training worker: see ``docs/architecture.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nepsbench.errors import SpecError
from nepsbench.files import replacing, storage_errors, write_text
from nepsbench.scheduling.plan import Plan, PlannedJob

_KEYS = ("taskid", "model_idx", "seed")
_NEEDS = ("cpus", "memory_mb", "seconds_per_epoch")


def write_plan(
    plan: Plan,
    rows: pa.Table,
    directory: Path,
    *,
    warnings: Sequence[str] = (),
    force: bool = False,
) -> list[Path]:
    """Write ``plan.json``, ``<job>/portfolios.jsonl`` and, if there is one, the remainder.

    Args:
        plan: What to write.
        rows: The profile's rows that were planned: row i is trial i of the plan.
        directory: Where to; made if it is not there.
        warnings: What ``plan.json`` says that a person should think about.
        force: Write over a plan that stands there.

    Returns:
        The folder of each job, in the plan's order.

    Raises:
        SpecError: If a plan stands there, and ``force`` is not given.
        StorageError: If the disk is full or the folder cannot be written.
    """
    with storage_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        _forget_earlier_plan(directory, force=force)
    trials = trials_as_json(rows)
    folders = [directory / f"job-{number:04}" for number in range(len(plan.jobs))]
    for folder, job in zip(folders, plan.jobs, strict=True):
        write_portfolios(folder / "portfolios.jsonl", job, trials)
    if len(plan.remainder):
        with replacing(directory / "remainder.parquet") as temporary:
            pq.write_table(rows.take(pa.array(plan.remainder)), temporary)
    # The summary comes last: where it stands, everything that it tells of stands too.
    write_text(directory / "plan.json", json.dumps(summary(plan, warnings), indent=2) + "\n")
    return folders


def _forget_earlier_plan(directory: Path, *, force: bool) -> None:
    """Delete what :func:`write_plan` wrote there before, the summary first."""
    if (directory / "plan.json").exists() and not force:
        raise SpecError(
            f"{directory}: holds a plan already; choose another folder, or write over it with "
            "--force"
        )
    for name in ("plan.json", "remainder.parquet", "job-*/portfolios.jsonl"):
        for path in directory.glob(name):
            path.unlink()


def write_portfolios(path: Path, job: PlannedJob, trials: list[str]) -> None:
    """Write a job's portfolios, a line a worker, from its trials' JSON."""
    with replacing(path) as temporary, temporary.open("w") as file:
        file.writelines(portfolio_lines(job.portfolios, trials))


def portfolio_lines(portfolios: Iterable[Any], trials: list[str]) -> Iterator[str]:
    """Yield the line of each worker: ``{"worker": k, "trials": [...]}``."""
    for worker, portfolio in enumerate(portfolios):
        listed = ",".join([trials[row] for row in portfolio.tolist()])
        yield f'{{"worker":{worker},"trials":[{listed}]}}\n'


def trials_as_json(rows: pa.Table) -> list[str]:
    """Return each row as the JSON of a trial: keys, seed, configuration.

    Written column by column, since a million dicts would take a minute.
    """
    parameters = [name for name in rows.column_names if name not in _KEYS + _NEEDS]
    names = [*_KEYS, *parameters]
    head = ",".join(f'"{name}":%s' for name in _KEYS)
    configuration = ",".join(json.dumps(name).replace("%", "%%") + ":%s" for name in parameters)
    template = f'{{{head},"configuration":{{{configuration}}}}}'
    columns = [_json_values(rows[name]) for name in names]
    return [template % values for values in zip(*columns, strict=True)]


def _json_values(column: pa.ChunkedArray) -> list[str]:
    """Return the JSON of each value; repeated values are written only once."""
    if pa.types.is_integer(column.type):
        return [str(value) for value in np.asarray(column).tolist()]
    encoded = column.combine_chunks().dictionary_encode()
    words = np.array([json.dumps(value) for value in encoded.dictionary.to_pylist()], dtype=object)
    spelled: list[str] = words[np.asarray(encoded.indices)].tolist()
    return spelled


def summary(plan: Plan, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """Return what ``plan.json`` says: limits, prediction, warnings, and what each job asks for."""
    return {
        "limits": asdict(plan.limits),
        "trials": plan.trials,
        "workers": plan.workers,
        "makespan": plan.makespan,
        "bound": plan.bound,
        "utilisation": plan.utilisation,
        "cpu_hours": plan.cpu_hours,
        "reserved_cpu_hours": plan.reserved_cpu_hours,
        "partial": len(plan.partial),
        "remainder": len(plan.remainder),
        "warnings": list(warnings),
        "jobs": [
            {
                "folder": f"job-{number:04}",
                "trials": job.trials,
                "seconds": job.longest,
                **asdict(job.resources),
            }
            for number, job in enumerate(plan.jobs)
        ],
    }
