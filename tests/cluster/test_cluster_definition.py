"""Cluster files."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from nepsbench.cluster import ClusterFile, cluster_names, load_cluster
from nepsbench.cluster.hops import route
from nepsbench.cluster.shell import words
from nepsbench.errors import SpecError

SHIPPED = Path(__file__).parents[2] / "include" / "clusters"
DOCS = Path(__file__).parents[2] / "docs"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOYyJEJwhnXMHlmRvBLr0EhvNyvMhJQmJb0Ejg0ghTnx"
NASTY = "a b'c\"d\ne $(touch pwned) `touch pwned` ; & | * \\ ~ % é"
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


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    """Yield the names of all keys of a section and of the sections in it."""
    for name, key in model.model_fields.items():
        yield name
        for kind in (key.annotation, *get_args(key.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from keys_of(kind)


@pytest.mark.parametrize("key", sorted(set(keys_of(ClusterFile))))
def test_every_key_is_shown_and_explained(key: str) -> None:
    assert re.search(rf"^[ #-]*{key}:", (SHIPPED / "example-hpc.yaml").read_text(), re.MULTILINE)
    assert f"`{key}`" in (DOCS / "clusters.md").read_text()


def test_the_example_of_the_docs_is_valid(written, monkeypatch) -> None:
    text = (DOCS / "clusters.md").read_text()
    (example,) = re.findall(r"<!-- cluster file -->\n```yaml\n(.*?)```", text, re.DOTALL)
    monkeypatch.setenv("USER", "ada")
    file = load_cluster(written(example))
    hops = [hop.host for hop in route(file.ssh)]
    assert hops == ["gate.example.org", "dmz.galaxy.example.org", "login3.galaxy.example.org"]
    assert (file.hold, file.gpus, file.recovery.preemption) == (False, "a100:4", 50)


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
        (SLURM.replace("{host: h}", "{host: h, hots: x}"), "unknown key 'ssh.hots'; did you mean"),
        (SLURM.replace("{host: h}", "{host: '-oProxyCommand=x'}"), "ssh.host: one word is wanted"),
        (SLURM.replace("{host: h}", "{host: h, user: 'a b'}"), "ssh.user: one word is wanted"),
        (SLURM.replace("{host: h}", "{host: h, port: 70000}"), "ssh.port: Input should be less"),
        (SLURM.replace("{host: h}", "{host: h, jump: x}"), "ssh.jump: "),
        (
            SLURM.replace("{host: h}", "{host: h, jump: {host: x, prot: 1}}"),
            "'ssh.jump.0.prot'; did you mean",
        ),
        (SLURM.replace("{host: h}", "{host: h, host_key: AAAA}"), "host_key: a public key is want"),
        (SLURM.replace("{host: h}", "{host: h, host_key: ssh-rsa AAAA}"), "as ssh-keyscan prints"),
        (SLURM + "recovery: {timeout: -1}", "recovery.timeout: Input should be greater than or"),
        (SLURM + "recovery: {oom: 1}", "unknown key 'recovery.oom'; known keys: application"),
        (SLURM + "gpus: two", "gpus: a number is wanted"),
        (SLURM + "hold: perhaps", "hold: Input should be a valid boolean"),
        (SLURM.replace("{cpus", "{max_wait: 0, cpus"), "limits.max_wait: Input should be greater"),
        (SLURM + "options: [exclusive]", "'exclusive' is no option; write one string each"),
        (SLURM + "options: ['-p cpu', cpu]", "'cpu' is no option"),
        (SLURM + "options: [--array=0-3]", "--array is set by nepsbench itself; leave it out"),
        (SLURM + "options: ['--job-n=x']", "--job-n is set by nepsbench itself"),
        (SLURM + "options: [-Jx]", "-Jx is set by nepsbench itself"),
        (SLURM + 'python: "a\\0b"', "python: no shell can be given a NUL character"),
        (SLURM + 'setup: "a\\0b"', "setup: no shell can be given a NUL character"),
        (SLURM.replace("/w", '"/w\\nx"'), "root: a path without control characters is wanted"),
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


def test_what_is_left_out_has_a_careful_default(written) -> None:
    file = load_cluster(written(SLURM))
    assert (file.hold, file.requeue, file.gpus, file.limits.max_wait) == (True, True, None, None)
    budgets = {"application": 1, "timeout": 4, "memory": 3, "preemption": 20, "node": 5}
    assert file.recovery.model_dump() == budgets | {"launch": 3, "lost": 2}


def test_a_site_may_differ_in_every_key(written) -> None:
    more = "hold: false\nrequeue: false\ngpus: 2\nrecovery: {node: 0}\noptions: [--exclusive]\n"
    file = load_cluster(written(SLURM.replace("{cpus", "{max_wait: 60, cpus") + more))
    assert (file.hold, file.requeue, file.gpus, file.limits.max_wait) == (False, False, "2", 60)
    assert (file.recovery.node, file.recovery.lost) == (0, 2)
    assert file.site_options == ("--gpus=2", "--exclusive")


def test_one_jump_host_or_several(written, monkeypatch) -> None:
    monkeypatch.setenv("NB_USER", "ada")
    one = SLURM.replace("{host: h}", f"{{host: h, jump: {{host: j, host_key: {KEY} x}}}}")
    (hop, last) = route(load_cluster(written(one)).ssh)
    assert (hop.host, hop.port, hop.host_key, last.host) == ("j", 22, KEY, "h")
    two = SLURM.replace("{host: h}", "{host: h, jump: [{host: j, user: '${NB_USER}'}, {host: k}]}")
    hops = route(load_cluster(written(two)).ssh)
    assert [(hop.host, hop.user) for hop in hops] == [("j", "ada"), ("k", None), ("h", None)]


@pytest.mark.parametrize(
    "section",
    [
        "passphrase_env: 'swordfish and more'",
        "passphrase: 'swordfish and more'",
        "password: 'swordfish and more'",
        "jump: {host: j, passphrase_env: 'swordfish and more'}",
    ],
)
def test_a_secret_at_the_wrong_place_is_not_repeated(written, section) -> None:
    with pytest.raises(SpecError) as caught:
        load_cluster(written(SLURM.replace("{host: h}", f"{{host: h, {section}}}")))
    assert "swordfish" not in str(caught.value)
    assert "pass" in str(caught.value)


def string_fields(file: dict[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the places of all strings of a cluster file."""
    for key, value in file.items():
        if isinstance(value, dict):
            yield from string_fields(value, (*at, key))
        elif isinstance(value, (str, list)):
            yield (*at, key)


FULL: dict[str, Any] = {
    "name": "s", "kind": "slurm", "root": "/w", "connection": "c", "python": "p", "setup": "true",
    "environment": "pip", "partition": "p", "account": "a", "qos": "q", "constraint": "c",
    "gpus": "a100:1", "slurm_cluster": "c", "options": ["--exclusive"],
    "limits": {"cpus_per_node": 1},
    "ssh": {"host": "h", "user": "u", "key_file": "~/k", "known_hosts": "~/h", "config": "~/c",
            "passphrase_env": "P", "host_key": KEY,
            "jump": {"host": "j", "user": "u", "key_file": "~/k", "passphrase_env": "P"}},
}  # fmt: skip


#: Where no shell ever looks, or where what is odd can only be a mistake.
REFUSED = {"name", "kind", "root", "environment", "gpus", "host", "user", "host_key"}


def nasty_file(place: tuple[str, ...]) -> str:
    content = yaml.safe_load(yaml.safe_dump(FULL))
    section = content
    for key in place[:-1]:
        section = section[key]
    section[place[-1]] = [f"--mail-user={NASTY}"] if place[-1] == "options" else NASTY
    return yaml.safe_dump(content)


@pytest.mark.parametrize(
    "place", [p for p in string_fields(FULL) if p[-1] in {*REFUSED, "passphrase_env"}], ids=".".join
)
def test_an_odd_string_is_refused_in_one_line(written, place) -> None:
    with pytest.raises(SpecError, match=place[-1]) as caught:
        load_cluster(written(nasty_file(place)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "place",
    [p for p in string_fields(FULL) if p[-1] not in {*REFUSED, "passphrase_env", "setup"}],
    ids=".".join,
)
def test_an_odd_string_reaches_a_command_as_the_word_that_it_is(written, tmp_path, place) -> None:
    file = load_cluster(written(nasty_file(place)))
    arguments = [*file.site_options, file.python, str(file.connection), str(file.ssh)]
    script = words(["printf", "%s\\0", *arguments])
    done = subprocess.run(
        ["bash", "-s"], input=script, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\0")[:-1] == arguments
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]
