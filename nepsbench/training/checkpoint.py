"""Checkpoints: one file a trial, replaced whole after each epoch.

A file is what ``torch.save`` writes, followed by its SHA-256: torch itself does not notice a bit
that flipped in a tensor. No generator states are stored, because none outlive an epoch (see
``randomness``).
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from nepsbench.errors import CorruptedFileError, VersionMismatchError
from nepsbench.files import replacing
from nepsbench.training.loop import TrainingState

_FORMAT = 1
_DIGEST_SIZE = sha256().digest_size


@dataclass(frozen=True)
class Identity:
    """All that the bits of a trial depend on; a checkpoint serves only its equal."""

    space: str
    config_id: str
    seed: int
    recipe: str
    dataset: str
    dataset_version: str


def checkpoint_path(campaign_directory: Path, taskid: int, model_idx: int) -> Path:
    """Return where the checkpoint of a trial lies."""
    return campaign_directory / "checkpoints" / str(taskid) / f"{model_idx}.pt"


def save_checkpoint(path: Path, state: TrainingState, identity: Identity, *, started: str) -> None:
    """Write ``state`` durably: after a crash the file is the old one or the new one.

    Args:
        path: See :func:`checkpoint_path`.
        state: Between two epochs.
        identity: Of the trial.
        started: When the trial's first step was made, kept over all resumptions.

    Raises:
        StorageError: If the disk is full.
    """
    buffer = io.BytesIO()
    content = {
        "format": _FORMAT,
        "identity": asdict(identity),
        "started": started,
        "epoch": state.epoch,
        "runtime": state.runtime,
        "network": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
    }
    torch.save(content, buffer)
    payload = buffer.getbuffer()
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(payload)
        file.write(sha256(payload).digest())


def load_checkpoint(path: Path, state: TrainingState, identity: Identity) -> str | None:
    """Bring ``state`` to the checkpoint's; return when the trial started, None without a file.

    Raises:
        CorruptedFileError: If the file is damaged.
        VersionMismatchError: If it belongs to another trial, dataset, or recipe.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    payload, digest = content[:-_DIGEST_SIZE], content[-_DIGEST_SIZE:]
    if sha256(payload).digest() != digest:
        raise CorruptedFileError(
            f"{path}: damaged checkpoint (its checksum differs); "
            "delete it to train the trial again from its first epoch"
        )
    saved: dict[str, Any] = torch.load(io.BytesIO(payload), weights_only=True)
    if saved["format"] != _FORMAT:
        raise VersionMismatchError(
            f"{path}: checkpoint of format {saved['format']}, this is {_FORMAT}; "
            "use the nepsbench that wrote it, or delete it"
        )
    for name, expected in asdict(identity).items():
        if saved["identity"][name] != expected:
            raise VersionMismatchError(
                f"{path}: checkpoint of {name} {saved['identity'][name]!r}, expected {expected!r}; "
                "give the campaign another name, or delete the checkpoint"
            )
    state.network.load_state_dict(saved["network"])
    state.optimizer.load_state_dict(saved["optimizer"])
    state.epoch, state.runtime = saved["epoch"], saved["runtime"]
    return str(saved["started"])
