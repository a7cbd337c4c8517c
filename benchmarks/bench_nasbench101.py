"""How long a full-size file of NAS-Bench-101 takes to import, beside how its authors read it."""

from __future__ import annotations

import base64
import json
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure

#: Records that the reference reads; it is linear, and the whole file would take minutes.
_PART = 250_000
_ALL = 5_083_488


def figures() -> list[Figure]:
    return [
        Figure(
            name="import-nasbench101",
            title="Import `nasbench_full.tfrecord` of full size (423,624 cells, 5,083,488 records, "
            "made-up values): every checksum, every hash, into the warehouse; two CPUs",
            command=("-m", "benchmarks.bench_nasbench101", "import"),
            target=100.0,
            bounds={"memory of all processes MB": 2048.0, "disk MB": 200.0},
            prepare=_link,
            runs=1,
            cpus=2,
        ),
        Figure(
            name="reference-nasbench101",
            title="Reference, not nepsbench: our own loop in the manner of nasbench.api (JSON, "
            f"base64 and protobuf, record by record, into dicts), {_PART:,} records",
            command=("-m", "benchmarks.bench_nasbench101", "reference"),
            prepare=_link,
            runs=1,
        ),
    ]


def _link(folder: Path) -> None:
    from benchmarks.published_nasbench101 import kept

    (folder / "nasbench_full.tfrecord").symlink_to(kept())


def measure_import() -> None:
    from nepsbench.warehouse import open_warehouse
    from nepsbench.warehouse.importing import import_table

    path, home = Path("nasbench_full.tfrecord").resolve(), Path("home").resolve()
    with _Peak() as peak:
        started = time.perf_counter()
        report = import_table(open_warehouse(home), "nasbench101", path)
        seconds = time.perf_counter() - started
    disk = sum(each.stat().st_size for each in home.rglob("*") if each.is_file())
    assert sum(report.rows.values()) == _ALL
    reported = {
        "seconds": seconds,
        "file MB": round(path.stat().st_size / 1e6),
        "memory of all processes MB": round(peak.megabytes),
        "disk MB": round(disk / 1e6),
        "epochs": sum(report.epochs.values()),
    }
    print(json.dumps(reported))


class _Peak:
    """The most memory that this process and its children hold together; shared pages count once."""

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        import psutil

        own = psutil.Process()
        while not self._done.wait(0.25):
            held = 0
            for process in (own, *own.children(recursive=True)):
                try:
                    held += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.megabytes = max(self.megabytes, held / 2**20)


def measure_reference() -> None:
    message = _message()
    statistics: dict[str, Any] = {}
    started = time.perf_counter()
    with Path("nasbench_full.tfrecord").open("rb") as file:
        for _ in range(_PART):
            (length,) = struct.unpack("<Q", file.read(12)[:8])
            record = json.loads(file.read(length + 4)[:-4].decode("utf-8"))
            module_hash, epochs, matrix, operations, raw = record
            metrics = message.FromString(base64.b64decode(raw))
            side = int(len(matrix) ** 0.5)
            entries = [[int(matrix[i * side + j]) for j in range(side)] for i in range(side)]
            cell = statistics.setdefault(
                module_hash, {"matrix": entries, "operations": operations.split(",")}
            )
            cell["parameters"] = metrics.trainable_parameters
            _, half, full = metrics.evaluation_data
            cell.setdefault(epochs, []).append(
                {
                    "halfway": (half.training_time, half.train_accuracy, half.validation_accuracy),
                    "final": (full.training_time, full.train_accuracy, full.validation_accuracy),
                    "test": (half.test_accuracy, full.test_accuracy),
                }
            )
    seconds = time.perf_counter() - started
    scaled = round(seconds * _ALL / _PART)
    print(json.dumps({"seconds": seconds, "scaled to the whole file s": scaled}))


def _message() -> Any:
    """Return protobuf's class of the published ``ModelMetrics``."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", syntax="proto2", package="nb")
    evaluation = file.message_type.add(name="EvaluationData")
    names = ("current_epoch", "training_time", "train_accuracy", "validation_accuracy",
             "test_accuracy")  # fmt: skip
    optional = kinds.LABEL_OPTIONAL
    for number, name in enumerate(names, start=1):
        evaluation.field.add(name=name, number=number, type=kinds.TYPE_DOUBLE, label=optional)
    evaluation.field.add(name="checkpoint_path", number=6, type=kinds.TYPE_STRING, label=optional)
    model = file.message_type.add(name="ModelMetrics")
    model.field.add(
        name="evaluation_data", number=1, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_REPEATED,
        type_name=".nb.EvaluationData",
    )  # fmt: skip
    model.field.add(name="trainable_parameters", number=2, type=kinds.TYPE_INT32, label=optional)
    model.field.add(name="total_time", number=3, type=kinds.TYPE_DOUBLE, label=optional)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("nb.ModelMetrics"))


if __name__ == "__main__":
    {"import": measure_import, "reference": measure_reference}[sys.argv[1]]()
