"""Cluster files."""

import sys
from pathlib import Path

import pytest

from nepsbench.cluster import cluster_names, load_cluster
from nepsbench.errors import SpecError

SHIPPED = Path(__file__).parents[2] / "include" / "clusters"
SLURM = "name: s\nkind: slurm\nroot: /w\nssh: {host: h}\nlimits: {cpus_per_node: 4}\n"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(tmp_path))
    monkeypatch.setenv("NEPSBENCH_SLURM_STATE", str(tmp_path / "none"))

    def write(text: str) -> str:
        (tmp_path / "s.yaml").write_text(text)
        return "s"

    return write


def test_the_shipped_files_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(SHIPPED))
    monkeypatch.setenv("USER", "ada")
    assert {"local", "example-hpc"} <= set(cluster_names())
    assert load_cluster("example-hpc").root == "/scratch/ada/nepsbench"
    assert load_cluster(SHIPPED / "local.yaml").python == sys.executable


def test_a_local_cluster_works_below_the_data_home(written, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("NEPSBENCH_HOME", str(tmp_path / "home"))
    file = load_cluster(written("name: mine\nkind: local\n"))
    assert file.root == str(tmp_path / "home/clusters/mine")


def test_variables_are_expanded_but_not_in_setup(written, monkeypatch) -> None:
    monkeypatch.setenv("NB_TEST", "value")
    monkeypatch.delenv("NB_NONE", raising=False)
    text = SLURM + "partition: ${NB_TEST}\nqos: ${NB_NONE:-low}\nsetup: echo ${NB_TEST}\n"
    file = load_cluster(written(text))
    assert (file.partition, file.qos, file.setup) == ("value", "low", "echo ${NB_TEST}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SLURM + "partiton: x", r"s\.yaml: unknown key 'partiton'; did you mean 'partition'\?"),
        (SLURM.replace("cpus_per", "cpu_per"), "unknown key 'limits.cpu_per_node'; did you mean"),
        (SLURM + "colour: x", "unknown key 'colour'; known keys: name, kind"),
        (SLURM + "poll_interval: -1", "poll_interval: Input should be greater than 0"),
        (SLURM + "account: ${NB_NONE}", "account: environment variable NB_NONE is not set"),
        (SLURM.replace("/w", "w"), "root: an absolute path is wanted, not 'w'"),
        (SLURM.replace("ssh: {host: h}\n", ""), "say how to reach it"),
        (SLURM.replace("limits: {cpus_per_node: 4}\n", ""), "say cpus_per_node"),
        ("name: l\nkind: local\nssh: {host: h}", "a local cluster has no ssh"),
        ("name: 'a b'\nkind: local", "name: String should match"),
        ("- a", "a cluster file is a mapping"),
        ("a: [", "no valid YAML"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_file_and_key(written, text, message) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        load_cluster(written(text))
    assert "\n" not in str(caught.value)


def test_an_unknown_cluster_lists_those_there_are(written) -> None:
    written(SLURM)
    with pytest.raises(SpecError, match="unknown cluster 'x'; there are: s "):
        load_cluster("x")


def test_a_path_is_no_name(written) -> None:
    written(SLURM)
    with pytest.raises(SpecError, match="unknown cluster"):
        load_cluster("../s")


def test_the_developer_cluster_that_is_down_says_how_to_start_it(written) -> None:
    written(SLURM)
    with pytest.raises(SpecError, match="make slurm-up"):
        load_cluster("dev-slurm")
