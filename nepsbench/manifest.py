"""Result manifests: what proves that the results of a job are whole, in ``sha256sum``'s format.

A manifest is the last thing that a piece of work writes, in one step. ``sha256sum -c`` checks it
in the job's folder, by which its file names are told; lines that begin with ``#`` are remarks:

    # progress 12
    # outcomes {"complete": 3, "timeout": 1}
    <64 hex digits>  results/worker-0.journal
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nepsbench.errors import CorruptedFileError
from nepsbench.files import sha256_of, write_text

_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<name>[^\\]+)")


@dataclass(frozen=True)
class Manifest:
    """What a manifest says.

    Attributes:
        checksums: The sha256, in hex digits, of each file by its name in the job's folder.
        progress: How much is done so far, in units of its own; None if it does not say.
        outcomes: How many parts of the work stand how.
    """

    checksums: Mapping[str, str]
    progress: int | None = None
    outcomes: Mapping[str, int] = field(default_factory=dict)


def write_manifest(
    path: Path,
    names: Sequence[str],
    *,
    directory: Path,
    progress: int | None = None,
    outcomes: Mapping[str, int] | None = None,
) -> None:
    """Prove the files ``names`` in ``directory`` as they stand on the disk now.

    Raises:
        StorageError: If the disk is full, or the folder cannot be written.
    """
    lines = [] if progress is None else [f"# progress {progress}"]
    if outcomes:
        lines.append(f"# outcomes {json.dumps(dict(outcomes))}")
    lines += [f"{sha256_of(directory / name)}  {name}" for name in names]
    write_text(path, "\n".join(lines) + "\n")


def read_manifest(path: Path) -> Manifest:
    """Return what a manifest says.

    Raises:
        CorruptedFileError: If it is damaged.
    """
    checksums, remarks = {}, {}
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("# "):
            word, _, value = line[2:].partition(" ")
            remarks[word] = value
        elif found := _LINE.fullmatch(line):
            checksums[found["name"]] = found["sha256"]
        else:
            raise _damaged(path)
    try:
        progress = int(remarks["progress"]) if "progress" in remarks else None
        return Manifest(checksums, progress, json.loads(remarks.get("outcomes", "{}")))
    except ValueError:
        raise _damaged(path) from None


def _damaged(path: Path) -> CorruptedFileError:
    return CorruptedFileError(f"{path}: damaged manifest; run the job that wrote it again")
