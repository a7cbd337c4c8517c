"""The end of an audit: what was trained again against what is recorded now, and its record."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa

from nepsbench.audit.comparison import Curve, Tolerance, compare
from nepsbench.audit.record import AuditRecord, keep
from nepsbench.audit.retraining import is_trained, planned_parts, trained_tables
from nepsbench.audit.sample import Audit
from nepsbench.audit.source import open_recorded
from nepsbench.errors import NepsbenchError

_Key = tuple[str, int, int]


def judge(audit: Audit, *, by: str) -> AuditRecord:
    """Compare every trial of the sample with what is recorded of it now, and keep the verdicts.

    Args:
        audit: Its trials were trained again.
        by: Who asked for it.

    Raises:
        NepsbenchError: If training again has not come to its end.
        CorruptedFileError: If a journal is damaged.
        ConflictError: If an epoch was trained twice now, with different results.
        StorageError: If the disk is full.
    """
    if not is_trained(audit):
        raise NepsbenchError(f"{audit.id}: not all of its trials are trained again; run it again")
    form = audit.form
    tolerance = Tolerance(form.points, form.relative)
    with open_recorded(form.benchmark, audit.home) as recorded:
        known = _curves(*recorded.rows_of(audit.sample))
        damage = recorded.damage
    compared = [
        compare(known.get(key), curve, until=part.epochs, tolerance=tolerance)
        for part, planned in planned_parts(audit)
        for key, curve in _curves(*trained_tables(part, planned)).items()
    ]
    record = AuditRecord(
        audit=audit.id,
        benchmark=audit.about["benchmark"],
        source=audit.about["source"],
        by=by,
        finished=datetime.now(timezone.utc).replace(microsecond=0),
        code_version=audit.about["code_version"],
        form=form,
        population=audit.about["population"],
        environment=json.loads((audit.path / "environment.json").read_text()),
        damage=damage,
        trials=tuple(sorted(compared, key=lambda c: (c.profile, c.taskid, c.model_idx))),
    )
    return keep(record, audit.path)


def _curves(trials: pa.Table, epochs: pa.Table) -> dict[_Key, Curve]:
    """Return the curve of each trial of both tables."""
    rows: dict[_Key, dict[int, Any]] = defaultdict(dict)
    for row in epochs.to_pylist():
        rows[_key(row)][row["epoch"]] = row
    return {_key(row): Curve(row, rows[_key(row)]) for row in trials.to_pylist()}


def _key(row: dict[str, Any]) -> _Key:
    return row["profile"], row["taskid"], row["model_idx"]
