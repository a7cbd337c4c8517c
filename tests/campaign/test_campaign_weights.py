"""A campaign that keeps weights: on the cluster, in the warehouse, fetched, and in a network."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import nepsbench
from nepsbench.campaign.form import parse_campaign
from nepsbench.campaign.run import run_campaign
from nepsbench.campaign.weights import fetch_weights, list_weights
from nepsbench.cli.main import app
from nepsbench.cluster import ClusterFile, open_cluster
from nepsbench.errors import ClusterError, CorruptedFileError, NotInTableError, SpecError
from nepsbench.release import build_release
from nepsbench.spaces.networks import count_params
from nepsbench.warehouse import open_warehouse

pytestmark = pytest.mark.whole

FORM = {"streams": 1, "samples": 1, "waves": "1", "name": "kept", "keep_weights": "last"}
CAMPAIGN = parse_campaign(FORM)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A data home in which the campaign ran and was released, and the cluster that it ran on."""
    home = tmp_path_factory.mktemp("home")
    file = ClusterFile(
        name="here",
        kind="local",
        root=str(home / "cluster"),
        python=sys.executable,
        limits={"cpus_per_node": 1, "max_jobs": 1},
        poll_interval=0.2,
    )
    with open_cluster(file) as cluster:
        run_campaign(CAMPAIGN, home, cluster, say=lambda _: None)
        warehouse = open_warehouse(home)
        build_release(
            name=CAMPAIGN.benchmark,
            version="1.0.0",
            benchmark_info={"space": "nepsbench101", "dataset": "digits", "recipe": "nepsbench101"},
            trials=warehouse.query("from trials").drop_columns("benchmark"),
            epochs=warehouse.query("from epochs").drop_columns("benchmark"),
            surrogate=None,
            card=None,
            target=home / "releases",
        )
        yield home, cluster


@pytest.fixture
def kept(finished):
    (weights,) = list_weights("kept", finished[0])
    yield weights
    weights.path.unlink(missing_ok=True)


def on_cluster(home: Path) -> Path:
    (path,) = (home / "cluster").glob("campaigns/kept/weights/*/*")
    return path


def test_one_file_lies_on_the_cluster_and_the_warehouse_names_it(finished, kept):
    home, _ = finished
    assert on_cluster(home).name == f"{kept.sha256}.safetensors"
    assert (kept.taskid, kept.model_idx, kept.epoch, kept.is_here) == (0, 1, 1, False)


def test_weights_are_fetched_and_loaded_into_the_network(finished, kept):
    home, cluster = finished
    bench = nepsbench.load(CAMPAIGN.benchmark, home=home)
    (configuration,) = bench.configurations()
    with pytest.raises(nepsbench.NepsbenchError, match="run: nepsbench weights fetch kept"):
        bench.weights(configuration)
    assert fetch_weights(kept, "kept", home, cluster) == kept.path
    network = bench.weights(configuration, 1)
    assert count_params(network) == bench(configuration, 1)["params"]
    again = bench.weights(configuration)
    assert all(map(torch.equal, network.state_dict().values(), again.state_dict().values()))
    with pytest.raises(NotInTableError, match=r"of its epochs, \[1\] have kept weights"):
        bench.weights(configuration, 2)


def test_damaged_and_lost_weights_are_told(finished, kept):
    home, cluster = finished
    path = on_cluster(home)
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1] + b"?")
        with pytest.raises(CorruptedFileError, match="damaged"):
            fetch_weights(kept, "kept", home, cluster)
        assert not kept.is_here
        path.unlink()
        with pytest.raises(ClusterError, match="not on cluster here"):
            fetch_weights(kept, "kept", home, cluster)
    finally:
        path.write_bytes(content)


def test_the_command_lists_them(finished, kept):
    home, _ = finished
    result = CliRunner().invoke(app, ["weights", "list", "kept", "--json", "--home", str(home)])
    listed = json.loads(result.stdout)
    assert (listed["sha256"], listed["epoch"], listed["path"]) == (kept.sha256, 1, None)
    result = CliRunner().invoke(app, ["weights", "fetch", "kept", "--home", str(home)])
    assert "say which weights" in str(result.exception)


def test_a_wish_that_is_none_is_refused_in_the_form():
    with pytest.raises(SpecError, match="keep_weights: String should match pattern"):
        parse_campaign({**FORM, "keep_weights": "some"})
