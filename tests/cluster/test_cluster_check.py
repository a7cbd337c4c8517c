"""The table of checks, the wheel that is sent, and the commands."""

import hashlib
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

import nepsbench
from nepsbench.cli.main import app
from nepsbench.cluster import Limits
from nepsbench.cluster.check import Verdict, check, judge
from nepsbench.cluster.definition import ClusterFile, Ssh
from nepsbench.cluster.install import build_wheel, install, require_same_version
from nepsbench.errors import ClusterError

SITE = ClusterFile(
    name="site", kind="slurm", root="/w", ssh=Ssh(host="h"), limits=Limits(cpus_per_node=1),
    partition="cpu",
)  # fmt: skip
GOOD = {
    "writable": "yes", "free_mb": "50000", "clock": "1000", "tools": "5", "python": "3.11.2",
    "torch": "2.6.0", "nepsbench": "1+a", "slurm": "slurm 22.05", "controller": "idle",
    "accounting": "yes", "partition": "cpu", "limits": "MaxArraySize 1001", "files": "yes",
    "submit": "yes", "hold": "yes",
}  # fmt: skip


def verdicts(facts: dict[str, str]) -> dict[str, Verdict]:
    return {c.name: c.verdict for c in judge(facts, SITE, now=1001.0, version="1+a")}


def test_a_good_cluster_passes_every_check() -> None:
    assert set(verdicts(GOOD).values()) == {Verdict.OK}


@pytest.mark.parametrize(
    ("fact", "value", "check"),
    [
        ("writable", None, "root writable"),
        ("free_mb", "10", "free space"),
        ("clock", "900", "clock"),
        ("tools", "4", "shell tools"),
        ("python", "3.9.2", "python"),
        ("python", None, "python"),
        ("torch", None, "torch"),
        ("nepsbench", "1+b", "nepsbench"),
        ("slurm", None, "slurm commands"),
        ("controller", None, "controller"),
        ("partition", None, "partition cpu"),
        ("files", None, "files"),
        ("submit", None, "submission"),
        ("hold", None, "held jobs"),
    ],
)
def test_what_is_missing_is_named_with_a_remedy(fact: str, value: str | None, check: str) -> None:
    facts = {name: text for name, text in (GOOD | {fact: value}).items() if text is not None}
    missing = [c for c in judge(facts, SITE, now=1001.0, version="1+a") if c.remedy]
    assert [(c.name, c.verdict) for c in missing] == [(check, Verdict.MISSING)]


def test_a_site_that_forbids_held_jobs_is_told_so_in_its_own_words() -> None:
    facts = {n: t for n, t in GOOD.items() if n != "hold"} | {"hold_refused": "held is forbidden"}
    (found,) = [c for c in judge(facts, SITE, now=1001.0, version="1+a") if c.name == "held jobs"]
    assert found.detail == "held is forbidden"
    assert "hold: false" in found.remedy
    without = SITE.model_copy(update={"hold": False})
    checks = judge(facts, without, now=1001.0, version="1+a")
    assert {c.verdict for c in checks} == {Verdict.OK}


def test_where_no_job_is_accepted_nothing_is_said_of_held_ones() -> None:
    facts = {n: t for n, t in GOOD.items() if n not in ("hold", "submit")}
    assert "held jobs" not in verdicts(facts)


def test_a_cluster_without_accounting_is_degraded_and_not_refused() -> None:
    facts = {name: text for name, text in GOOD.items() if name != "accounting"}
    assert verdicts(facts)["accounting"] is Verdict.DEGRADED
    assert Verdict.MISSING not in verdicts(facts).values()


def test_the_wheel_holds_exactly_the_files_of_the_source_package(tmp_path: Path) -> None:
    root = Path(nepsbench.__file__).parent
    source = {
        f"nepsbench/{path.relative_to(root).as_posix()}": hashlib.sha256(path.read_bytes()).digest()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(build_wheel(tmp_path)) as wheel:
        packed = {
            name: hashlib.sha256(wheel.read(name)).digest()
            for name in wheel.namelist()
            if ".dist-info/" not in name
        }
    assert packed == source


def test_a_local_cluster_needs_no_installation(cluster) -> None:
    assert "nothing to install" in install(cluster)
    require_same_version(cluster)


def test_the_commands_list_and_check_a_local_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\nkind: local\n")
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(tmp_path))
    monkeypatch.setenv("NEPSBENCH_SLURM_STATE", str(tmp_path / "none"))
    monkeypatch.setenv("NEPSBENCH_HOME", str(tmp_path / "home"))

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["cluster", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    assert "mine" in call("list")
    said = call("check", "mine")
    assert "missing" not in said
    assert "there and back" in said
    # A check leaves nothing behind.
    assert not (tmp_path / "home/clusters/mine/.check").exists()


def test_a_cluster_that_takes_no_files_says_why(cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ClusterError("no SFTP there; ask the site to allow it")

    monkeypatch.setattr(cluster, "put", refuse)
    found = {item.name: item for item in check(cluster)}
    assert found["files"].verdict is Verdict.MISSING
    assert "no SFTP there" in found["files"].detail


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        ({}, "h, host key verified"),
        ({"ssh": Ssh.model_validate({"host": "h", "jump": {"host": "j"}})}, "h through j, host"),
        ({"ssh": None, "connection": "site"}, "connection site"),
    ],
)
def test_the_way_is_told(changes: dict[str, object], way: str) -> None:
    first = judge(GOOD, SITE.model_copy(update=changes), now=1001.0, version="1+a")[0]
    assert first.detail.startswith(way)
