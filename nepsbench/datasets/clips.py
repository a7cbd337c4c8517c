"""Lists of labelled sound clips, in the three forms that FSD50K is found in."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nepsbench.errors import DatasetError

#: Split names of the lists, by ours.
_SPLITS = {"train": "train", "val": "valid", "valid": "valid", "test": "test"}


@dataclass(frozen=True)
class Clip:
    """A sound and what is heard in it.

    Attributes:
        name: Its name, the same everywhere.
        files: Its wav file, or those of its chunks, in their order.
        labels: Names of labels.
    """

    name: str
    files: tuple[Path, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Clips:
    """All clips.

    Attributes:
        splits: Clips of ``train``, ``valid`` and ``test``.
        vocabulary: Names of labels by number.
        chunked: True if the files are chunks of clips.
    """

    splits: dict[str, list[Clip]]
    vocabulary: tuple[str, ...]
    chunked: bool = False


def read_published(folder: Path) -> Clips:
    """Return the clips of FSD50K as Zenodo has it: ``FSD50K.ground_truth`` and two folders of wav.

    Raises:
        DatasetError: If a list is missing or lacks a column.
    """
    truth = folder / "FSD50K.ground_truth"
    splits: dict[str, list[Clip]] = {"train": [], "valid": [], "test": []}
    for row in _rows(truth / "dev.csv", ("fname", "labels", "split")):
        clip = _clip(row, folder / "FSD50K.dev_audio")
        splits[_split(row["split"], truth / "dev.csv")].append(clip)
    for row in _rows(truth / "eval.csv", ("fname", "labels")):
        splits["test"].append(_clip(row, folder / "FSD50K.eval_audio"))
    vocabulary = truth / "vocabulary.csv"
    if not vocabulary.is_file():
        raise DatasetError(f"{vocabulary}: no such file; get FSD50K.ground_truth")
    with vocabulary.open(newline="") as file:
        names = {int(row[0]): row[1] for row in csv.reader(file) if len(row) > 1}
    return Clips(splits, tuple(names[number] for number in sorted(names)))


def read_manifests(folder: Path) -> Clips:
    """Return the clips of NAS-Bench-360's chunks: ``tr.csv``, ``val.csv``, ``eval.csv`` and wavs.

    The paths in its lists are those of the publisher's machine; files are found by their names.

    Raises:
        DatasetError: If a list or a wav file is missing.
    """
    (lists,) = {path.parent for path in sorted(folder.rglob("lbl_map.json"))[:1]}
    numbers: dict[str, int] = json.loads((lists / "lbl_map.json").read_text())
    wavs = {path.name: path for path in folder.rglob("*.wav")}
    splits = {}
    for split, name in (("train", "tr.csv"), ("valid", "val.csv"), ("test", "eval.csv")):
        chunks: dict[str, list[Path]] = {}
        labels: dict[str, tuple[str, ...]] = {}
        for row in _rows(lists / name, ("files", "labels", "ext")):
            wav = wavs.get(Path(row["files"]).name)
            if wav is None:
                raise DatasetError(
                    f"{folder}: lacks {Path(row['files']).name}, which {name} lists; get it again"
                )
            chunks.setdefault(row["ext"], []).append(wav)
            labels[row["ext"]] = tuple(row["labels"].split(","))
        splits[split] = [
            Clip(clip, tuple(sorted(files)), labels[clip]) for clip, files in sorted(chunks.items())
        ]
    return Clips(splits, tuple(sorted(numbers, key=lambda label: numbers[label])), chunked=True)


def read_list(folder: Path) -> Clips:
    """Return the clips of ``clips.csv`` (fname, labels, split), beside wav files.

    Raises:
        DatasetError: If it lacks a column or a split.
    """
    path = folder / "clips.csv"
    splits: dict[str, list[Clip]] = {"train": [], "valid": [], "test": []}
    for row in _rows(path, ("fname", "labels", "split")):
        splits[_split(row["split"], path)].append(_clip(row, folder))
    for split, clips in splits.items():
        if not clips:
            raise DatasetError(f"{path}: no clip of {split}; give train, valid and test")
    labels = {label for clips in splits.values() for clip in clips for label in clip.labels}
    return Clips(splits, tuple(sorted(labels)))


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; get the published files")
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        missing = set(columns) - set(reader.fieldnames or ())
        if missing:
            raise DatasetError(f"{path}: has no column {sorted(missing)[0]}; get it again")
        for row in reader:
            if any(row[column] is None for column in columns):
                raise DatasetError(f"{path}: line {reader.line_num} is cut off; get it again")
            yield row


def _clip(row: dict[str, str], folder: Path) -> Clip:
    name = row["fname"].removesuffix(".wav")
    return Clip(name, (folder / f"{name}.wav",), tuple(row["labels"].split(",")))


def _split(name: str, path: Path) -> str:
    if name not in _SPLITS:
        raise DatasetError(f"{path}: a split {name!r}, expected {', '.join(_SPLITS)}")
    return _SPLITS[name]
