"""A study of optimisers on NAS-Bench-201's 200-epoch table: how long, and who is ahead of whom."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from benchmarks.figure import Figure

_TABLE = "nasbench201/seeds_200ep.csv.gz"
_STUDY = Path(__file__).parent.parent / "include/studies/nasbench201-cifar10.yaml"


def figures() -> list[Figure]:
    return [
        Figure(
            name="search-study",
            title="50 searches of each of 6 optimisers, 200 queries a search, on NAS-Bench-201 "
            "CIFAR-10 by validation accuracy (`nepsbench search run --jobs 2`, 2 CPUs); standard "
            "errors that each is ahead of random search, and what evolution and Optuna's TPE lack "
            "of two",
            command=("-m", "benchmarks.bench_search"),
            target=120.0,
            bounds={"evolution lacks": 0.0, "optuna_tpe lacks": 0.0},
            prepare=publish,
            runs=1,
            cpus=2,
        )
    ]


def publish(folder: Path) -> None:
    from nepsbench.campaign.publish import publish_benchmark
    from nepsbench.warehouse import open_warehouse
    from nepsbench.warehouse.importing import import_table

    shared = os.environ.get("NEPSBENCH_SHARED_DATA")
    if not shared:
        return
    import_table(
        open_warehouse(folder), "table", Path(shared) / _TABLE,
        options={"mapping": "nasbench201_200ep"},
    )  # fmt: skip
    publish_benchmark("nasbench201-cifar10-valid", "1.0.0", folder)


def main() -> None:
    from nepsbench.search.standing import result_of
    from nepsbench.search.study import read_study
    from nepsbench.search.studying import load_study, run_study

    home = Path.cwd()
    if not (home / "releases").is_dir():
        print(json.dumps({"skipped": "NEPSBENCH_SHARED_DATA names no NAS-Bench-201",
                          "evolution lacks": 0.0, "optuna_tpe lacks": 0.0}))  # fmt: skip
        return
    started = time.perf_counter()
    study = read_study(_STUDY)
    run_study(study, home, jobs=2)
    seconds = time.perf_counter() - started
    standings = {each.row: each for each in result_of(*load_study(study.study, home)).standings}
    lacks = {f"{row} lacks": max(2.0 - standings[row].lead, 0.0)
             for row in ("evolution", "optuna_tpe")}  # fmt: skip
    shown = {row: f"{s.mean:.3f} ± {s.error:.3f}, ahead {s.lead:.1f}"
             for row, s in standings.items()}  # fmt: skip
    print(json.dumps({"seconds": seconds, **lacks, **shown}))


if __name__ == "__main__":
    sys.exit(main())
