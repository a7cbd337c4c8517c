"""The forms that a person fills in, as Airflow params: checked before a run starts."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


def campaign_form() -> dict[str, Param]:
    """Return the whole form: everything that decides a regeneration.

    Field for field the same as ``nepsbench.campaign.form.Campaign``, which a test compares; it is
    written out here because a DAG file must not import pydantic models at parse time.
    """
    return {
        "space": _text("nepsbench101", "Search space", "The space that configurations come from."),
        "dataset": _text("digits", "Dataset", "What every trial is trained on."),
        "recipe": Param(
            None,
            type=["null", "string"],
            pattern=_NAME,
            title="Recipe",
            description="How every trial is trained. Empty: by the space's own recipe.",
        ),
        "first_stream": _number(
            0,
            "First bit-stream",
            "Taskid of the first stream. Draws are used once; if not free, the error names others.",
            minimum=0,
        ),
        "streams": _number(4, "Bit-streams", "How many independent streams.", minimum=1),
        "samples": _number(16, "Samples a stream", "Draws from each stream.", minimum=1),
        "waves": Param(
            "3,12",
            type="string",
            pattern=r"^\d+( *, *\d+){0,4}$",
            title="Waves",
            description="One to five rising numbers of epochs; each wave goes on where the last "
            "one stopped.",
        ),
        "cluster": Param(
            "local",
            type="string",
            pattern=_NAME,
            title="Cluster",
            description="Where jobs run: the name of a file in the clusters' folder.",
        ),
        "seed": _optional_number(
            "Training seed", "One seed for all trials. Empty: each trial draws its own.", minimum=0
        ),
        "release": Param(
            "1.0.0",
            type="string",
            pattern=r"^\d+\.\d+\.\d+$",
            title="Release version",
            description="Version of the release that is built in the end.",
        ),
        "name": Param(
            None,
            type=["null", "string"],
            pattern=_NAME,
            title="Campaign",
            description="A name of its own. Empty: made from the values above.",
        ),
        "retry_failed": _flag(
            "Retry failed trials", "Train trials again that failed or ran out of memory."
        ),
        "mlflow_limit": _optional_number(
            "MLflow limit", "Track at most this many trials of a wave. Empty: all.", minimum=0
        ),
        "keep_weights": Param(
            "none",
            type="string",
            pattern=r"^(none|last|best|every [1-9][0-9]{0,4})$",
            title="Keep weights",
            description="Weights to keep on the cluster: none, last (of each wave), best (by the "
            "validation metric), or every so many epochs, as: every 5.",
        ),
        "promote": _optional_number(
            "Promote",
            "Go on with one of so many trials after each wave, the best by the validation metric: "
            "successive halving. Empty: with all.",
            minimum=2,
        ),
        "portfolio": Param(
            None,
            type=["null", "array"],
            items={"type": "object"},
            title="Portfolio",
            description="Configurations to train instead of drawn ones, as JSON; what nepsbench "
            "profile extend writes, for example. Empty: drawn.",
        ),
    }


def experiment_form() -> dict[str, Param]:
    """Return the form of an experiment: a campaign, and what follows its searches."""
    return {
        **campaign_form(),
        "space": _text(
            "oneshot_nasbench201",
            "Search space",
            "A space of searches: its name begins with oneshot_.",
        ),
        "judge": Param(
            None,
            type=["null", "string"],
            title="Table",
            description="A release of the space that is searched, to judge what is found by: its "
            "name, or name@version. Empty: none.",
        ),
        "finals": Param(
            None,
            type=["null", "object"],
            title="Final training",
            description='How what is found is trained, as JSON: {"waves": "2,10", "recipe": '
            '"darts-10", "changes": {"Width": 16}}. Empty: it is not.',
        ),
    }


#: Kinds of table; a test compares them with ``nepsbench.warehouse.importers.KINDS``.
KINDS = (
    "nasbench101",
    "nats",
    "nasbench201",
    "nashpobench2",
    "nds",
    "jahs",
    "table",
    "nni",
    "nasbench360",
)


def import_form() -> dict[str, Param]:
    """Return the form of an import, field for field ``nepsbench.campaign.importing.ImportForm``."""
    return {
        "kind": Param(
            None,
            type="string",
            enum=[*KINDS],
            title="Kind",
            description="What kind of published table it is.",
        ),
        "path": Param(
            None,
            type="string",
            minLength=1,
            title="Path",
            description="The published file or folder, where the worker sees it.",
        ),
        "name": Param(
            None,
            type=["null", "string"],
            pattern=_NAME,
            title="Import",
            description="A name of its own. Empty: the file's.",
        ),
        "mapping": Param(
            None,
            type=["null", "string"],
            title="Mapping file",
            description="Of kind table: the file that says what the columns mean, or the name of "
            "one that comes with nepsbench.",
        ),
        "release": Param(
            None,
            type=["null", "string"],
            pattern=r"^\d+\.\d+\.\d+$",
            title="Release version",
            description="Build a release of every benchmark that is filled. Empty: none.",
        ),
    }


#: Where simulated seconds come from; a test compares them with nepsbench's own.
DURATIONS = ("train", "valid", "test", "per-epoch", "epochs")


def search_form() -> dict[str, Param]:
    """Return the form of a study, field for field ``nepsbench.search.form.SearchForm``."""
    return {
        "study": Param(
            None,
            type="string",
            pattern=_NAME,
            title="Study",
            description="Its name; results lie under it in the data home.",
        ),
        "benchmark": Param(
            None,
            type="string",
            minLength=1,
            title="Benchmark",
            description="Name of a release, or name@version.",
        ),
        "metric": _text("valid_acc", "Metric", "What is optimised; the release must have it."),
        "optimisers": _text(
            "random, evolution, local_search, bohb, optuna_tpe",
            "Optimisers",
            "Names with commas. The first one is the baseline.",
        ),
        "seeds": _number(10, "Seeds", "Searches of each optimiser; 10 or more.", minimum=1),
        "queries": _number(200, "Queries", "Trainings that a search may ask for.", minimum=1),
        "durations": Param(
            "valid",
            type="string",
            enum=[*DURATIONS],
            title="Durations",
            description="Where simulated seconds come from; epochs where none are recorded.",
        ),
        "workers": _number(1, "Simulated workers", "Trainings at the same time.", minimum=1),
        "jobs": _number(1, "Processes", "On the machine that runs the study.", minimum=1),
    }


def audit_form() -> dict[str, Param]:
    """Return the form of an audit, field for field ``nepsbench.audit.form.AuditForm``."""
    return {
        "benchmark": Param(
            None,
            type="string",
            minLength=1,
            title="Benchmark",
            description="A benchmark of the warehouse; or a release: name@version, or its folder.",
        ),
        "share": Param(
            0.01,
            type="number",
            exclusiveMinimum=0,
            maximum=1,
            title="Share",
            description="Part of the trials that is trained again, at least one.",
        ),
        "number": _optional_number("Number", "How many trials, instead of a share.", minimum=1),
        "seed": _number(0, "Seed", "Which trials. Another seed is another audit.", minimum=0),
        "epochs": _optional_number(
            "Epochs", "The last epoch to train again. Empty: as far as each was trained.", minimum=1
        ),
        "cluster": Param(
            "local",
            type="string",
            pattern=_NAME,
            title="Cluster",
            description="Where the trials are trained again: a file in the clusters' folder.",
        ),
        "points": Param(
            2.0,
            type="number",
            minimum=0,
            title="Tolerance of accuracies",
            description="In points; only where hardware or software are others.",
        ),
        "relative": Param(
            0.05,
            type="number",
            minimum=0,
            title="Tolerance of losses",
            description="As a part of the value; only where hardware or software are others.",
        ),
    }


def stage_form(*, wave: bool = False) -> dict[str, Param]:
    """Return the form of one stage of a campaign that exists."""
    form = {
        "campaign": Param(
            None,
            type=["null", "string"],
            pattern=_NAME,
            title="Campaign",
            description="Its name. May be empty only where another stage hands on.",
        )
    }
    if wave:
        form["epochs"] = _optional_number(
            "Wave", "Its milestone in epochs. Empty: the first wave that is not finished.",
            minimum=1,
        )  # fmt: skip
    return form | hand_on_form()


def hand_on_form() -> dict[str, Param]:
    """Return the switch that makes the next stages follow by themselves."""
    return {"hand_on": _flag("Hand on", "Let the following stages run when this one is done.")}


def _text(default: str, title: str, description: str) -> Param:
    return Param(default, type="string", minLength=1, title=title, description=description)


def _number(default: int, title: str, description: str, *, minimum: int) -> Param:
    return Param(default, type="integer", minimum=minimum, title=title, description=description)


def _optional_number(title: str, description: str, *, minimum: int) -> Param:
    kind: list[Any] = ["null", "integer"]
    return Param(None, type=kind, minimum=minimum, title=title, description=description)


def _flag(title: str, description: str) -> Param:
    return Param(False, type="boolean", title=title, description=description)
