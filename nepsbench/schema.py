"""The tables and the metric dictionary: where training, warehouse, surrogate and client meet.

Types are plain words (``int64``, ``float64``, ``string``, ``timestamp``), so that the light client
can read this module without pyarrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

#: Raised with every change of the tables after which an older reader would go wrong; a release of
#: another version is refused by name. A further column that may be missing is none: where a file
#: lacks it, it is read as null.
SCHEMA_VERSION = 2

#: ``ori_test`` is a published test set that its authors later divided into ``valid`` and ``test``.
Split = Literal["train", "valid", "test", "ori_test"]
#: The splits that we train and evaluate on.
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


class Status(str, Enum):
    """What became of a trial. ``complete``: it reached the epochs its last wave asked for."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETE = "complete"
    DIVERGED = "diverged"
    TIMEOUT = "timeout"
    OOM = "oom"
    FAILED = "failed"


#: A trial with one of these has no more training to come.
FINAL_STATUSES = frozenset({Status.COMPLETE, Status.DIVERGED})


#: Exit code of a worker that left trials for later: the time limit or a signal came first.
TRIALS_REMAIN = 3


@dataclass(frozen=True)
class Column:
    """A column of a table; ``nullable`` ones may be missing, and missing stays missing."""

    name: str
    type: Literal["int64", "float64", "string", "timestamp"]
    description: str
    nullable: bool = False


@dataclass(frozen=True)
class Metric:
    """An entry of the metric dictionary.

    Attributes:
        name: The column's name in its table.
        table: ``trials`` (one value a trial) or ``epochs`` (one a trial and epoch).
        unit: ``%``, ``s``, ``M``, ``MB``, ``J``, or ``1`` for a plain number.
        direction: Which way is better, or None where neither is.
        split: The data that it is measured on, or None.
        reproducible: True if the same trial must give the same bits again.
        description: One line.
    """

    name: str
    table: Literal["trials", "epochs"]
    unit: str
    direction: Literal["max", "min"] | None
    split: Split | None
    reproducible: bool
    description: str

    @property
    def label(self) -> str:
        """The name with its unit, for tables and axes."""
        return self.name if self.unit == "1" else f"{self.name}, {self.unit}"


def _split_metrics(split: Split) -> tuple[Metric, ...]:
    def metric(
        suffix: str, unit: str, direction: Literal["max", "min"], reproducible: bool, text: str
    ) -> Metric:
        return Metric(f"{split}_{suffix}", "epochs", unit, direction, split, reproducible, text)

    measured = "while training" if split == "train" else "after the epoch, in evaluation mode"
    return (
        metric("loss", "1", "min", True, f"mean loss over the {split} split, {measured}"),
        metric("acc", "%", "max", True, f"accuracy on the {split} split, {measured}"),
        metric("duration", "s", "min", False, f"wall time of the epoch's pass over {split}"),
        metric("data_load_duration", "s", "min", False, "of it: making the batches ready"),
        metric("forward_duration", "s", "min", False, "of it: forward passes"),
    )


#: What our own training measures of every trial.
TRAINED_METRICS: tuple[Metric, ...] = (
    Metric("params", "trials", "M", "min", None, True, "trainable parameters, in millions"),
    Metric(
        "flops", "trials", "M", "min", None, True,
        "multiply-accumulates of one image's forward pass, in millions (the field's FLOPs)",
    ),
    *_split_metrics("train"),
    Metric("train_backprop_duration", "epochs", "s", "min", "train", False,
           "of train_duration: backward passes and optimiser steps"),
    *_split_metrics("valid"),
    *_split_metrics("test"),
    Metric("lr", "epochs", "1", None, None, True, "learning rate used in this epoch"),
    Metric("runtime", "epochs", "s", "min", None, False,
           "wall time of the trial up to the end of this epoch, evaluation included"),
    Metric("latency", "epochs", "s", "min", None, False,
           "forward time of one image in evaluation mode, at the recipe's batch size"),
    Metric("cpu_percent", "epochs", "%", None, None, False, "CPU use of the worker's process"),
    Metric("memory_ram", "epochs", "MB", "min", None, False, "resident memory of the worker"),
    Metric("memory_swap", "epochs", "MB", "min", None, False, "swapped memory of the worker"),
    Metric("peak_memory", "epochs", "MB", "min", None, False,
           "highest resident memory of the worker in this epoch"),
    Metric("energy", "epochs", "J", "min", None, False,
           "energy of the node's CPU packages and memory in this epoch, whatever else ran there; "
           "missing where the node does not tell"),
)  # fmt: skip

#: What a split is judged by where that is not accuracy; a dataset's task names one. NAS-Bench-360
#: reports them so, lower being better; of classes it reports 100 - ``acc``.
_ERRORS = (
    ("f1_error", "1 less macro-F1, of the votes of an example's parts,"),
    ("map_error", "1 less mean average precision of labels, of the means of an example's parts,"),
    ("auroc_error", "1 less the area under the ROC curve, mean of labels or of all places,"),
    ("mae8", "mean absolute error in Å of distances up to 8 Å at separations from 24,"),
    ("rel_l2", "mean L2 error of maps by the L2 norm of the truth,"),
)
TASK_METRICS: tuple[Metric, ...] = tuple(
    Metric(f"{split}_{name}", "epochs", "1", "min", split, True, f"{text} on the {split} split")
    for split in SPLITS
    for name, text in _ERRORS
)

#: What only tables that others published tell.
PUBLISHED_METRICS: tuple[Metric, ...] = (
    Metric("total_time", "trials", "s", "min", None, False,
           "wall time of the whole trial, with every evaluation and interruption"),
    *(Metric(f"total_{name}_duration", "trials", "s", "min", None, False,
             f"wall time of the trial's passes over {text}, as published")
      for name, text in (("train", "train"), ("train_valid", "train and valid"),
                         ("test", "test"))),
    Metric("iter_time", "trials", "s", "min", "train", False,
           "wall time of one training step, a mini-batch, as published"),
    Metric("ori_test_loss", "epochs", "1", "min", "ori_test", True,
           "mean loss over the published test set, valid and test together"),
    Metric("ori_test_acc", "epochs", "%", "max", "ori_test", True,
           "accuracy on the published test set, valid and test together"),
    Metric("ori_test_duration", "epochs", "s", "min", "ori_test", False,
           "wall time of a pass over the published test set"),
    *(Metric(f"{split}_acc5", "epochs", "%", "max", split, True,
             f"accuracy of the five likeliest classes on the {split} split")
      for split in (*SPLITS, "ori_test")),
    *(Metric(f"{split}_batch_{part}duration", "epochs", "s", "min", split, False,
             f"mean over the epoch's mini-batches of {split}: wall time of one{text}")
      for split in SPLITS
      for part, text in (("", ""), ("data_load_", ", making it ready"),
                         ("forward_", ", forward pass"))),
    Metric("train_batch_backprop_duration", "epochs", "s", "min", "train", False,
           "mean over the epoch's mini-batches of train: wall time of one, backward pass and step"),
)  # fmt: skip

METRICS: tuple[Metric, ...] = (*TRAINED_METRICS, *TASK_METRICS, *PUBLISHED_METRICS)

#: What trials are judged by while they are trained: one of these, by their dataset's task.
JUDGES = tuple(
    metric
    for metric in (*TRAINED_METRICS, *TASK_METRICS)
    if metric.name in ("valid_acc", *(f"valid_{name}" for name, _ in _ERRORS))
)

EPOCH_METRICS = tuple(metric for metric in METRICS if metric.table == "epochs")
TRIAL_METRICS = tuple(metric for metric in METRICS if metric.table == "trials")

#: A trial's key. Of an imported table, ``taskid`` is the configuration's number in the published
#: table, and ``model_idx`` counts its trials from 1.
KEY = ("profile", "taskid", "model_idx")
#: The ``origin`` of our own trials.
TRAINED = "trained"

#: Columns of ``trials``. The configuration's parameters stand behind them under their own names.
TRIAL_COLUMNS: tuple[Column, ...] = (
    Column("profile", "string", "the sampling profile that drew the trial"),
    Column("taskid", "int64", "the bit-stream"),
    Column("model_idx", "int64", "the draw within the bit-stream, from 1"),
    Column("origin", "string", "'trained' by us, or the kind of published table"),
    Column("config_id", "string", "16 hex digits that name the configuration"),
    Column("architecture_id", "string", "16 hex digits, equal across spaces for equal cells", True),
    Column("seed", "int64", "training seed; missing where none was published", nullable=True),
    Column("status", "string", "outcome, see Status"),
    Column("reason", "string", "why it is not complete", nullable=True),
    Column("epochs", "int64", "epochs trained"),
    Column("target_epochs", "int64", "epochs that the last wave asked for"),
    Column(
        "horizon",
        "int64",
        "epochs that the learning-rate schedule is made for; trials that differ in it are "
        "different trainings",
        nullable=True,
    ),
    *(Column(m.name, "float64", m.description, nullable=True) for m in TRIAL_METRICS),
    Column("kept_weights", "string", "kept weights: JSON, from epoch to SHA-256", nullable=True),
    Column(
        "found",
        "string",
        "what a search found: JSON, a space and a configuration",
        nullable=True,
    ),
    Column("space", "string", "search space"),
    Column("space_version", "int64", "its version"),
    Column("dataset", "string", "dataset"),
    Column("dataset_version", "string", "its version and content hash", nullable=True),
    Column("recipe", "string", "training recipe and its version", nullable=True),
    Column("code_version", "string", "nepsbench version and source hash", nullable=True),
    Column("python_version", "string", "interpreter", nullable=True),
    Column("torch_version", "string", "torch build", nullable=True),
    Column("device", "string", "CPU or GPU model", nullable=True),
    Column("host", "string", "node", nullable=True),
    Column("job_id", "string", "SLURM job id, or the local job's", nullable=True),
    Column("mlflow_run_id", "string", "MLflow run", nullable=True),
    Column("started", "timestamp", "first training step, UTC", nullable=True),
    Column("ended", "timestamp", "last training step, UTC", nullable=True),
)

#: Columns of ``epochs``: the key, the epoch (from 1) and every epoch metric.
EPOCH_COLUMNS: tuple[Column, ...] = (
    Column("profile", "string", "the sampling profile that drew the trial"),
    Column("taskid", "int64", "the bit-stream"),
    Column("model_idx", "int64", "the draw within the bit-stream, from 1"),
    Column("epoch", "int64", "from 1; 0, in published tables, is before any training"),
    *(Column(m.name, "float64", m.description, nullable=True) for m in EPOCH_METRICS),
)


#: The metric dictionary by name.
METRICS_BY_NAME = {metric.name: metric for metric in METRICS}
