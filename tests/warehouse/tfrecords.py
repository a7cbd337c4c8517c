"""Files in the exact format of NAS-Bench-101's, written by protobuf itself."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from nepsbench.warehouse.importers.tfrecord import frame

FIELDS = ("current_epoch", "training_time", "train_accuracy", "validation_accuracy",
               "test_accuracy")  # fmt: skip


@cache
def model_metrics() -> Any:
    """Return the class of ``ModelMetrics``, with the field numbers of the published .proto file."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="model_metrics.proto", package="nasbench", syntax="proto2"
    )

    def add(message: Any, name: str, number: int, kind: int, **more: Any) -> None:
        message.field.add(
            name=name, number=number, type=kind, **{"label": kinds.LABEL_OPTIONAL, **more}
        )

    metrics = file.message_type.add(name="ModelMetrics")
    add(metrics, "evaluation_data", 1, kinds.TYPE_MESSAGE, label=kinds.LABEL_REPEATED,
        type_name=".nasbench.EvaluationData")  # fmt: skip
    add(metrics, "trainable_parameters", 2, kinds.TYPE_INT32)
    add(metrics, "total_time", 3, kinds.TYPE_DOUBLE)
    evaluation = file.message_type.add(name="EvaluationData")
    for number, name in enumerate(FIELDS, start=1):
        add(evaluation, name, number, kinds.TYPE_DOUBLE)
    add(evaluation, "checkpoint_path", 6, kinds.TYPE_STRING)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("nasbench.ModelMetrics"))


def message(
    evaluations: Iterable[Mapping[str, Any]],
    *,
    parameters: int | None = None,
    total_time: float | None = None,
) -> bytes:
    """Return a serialised ``ModelMetrics``; what is left out is not there."""
    metrics = model_metrics()(evaluation_data=[dict(each) for each in evaluations])
    if parameters is not None:
        metrics.trainable_parameters = parameters
    if total_time is not None:
        metrics.total_time = total_time
    content: bytes = metrics.SerializeToString()
    return content


def curve(horizon: int, *, low: float = 0.5, **more: Any) -> list[dict[str, Any]]:
    """Return three evaluations that can be told apart."""
    return [
        {
            "current_epoch": horizon * part,
            "training_time": 100.0 * part + low,
            "train_accuracy": low + 0.0625 * part,
            "validation_accuracy": low + 0.03125 * part,
            "test_accuracy": low + 0.015625 * part,
            **more,
        }
        for part in (0.0, 0.5, 1.0)
    ]


def record(
    digest: str, epochs: int, matrix: Sequence[Sequence[int]], labels: Sequence[str], metrics: bytes
) -> bytes:
    """Return the data of a record, as its authors' ``json.dumps`` wrote it."""
    adjacency = "".join(str(entry) for row in matrix for entry in row)
    text = base64.b64encode(metrics).decode()
    return json.dumps([digest, epochs, adjacency, ",".join(labels), text]).encode()


def write(path: Path, records: Iterable[bytes]) -> Path:
    """Write a file of these records."""
    path.write_bytes(b"".join(map(frame, records)))
    return path
