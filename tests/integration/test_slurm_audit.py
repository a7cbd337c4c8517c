"""An audit through SSH, SFTP and sbatch finds the bits that local processes gave."""

import sys
from pathlib import Path

import pytest

from nepsbench.audit.form import parse_audit
from nepsbench.audit.run import run_audit
from nepsbench.campaign.form import parse_campaign
from nepsbench.campaign.run import run_campaign
from nepsbench.cluster import Cluster, ClusterFile, open_cluster
from nepsbench.cluster.install import install
from nepsbench.cluster.ledger import open_ledger

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]

CAMPAIGN = parse_campaign({"streams": 1, "samples": 2, "waves": "2"})


def train_locally(home: Path) -> None:
    file = ClusterFile(
        name="here", kind="local", root=str(home / "here"), python=sys.executable, poll_interval=0.2
    )
    with open_cluster(file) as cluster:
        run_campaign(CAMPAIGN, home, cluster, say=lambda _: None)


def test_what_local_processes_trained_is_trained_again_exactly_by_slurm(
    slurm: Cluster, slurm_state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(slurm_state / "clusters"))
    train_locally(tmp_path)
    install(slurm)
    form = parse_audit({"benchmark": CAMPAIGN.benchmark, "share": 1.0, "cluster": "dev-slurm"})

    record = run_audit(form, tmp_path, slurm, say=lambda _: None)

    assert record.verdicts == {"exact": 2, "tolerable": 0, "drifted": 0, "failed": 0}
    assert (record.passed, record.last_epoch, record.form.cluster) == (True, 2, "dev-slurm")
    with open_ledger(tmp_path) as ledger:
        attempts = ledger.attempts(cluster="dev-slurm")
    assert [attempt.job_id.isdigit() for attempt in attempts] == [True, True]
    assert Path(slurm.path("audits", record.audit, CAMPAIGN.name, "checkpoints")).is_dir()
