"""What a worker's own journal says of its trials, when the worker is run again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nepsbench.journal import read_journal
from nepsbench.schema import FINAL_STATUSES, Status

Key = tuple[int, int]

#: So many attempts in a row that ended without a word: the trial itself kills its worker.
FATAL_ATTEMPTS = 2
_REMEDY = (
    "delete it and the checkpoints of this worker's trials, and run the job again: they are "
    "trained anew, to the same numbers"
)


@dataclass
class History:
    """What is known of a trial.

    Attributes:
        settled: The outcome, if this job has nothing left to do for the trial.
        attempts: Times that it was begun since its last epoch or outcome: each of these workers
            was killed in it.
    """

    settled: Status | None = None
    attempts: int = 0


def read_history(journal: Path, *, target_epochs: int) -> dict[Key, History]:
    """Return the history of each trial that the journal speaks of.

    Raises:
        CorruptedFileError: If the journal is damaged.
    """
    histories: dict[Key, History] = {}
    for record in read_journal(journal, remedy=_REMEDY):
        known = histories.setdefault((record["taskid"], record["model_idx"]), History())
        if record["kind"] == "begin":
            known.attempts += 1
            continue
        if record["kind"] == "trial":
            status = Status(record["status"])
            is_final = status in FINAL_STATUSES and record["target_epochs"] >= target_epochs
            if is_final or (status == Status.FAILED and known.attempts >= FATAL_ATTEMPTS):
                known.settled = status
        known.attempts = 0
    return histories
