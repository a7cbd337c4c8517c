from nepsbench.campaign import run
from nepsbench.campaign.form import parse_campaign
from nepsbench.campaign.wave import PlannedWave
from nepsbench.cluster import ClusterFile, open_cluster
from nepsbench.sampling import create_profile
from nepsbench.scheduling import Limits
from nepsbench.scheduling.wave import plan_wave

CAMPAIGN = parse_campaign({"samples": 2, "waves": "1"})


class Collected:
    summary = "8 complete"


def test_a_wasteful_wave_is_told_before_it_runs(tmp_path, monkeypatch):
    planned = plan_wave(create_profile(CAMPAIGN.spec()), Limits(cpus_per_node=48), epochs=1)
    planned.write(tmp_path / "plan-01")
    wave = PlannedWave(CAMPAIGN.name, 1, tmp_path / "plan-01")
    said = []
    # The stages themselves run in test_campaign_local; here only what is said counts.
    environment = {"host": "h", "dataset": "digits", "dataset_version": "1"}
    monkeypatch.setattr(run, "initialize_job", lambda *_: None)
    monkeypatch.setattr(run, "accept_environment", lambda *_: environment)
    monkeypatch.setattr(run, "ensure_plan", lambda *_: wave)
    monkeypatch.setattr(run, "wave_jobs", lambda *_: [])
    monkeypatch.setattr(run, "run_jobs", lambda *_, **__: said.append("jobs"))
    monkeypatch.setattr(run, "collect_wave", lambda *_: Collected)
    cluster = open_cluster(ClusterFile(name="here", kind="local", root=str(tmp_path)))
    run.run_campaign(CAMPAIGN, tmp_path, cluster, say=said.append)
    warning = next(line for line in said if "warning: predicted utilisation" in line)
    assert "is below 80%" in warning
    assert said.index(warning) < len(said) - 1 - said[::-1].index("jobs")
