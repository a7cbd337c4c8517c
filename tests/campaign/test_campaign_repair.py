"""Exactly the offenders are queued again, and exactly their checkpoints are removed."""

import pyarrow as pa
import pytest
from small_campaign import cluster_at

from nepsbench.campaign.form import Campaign
from nepsbench.campaign.repair import requeue_offenders
from nepsbench.campaign.requeue import requeue, requeued
from nepsbench.campaign.wave import next_plan
from nepsbench.errors import CorruptedFileError
from nepsbench.sampling import create_profile
from nepsbench.scheduling.measured import nothing_measured, set_back
from nepsbench.warehouse import open_warehouse
from nepsbench.warehouse.checking import checkpoint_schema
from tests.tiny_benchmark import (
    NAME,
    configurations,
    epochs_of,
    epochs_table,
    odd_tables,
    trial,
    trials_table,
)

CAMPAIGN = Campaign(name="tiny", waves=(4,))


def survey(*rows):
    owner = {"benchmark": NAME, "profile": "tiny", "taskid": 0}
    return pa.Table.from_pylist([owner | row for row in rows], schema=checkpoint_schema())


def repair(home, checkpoints):
    """Repair what the checks find; return it, and which checkpoints are left on the cluster."""
    there = home / "cluster/campaigns/tiny/checkpoints/0"
    there.mkdir(parents=True)
    for number in range(1, 9):
        (there / f"{number}.pt").touch()
    checks = open_warehouse(home).check(NAME, checkpoints=checkpoints, shown=None)
    with cluster_at(home / "cluster") as cluster:
        found = requeue_offenders(CAMPAIGN, checks, checkpoints, home, cluster)
    return found, {int(path.stem) for path in there.iterdir()}


def test_nothing_but_the_offenders_is_touched(tmp_path):
    open_warehouse(tmp_path).ingest(NAME, *odd_tables())  # 6 lacks an epoch
    checkpoints = survey(
        {"model_idx": 1, "epoch": 4},
        {"model_idx": 2, "epoch": 3},  # behind
        {"model_idx": 5, "problem": "damaged"},
        {"model_idx": 6, "epoch": 4},
        {"model_idx": 7, "epoch": 9},  # ahead
    )
    found, left = repair(tmp_path, checkpoints)
    assert {(item.model_idx, item.wave, item.epochs) for item in found} == {
        (2, 4, 3), (5, 4, 0), (6, 4, 0), (7, 4, 0),
    }  # fmt: skip
    assert left == {1, 2, 3, 4, 8}
    again = requeued(next_plan(CAMPAIGN, 4, tmp_path))
    assert again == {(0, 2): 3, (0, 5): 0, (0, 6): 0, (0, 7): 0}
    assert (
        "model_idx 2: trained again by the next run of wave 4, from the checkpoint of epoch 3"
        in (str(sorted(found, key=lambda item: item.model_idx)[0]))
    )


def test_a_trial_that_is_still_to_be_trained_only_loses_its_bad_checkpoint(tmp_path):
    row = trial(configurations(1)[0], 1, status="timeout", reason="time", epochs=2)
    open_warehouse(tmp_path).ingest(NAME, trials_table([row]), epochs_table(epochs_of(row)))
    found, left = repair(tmp_path, survey({"model_idx": 1, "problem": "damaged"}))
    assert [item.model_idx for item in found] == [1]
    assert 1 not in left
    assert requeued(next_plan(CAMPAIGN, 4, tmp_path)) == {}


def test_a_list_grows_and_the_lower_epoch_counts(tmp_path):
    requeue(tmp_path, {(0, 1): 3, (0, 2): 0})
    requeue(tmp_path, {(0, 1): 2, (0, 2): 1, (1, 1): 4})
    assert requeued(tmp_path) == {(0, 1): 2, (0, 2): 0, (1, 1): 4}
    (tmp_path / "requeued.json").write_text('[{"taskid": 0}]')
    with pytest.raises(CorruptedFileError, match="delete it and run: nepsbench verify data"):
        requeued(tmp_path)


def test_a_trial_that_is_set_back_is_planned_from_there():
    profile = create_profile(Campaign(streams=1, samples=3, name="p").spec())
    measured = nothing_measured(profile)
    measured.epochs[:] = 12
    measured.ended[2] = True
    again = set_back(measured, profile, {(0, 2): 3, (0, 3): 0})
    assert again.epochs_left(12).tolist() == [0, 9, 12]
    assert measured.epochs_left(12).tolist() == [0, 0, 0]
