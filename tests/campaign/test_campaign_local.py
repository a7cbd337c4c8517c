"""One small campaign on local processes: every stage is real."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_campaign import CAMPAIGN, cluster_at, count

import nepsbench
from nepsbench.campaign import collect, draw, initialize, plans, publish, wave
from nepsbench.campaign.folder import CampaignFolder, RemoteFolder
from nepsbench.campaign.form import parse_campaign
from nepsbench.campaign.progress import campaign_progress
from nepsbench.campaign.run import run_campaign, run_jobs
from nepsbench.cluster import Job, Resources
from nepsbench.cluster.ledger import open_ledger
from nepsbench.errors import (
    ClusterError,
    CorruptedFileError,
    NepsbenchError,
    StorageError,
    StreamReuseError,
)
from nepsbench.warehouse import open_warehouse

pytestmark = pytest.mark.whole


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
        initialize.initialize_here(
            there, tmp_path / "datasets", there / "jobs/j", recipe="nepsbench101"
        )
    assert not list((there / "jobs").rglob("*.sha256"))


def test_a_damaged_journal_is_refused_and_the_warehouse_keeps_what_it_had(copy, finished):
    home, cluster = finished
    commit = open_warehouse(copy).commit.number
    [journal, *_] = sorted((home / "cluster/campaigns").rglob("*w002*/results/*.journal"))
    sound = journal.read_bytes()
    spoiled = bytearray(sound)
    spoiled[20] ^= 1
    manifest = journal.with_suffix(".sha256")
    proof = manifest.read_bytes()
    try:
        journal.write_bytes(spoiled)
        with pytest.raises(ClusterError, match=rf"{journal.name} on cluster here is not what"):
            collect.collect_wave(CAMPAIGN, 2, copy, cluster)
        manifest.unlink()
        with pytest.raises(CorruptedFileError, match="line 1 is damaged"):
            collect.collect_wave(CAMPAIGN, 2, copy, cluster)
    finally:
        journal.write_bytes(sound)
        manifest.write_bytes(proof)
    assert open_warehouse(copy).commit.number == commit


def test_trials_whose_journal_was_lost_are_trained_anew_to_the_same_numbers(tmp_path):
    """As docs/benchmark-maker.md tells, under "A damaged result"."""
    campaign = parse_campaign({"streams": 1, "samples": 1, "waves": "2"})
    query = "select taskid, model_idx, epoch, train_loss, valid_acc from epochs order by all"
    with cluster_at(tmp_path / "cluster") as cluster:
        run_campaign(campaign, tmp_path, cluster, say=lambda _: None)
        before = open_warehouse(tmp_path).query(query)
        open_warehouse(tmp_path).drop(campaign.name)
        there = tmp_path / "cluster/campaigns" / campaign.name
        [journal] = there.glob("jobs/*/results/*.journal")
        for path in (journal, journal.with_suffix(".sha256"), *there.glob("checkpoints/*/*.pt")):
            path.unlink()
        planned = wave.current_plan(campaign, 2, tmp_path)
        (planned.path / "settled").touch()
        run_campaign(campaign, tmp_path, cluster, say=lambda _: None)
    assert wave.current_plan(campaign, 2, tmp_path).path != planned.path
    assert open_warehouse(tmp_path).query(query) == before
    assert before.num_rows == 2


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


def test_every_job_proves_its_results(finished):
    home, cluster = finished
    planned = wave.current_plan(CAMPAIGN, 2, home)
    jobs = [initialize.initialize_job(CAMPAIGN, home, cluster)]
    remote = RemoteFolder(cluster.path(), CAMPAIGN.name)
    jobs += [plans.planned_job(planned, remote, f, p, cluster) for f, p in
             zip(planned.job_folders(), planned.summary["jobs"], strict=True)]  # fmt: skip
    for job in jobs:
        assert len(job.manifests) == job.resources.tasks
        command = ["sha256sum", "-c", "--strict", "--quiet", *job.manifests]
        subprocess.run(command, cwd=job.directory, check=True)


def test_an_environment_that_is_not_what_the_job_left_is_not_accepted(copy, finished):
    _, cluster = finished
    directory = initialize.initialize_job(CAMPAIGN, copy, cluster).directory
    found = Path(directory) / "results/environment.json"
    stored = CampaignFolder(copy, CAMPAIGN.name).environment_file
    sound, before = found.read_bytes(), stored.read_bytes()
    try:
        found.write_bytes(sound.replace(b"digits", b"stigid"))
        with pytest.raises(ClusterError, match=r"environment\.json on cluster here is not what"):
            initialize.accept_environment(CAMPAIGN, copy, cluster)
        found.with_suffix(".sha256").rename(found.with_suffix(".away"))
        with pytest.raises(
            NepsbenchError,
            match="no proven result of its initialize job; run: nepsbench cluster forget",
        ):
            initialize.accept_environment(CAMPAIGN, copy, cluster)
    finally:
        found.write_bytes(sound)
        found.with_suffix(".away").rename(found.with_suffix(".sha256"))
    assert stored.read_bytes() == before


def test_results_that_were_dropped_come_back_by_collecting(copy, finished):
    _, cluster = finished
    query = "select * exclude (mlflow_run_id) from trials order by all"
    before = open_warehouse(copy).query(query), open_warehouse(copy).query("from epochs")
    assert open_warehouse(copy).drop(CAMPAIGN.name) == 3
    assert count(copy, "trials") == 0
    for epochs in CAMPAIGN.waves:
        collect.collect_wave(CAMPAIGN, epochs, copy, cluster)
    after = open_warehouse(copy).query(query), open_warehouse(copy).query("from epochs")
    assert after[0] == before[0]
    assert after[1].sort_by("runtime") == before[1].sort_by("runtime")


def test_no_trial_is_left_out_when_one_job_cannot_hold_them_all(copy, finished):
    _, cluster = finished
    narrow = cluster.file.model_copy(
        update={"limits": cluster.file.limits.model_copy(update={"max_time": 150})}
    )
    more = CAMPAIGN.model_copy(update={"waves": (1, 2, 60)})
    planned = wave.ensure_plan(more, 60, copy, narrow)
    assert planned.summary["trials"] == 4
    assert planned.summary["remainder"] == 0


def test_a_release_waits_for_every_wave(copy):
    more = CAMPAIGN.model_copy(update={"waves": (1, 2, 3), "release": "1.1.0"})
    with pytest.raises(NepsbenchError, match="wave 3 is not finished"):
        publish.publish(more, copy)


def test_a_published_campaign_stays_published_when_another_adds_to_the_benchmark(copy, finished):
    _, cluster = finished
    other = parse_campaign({"first_stream": 7, "streams": 1, "samples": 1, "waves": "1"})
    run_campaign(other, copy, cluster, say=lambda _: None)
    path, _ = publish.publish(CAMPAIGN, copy)
    assert path.name == CAMPAIGN.release
    later = other.model_copy(update={"release": "1.0.1"})
    publish.fit_surrogate(later, copy)
    assert publish.publish(later, copy)[0].name == "1.0.1"
    assert len(nepsbench.load(CAMPAIGN.benchmark, home=copy)) == 5


def test_a_failed_job_says_what_it_said_last(tmp_path, monkeypatch):
    monkeypatch.setenv("NEPSBENCH_DATA", str(tmp_path / "none"))
    missing = parse_campaign({"dataset": "cifar10", "streams": 1, "samples": 1, "waves": "1"})
    with cluster_at(tmp_path / "cluster") as cluster, pytest.raises(ClusterError) as caught:
        run_campaign(missing, tmp_path / "home", cluster, say=lambda _: None)
    text = str(caught.value)
    assert "cifar-10" in text
    assert "NEPSBENCH_DATA" in text
    assert ", attempt 2]" in text
    assert "\n" not in text


def test_jobs_that_stop_in_time_run_again_while_they_get_on(tmp_path):
    """The first two runs of the job leave trials and train an epoch each; the third ends well."""
    script = """
cd "$1"; mkdir -p results; journal=results/worker-0.journal; echo '{"kind":"epoch"' >>$journal
n=$(wc -l <$journal); (echo "# progress $n"; sha256sum $journal) >results/worker-0.sha256
[ "$n" = 3 ] || exit 3
"""
    home = tmp_path / "home"
    with cluster_at(tmp_path) as cluster:
        directory = cluster.path("jobs", "one")
        command = ("bash", "-c", script, "bash", directory)
        manifests = ("results/worker-0.sha256",)
        run_jobs(cluster, [Job("one", directory, command, Resources(), manifests)], home)
        with open_ledger(home) as ledger:
            attempts = ledger.attempts(["one"])
        assert [a.exit_code for a in attempts] == [3, 3, 0]
        assert [a.progress for a in attempts] == [1, 2, 3]


def test_a_job_that_stops_in_time_and_never_gets_on_fails(tmp_path):
    with cluster_at(tmp_path) as cluster:
        idle = Job("two", cluster.path("jobs", "two"), ("sh", "-c", "exit 3"), Resources())
        with pytest.raises(ClusterError, match="two: stopped, exit code 3"):
            run_jobs(cluster, [idle], tmp_path / "home")


def test_a_job_whose_results_are_not_proven_did_not_succeed(tmp_path):
    with cluster_at(tmp_path) as cluster:
        job = Job("j", cluster.path("j"), ("true",), Resources(), ("results/worker-0.sha256",))
        with pytest.raises(ClusterError, match="1 of 1 jobs did not succeed: j"):
            run_jobs(cluster, [job], tmp_path / "home")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_while_fetching_is_one_line_and_nothing_is_lost(copy, finished, tmp_path):
    _, cluster = finished
    disk = tmp_path / "disk"
    disk.mkdir()
    commit = open_warehouse(copy).commit.number
    folder = wave.current_plan(CAMPAIGN, 2, copy).job_folders()[0]
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
    try:
        shutil.move(folder, disk / "job")
        folder.symlink_to(disk / "job")
        (disk / "filler").write_bytes(b"x" * (shutil.disk_usage(disk).free))
        before = {p: p.read_bytes() for p in (disk / "job").rglob("*.*") if p.is_file()}
        assert any(path.suffix == ".journal" for path in before)
        with pytest.raises(StorageError, match="the disk is full; nothing was changed"):
            collect.collect_wave(CAMPAIGN, 2, copy, cluster)
        assert {path: path.read_bytes() for path in before} == before
        (disk / "filler").unlink()
        collect.collect_wave(CAMPAIGN, 2, copy, cluster)
    finally:
        subprocess.run(["umount", disk], check=True)
    assert open_warehouse(copy).commit.number == commit
