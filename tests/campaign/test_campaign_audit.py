"""A part of a benchmark is trained again on a cluster and compared with what is recorded."""

import json
import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from small_campaign import CAMPAIGN, write_cluster
from typer.testing import CliRunner

from nepsbench.audit.record import last_audit
from nepsbench.campaign.publish import publish_benchmark
from nepsbench.cli.main import app
from nepsbench.cluster.ledger import open_ledger
from nepsbench.errors import NepsbenchError, VersionMismatchError
from nepsbench.release import read_manifest, verify_release
from nepsbench.warehouse import open_warehouse

pytestmark = pytest.mark.whole

RELEASE = f"{CAMPAIGN.benchmark}@1.0.0"


def reproduce(home, *words, code=0):
    done = CliRunner().invoke(
        app, ["verify", "reproducibility", *map(str, words), "--home", str(home), "--json"]
    )
    if isinstance(done.exception, NepsbenchError):
        raise done.exception
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def said(home, *words, code=0):
    done = CliRunner().invoke(app, [*map(str, words), "--home", str(home)])
    assert done.exit_code == code, done.output
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("audit")


@pytest.fixture(autouse=True)
def _clusters(place, monkeypatch):
    write_cluster(place / "clusters", place / "cluster")
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(place / "clusters"))


@pytest.fixture(scope="module")
def home(place, finished):
    """A copy of the finished home, to be audited on a cluster that never saw the campaign."""
    shutil.copytree(finished[0], place / "home", ignore=shutil.ignore_patterns("cluster"))
    return place / "home"


@pytest.fixture
def spoiled(home, tmp_path):
    """A copy of the audited home that a test may spoil."""
    shutil.copytree(home, tmp_path / "home")
    return tmp_path / "home"


def other_loss(table, epoch):
    """The table with the last bits of one validation loss changed, and whose it is."""
    row = table["epoch"].to_pylist().index(epoch)
    values = table["valid_loss"].to_pylist()
    values[row] *= 1 + 1e-15
    assert values[row] != table["valid_loss"][row].as_py()
    place = table.schema.get_field_index("valid_loss")
    changed = table.set_column(place, table.schema.field(place), pa.array(values))
    return changed, [table[name][row].as_py() for name in ("taskid", "model_idx")]


def alter(home, epoch):
    """Put another loss into the warehouse, as if it had been collected so."""
    warehouse = open_warehouse(home)
    trials, epochs = warehouse.tables(CAMPAIGN.benchmark)
    changed, key = other_loss(epochs, epoch)
    warehouse.drop(CAMPAIGN.name)
    tables = (t.drop_columns(["benchmark"]) for t in (trials, changed))
    warehouse.ingest(CAMPAIGN.benchmark, *tables)
    return key


def attempts(home):
    with open_ledger(home) as ledger:
        return len(ledger.attempts())


def test_a_share_of_the_table_is_trained_again_to_the_same_bits(home, place):
    before = attempts(home)
    found = reproduce(home, CAMPAIGN.benchmark, "--number", 3, "--seed", 11)  # no other test's
    assert found["verdicts"] == {"exact": 3, "tolerable": 0, "drifted": 0, "failed": 0}
    assert (found["population"], found["passed"], found["damage"]) == (4, True, None)
    assert {trial["epochs"] for trial in found["trials"]} == {2}
    assert attempts(home) == before + 2
    own = place / "cluster/audits" / found["audit"]
    assert len([*own.glob(f"{CAMPAIGN.name}/checkpoints/*/*.pt")]) == 3
    assert not (place / "cluster/campaigns").exists()


def test_the_same_audit_again_does_no_work_and_keeps_its_record(home):
    first = reproduce(home, CAMPAIGN.benchmark, "--number", 3, "--seed", 1)
    before = attempts(home)
    [record] = (home / "audits").glob(f"{first['audit']}/record.json")
    written = record.stat().st_mtime_ns
    assert reproduce(home, CAMPAIGN.benchmark, "--number", 3, "--seed", 1) == first
    assert attempts(home) == before
    assert record.stat().st_mtime_ns == written


def test_one_altered_loss_names_its_trial_epoch_and_metric(home, spoiled):
    words = (CAMPAIGN.benchmark, "--number", 3, "--seed", 1)
    reproduce(home, *words)
    sampled = {(t["taskid"], t["model_idx"]) for t in reproduce(home, *words)["trials"]}
    shutil.rmtree(spoiled)
    shutil.copytree(home, spoiled)
    key = alter(spoiled, epoch=2)
    assert tuple(key) in sampled

    found = reproduce(spoiled, *words, code=1)

    assert found["verdicts"] == {"exact": 2, "tolerable": 0, "drifted": 1, "failed": 0}
    [drifted] = [trial for trial in found["trials"] if trial["verdict"] == "drifted"]
    assert [drifted["taskid"], drifted["model_idx"]] == key
    [deviation] = drifted["deviations"]
    assert (deviation["epoch"], deviation["metric"]) == (2, "valid_loss")
    assert drifted["provenance"] == {}
    lines = said(spoiled, "verify", "reproducibility", *words, code=1).splitlines()
    [line] = [line for line in lines if line.startswith("drifted")]
    assert f"taskid {key[0]} model_idx {key[1]}: epoch 2: valid_loss" in line
    assert "1 of 2 epochs differ" in line
    assert last_audit(CAMPAIGN.benchmark, spoiled).verdicts["drifted"] == 1


def test_a_release_is_trained_again_and_an_altered_copy_is_found_out(home, tmp_path):
    folder = tmp_path / "release"
    shutil.copytree(home / "releases" / CAMPAIGN.benchmark / "1.0.0", folder)
    words = (folder, "--number", 4, "--epochs", 1)
    found = reproduce(home, *words)
    assert found["verdicts"]["exact"] == 4
    assert {trial["epochs"] for trial in found["trials"]} == {1}
    before = attempts(home)
    changed, key = other_loss(pq.read_table(folder / "epochs.parquet"), epoch=1)
    pq.write_table(changed, folder / "epochs.parquet")

    found = reproduce(home, *words, code=1)

    [drifted] = [trial for trial in found["trials"] if trial["verdict"] == "drifted"]
    assert [drifted["taskid"], drifted["model_idx"]] == key
    assert drifted["deviations"][0]["metric"] == "valid_loss"
    assert "epochs.parquet: damaged" in found["damage"]
    assert attempts(home) == before
    own = last_audit(CAMPAIGN.benchmark, home)
    assert own is None or own.source == "warehouse"


def test_the_last_audit_stands_in_the_manifest_of_the_next_release(home):
    reproduce(home, CAMPAIGN.benchmark, "--number", 3, "--seed", 1)
    path = publish_benchmark(CAMPAIGN.benchmark, "1.0.1", home, fit_surrogate=False)
    audit = verify_release(path).audit
    assert (audit["sample"], audit["population"], audit["epochs"]) == (3, 4, 2)
    assert (audit["seed"], audit["verdicts"]["exact"], audit["not_exact"]) == (1, 3, [])
    line = "3 of 4 trials trained again up to epoch 2 on local, seed 1: 3 exact (20"
    done = CliRunner().invoke(app, ["release", "verify", str(path)])
    assert f"audit: {line}" in done.stdout
    told = " ".join(said(home, "info", CAMPAIGN.benchmark).split())
    assert f"1.0.1: {line}" in told
    assert "1.0.0:" not in told
    first = read_manifest(home / "releases" / CAMPAIGN.benchmark / "1.0.0")
    assert first.audit is None


def test_a_version_that_is_built_again_after_an_audit_stays_as_it_is(home):
    version = "1.0.2"
    path = publish_benchmark(CAMPAIGN.benchmark, version, home, fit_surrogate=False)
    before = (path / "manifest.json").read_bytes()
    reproduce(home, CAMPAIGN.benchmark, "--number", 3, "--seed", 1)
    publish_benchmark(CAMPAIGN.benchmark, version, home, fit_surrogate=False)
    assert (path / "manifest.json").read_bytes() == before


def test_trials_of_another_recipe_version_are_refused(spoiled):
    warehouse = open_warehouse(spoiled)
    trials, epochs = (t.drop_columns(["benchmark"]) for t in warehouse.tables(CAMPAIGN.benchmark))
    warehouse.drop(CAMPAIGN.name)
    place = trials.schema.get_field_index("recipe")
    older = pc.replace_substring_regex(trials["recipe"], r"/\d+$", "/0")
    warehouse.ingest(CAMPAIGN.benchmark, trials.set_column(place, "recipe", older), epochs)
    with pytest.raises(VersionMismatchError, match="nepsbench101/0, this nepsbench has"):
        reproduce(spoiled, CAMPAIGN.benchmark)


def test_what_is_not_there_is_refused_before_anything_runs(home):
    with pytest.raises(NepsbenchError, match=r"no trials of benchmark 'x-y'; a release is named"):
        reproduce(home, "x-y")
    with pytest.raises(NepsbenchError, match="unknown cluster 'far'"):
        reproduce(home, CAMPAIGN.benchmark, "--cluster", "far")
    with pytest.raises(NepsbenchError, match="share: Input should be less than or equal to 1"):
        reproduce(home, CAMPAIGN.benchmark, "--share", 2)
