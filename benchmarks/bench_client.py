"""How long a table of NAS-Bench-101's size takes to open and to ask, and how much memory it holds.

The table is made up (:mod:`benchmarks.full_table`): its values are random, of the published kinds.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure

CELLS = 423_624
_NAME = "nasbench101-cifar10"
_TRAININGS = "nashpobench2-cifar10"
_QUERIES = 100_000


def figures() -> list[Figure]:
    return [
        Figure(
            name="release-build",
            title="Build the release of a full-size NAS-Bench-101 (5,083,488 trials, 15,250,464 "
            "epochs) from the warehouse, its checks included (whole process)",
            command=(
                *("-m", "nepsbench", "release", "build", "--benchmark", _NAME),
                *("--version", "1.0.0", "--home", "home"),
            ),
            prepare=_import,
            runs=1,
        ),
        _figure("client-open", "`import nepsbench`, open it and answer one query by matrix", 0.4,
                runs=7),
        _figure("client-memory", "100,000 whole answers of random cells, horizons and epochs",
                bounds={"peak MB": 150.0}),
        _figure("client-value", "100,000 values of one metric by number (mean of three repeats)",
                100_000 / 300_000),
        _figure("client-answer", "100,000 whole answers by number (six metrics)", 100_000 / 50_000),
        _figure("client-matrix", "100,000 whole answers by matrix and operations",
                100_000 / 50_000),
        _figure("client-draw", "100,000 whole answers of a seed drawn anew, by number",
                100_000 / 50_000),
        _figure("client-batch", "10,000,000 rows in batches of a million, the column made, too",
                10_000_000 / 20_000_000),
        _figure("client-top-ten", "DuckDB: the ten cells with the best mean test accuracy at 108 "
                "epochs, with their operations, on the release's Parquet", 0.2),
        _figure("warehouse-top-ten", "The same on the warehouse's Parquet", 0.2),
        _training_figure("client-cost", "100,000 accuracies and their simulated costs, by number",
                         100_000 / 50_000),
        _training_figure("client-cost-key", "The same by its interface's key (cell code, learning "
                         "rate, batch size)", 100_000 / 25_000),
        _training_figure("client-log", "100,000 queries of a SearchLog, by number",
                         100_000 / 50_000),
    ]  # fmt: skip


def _figure(
    name: str, title: str, target: float | None = None, *, runs: int = 3, **more: Any
) -> Figure:
    return Figure(
        name=name,
        title=f"Full-size NAS-Bench-101: {title}",
        command=("-m", "benchmarks.bench_client", name),
        target=target,
        prepare=_link,
        runs=runs,
        **more,
    )


def _training_figure(name: str, title: str, target: float) -> Figure:
    return Figure(
        name=name,
        title=f"Full-size NAS-HPO-Bench-II (196,608 configurations, 12 epochs, 3 seeds): {title}",
        command=("-m", "benchmarks.bench_client", name),
        target=target,
        prepare=_link_trainings,
    )


def _import(folder: Path) -> None:
    _in_own_process(f"import_made_up(Path({str(folder / 'home')!r}), {CELLS})")


def _link(folder: Path) -> None:
    _link_kept(folder, f"kept({CELLS})", _NAME)


def _link_trainings(folder: Path) -> None:
    _link_kept(folder, "kept_trainings()", _TRAININGS)


def _link_kept(folder: Path, call: str, name: str) -> None:
    """Put a table that is kept between figures into the folder, and open it once: verified."""
    _in_own_process(call)  # DuckDB may show its progress on stdout, too
    home = _in_own_process(f"print({call})").strip()
    (folder / "home").symlink_to(home)
    _in_own_process(f"import nepsbench; nepsbench.load({name!r}, home={home!r})")


def _in_own_process(code: str) -> str:
    """Run what needs gigabytes elsewhere, so that this process stays small."""
    import subprocess

    from benchmarks.figure import ROOT

    script = (
        "from pathlib import Path; from benchmarks.full_table import *; "
        f"from benchmarks.originals_tables import kept_trainings; {code}"
    )
    return subprocess.run(
        [sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ).stdout


def _report(seconds: float, **reported: Any) -> None:
    print(json.dumps({"seconds": seconds, **reported}))


def _peak_mb() -> float:
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) / 1024


def _bench() -> Any:
    import nepsbench

    return nepsbench.load(_NAME, home="home")


def _numbers() -> list[int]:
    chooser = random.Random(0)
    return [chooser.randrange(CELLS) for _ in range(_QUERIES)]


def _timed(ask: Callable[[Any], Any], questions: list[Any]) -> None:
    ask(questions[0])
    gc.collect()
    gc.freeze()  # the questions are the measurement's own, and no work for the collector
    started = time.perf_counter()
    for question in questions:
        ask(question)
    seconds = time.perf_counter() - started
    gc.unfreeze()
    _report(seconds, **{"a second": round(len(questions) / seconds)})


def measure_open() -> None:
    started = time.perf_counter()
    matrix = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    _bench()((matrix, ["input", "conv3x3-bn-relu", "maxpool3x3", "output"]))
    _report(time.perf_counter() - started)


def measure_memory() -> None:
    bench, chooser = _bench(), random.Random(0)
    started = time.perf_counter()
    for _ in range(_QUERIES):
        horizon = chooser.choice(bench.horizons)
        epoch = chooser.choice((0, horizon // 2, horizon))
        bench(chooser.randrange(CELLS), epoch, horizon=horizon)
    _report(time.perf_counter() - started, **{"peak MB": round(_peak_mb(), 1)})


def measure_value() -> None:
    bench = _bench()
    _timed(lambda number: bench.value(number, "test_acc"), _numbers())


def measure_answer() -> None:
    _timed(_bench(), _numbers())


def measure_matrix() -> None:
    from nepsbench.spaces.nasbench101_index import build_index

    bench = _bench()
    graphs = [build_index().graph(number) for number in _numbers()]
    _timed(bench, [(graph.matrix, graph.labels) for graph in graphs])


def measure_draw() -> None:
    bench, chooser = _bench(), random.Random(1)
    asked = [(number, chooser.getrandbits(32)) for number in _numbers()]
    _timed(lambda question: bench(question[0], draw=question[1]), asked)


def _trainings() -> tuple[Any, list[int]]:
    import nepsbench

    bench, chooser = nepsbench.load(_TRAININGS, home="home"), random.Random(0)
    return bench, [chooser.randrange(len(bench)) for _ in range(_QUERIES)]


def measure_cost() -> None:
    from nepsbench.client.costs import query_cost

    bench, numbers = _trainings()

    def ask(number: int) -> tuple[float, float]:
        accuracy = bench.value(number, "valid_acc", 12, horizon=12)
        return accuracy, query_cost(bench, number, 12, horizon=12)

    _timed(ask, numbers)


def measure_cost_key() -> None:
    from nepsbench.client.costs import query_cost
    from nepsbench.spaces.nashpobench2 import SPACE, to_key

    bench, numbers = _trainings()

    def ask(key: dict[str, Any]) -> tuple[float, float]:
        number = bench.number_of(key)
        accuracy = bench.value(number, "valid_acc", 12, horizon=12)
        return accuracy, query_cost(bench, number, 12, horizon=12)

    _timed(ask, [to_key(SPACE.at(number)) for number in numbers])


def measure_log() -> None:
    from nepsbench.client.search_log import SearchLog

    bench, numbers = _trainings()
    log = SearchLog(bench)
    _timed(lambda number: log(number, 12, horizon=12), numbers)


def measure_batch() -> None:
    import numpy as np

    bench = _bench()
    numbers = np.random.default_rng(0).integers(0, CELLS, (10, 1_000_000))
    started = time.perf_counter()
    column = bench.column("test_acc", 108)
    for batch in numbers:
        column.take(batch)
    seconds = time.perf_counter() - started
    _report(seconds, **{"rows a second": round(numbers.size / seconds)})


_TOP_TEN = """
    with best as (
        select taskid, avg(test_acc) as mean from epochs where epoch = 108
        group by taskid order by mean desc limit 10
    )
    select distinct mean, taskid, op_1, op_2, op_3, op_4, op_5
    from best join trials using (taskid) where horizon = 108 order by mean desc
"""


def measure_top_ten() -> None:
    bench = _bench()
    _timed(lambda query: bench.sql(query).fetchall(), [_TOP_TEN])


def measure_warehouse_top_ten() -> None:
    from nepsbench.warehouse import open_warehouse

    with open_warehouse(Path("home")).connect(_NAME) as connection:
        _timed(lambda query: connection.sql(query).fetchall(), [_TOP_TEN])


if __name__ == "__main__":
    {
        "client-open": measure_open,
        "client-memory": measure_memory,
        "client-value": measure_value,
        "client-answer": measure_answer,
        "client-matrix": measure_matrix,
        "client-draw": measure_draw,
        "client-cost": measure_cost,
        "client-cost-key": measure_cost_key,
        "client-log": measure_log,
        "client-batch": measure_batch,
        "client-top-ten": measure_top_ten,
        "warehouse-top-ten": measure_warehouse_top_ten,
    }[sys.argv[1]]()
