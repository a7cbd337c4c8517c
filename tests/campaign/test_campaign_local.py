"""One small campaign on local processes: every stage is real."""

import json
import shutil
import sys

import pyarrow.parquet as pq
import pytest

import nepsbench
from nepsbench.campaign import collect, draw, initialize, publish, wave
from nepsbench.campaign.folder import CampaignFolder
from nepsbench.campaign.form import parse_campaign
from nepsbench.campaign.progress import campaign_progress
from nepsbench.campaign.run import run_campaign
from nepsbench.cluster import ClusterFile, open_cluster
from nepsbench.errors import CorruptedFileError, NepsbenchError, StreamReuseError
from nepsbench.warehouse import open_warehouse

CAMPAIGN = parse_campaign({"streams": 2, "samples": 2, "waves": "1,2"})


def cluster_at(root):
    return open_cluster(
        ClusterFile(
            name="here",
            kind="local",
            root=str(root),
            python=sys.executable,
            limits={"cpus_per_node": 2, "max_jobs": 1},
            poll_interval=0.2,
        )
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A data home in which the campaign ran, and the cluster that it ran on."""
    home = tmp_path_factory.mktemp("home")
    with cluster_at(home / "cluster") as cluster:
        run_campaign(CAMPAIGN, home, cluster, say=lambda _: None)
        publish.check_benchmark(CAMPAIGN.benchmark, home)
        publish.fit_surrogate(CAMPAIGN, home)
        publish.publish(CAMPAIGN, home)
        yield home, cluster


def count(home, table):
    with open_warehouse(home).connect() as connection:
        return connection.sql(f"select count(*) from {table}").fetchall()[0][0]


def test_every_trial_and_epoch_is_in_the_warehouse(finished):
    home, _ = finished
    assert count(home, "trials") == 4
    assert count(home, "epochs") == 8
    with open_warehouse(home).connect() as connection:
        found = connection.sql(
            "select distinct status, epochs, target_epochs, dataset from trials"
        ).fetchall()
    assert found == [("complete", 2, 2, "digits")]


def test_the_release_answers_what_the_warehouse_holds(finished):
    home, _ = finished
    bench = nepsbench.load(CAMPAIGN.benchmark, home=home)
    configuration = bench.sample(seed=0)
    with open_warehouse(home).connect() as connection:
        [(stored,)] = connection.sql(
            "select valid_acc from epochs join trials using (profile, taskid, model_idx) "
            "where config_id = $id and epoch = 2",
            params={"id": bench.space.config_id(configuration)},
        ).fetchall()
    assert bench(configuration, epoch=2)["valid_acc"] == stored
    predicted = nepsbench.load(CAMPAIGN.benchmark, kind="surrogate", home=home)
    assert 0 <= predicted(configuration, epoch=2)["valid_acc"] <= 100


def test_the_second_wave_goes_on_from_the_firsts_checkpoints(finished):
    home, _ = finished
    first, second = (wave.current_plan(CAMPAIGN, epochs, home).path for epochs in (1, 2))
    for path, epoch in ((first, 1), (second, 2)):
        records = "".join(p.read_text() for p in path.rglob("*.journal"))
        assert records.count('"kind":"epoch"') == 4
        assert records.count(f'"epoch":{epoch},') == 4


def test_running_again_does_nothing_twice(finished):
    home, cluster = finished
    commit = open_warehouse(home).commit.number
    released = publish.publish(CAMPAIGN, home)[0]
    before = {p: p.stat().st_mtime_ns for p in released.rglob("*")}
    jobs = sorted((home / "cluster/campaigns" / CAMPAIGN.name / "jobs").iterdir())
    run_campaign(CAMPAIGN, home, cluster, say=lambda _: None)
    publish.fit_surrogate(CAMPAIGN, home)
    publish.publish(CAMPAIGN, home)
    assert open_warehouse(home).commit.number == commit
    assert {p: p.stat().st_mtime_ns for p in released.rglob("*")} == before
    assert sorted((home / "cluster/campaigns" / CAMPAIGN.name / "jobs").iterdir()) == jobs


def test_progress_is_counted_from_the_journals(finished):
    home, cluster = finished
    found = campaign_progress(CAMPAIGN, home, cluster)
    assert (found.wave, found.trials, found.planned, found.left) == (2, 4, 4, 4)
    assert found.epochs == 4
    assert found.settled
    assert not wave.has_unfinished_wave(CAMPAIGN, home)
    more = CAMPAIGN.model_copy(update={"waves": (1, 2, 3)})
    assert wave.first_unfinished_wave(more, home) == 3


def test_a_used_stream_is_refused_by_name(finished):
    home, _ = finished
    other = parse_campaign({"first_stream": 1, "streams": 1, "samples": 1, "waves": "1"})
    with pytest.raises(StreamReuseError) as caught:
        draw.draw_profile(other, home)
    text = str(caught.value)
    assert CAMPAIGN.name in text
    assert "\n" not in text
    assert not CampaignFolder(home, other.name).path.exists()


def test_an_uninitialized_campaign_is_not_planned(tmp_path):
    draw.draw_profile(CAMPAIGN, tmp_path)
    with (
        cluster_at(tmp_path / "cluster") as cluster,
        pytest.raises(NepsbenchError, match="is not initialized; run its initialize stage first"),
    ):
        wave.ensure_plan(CAMPAIGN, 1, tmp_path, cluster.file)


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished home that a test may spoil."""
    home = tmp_path / "home"
    shutil.copytree(finished[0], home, ignore=shutil.ignore_patterns("cluster"))
    return home


def edit_profile(home):
    """Give the first trial another seed, in a file that is sound in itself."""
    from nepsbench.sampling import create_profile
    from nepsbench.sampling.profile import Profile

    profile = create_profile(CAMPAIGN.spec())
    seed = profile.seed.copy()
    seed[0] += 1
    edited = Profile(profile.spec, profile.taskid, profile.model_idx, seed, profile.codes)
    edited.write(CampaignFolder(home, CAMPAIGN.name).profile_file)


def test_a_profile_edited_after_initialization_stops_everything(copy, finished):
    edit_profile(copy)
    _, cluster = finished
    with pytest.raises(CorruptedFileError, match="edited after initialization"):
        wave.ensure_plan(CAMPAIGN, 3, copy, cluster.file)
    with pytest.raises(CorruptedFileError, match="is not the one that campaign"):
        initialize.initialize_job(CAMPAIGN, copy, cluster)
    with pytest.raises(CorruptedFileError, match="holds another profile"):
        draw.draw_profile(CAMPAIGN, copy)


def test_the_cluster_refuses_a_profile_that_it_does_not_draw(copy, tmp_path):
    folder = CampaignFolder(copy, CAMPAIGN.name)
    edit_profile(copy)
    there = tmp_path / "there"
    there.mkdir()
    shutil.copy(folder.profile_file, there / "profile.parquet")
    shutil.copy(folder.spec_file, there / "spec.yaml")
    with pytest.raises(NepsbenchError, match="draws another profile from the same spec"):
        initialize.initialize_here(there, tmp_path / "datasets")


def test_a_damaged_journal_is_refused_and_the_warehouse_keeps_what_it_had(copy, finished):
    home, cluster = finished
    commit = open_warehouse(copy).commit.number
    [journal, *_] = sorted((home / "cluster/campaigns").rglob("*w002*/results/*.journal"))
    sound = journal.read_bytes()
    spoiled = bytearray(sound)
    spoiled[20] ^= 1
    try:
        journal.write_bytes(spoiled)
        with pytest.raises(CorruptedFileError, match="line 1 is damaged"):
            collect.collect_wave(CAMPAIGN, 2, copy, cluster)
    finally:
        journal.write_bytes(sound)
    assert open_warehouse(copy).commit.number == commit


def test_a_corrupted_parquet_file_stops_the_release(copy):
    [part, *_] = sorted((copy / "benchmarks").rglob("epochs/*.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    with pytest.raises(CorruptedFileError, match=part.name):
        publish.check_benchmark(CAMPAIGN.benchmark, copy)


def test_the_environment_says_what_initialized_the_campaign(finished):
    home, _ = finished
    found = json.loads(CampaignFolder(home, CAMPAIGN.name).environment_file.read_text())
    profile = CampaignFolder(home, CAMPAIGN.name).profile_file
    assert found["trials"] == pq.read_metadata(profile).num_rows == 4
    assert found["threads"]["OMP_NUM_THREADS"] == "1"
    assert found["dataset_version"].startswith("1-")
