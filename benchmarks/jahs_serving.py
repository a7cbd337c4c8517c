"""A surrogate's answers beside XGBoost's, served in the manner of JAHS-Bench-201.

Theirs: a model a metric, each a pipeline of one-hot and scaling encoders and 500 trees, asked with
a pandas frame that is made for every question. Our own code after what JAHS-Bench-201 does; fitted
on the same made-up curves, one thread, in the same process.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.bench_surrogate import EPOCHS, ROWS, asked_and_fitted, fastest

TREES = 500


def frame_of(space: Any, codes: Any, epochs: Any) -> Any:
    """Return configurations and epochs as a frame, a row each."""
    import pandas as pd

    rows = [space.decode(row.tolist()) for row in codes]
    return pd.DataFrame(rows).assign(epoch=epochs)


def theirs(space: Any, metrics: list[str]) -> dict[str, Any]:
    """Return a fitted pipeline a metric."""
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from xgboost import XGBRegressor

    from tests.tiny_benchmark import plain_tables

    trials, epochs = plain_tables(400, epochs=12)
    names = list(space.names)
    known = trials.to_pandas().set_index("model_idx")[names]
    frame = known.loc[epochs["model_idx"].to_pylist()].reset_index(drop=True)
    frame["epoch"] = epochs["epoch"].to_numpy()
    numbers = [*space.fidelities, "LearningRate", "WeightDecay", "epoch"]
    others = [name for name in names if name not in numbers]
    models = {}
    for metric in metrics:
        encoder = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), others),
            (StandardScaler(), numbers),
        )
        model = make_pipeline(encoder, XGBRegressor(n_estimators=TREES, max_depth=6, n_jobs=1))
        values = (epochs if metric in epochs.column_names else trials)[metric].to_numpy()
        if len(values) != len(frame):
            values = values.repeat(12)
        models[metric] = model.fit(frame, values)
    return models


def main() -> None:
    """Ask both the same."""
    import numpy as np

    fitted, codes, epochs = asked_and_fitted()
    space, names = fitted.encoder.space, list(fitted.trees)
    models = theirs(space, names)
    queries, curves = iter(codes), np.arange(1.0, EPOCHS + 1)

    def one(metrics: list[str]) -> None:
        frame = frame_of(space, next(queries)[np.newaxis], np.array([7.0]))
        for metric in metrics:
            models[metric].predict(frame)

    def curve() -> None:
        frame = frame_of(space, np.repeat(next(queries)[np.newaxis], EPOCHS, axis=0), curves)
        for metric in names:
            models[metric].predict(frame)

    many = frame_of(space, codes, epochs)
    found = {
        "theirs, one metric (us)": 1e6 * fastest(lambda: one(names[:1]), 100),
        "theirs, a query (us)": 1e6 * fastest(lambda: one(names), 40),
        "theirs, a curve (ms)": 1e3 * fastest(curve, 10),
        "theirs, a row of one metric (us)": 1e6
        / ROWS
        * fastest(lambda: models["valid_acc"].predict(many), 2),
        "ours, a query (us)": 1e6 * fastest(lambda: fitted.at(next(queries), 7), 2000),
        "ours, a curve (ms)": 1e3 * fastest(lambda: fitted.curves(next(queries), EPOCHS), 200),
        "ours, a row of one metric (us)": 1e6
        / ROWS
        * fastest(lambda: fitted.predict_metric("valid_acc", codes, epochs), 3),
    }
    for what, unit in (("a query", "us"), ("a curve", "ms"), ("a row of one metric", "us")):
        ratio = found[f"ours, {what} ({unit})"] / found[f"theirs, {what} ({unit})"]
        found[f"ours / theirs, {what}"] = ratio
    print(json.dumps({"seconds": found["ours, a query (us)"] / 1e6, **found}))


if __name__ == "__main__":
    main()
