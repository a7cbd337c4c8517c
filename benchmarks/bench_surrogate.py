"""How fast a surrogate answers, and how well it ranks; JAHS-Bench-201's figures are beside it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure

METRICS, EPOCHS, ROWS = 7, 200, 200_000


def figures() -> list[Figure]:
    return [
        Figure(
            name="surrogate-serving",
            title=f"A surrogate of {METRICS} metrics over `nepsbench101`: one query, a curve, rows",
            command=(__file__,),
            bounds={"us a query": 100, "ms a curve": 3, "us a row of one metric": 1},
            runs=1,
        ),
        Figure(
            name="surrogate-reach",
            title="Ranking 5,000 cells of NAS-Bench-201 by 500, 1,500, 5,000 others; five splits",
            command=("-m", "benchmarks.surrogate_reach"),
            bounds={"missed": 0},
            runs=1,
        ),
        Figure(
            name="surrogate-against-jahs",
            title=f"The same, beside XGBoost served in the manner of JAHS-Bench-201: a pandas row, "
            f"an encoder's pipeline and 500 trees for each of {METRICS} metrics",
            command=(str(Path(__file__).with_name("jahs_serving.py")),),
            bounds={"ours / theirs, a query": 0.1, "ours / theirs, a curve": 0.1},
            runs=1,
        ),
    ]


def asked_and_fitted() -> tuple[Any, Any, Any]:
    """Return a surrogate of made-up curves of 400 configurations, and codes and epochs to ask."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    import numpy as np

    from nepsbench.surrogate import fit
    from tests.tiny_benchmark import SPACE, plain_tables

    fitted = fit(*plain_tables(400, epochs=12), space=SPACE.name)
    words = np.random.Philox(9).random_raw(ROWS * SPACE.words_per_draw)
    codes = SPACE.draw(words.reshape(ROWS, -1))
    return fitted, codes, np.random.default_rng(9).integers(1, 13, ROWS).astype(np.float64)


def measure_serving() -> None:
    """Fit, and ask."""
    fitted, codes, epochs = asked_and_fitted()
    differs = _difference_from_catboost(fitted, codes[:5000], epochs[:5000])
    asked = iter(codes)
    report = {
        "seconds": 0.0,
        "us a query": 1e6 * fastest(lambda: fitted.at(next(asked), 7), 2000),
        "ms a curve": 1e3 * fastest(lambda: fitted.curves(next(asked), EPOCHS), 200),
        "us a row of one metric": 1e6
        / ROWS
        * fastest(lambda: fitted.predict_metric("valid_acc", codes, epochs), 3),
        "metrics": len(fitted.trees),
        "trees": sum(len(trees.leaf) for trees in fitted.trees.values()),
        "differs from CatBoost by": differs,
    }
    report["seconds"] = report["us a query"] / 1e6
    print(json.dumps(report))


def fastest(ask: Callable[[], object], times: int) -> float:
    """Return the seconds of the median call, the first one, which makes what is kept, left out."""
    ask()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[len(seconds) // 2]


def _difference_from_catboost(fitted: Any, codes: Any, epochs: Any) -> float:
    """Return the most that a served value is from CatBoost's, as a part of it, of any metric."""
    from catboost import CatBoost

    features = fitted.encoder.features(codes, epochs)
    most = 0.0
    for name, served in fitted.predict(codes, epochs).items():
        model = CatBoost()
        model.load_model(blob=fitted.models[name])
        said = model.predict(features, thread_count=1)
        expected = fitted.encoder.targets[name].inverse(said, epochs)
        most = max(most, float((abs(served - expected) / abs(expected)).max()))
    return most


if __name__ == "__main__":
    measure_serving()
