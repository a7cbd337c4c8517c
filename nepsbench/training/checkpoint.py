"""Checkpoints: one file a trial, replaced whole after each epoch.

A file is sealed with its checksum (see ``sealed``). No generator states are stored, because none
outlive an epoch (see ``randomness``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nepsbench.datasets.record import DatasetRecord
from nepsbench.errors import VersionMismatchError
from nepsbench.files import remove_leftovers
from nepsbench.provenance import Maker
from nepsbench.spaces import Scalar, Space
from nepsbench.training.keeping import Kept
from nepsbench.training.loop import TrainingState
from nepsbench.training.recipe import Recipe
from nepsbench.training.sealed import read_sealed, write_sealed

_FORMAT = 2


@dataclass(frozen=True)
class Identity:
    """All that the bits of a trial depend on; a checkpoint serves only its equal."""

    space: str
    config_id: str
    seed: int
    recipe: str
    dataset: str
    dataset_version: str


def identity_of(
    space: Space,
    configuration: Mapping[str, Scalar],
    *,
    seed: int,
    recipe: Recipe,
    dataset: DatasetRecord,
) -> Identity:
    """Return the identity of a trial."""
    return Identity(
        space=f"{space.name}/{space.version}",
        config_id=space.config_id(configuration),
        seed=seed,
        recipe=recipe.label,
        dataset=dataset.name,
        dataset_version=dataset.version,
    )


def checkpoint_path(campaign_directory: Path, taskid: int, model_idx: int) -> Path:
    """Return where the checkpoint of a trial lies."""
    return campaign_directory / "checkpoints" / str(taskid) / f"{model_idx}.pt"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file says.

    Attributes:
        epoch: The last epoch that is done.
        runtime: See :class:`TrainingState`.
        started: When the trial's first step was made, kept over all resumptions.
        makers: What trained its epochs, in order of first appearance.
        network: Its state.
        optimizer: Its state.
        architect: That of the architecture's optimiser, of a search that has one.
        kept: Which weights were kept, and the best so far.
    """

    epoch: int
    runtime: float
    started: str
    makers: tuple[Maker, ...]
    network: dict[str, Any]
    optimizer: dict[str, Any]
    architect: dict[str, Any] | None = None
    kept: Kept = field(default_factory=Kept)

    def restore(self, state: TrainingState) -> None:
        """Bring ``state`` to this one."""
        state.network.load_state_dict(self.network)
        state.optimizer.load_state_dict(self.optimizer)
        if self.architect is not None and state.architect and state.architect.optimizer:
            state.architect.optimizer.load_state_dict(self.architect)
        state.epoch, state.runtime = self.epoch, self.runtime


def save_checkpoint(
    path: Path,
    state: TrainingState,
    identity: Identity,
    *,
    started: str,
    makers: tuple[Maker, ...],
    kept: Kept | None = None,
) -> None:
    """Write ``state`` durably: after a crash the file is the old one or the new one.

    Args:
        path: See :func:`checkpoint_path`.
        state: Between two epochs.
        identity: Of the trial.
        started: See :class:`Checkpoint`.
        makers: See :class:`Checkpoint`.
        kept: See :class:`Checkpoint`.

    Raises:
        StorageError: If the disk is full.
    """
    content: dict[str, Any] = {
        "format": _FORMAT,
        "identity": asdict(identity),
        "epoch": state.epoch,
        "runtime": state.runtime,
        "started": started,
        "makers": makers,
        "network": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
    }
    if state.architect and state.architect.optimizer:
        content["architect"] = state.architect.optimizer.state_dict()
    if kept is not None and (kept.weights or kept.best):
        # Only where it is asked for: without it, the file is as it always was.
        content["kept"] = vars(kept)
    write_sealed(path, content)


def read_checkpoint(path: Path, identity: Identity) -> Checkpoint | None:
    """Return the checkpoint of a trial, None without a file; remove what killed writers left.

    Raises:
        CorruptedFileError: If the file is damaged.
        VersionMismatchError: If it belongs to another trial, dataset, or recipe.
    """
    remove_leftovers(path)
    try:
        owner, checkpoint = open_checkpoint(path)
    except FileNotFoundError:
        return None
    for name, expected in asdict(identity).items():
        found = getattr(owner, name)
        if found != expected:
            raise VersionMismatchError(
                f"{path}: checkpoint of {name} {found!r}, expected {expected!r}; "
                "give the campaign another name, or delete the checkpoint"
            )
    return checkpoint


def open_checkpoint(path: Path) -> tuple[Identity, Checkpoint]:
    """Return whose checkpoint a file is, and what it says.

    Raises:
        FileNotFoundError: If there is no file.
        CorruptedFileError: If it is damaged.
        VersionMismatchError: If it is of another format.
    """
    saved = read_sealed(
        path,
        damaged="damaged checkpoint (its checksum differs); "
        "delete it to train the trial again from its first epoch",
    )
    found = saved.pop("format")
    if found != _FORMAT:
        raise VersionMismatchError(
            f"{path}: checkpoint of format {found}, this is {_FORMAT}; "
            "use the nepsbench that wrote it, or delete it"
        )
    owner = Identity(**saved.pop("identity"))
    return owner, Checkpoint(**{**saved, "kept": Kept(**saved.get("kept", {}))})
