"""``fsd50k``: what is heard in sound clips, 200 labels, by log-mel spectrograms of a second each.

Source: Fonseca et al., FSD50K: An Open Dataset of Human-Labeled Sound Events (arXiv:2010.00475);
its use: NAS-Bench-360.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.about import About
from nepsbench.datasets.audio import BANDS, FRAMES, count_chunks, cut_chunks, log_mel, read_wav
from nepsbench.datasets.clips import Clip, Clips, read_list, read_manifests, read_published
from nepsbench.datasets.examples import Examples, Splits
from nepsbench.datasets.published import source_folder
from nepsbench.datasets.scratch import scratch_array
from nepsbench.datasets.splits import drawn_numbers
from nepsbench.datasets.task import Task
from nepsbench.errors import DatasetError

_LABELS = 200
_SIZES = {"train": 36_796, "valid": 4_170, "test": 10_231}
TASK = Task("binary_cross_entropy", "map_error", outputs=_LABELS)

ABOUT = About(
    title="sound events in clips",
    shape=(1, BANDS, FRAMES),
    task=TASK,
    sizes=(36_796, 4_170, 10_231),
    files="Zenodo's `FSD50K.ground_truth/`, `FSD50K.dev_audio/` and `FSD50K.eval_audio/`, "
    "unpacked; or NAS-Bench-360's `audio.zip`, unpacked (`lbl_map.json`, `tr.csv`, `val.csv`, "
    "`eval.csv` and wavs of chunks)",
    steps="22,050 values a second; chunks of a second, half a second apart; 96 mel bands each "
    "10 ms in dB, at most 80 below the loudest, less their mean; stored in half precision",
    split="FSD50K's: train and val of its development clips, its evaluation clips",
    publication="Fonseca et al., arXiv:2010.00475",
    licence="CC BY 4.0; clips CC0, CC BY, CC BY-NC or CC Sampling+",
    trap="sizes are clips: of a training clip one chunk is taken, drawn once (published: drawn "
    "anew in each epoch); of the others all, and their logits averaged. Masks of bands and times "
    "are the recipes' part; background noise, published for 3 of 4 chunks, is not added: its "
    "sounds are not among the published files. Needs some 15 GB of disk while it is prepared",
    also="a folder of wav files and a `clips.csv` (`fname`, `labels` with commas between, `split`: "
    "train, valid or test)",
)


def read(source: Path | None) -> Splits:
    """Return the spectrograms.

    Raises:
        DatasetError: If a list or a wav file is missing or damaged.
    """
    folder = source_folder(source, dataset="fsd50k", wanted="FSD50K.ground_truth and its audio")
    if (folder / "clips.csv").is_file():
        return spectrograms(read_list(folder))
    if (folder / "FSD50K.ground_truth").is_dir():
        clips = read_published(folder)
    elif any(folder.rglob("lbl_map.json")):
        clips = read_manifests(folder)
    else:
        raise DatasetError(
            f"{folder}: no FSD50K.ground_truth, lbl_map.json or clips.csv; unpack one of the "
            "published forms there"
        )
    sizes = {split: len(found) for split, found in clips.splits.items()}
    if sizes != _SIZES or len(clips.vocabulary) != _LABELS:
        raise DatasetError(
            f"{folder}: {sizes} clips of {len(clips.vocabulary)} labels, expected {_SIZES} of "
            f"{_LABELS}; get the published lists (or, for clips of your own, write a clips.csv)"
        )
    return spectrograms(clips)


def spectrograms(clips: Clips) -> Splits:
    """Return the spectrograms of clips: of a training clip one chunk, of the others all.

    Raises:
        DatasetError: If a wav file is missing or damaged, or a label is not in the vocabulary.
    """
    numbers = {name: number for number, name in enumerate(clips.vocabulary)}
    parts = {
        split: _examples(found, numbers, chunked=clips.chunked, single=split == "train")
        for split, found in clips.splits.items()
    }
    task = Task(TASK.loss, TASK.metric, outputs=len(clips.vocabulary), classes=clips.vocabulary)
    return Splits.of(parts, task, "numbers")


def _examples(
    clips: list[Clip], numbers: dict[str, int], *, chunked: bool, single: bool
) -> Examples:
    counts = [1 if single else _count(clip, chunked=chunked) for clip in clips]
    inputs = scratch_array((sum(counts), 1, BANDS, FRAMES), np.float16)
    targets = np.zeros((len(clips), len(numbers)), np.uint8)
    end = 0
    for row, clip in enumerate(clips):
        targets[row, list(_known(clip, numbers))] = 1
        chunks = _chunks(clip, chunked=chunked)
        if single:
            drawn = int(drawn_numbers(f"fsd50k/{clip.name}", 1)[0] * len(chunks))
            chunks = chunks[drawn : drawn + 1]
        inputs[end : end + len(chunks), 0] = log_mel(chunks)
        end += len(chunks)
    groups = np.repeat(np.arange(len(clips)), counts)
    return Examples(inputs, targets[groups], None if single else groups)


def _known(clip: Clip, numbers: dict[str, int]) -> Iterator[int]:
    for label in clip.labels:
        if label not in numbers:
            raise DatasetError(
                f"fsd50k: clip {clip.name} has a label {label!r}, which is not in the vocabulary"
            )
        yield numbers[label]


def _count(clip: Clip, *, chunked: bool) -> int:
    return len(clip.files) if chunked else count_chunks(clip.files[0])


def _chunks(clip: Clip, *, chunked: bool) -> NDArray[np.float32]:
    """Return the chunks of a clip, (chunks, values): of its sound, or of a file each."""
    if not chunked:
        return cut_chunks(read_wav(clip.files[0]))
    return np.concatenate([cut_chunks(read_wav(path))[:1] for path in clip.files])
