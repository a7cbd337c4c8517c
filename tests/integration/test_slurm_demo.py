"""The demo through Airflow, SSH, SFTP and sbatch gives the bits that local processes give."""

import io
import json
import sys

import duckdb
import pytest
from rich.console import Console

import nepsbench
from include.platform import services
from include.platform.demo import demo_settings, run_demo
from include.platform.settings import ROOT, Settings
from nepsbench.campaign.form import parse_campaign
from nepsbench.campaign.run import run_campaign
from nepsbench.cluster import ClusterFile, open_cluster
from nepsbench.schema import EPOCH_METRICS

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.platform,
    pytest.mark.timeout(900),
]

FORM = {"streams": 2, "samples": 3, "waves": "1,2", "release": "1.0.0"}
SAME = ", ".join(m.name for m in EPOCH_METRICS if m.reproducible)


@pytest.fixture(scope="module")
def through_slurm(slurm_state, tmp_path_factory):
    """The data home that the demo left behind, run through SLURM, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    form = folder / "form.json"
    form.write_text(json.dumps(FORM))
    settings = Settings(
        state=folder / "state",
        home=folder / "home",
        dags=ROOT / "dags",
        clusters=(ROOT / "include/clusters",),
        slurm=slurm_state,
    )
    printed = io.StringIO()
    try:
        run_demo(
            settings,
            cluster="dev-slurm",
            console=Console(file=printed, width=200),
            form=form,
        )
    finally:
        services.down(settings, say=lambda _: None)
    return demo_settings(settings, "dev-slurm").home, printed.getvalue()


@pytest.fixture(scope="module")
def through_processes(tmp_path_factory):
    """The data home of the same campaign, run on local processes."""
    home = tmp_path_factory.mktemp("local")
    file = ClusterFile(
        name="here",
        kind="local",
        root=str(home / "cluster"),
        python=sys.executable,
        limits={"cpus_per_node": 2, "max_jobs": 1},
        poll_interval=0.2,
    )
    with open_cluster(file) as cluster:
        run_campaign(parse_campaign(FORM), home, cluster, say=lambda _: None)
    return home


def epochs_of(home):
    rows = f"read_parquet('{home}/benchmarks/*/epochs/*.parquet')"
    query = f"select taskid, model_idx, epoch, {SAME} from {rows} order by all"
    return duckdb.sql(query).fetchall()


def test_every_loss_accuracy_and_rate_is_the_same_bit_for_bit(through_slurm, through_processes):
    home, _ = through_slurm
    there, here = epochs_of(home), epochs_of(through_processes)
    assert len(there) == 2 * 3 * 2
    assert there == here


def test_every_trial_names_its_slurm_job_and_its_mlflow_run(through_slurm):
    home, _ = through_slurm
    rows = duckdb.connect(str(home / "nepsbench.duckdb"), read_only=True).sql(
        "select job_id, mlflow_run_id from trials"
    )
    found = rows.fetchall()
    assert len(found) == 6
    assert all(job.isdigit() and len(run) == 32 for job, run in found)


def test_the_demo_ends_with_one_question_answered_twice(through_slurm):
    home, printed = through_slurm
    answers = [line for line in printed.splitlines() if line.startswith(("table", "surrogate"))]
    assert len(answers) == 2
    assert all("valid_acc" in line for line in answers)
    bench = nepsbench.load("nepsbench101-digits", home=home)
    assert len(bench) == 6
