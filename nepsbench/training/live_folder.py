"""A folder that remembers live trials: a journal and a checkpoint each, in a worker's formats.

They are ``trial.journal`` and ``checkpoint.pt`` in ``<folder>/<16 hex digits>``. The
journal's records are ``trial`` (what it is, and its size), ``epoch`` and ``diverged``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from nepsbench.journal import JournalWriter, read_journal
from nepsbench.spaces import Scalar
from nepsbench.training.checkpoint import Checkpoint, Identity, read_checkpoint
from nepsbench.training.loop import Metrics

_REMEDY = "delete its folder to train the trial again"


@dataclass
class Memory:
    """What is known of a live trial.

    Attributes:
        rows: Metrics of each epoch that is done.
        size: ``params`` and ``flops``, in millions; empty until the network was built.
        divergence: Why it cannot go on, or None.
    """

    rows: dict[int, Metrics] = field(default_factory=dict)
    size: Metrics = field(default_factory=dict)
    divergence: str | None = None


@dataclass(frozen=True)
class LiveFolder:
    """The files of one live trial.

    Attributes:
        path: Their folder.
        identity: Whose they are.
    """

    path: Path
    identity: Identity

    @classmethod
    def below(cls, folder: Path, identity: Identity) -> LiveFolder:
        """Return the trial's place in a folder of many trials."""
        text = json.dumps(asdict(identity), sort_keys=True)
        return cls(folder / sha256(text.encode()).hexdigest()[:16], identity)

    @property
    def journal(self) -> Path:
        """The trial's epochs."""
        return self.path / "trial.journal"

    @property
    def checkpoint_file(self) -> Path:
        """The state after the last of them."""
        return self.path / "checkpoint.pt"

    def memory(self) -> Memory:
        """Return what the journal says.

        Raises:
            CorruptedFileError: If it is damaged.
        """
        memory = Memory()
        if not self.journal.exists():
            return memory
        for record in read_journal(self.journal, remedy=_REMEDY):
            if record["kind"] == "trial":
                memory.size = record["size"]
            elif record["kind"] == "epoch":
                memory.rows[record["epoch"]] = record["metrics"]
            else:
                memory.divergence = record["reason"]
        return memory

    def checkpoint(self, memory: Memory) -> Checkpoint | None:
        """Return the checkpoint if every epoch before it is known, too.

        Raises:
            CorruptedFileError: If it is damaged.
        """
        found = read_checkpoint(self.checkpoint_file, self.identity)
        whole = found is not None and memory.rows.keys() >= set(range(1, found.epoch + 1))
        return found if whole else None

    def writer(self) -> AbstractContextManager[JournalWriter]:
        """Open the journal; no other process trains the trial meanwhile.

        Raises:
            StorageError: If another one does, or the folder cannot be written.
        """
        return JournalWriter(self.journal, user="a training of this trial")

    def about(self, configuration: Mapping[str, Scalar], size: Metrics) -> dict[str, Any]:
        """Return the record that says what the trial is."""
        return {
            "kind": "trial",
            "identity": asdict(self.identity),
            "configuration": dict(configuration),
            "size": size,
        }
