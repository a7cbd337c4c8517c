"""Write the frames of this folder: ``python make.py FOLDER`` under a pandas from 1.0 to 3.

Values are a rule, so that tests know them. The committed files were made with Python 3.8 and pandas
1.2.5 and 1.3.5 (jahs_bench asks for 1.3), and with Python 3.11 and pandas 2.2.3.
"""

import sys

import pandas as pd

#: Trial by trial: taskid, model_idx, configuration, epochs. Two trials share a configuration.
TRIALS = [(0, 1, 0, 3), (0, 2, 1, 3), (1, 1, 0, 3), (1, 2, 2, 2)]
CONFIGS = {
    "N": [1, 3, 5],
    "W": [4, 8, 16],
    "Resolution": [0.25, 0.5, 1.0],
    "Op1": [0, 1, 2],
    "Op2": [1, 2, 3],
    "Op3": [4, 0, 1],
    "Op4": [2, 2, 2],
    "Op5": [3, 1, 0],
    "Op6": [4, 3, 0],
    "TrivialAugment": [False, True, False],
    "Activation": ["ReLU", "Hardswish", "Mish"],
    "Optimizer": ["SGD", "AdamW", "SGD"],
    "LearningRate": [0.1, 0.001, 1.0],
    "WeightDecay": [1e-5, 1e-2, 5e-4],
}
MEASURED = ["duration", "data_load_duration", "forward_duration", "loss", "acc"]
LABELS = [(split, name) for split in ("train", "valid", "test") for name in MEASURED]
LABELS.insert(5, ("train", "backprop_duration"))


def value(trial, epoch, label):
    """Return a measured value; one is missing."""
    if (trial, epoch, label) == (1, 3, ("valid", "loss")):
        return float("nan")
    return trial + epoch / 8 + LABELS.index(label) / 64


def long_rows():
    """Return (trial, task, model, config, epoch) of every row."""
    for trial, (task, model, config, epochs) in enumerate(TRIALS):
        for epoch in range(1, epochs + 1):
            yield trial, task, model, config, epoch


def long_frame():
    """Return the published layout."""
    rows = list(long_rows())
    index = {
        "taskid": [r[1] for r in rows],
        "model_idx": [r[2] for r in rows],
        "model_ID": [r[0] for r in rows],
        "fidelity_ID": [r[3] for r in rows],
    }
    features = {name: [choices[r[3]] for r in rows] for name, choices in CONFIGS.items()}
    features["epoch"] = [r[4] for r in rows]
    labels = {"-".join(label): [value(r[0], r[4], label) for r in rows] for label in LABELS}
    labels["FLOPS"] = [float(10 + r[3]) for r in rows]
    labels["latency"] = [r[4] / 256 for r in rows]
    labels["runtime"] = [float(100 * r[4]) for r in rows]
    labels["size_MB"] = [0.5 + r[3] for r in rows]
    parts = {"sampling_index": index, "features": features, "labels": labels}
    frame = pd.concat({name: pd.DataFrame(part) for name, part in parts.items()}, axis=1)
    return frame.sort_index(axis=1)


def set_frame(*, groups):
    """Return the layout of the three sets: rows in another order, model ids apart or not at all."""
    long = long_frame().iloc[::-1]
    parts = {"features": long["features"], "labels": long["labels"]}
    if groups:
        parts["groups"] = long["sampling_index"]["model_ID"]
        parts["strata"] = long["sampling_index"]["fidelity_ID"]
    return pd.concat(parts, axis=1)


def metric_frame():
    """Return the layout in which trials were collected."""
    rows = list(long_rows())
    index = pd.MultiIndex.from_arrays(
        [[r[1] for r in rows], [r[2] for r in rows], [r[4] for r in rows]],
        names=["taskid", "model_idx", "Epoch"],
    )
    columns = {label: [value(r[0], r[4], label) for r in rows] for label in LABELS}
    columns["diagnostic", "FLOPS"] = [float((10 + r[3]) * 10**6) for r in rows]
    columns["diagnostic", "latency"] = [r[4] / 256 for r in rows]
    columns["diagnostic", "runtime"] = [float(100 * r[4]) for r in rows]
    columns["diagnostic", "memory_ram"] = [1e9 for r in rows]
    for name, choices in CONFIGS.items():
        columns["model_config", name] = [choices[r[3]] for r in rows]
    columns["metadata", "size_MB"] = [0.5 + r[3] for r in rows]
    columns["metadata", "global_seed"] = [4_000_000_000 + r[0] for r in rows]
    frame = pd.DataFrame(columns, index=index)
    frame.columns = pd.MultiIndex.from_tuples(
        list(frame.columns), names=["MetricType", "MetricName"]
    )
    return frame


FRAMES = {
    "long": long_frame,
    "groups": lambda: set_frame(groups=True),
    "bare": lambda: set_frame(groups=False),
    "metric": metric_frame,
}

if __name__ == "__main__":
    for name, make in FRAMES.items():
        make().to_pickle(f"{sys.argv[1]}/{name}-{pd.__version__}.pkl.gz", protocol=4)
