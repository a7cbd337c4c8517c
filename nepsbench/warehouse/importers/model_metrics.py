"""NAS-Bench-101's ``ModelMetrics``, a protobuf message, read by the thousand.

Messages of one length mostly have the same fields in the same places. So one message is parsed
field by field into a :class:`Layout`, and all that fit it are read as columns of one matrix; the
next that does not fit makes the next layout. Any message that protobuf would take is read.

Source: google-research/nasbench, ``nasbench/lib/model_metrics.proto`` (proto2)::

    ModelMetrics:   1 evaluation_data (repeated), 2 trainable_parameters (int32), 3 total_time
    EvaluationData: 1 current_epoch, 2 training_time, 3 train_accuracy, 4 validation_accuracy,
                    5 test_accuracy (doubles), 6 checkpoint_path (string)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces.parameters import FloatArray

#: Fields of an evaluation that are read, by their number less one.
FIELDS = ("current_epoch", "training_time", "train_accuracy", "validation_accuracy",
          "test_accuracy")  # fmt: skip

_EVALUATION, _PARAMETERS, _TOTAL_TIME = 1, 2, 3
_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5
_WIDTHS = {_DOUBLE: 8, _FLOAT: 4}
_LONGEST_VARINT = 10


@dataclass(frozen=True)
class Metrics:
    """Messages as columns; NaN is a field that is not there.

    Attributes:
        evaluations: Shape (messages, evaluations, 5), the last axis as ``FIELDS``.
        parameters: Trainable parameters.
        total_time: Seconds of the whole run.
    """

    evaluations: FloatArray
    parameters: FloatArray
    total_time: FloatArray


@dataclass(frozen=True)
class Layout:
    """Where the fields of a message are.

    Attributes:
        mask: Bits of each byte that all messages of this layout share: of tags and lengths all, of
            whole numbers whether they go on, of values none.
        shared: These bits.
        evaluations: For each evaluation, where its fields begin; -1 where one is missing.
        parameters: Where the number begins and ends, or None.
        total_time: Where it begins, or -1.
    """

    mask: NDArray[np.uint8]
    shared: NDArray[np.uint8]
    evaluations: tuple[tuple[int, ...], ...]
    parameters: tuple[int, int] | None
    total_time: int

    def fits(self, messages: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which of the messages, a row each, are of this layout."""
        differs: NDArray[np.bool_] = np.any((messages ^ self.shared) & self.mask, axis=1)
        return ~differs

    def read(self, messages: NDArray[np.uint8]) -> Metrics:
        """Return the values of messages of this layout."""
        evaluations = np.empty((len(messages), len(self.evaluations), len(FIELDS)))
        for place, starts in enumerate(self.evaluations):
            for field, start in enumerate(starts):
                evaluations[:, place, field] = _doubles(messages, start)
        parameters = np.full(len(messages), np.nan)
        if self.parameters is not None:
            parameters = _integers(messages, *self.parameters)
        return Metrics(evaluations, parameters, _doubles(messages, self.total_time))


def read_messages(messages: Sequence[bytes], *, evaluations: int) -> Metrics:
    """Return the values of all messages.

    Raises:
        MessageError: Names the first that is no ``ModelMetrics``, or has another number of
            evaluations.
    """
    rows = len(messages)
    found = Metrics(np.empty((rows, evaluations, len(FIELDS))), np.empty(rows), np.empty(rows))
    lengths = np.fromiter(map(len, messages), dtype=np.int64, count=rows)
    for length in np.unique(lengths).tolist():
        left = np.flatnonzero(lengths == length)
        joined = b"".join([messages[row] for row in left.tolist()])
        matrix = np.frombuffer(joined, dtype=np.uint8).reshape(len(left), length)
        while len(left):
            layout = _checked_layout(messages[left[0]], int(left[0]), evaluations)
            fit = layout.fits(matrix)
            part = layout.read(matrix[fit])
            found.evaluations[left[fit]] = part.evaluations
            found.parameters[left[fit]] = part.parameters
            found.total_time[left[fit]] = part.total_time
            left, matrix = left[~fit], matrix[~fit]
    return found


class MessageError(ValueError):
    """A message is not what it should be; ``row`` says which."""

    def __init__(self, row: int, words: str) -> None:
        super().__init__(words)
        self.row = row


def _checked_layout(message: bytes, row: int, evaluations: int) -> Layout:
    try:
        layout = layout_of(message)
    except ValueError as error:
        raise MessageError(row, f"its metrics are no protobuf message: {error}") from None
    if len(layout.evaluations) != evaluations:
        raise MessageError(
            row, f"it has {len(layout.evaluations)} evaluations, published are {evaluations}"
        )
    return layout


def layout_of(message: bytes) -> Layout:
    """Return where the fields of a message are.

    Raises:
        ValueError: If it is no message.
    """
    mask = np.zeros(len(message), dtype=np.uint8)
    evaluations: list[tuple[int, ...]] = []
    parameters: tuple[int, int] | None = None
    total_time = -1
    for number, kind, start, stop in _fields(message, 0, len(message), mask):
        if (number, kind) == (_EVALUATION, _BYTES):
            places = [-1] * len(FIELDS)
            for inner, inner_kind, begin, _ in _fields(message, start, stop, mask):
                if 1 <= inner <= len(FIELDS) and inner_kind == _DOUBLE:
                    places[inner - 1] = begin
            evaluations.append(tuple(places))
        elif (number, kind) == (_PARAMETERS, _VARINT):
            parameters = (start, stop)
        elif (number, kind) == (_TOTAL_TIME, _DOUBLE):
            total_time = start
    shared = np.frombuffer(message, dtype=np.uint8) & mask
    return Layout(mask, shared, tuple(evaluations), parameters, total_time)


def _fields(
    message: bytes, at: int, end: int, mask: NDArray[np.uint8]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, wire type, start and stop of each field, and mark its bytes in ``mask``."""
    while at < end:
        begin = at
        tag, at = _varint(message, at, end)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            mask[begin:at] = 0xFF
            _, stop = _varint(message, at, end)
            mask[at:stop] = 0x80
        elif kind == _BYTES:
            length, at = _varint(message, at, end)
            stop = at + length
            mask[begin:at] = 0xFF
        elif kind in _WIDTHS:
            mask[begin:at] = 0xFF
            stop = at + _WIDTHS[kind]
        else:
            raise ValueError(f"byte {begin} begins a field of type {kind}")
        if stop > end:
            raise ValueError(f"the field at byte {begin} is cut off")
        yield number, kind, at, stop
        at = stop


def _varint(message: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a whole number, seven bits a byte, and where it ends."""
    value = 0
    for place in range(_LONGEST_VARINT):
        if at + place >= end:
            break
        byte = message[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError(f"the number at byte {at} is cut off")


def _doubles(messages: NDArray[np.uint8], start: int) -> FloatArray:
    if start < 0:
        return np.full(len(messages), np.nan)
    content = np.ascontiguousarray(messages[:, start : start + 8])
    return content.view("<f8")[:, 0].astype(np.float64)


def _integers(messages: NDArray[np.uint8], start: int, stop: int) -> FloatArray:
    values = np.zeros(len(messages), dtype=np.uint64)
    for place, column in enumerate(range(start, stop)):
        values |= (messages[:, column] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * place)
    return values.view(np.int64).astype(np.float64)
