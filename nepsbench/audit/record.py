"""The record of an audit: who, when, which sample, and what came of every trial."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nepsbench.audit.comparison import Compared, Verdict
from nepsbench.audit.form import AuditForm
from nepsbench.audit.source import WAREHOUSE
from nepsbench.boundary import Section, first_problem
from nepsbench.errors import CorruptedFileError
from nepsbench.files import write_text

RECORD = "record.json"


class AuditRecord(Section):
    """What came of an audit.

    Attributes:
        audit: Its id.
        benchmark: The benchmark.
        source: ``warehouse``, or the folder of the release.
        by: Who ran it.
        finished: When, UTC.
        code_version: The code that trained again.
        form: What was asked for.
        population: How many trials the sample was drawn from.
        environment: What ran on the cluster, as its job wrote it down.
        damage: What is wrong with the files that hold the tables, or None.
        trials: What came of each trial of the sample.
    """

    audit: str
    benchmark: str
    source: str
    by: str
    finished: datetime
    code_version: str
    form: AuditForm
    population: int
    environment: dict[str, Any]
    damage: str | None
    trials: tuple[Compared, ...]

    @property
    def verdicts(self) -> dict[str, int]:
        """How many trials came to each verdict."""
        counts = Counter(trial.verdict for trial in self.trials)
        return {verdict.value: counts[verdict] for verdict in Verdict}

    @property
    def passed(self) -> bool:
        """True if every trial is exact or tolerable, and no file is damaged."""
        good = self.verdicts[Verdict.EXACT.value] + self.verdicts[Verdict.TOLERABLE.value]
        return self.damage is None and good == len(self.trials)

    @property
    def last_epoch(self) -> int:
        """The farthest epoch that was compared."""
        return max(trial.epochs for trial in self.trials)

    def summary(self) -> dict[str, Any]:
        """Return what the manifest of a release says of it: all but the trials that are exact."""
        return {
            **self.model_dump(mode="json", exclude={"trials", "environment", "source", "form"}),
            **self.form.model_dump(mode="json", include={"seed", "cluster", "points", "relative"}),
            "sample": len(self.trials),
            "epochs": self.last_epoch,
            "verdicts": self.verdicts,
            "not_exact": [str(t) for t in self.trials if t.verdict is not Verdict.EXACT],
        }

    def says_the_same(self, other: AuditRecord) -> bool:
        """Return whether only who and when differ."""
        when = {"by", "finished"}
        return self.model_dump(exclude=when) == other.model_dump(exclude=when)


def keep(record: AuditRecord, folder: Path) -> AuditRecord:
    """Write the record into the audit's folder; return the one that stands there in the end.

    One that says the same stays as it is.

    Raises:
        StorageError: If the disk is full.
    """
    path = folder / RECORD
    if path.exists() and (known := read_record(path)).says_the_same(record):
        return known
    write_text(path, record.model_dump_json(indent=1))
    return record


def read_record(path: Path) -> AuditRecord:
    """Read a record.

    Raises:
        CorruptedFileError: If it is damaged.
    """
    try:
        return AuditRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise CorruptedFileError(
            f"{path}: damaged ({first_problem(error, AuditRecord)}); delete it and run the audit "
            "again: nothing is trained twice"
        ) from None


def last_audit(benchmark: str, home: Path) -> AuditRecord | None:
    """Return the newest audit of the warehouse's tables of a benchmark, or None.

    Raises:
        CorruptedFileError: If a record is damaged.
    """
    paths = home.glob(f"audits/audit-{benchmark}-*/{RECORD}")
    found = (read_record(path) for path in paths)
    own = [r for r in found if r.benchmark == benchmark and r.source == WAREHOUSE]
    return max(own, key=lambda record: record.finished, default=None)
