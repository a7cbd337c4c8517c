"""The sampling profile: the table of all trials to run, and its proof of being what was drawn."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from nepsbench.boundary import first_problem
from nepsbench.errors import CorruptedFileError, NepsbenchError, SpecError
from nepsbench.files import replacing
from nepsbench.sampling.ranges import StreamRange
from nepsbench.sampling.spec import ProfileSpec
from nepsbench.sampling.streams import Words, draw_words, place_of
from nepsbench.spaces import Configuration, Space
from nepsbench.spaces.columns import decode_column, encode_column
from nepsbench.spaces.parameters import FloatArray

_METADATA = b"nepsbench.profile"
_FORMAT = 1
_NEEDS = ("cpus", "memory_mb", "seconds_per_epoch")
_AGAIN = "create the profile again from its spec"


class LegacyStreamsWarning(UserWarning):
    """A profile was drawn from overlapping streams."""


@dataclass(frozen=True)
class Profile:
    """All trials of a profile, sorted by (taskid, model_idx); row i of every array is trial i.

    Attributes:
        spec: What it was drawn from.
        taskid: Bit-stream, int64, shape (trials,).
        model_idx: Draw within the bit-stream, from 1, int64, shape (trials,).
        seed: Training seed, int64, shape (trials,).
        codes: Encoded configurations, float64, shape (trials, parameters).
    """

    spec: ProfileSpec
    taskid: NDArray[np.int64]
    model_idx: NDArray[np.int64]
    seed: NDArray[np.int64]
    codes: FloatArray = field(repr=False)

    def __len__(self) -> int:
        return len(self.taskid)

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.spec.profile

    @property
    def space(self) -> Space:
        """The profile's search space."""
        return self.spec.search_space

    def configuration(self, row: int) -> Configuration:
        """Return the configuration of trial ``row``."""
        return self.space.decode(self.codes[row].tolist())

    @cached_property
    def hash(self) -> str:
        """Sha256 of everything that decides what is trained, whatever file format holds it."""
        digest = sha256()
        head = [_FORMAT, self.space.name, self.space.version, self.spec.model_dump(mode="json")]
        digest.update(json.dumps(head, sort_keys=True).encode())
        for array in (self.taskid, self.model_idx, self.seed):
            digest.update(array.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(self.codes, dtype="<f8").tobytes())
        return digest.hexdigest()

    def stream_ranges(self) -> list[StreamRange]:
        """Return the words of each bit-stream that this profile uses."""
        spec, start = self.spec, self.spec.streams.offset
        # Streams are shared by all spaces, so what is kept is words, not draws.
        first, end = (
            place_of(spec.scheme, draw, words_per_draw=self.space.words_per_draw)
            for draw in (start, start + spec.samples)
        )
        return [
            StreamRange(scheme=spec.scheme, taskid=taskid, first_word=first, end_word=end)
            for taskid in spec.taskids
        ]

    def to_table(self) -> pa.Table:
        """Return the profile as an Arrow table: keys, seed, parameters, needs."""
        count, needs = len(self), self.spec.needs
        columns: dict[str, Any] = {
            "taskid": self.taskid,
            "model_idx": self.model_idx,
            "seed": self.seed,
        }
        for k, parameter in enumerate(self.space.parameters):
            columns[parameter.name] = decode_column(parameter, self.codes[:, k])
        columns["cpus"] = np.full(count, needs.cpus, dtype=np.int64)
        columns["memory_mb"] = np.full(count, needs.memory_mb, dtype=np.int64)
        columns["seconds_per_epoch"] = pa.repeat(
            pa.scalar(needs.seconds_per_epoch, pa.float64()), count
        )
        head = {"spec": self.spec.model_dump(mode="json"), "hash": self.hash, "format": _FORMAT}
        return pa.table(columns).replace_schema_metadata({_METADATA: json.dumps(head).encode()})

    def write(self, path: Path) -> None:
        """Write the profile as Parquet, whole or not at all.

        Raises:
            StorageError: If the disk is full or the folder cannot be written.
        """
        with replacing(path) as temporary:
            pq.write_table(self.to_table(), temporary, compression="zstd", compression_level=1)


def create_profile(spec: ProfileSpec) -> Profile:
    """Draw the profile that ``spec`` describes: the same bytes on every machine and version.

    Warns:
        LegacyStreamsWarning: With the number of duplicates, if the scheme is legacy-counter.
    """
    offset = spec.streams.offset
    words = draw_words(
        spec.scheme,
        spec.taskids,
        offset=offset,
        samples=spec.samples,
        words_per_draw=spec.search_space.words_per_draw,
    )
    profile = Profile(
        spec=spec,
        taskid=np.repeat(np.asarray(spec.taskids, dtype=np.int64), spec.samples),
        model_idx=np.tile(np.arange(offset + 1, offset + spec.samples + 1), len(spec.taskids)),
        seed=(words[:, 0] >> np.uint64(32)).astype(np.int64),
        codes=_codes(spec, words),
    )
    if isinstance(spec.seeds, list):
        profile = _with_seeds(profile, spec.seeds)
    if spec.scheme == "legacy-counter":
        from nepsbench.sampling.report import count_duplicates

        warnings.warn(
            f"profile {spec.profile}: legacy-counter streams overlap; {count_duplicates(profile)} "
            f"of {len(profile)} trials repeat an earlier one (the configurations are not the "
            "ancestor's, only its words are); use scheme jump for trials that count",
            LegacyStreamsWarning,
            stacklevel=2,
        )
    return profile


def _codes(spec: ProfileSpec, words: Words) -> FloatArray:
    """Return the configurations, drawn or from the portfolio, with what the spec fixes."""
    space = spec.search_space
    if spec.portfolio:
        explicit = np.array([space.encode(configuration) for configuration in spec.portfolio])
        turns = np.arange(spec.streams.count * spec.samples) % len(explicit)
        codes = np.tile(explicit[turns], (len(spec.combinations), 1))
    else:
        codes = space.draw(words)
    for row, taskid in enumerate(spec.taskids):
        part = codes[row * spec.samples : (row + 1) * spec.samples]
        for name, value in spec.fixed_in(taskid).items():
            part[:, space.names.index(name)] = space.parameter(name).encode(value)
    return codes


def _with_seeds(profile: Profile, seeds: list[int]) -> Profile:
    """Return the profile with every configuration once for each seed, in consecutive draws."""
    repeats = len(seeds)
    start = (profile.model_idx - 1) * repeats + 1
    return Profile(
        spec=profile.spec,
        taskid=np.repeat(profile.taskid, repeats),
        model_idx=(start[:, None] + np.arange(repeats)).ravel(),
        seed=np.tile(np.array(seeds, dtype=np.int64), len(profile)),
        codes=np.repeat(profile.codes, repeats, axis=0),
    )


def read_profile(path: Path) -> Profile:
    """Read a profile and prove that its rows are those that were written.

    Raises:
        SpecError: If there is no such file, or it is no profile.
        CorruptedFileError: If the file is damaged, or a row was edited.
    """
    try:
        table = pq.read_table(path, partitioning=None)
    except FileNotFoundError:
        raise SpecError(
            f"{path}: no such profile; make it with: nepsbench profile create"
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise CorruptedFileError(
            f"{path}: not a readable Parquet file ({_first_line(error)}); {_AGAIN}"
        ) from None
    metadata = (table.schema.metadata or {}).get(_METADATA)
    if metadata is None:
        raise SpecError(f"{path}: is Parquet, but no profile that nepsbench wrote")
    try:
        return _proven(table, json.loads(metadata))
    except ValidationError as error:
        problem = first_problem(error, ProfileSpec)
        raise CorruptedFileError(f"{path}: {problem}; {_AGAIN}") from None
    except NepsbenchError as error:
        raise CorruptedFileError(f"{path}: {error}; {_AGAIN}") from None


def _proven(table: pa.Table, head: dict[str, Any]) -> Profile:
    """Return the profile in ``table`` if every column holds what was written.

    Raises:
        NepsbenchError: With what differs.
    """
    # As JSON, whose keys are all text: per_stream's are numbers.
    spec = ProfileSpec.model_validate_json(json.dumps(head["spec"]))
    _require_columns(table, spec)
    profile = Profile(
        spec=spec,
        taskid=np.asarray(table["taskid"]),
        model_idx=np.asarray(table["model_idx"]),
        seed=np.asarray(table["seed"]),
        codes=np.column_stack(
            [encode_column(p, table[p.name]) for p in spec.search_space.parameters]
        ),
    )
    if profile.hash != head["hash"]:
        raise CorruptedFileError(
            f"the profile was edited after it was created (hash {profile.hash[:12]}, "
            f"written as {head['hash'][:12]})"
        )
    # What a trial needs stands in the spec, and so in the hash, once for all trials.
    written = profile.to_table()
    for name in _NEEDS:
        if not table[name].equals(written[name]):
            raise CorruptedFileError(
                f"the profile was edited after it was created (column {name} does not say what "
                "its spec says)"
            )
    return profile


def _require_columns(table: pa.Table, spec: ProfileSpec) -> None:
    """Raise unless the columns are those that a profile of ``spec`` has."""
    no_keys = np.empty(0, dtype=np.int64)
    no_codes = np.empty((0, len(spec.search_space.parameters)))
    empty = Profile(spec, taskid=no_keys, model_idx=no_keys, seed=no_keys, codes=no_codes)
    for wanted in empty.to_table().schema:
        if wanted.name not in table.column_names:
            raise CorruptedFileError(f"has no column {wanted.name}")
        column = table[wanted.name]
        if column.type != wanted.type or (column.null_count and wanted.name not in _NEEDS):
            raise CorruptedFileError(
                f"column {wanted.name} holds something else than {wanted.type}"
            )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
