"""``psicov``: how far apart the residues of a protein are, from what is known of its sequence.

Source: Adhikari, A fully open-source framework for deep learning protein real-valued distances
(PDNET, Scientific Reports 10, 2020); its use: NAS-Bench-360.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.about import About
from nepsbench.datasets.examples import Examples, Splits
from nepsbench.datasets.members import open_members
from nepsbench.datasets.protein import CHANNELS, Protein, read_protein
from nepsbench.datasets.published import source_folder
from nepsbench.datasets.scratch import scratch_array
from nepsbench.datasets.splits import drawn_numbers
from nepsbench.datasets.task import Task
from nepsbench.errors import DatasetError

FILE = "protein.zip"
_VALID, _DEEPCOV, _PSICOV = 100, 3_456, 150
SIDE = 128
TASK = Task("mse", "mae8", outputs=1, dense=True)

ABOUT = About(
    title="distances between the residues of a protein",
    shape=(CHANNELS, SIDE, SIDE),
    task=TASK,
    sizes=(_DEEPCOV - _VALID, _VALID, _PSICOV),
    files=f"`{FILE}`, or its content (`deepcov.lst`, `psicov.lst`, and of both sets "
    "`features/*.pkl` and `distance/*-cb.npy`)",
    steps="57 channels: what is known of each residue along columns and along rows, and of each "
    "pair; 5 places of padding around; distances from 1 Å, cut at 16; features in half precision",
    split="NAS-Bench-360's: the first 100 of DeepCov are valid, PSICOV is test",
    publication="Adhikari, Scientific Reports 10, 2020",
    licence="GPL 3.0",
    trap="sizes are proteins: of one longer than 118 residues, training and validation have one "
    "crop, drawn once (published: drawn anew each time); a test protein is windows of 128x128 side "
    "by side, judged together. The two outputs for a pair are combined as the published code does, "
    "3/4 of the lower and 1/4 of the upper. Needs some 18 GB of disk while it is prepared",
)


def read(source: Path | None) -> Splits:
    """Return features and distances.

    Raises:
        DatasetError: If a file is missing, truncated, or of another format.
    """
    folder = source_folder(source, dataset="psicov", wanted=FILE)
    return parse_members(open_members(folder, FILE), sizes=(_VALID, _DEEPCOV, _PSICOV))


def parse_members(member: Callable[[str], bytes], *, sizes: tuple[int, int, int]) -> Splits:
    """Return the splits of the published files.

    Args:
        member: Returns the content of a file by its published path.
        sizes: Proteins that are valid, and that DeepCov and PSICOV list.

    Raises:
        DatasetError: If a file is missing, truncated, or of another format.
    """
    lists = {}
    for name, size in (("deepcov", sizes[1]), ("psicov", sizes[2])):
        lines = member(f"{name}.lst").decode(errors="replace").splitlines()
        lists[name] = [line.split()[0] for line in lines if line.strip()]
        if len(lists[name]) != size:
            raise DatasetError(
                f"psicov: {name}.lst lists {len(lists[name])} proteins, expected {size}; get the "
                "published file again"
            )

    def proteins(folder: str, names: list[str]) -> Iterator[Protein]:
        for name in names:
            yield read_protein(member, folder, name)

    valid, train = lists["deepcov"][: sizes[0]], lists["deepcov"][sizes[0] :]
    return Splits(
        train=_crops(proteins("deepcov", train), len(train)),
        valid=_crops(proteins("deepcov", valid), len(valid)),
        test=_windows(proteins("psicov", lists["psicov"])),
        task=TASK,
        kind="numbers",
    )


def _crops(proteins: Iterator[Protein], count: int) -> Examples:
    """Return one place of each protein: its whole in the corner, or a crop that its name draws."""
    inputs = scratch_array((count, CHANNELS, SIDE, SIDE), np.float16)
    targets = np.empty((count, 2, SIDE, SIDE), np.float32)
    for index, protein in enumerate(proteins):
        room = max(0, protein.side - SIDE) + 1
        row, column = (drawn_numbers(f"psicov/{protein.name}", 2) * room).astype(int)
        inputs[index], targets[index] = protein.part(row, column, SIDE)
    return Examples(inputs, targets)


def _windows(proteins: Iterator[Protein]) -> Examples:
    """Return the windows that cover each protein, a group each."""
    inputs: list[NDArray[Any]] = []
    targets: list[NDArray[Any]] = []
    groups: list[int] = []
    for number, protein in enumerate(proteins):
        starts = range(0, protein.side, SIDE)
        for row in starts:
            for column in starts:
                features, maps = protein.part(row, column, SIDE)
                inputs.append(features)
                targets.append(maps)
                groups.append(number)
    windows = scratch_array((len(inputs), CHANNELS, SIDE, SIDE), np.float16)
    for index, features in enumerate(inputs):
        windows[index] = features
    return Examples(windows, np.stack(targets), np.array(groups, np.int64))
