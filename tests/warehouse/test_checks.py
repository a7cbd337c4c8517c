from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest
from warehouse_results import BENCHMARK, results

from nepsbench.errors import InvalidResultError
from nepsbench.schema import JUDGES, SPLITS
from nepsbench.warehouse import Warehouse
from nepsbench.warehouse.checking import (
    CheckReport,
    check_texts,
    checkpoint_schema,
    run_checks,
)
from nepsbench.warehouse.tables import sound_epochs, sound_trials


def checked(
    trials_sql: str = "FROM t",
    epochs_sql: str = "FROM e",
    checkpoint: dict[str, Any] | None = None,
    **shown: int | None,
) -> CheckReport:
    """Return what the checks find in tables that SQL has spoiled, or at a checkpoint."""
    trials, epochs = results(3, 3)
    key = {"benchmark": BENCHMARK, "profile": "p", "taskid": 0, "model_idx": 1}
    survey = [key | checkpoint] if checkpoint else []
    with duckdb.connect() as connection:
        connection.register("t", sound_trials(BENCHMARK, trials))
        connection.register("e", sound_epochs(BENCHMARK, epochs))
        connection.execute(f"CREATE TABLE trials AS {trials_sql}")
        connection.execute(f"CREATE TABLE epochs AS {epochs_sql}")
        return run_checks(
            connection,
            benchmark=None,
            profile=None,
            checkpoints=pa.Table.from_pylist(survey, schema=checkpoint_schema()),
            **shown,
        )


SPOILED: dict[str, dict[str, Any]] = {
    "missing_epochs": {"epochs_sql": "FROM e WHERE NOT (model_idx = 2 AND epoch = 2)"},
    "epochs_beyond_trial": {
        "trials_sql": "SELECT * REPLACE (2 AS epochs, 2 AS target_epochs) FROM t"
    },
    "orphan_epochs": {"trials_sql": "FROM t WHERE model_idx = 1"},
    "duplicate_trials": {"trials_sql": "FROM t UNION ALL FROM t LIMIT 4"},
    "duplicate_epochs": {"epochs_sql": "FROM e UNION ALL FROM e LIMIT 10"},
    "accuracy_range": {"epochs_sql": "SELECT * REPLACE (100.5 AS test_acc) FROM e"},
    "negative_values": {"epochs_sql": "SELECT * REPLACE (-0.1 AS valid_loss) FROM e"},
    "runtime_decreasing": {"epochs_sql": "SELECT * REPLACE (10 - epoch AS runtime) FROM e"},
    "size_missing": {"trials_sql": "SELECT * REPLACE (NULL::DOUBLE AS flops) FROM t"},
    "impossible_trial": {"trials_sql": "SELECT * REPLACE (9 AS target_epochs) FROM t"},
    "unknown_status": {"trials_sql": "SELECT * REPLACE ('done' AS status) FROM t"},
    "not_finished": {"trials_sql": "SELECT * REPLACE ('timeout' AS status) FROM t"},
    "reason_missing": {"trials_sql": "SELECT * REPLACE ('diverged' AS status) FROM t"},
    "imported_twice": {
        "trials_sql": "WITH i AS (SELECT * REPLACE ('table' AS origin) FROM t) "
        "FROM i UNION ALL SELECT * REPLACE ('q' AS profile) FROM i"
    },
    "metrics_missing": {"epochs_sql": "SELECT * REPLACE (NULL::DOUBLE AS test_loss) FROM e"},
    "checkpoint_unreadable": {"checkpoint": {"problem": "damaged checkpoint"}},
    "checkpoint_foreign": {"checkpoint": {"epoch": 3, "config_id": "0" * 16, "seed": 1000}},
    "checkpoint_ahead": {"checkpoint": {"epoch": 4, "journalled": 3}},
    "checkpoint_behind": {"checkpoint": {"epoch": 2, "journalled": 3}},
    "not_collected": {"checkpoint": {"epoch": 4, "journalled": 4}},
}


def test_sound_results_pass_every_check() -> None:
    assert checked().findings == ()


@pytest.mark.parametrize("judged_by", ["acc", "rel_l2"])
def test_every_split_needs_what_its_task_is_judged_by(judged_by: str) -> None:
    judges = [m.name.removeprefix("valid_") for m in JUDGES]
    others = [f"{s}_{name}" for s in SPLITS for name in judges if name != judged_by]
    nothing = ", ".join(f"NULL::DOUBLE AS {name}" for name in others)
    assert checked(epochs_sql=f"SELECT * REPLACE ({nothing}) FROM e").findings == ()
    for split in SPLITS:
        without = f"{nothing}, NULL::DOUBLE AS {split}_{judged_by}"
        [finding] = checked(epochs_sql=f"SELECT * REPLACE ({without}) FROM e").findings
        assert finding.check == "metrics_missing"


@pytest.mark.parametrize("name", SPOILED)
def test_a_check_finds_what_it_is_for(name: str) -> None:
    report = checked(**SPOILED[name])

    [finding] = [finding for finding in report.findings if finding.check == name]
    assert finding.rows >= 1
    assert finding.examples[0].startswith("p taskid ")
    if finding.severity == "error":
        with pytest.raises(InvalidResultError, match="nepsbench warehouse check"):
            report.require_clean()


def test_warnings_alone_let_a_release_pass() -> None:
    report = checked("SELECT * REPLACE ('timeout' AS status) FROM t")

    assert [finding.check for finding in report.warnings] == ["not_finished"]
    report.require_clean()


def test_an_absent_metric_is_not_taken_for_a_bad_one() -> None:
    nothing = "SELECT * REPLACE (NULL::DOUBLE AS memory_swap, NULL::DOUBLE AS latency) FROM e"

    assert checked(epochs_sql=nothing).findings == ()


@pytest.mark.parametrize(
    "checkpoint",
    [
        {"epoch": 3, "journalled": 3, "seed": 1000},
        {"epoch": 3},  # the journals were cleared away
        {"journalled": 3},  # the checkpoint was: it would be made anew
    ],
)
def test_a_checkpoint_in_step_is_no_finding(checkpoint: dict[str, Any]) -> None:
    assert checked(checkpoint=checkpoint).findings == ()


def test_a_checkpoint_behind_catches_up_by_itself_while_training_is_to_go_on() -> None:
    report = checked("SELECT * REPLACE ('timeout' AS status) FROM t", checkpoint={"epoch": 1})

    assert [finding.check for finding in report.findings] == ["not_finished"]


def test_what_training_puts_right_is_told_by_the_check_itself() -> None:
    told = {text.splitlines()[1].removeprefix("-- repair: "): name
            for name, text in check_texts().items() if "\n-- repair: " in text}  # fmt: skip
    assert set(told) == {"collect", "checkpoint", "start"}
    [finding] = checked(**SPOILED["missing_epochs"]).findings
    assert finding.repair == "start"
    [finding] = checked(**SPOILED["duplicate_epochs"]).findings
    assert finding.repair is None


def test_all_offenders_are_named_where_all_are_asked_for() -> None:
    spoiled = "SELECT * REPLACE (100.5 AS test_acc) FROM e"

    [few], [whole] = (checked(epochs_sql=spoiled, shown=n).findings for n in (5, None))
    assert (few.rows, len(few.offenders)) == (9, 5)
    assert (whole.rows, len(whole.offenders)) == (9, 9)
    assert {offender.model_idx for offender in whole.offenders} == {1, 2}


def test_checks_can_look_at_one_profile(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(1, 1))
    bad: tuple[pa.Table, pa.Table] = results(2, 1, profile="q", status="timeout")
    warehouse.ingest(BENCHMARK, *bad)

    assert warehouse.check(profile="p").findings == ()
    assert [finding.rows for finding in warehouse.check(profile="q").findings] == [2]
    assert [finding.rows for finding in warehouse.check(BENCHMARK).findings] == [2]
    assert warehouse.check("other").findings == ()
