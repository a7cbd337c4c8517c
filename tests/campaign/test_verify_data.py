"""Data that is out of step is found, named, and repaired by training exactly those trials."""

import json
import shutil

import pytest
from small_campaign import CAMPAIGN, cluster_at, write_cluster
from typer.testing import CliRunner

from nepsbench.campaign import collect, wave
from nepsbench.campaign.run import run_campaign
from nepsbench.campaign.verification import verify_data
from nepsbench.cli.main import app
from nepsbench.cluster import Job, Resources
from nepsbench.cluster.ledger import open_ledger
from nepsbench.errors import NepsbenchError, SpecError
from nepsbench.journal import read_journal
from nepsbench.warehouse import open_warehouse

pytestmark = pytest.mark.whole

LOST, BROKEN, OLD = (0, 1), (0, 2), (1, 1)


def there(home):
    return home / "cluster/campaigns" / CAMPAIGN.name


def spoil(home, cluster):
    """Lose the first epoch of one trial, break one checkpoint, put an old one back."""
    mine = '"taskid":{},"model_idx":{},'.format(*LOST)
    for journal in there(home).glob("jobs/*.w001.*/results/*.journal"):
        lines = journal.read_text().splitlines(keepends=True)
        if any(mine in line for line in lines):
            journal.write_text("".join(line for line in lines if mine not in line))
            journal.with_suffix(".sha256").unlink()
    open_warehouse(home).drop(CAMPAIGN.name)
    for epochs in CAMPAIGN.waves:
        collect.collect_wave(CAMPAIGN, epochs, home, cluster)
    broken = checkpoint(home, BROKEN)
    broken.write_bytes(broken.read_bytes()[:-40] + bytes(40))
    old = there(home) / "checkpoints-of-wave-1/{}/{}.pt".format(*OLD)
    shutil.copy(old, checkpoint(home, OLD))


def checkpoint(home, key):
    return there(home) / "checkpoints/{}/{}.pt".format(*key)


def called(*words, code):
    done = CliRunner().invoke(app, ["verify", "data", *map(str, words), "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def offenders(answer):
    return {
        found["check"]: [(item["taskid"], item["model_idx"]) for item in found["offenders"]]
        for found in answer["findings"]
    }


def test_data_out_of_step_is_named_and_exactly_those_trials_are_trained_again(whole):
    clean = called(CAMPAIGN.benchmark, "--home", whole, code=0)
    assert (clean["findings"], clean["remarks"]) == ([], [])
    with cluster_at(whole / "cluster") as cluster:
        spoil(whole, cluster)
        wrong = {
            "missing_epochs": [LOST], "checkpoint_unreadable": [BROKEN], "checkpoint_behind": [OLD],
        }  # fmt: skip
        assert offenders(called(CAMPAIGN.name, "--home", whole, code=1)) == wrong
        assert not wave.has_unfinished_wave(CAMPAIGN, whole)

        repaired = called(CAMPAIGN.name, "--home", whole, "--repair", code=0)
        again = [(r["taskid"], r["model_idx"], r["epochs"]) for r in repaired["requeued"]]
        assert again == [(*LOST, 0), (*BROKEN, 0), (*OLD, 1)]
        assert wave.has_unfinished_wave(CAMPAIGN, whole)
        untouched = checkpoint(whole, (1, 2)).stat().st_mtime_ns

        run_campaign(CAMPAIGN, whole, cluster, say=lambda _: None)
    [job] = wave.current_plan(CAMPAIGN, 2, whole).job_folders()
    trained = [
        (record["taskid"], record["model_idx"], record["epoch"])
        for path in sorted(job.glob("results/*.journal"))
        for record in read_journal(path)
        if record["kind"] == "epoch"
    ]
    assert sorted(trained) == [(*LOST, 1), (*LOST, 2), (*BROKEN, 1), (*BROKEN, 2), (*OLD, 2)]
    assert checkpoint(whole, (1, 2)).stat().st_mtime_ns == untouched
    assert not wave.has_unfinished_wave(CAMPAIGN, whole)
    assert called(CAMPAIGN.name, "--home", whole, code=0)["findings"] == []
    assert wave.ensure_plan(CAMPAIGN, 2, whole, cluster.file).path == job.parent


def test_a_repair_waits_until_nothing_is_trained(copy, monkeypatch, tmp_path):
    write_cluster(tmp_path / "clusters", tmp_path / "none")
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(tmp_path / "clusters"))
    job = Job(f"{CAMPAIGN.name}.w002.0a1b2c3d.0000", "/nowhere", ("true",), Resources())
    with open_ledger(copy) as ledger:
        ledger.want("local", [job], "somebody")
    with pytest.raises(NepsbenchError, match=r"is being trained \(job .*w002.* not settled\)"):
        verify_data(CAMPAIGN.name, copy, repair=True)


def test_a_cluster_out_of_reach_leaves_the_checks_of_the_tables(copy, monkeypatch, tmp_path):
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(tmp_path))
    report = verify_data(CAMPAIGN.benchmark, copy)
    assert report.is_sound
    [remark] = report.remarks
    assert "were not seen: unknown cluster 'local'" in remark
    with pytest.raises(SpecError, match="unknown cluster 'local'"):
        verify_data(CAMPAIGN.name, copy, repair=True)


def test_a_name_that_stands_for_nothing_is_refused_with_those_that_do(copy):
    with pytest.raises(SpecError, match=f"no benchmark or campaign 'x'.*{CAMPAIGN.benchmark}"):
        verify_data("x", copy)
