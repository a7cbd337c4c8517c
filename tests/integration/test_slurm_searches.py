"""Searches through SSH, SFTP and sbatch, in two waves, find what local processes find."""

import sys
from pathlib import Path

import pytest

from nepsbench.campaign.form import parse_campaign
from nepsbench.campaign.run import run_campaign
from nepsbench.campaign.searches import finals_form, list_found, read_finals, write_searches
from nepsbench.cluster import Cluster, ClusterFile, open_cluster
from nepsbench.cluster.install import install
from nepsbench.cluster.ledger import open_ledger
from nepsbench.warehouse import open_warehouse

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]

FORM = {
    "name": "searches",
    "space": "oneshot_nasbench201",
    "dataset": "digits",
    "recipe": "oneshot_nasbench201-2",
    "streams": 1,
    "samples": 2,
    "portfolio": [
        {"Method": method, "Width": 4, "Depth": 1, "ArchitectureRate": 0.02}
        for method in ("gdas", "enas")
    ],
}
FINALS = read_finals({"waves": "1", "recipe": "nasbench201-12"})
EPOCHS = (
    "select taskid, model_idx, epoch, train_loss, valid_loss, test_loss from epochs order by all"
)


def here(home: Path) -> Cluster:
    return open_cluster(
        ClusterFile(
            name="here",
            kind="local",
            root=str(home / "here"),
            python=sys.executable,
            poll_interval=0.2,
        )
    )


def test_slurm_finds_in_two_waves_what_local_processes_find_in_one(
    slurm: Cluster, slurm_state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(slurm_state / "clusters"))
    homes = {name: tmp_path / name for name in ("local", "slurm")}
    with here(homes["local"]) as cluster:
        run_campaign(
            parse_campaign(FORM | {"waves": "2"}), homes["local"], cluster, say=lambda _: None
        )
    install(slurm)
    campaign = parse_campaign(FORM | {"waves": "1,2", "cluster": "dev-slurm"})
    run_campaign(campaign, homes["slurm"], slurm, say=lambda _: None)

    found = {
        name: [(f.method, f.seed, f.configuration) for f in list_found("searches", home)]
        for name, home in homes.items()
    }
    assert found["slurm"] == found["local"]
    rows = {name: open_warehouse(home).query(EPOCHS).to_pylist() for name, home in homes.items()}
    assert len(rows["slurm"]) == 4
    assert rows["slurm"] == rows["local"]

    finals = parse_campaign(finals_form(campaign, homes["slurm"], FINALS))
    run_campaign(finals, homes["slurm"], slurm, say=lambda _: None)
    assert "trained: test_acc" in write_searches(campaign, homes["slurm"]).read_text()
    with open_ledger(homes["slurm"]) as ledger:
        attempts = ledger.attempts(cluster="dev-slurm")
    assert all(attempt.job_id.isdigit() for attempt in attempts)
