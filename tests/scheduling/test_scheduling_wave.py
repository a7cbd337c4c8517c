import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from nepsbench.cli.main import app
from nepsbench.errors import SpecError, StorageError
from nepsbench.sampling import create_profile
from nepsbench.sampling.spec import parse_spec
from nepsbench.scheduling import Limits
from nepsbench.scheduling.measured import align, read_measured
from nepsbench.scheduling.wave import plan_wave


@pytest.fixture
def profile():
    spec = {"profile": "small", "streams": {"count": 3}, "samples": 4, "needs": {"memory_mb": 500}}
    return create_profile(parse_spec(spec, where="test"))


@pytest.fixture
def pilot(profile):
    """Three epochs of every trial; the last one diverged, so nothing more is to come of it."""
    count = len(profile)
    return pa.table(
        {
            "taskid": profile.taskid,
            "model_idx": profile.model_idx,
            "seconds_per_epoch": np.arange(1.0, count + 1),
            "epochs": np.full(count, 3),
            "ended": [False] * (count - 1) + [True],
        }
    )


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_portfolios_hold_the_profiles_trials_with_their_own_types(profile, tmp_path):
    folders = plan_wave(profile, Limits(cpus_per_node=2), epochs=12).write(tmp_path)
    portfolios = lines(folders[0] / "portfolios.jsonl")
    assert [portfolio["worker"] for portfolio in portfolios] == [0, 1]
    trials = [trial for portfolio in portfolios for trial in portfolio["trials"]]
    trials.sort(key=lambda trial: (trial["taskid"], trial["model_idx"]))
    assert trials == [
        {
            "taskid": int(profile.taskid[row]),
            "model_idx": int(profile.model_idx[row]),
            "seed": int(profile.seed[row]),
            "configuration": profile.configuration(row),
        }
        for row in range(len(profile))
    ]
    assert list(trials[0]["configuration"]) == list(profile.space.names)
    assert type(trials[0]["configuration"]["TrivialAugment"]) is bool


def test_a_later_wave_plans_only_the_epochs_that_are_left(profile, pilot):
    wave = plan_wave(profile, Limits(), epochs=12, measured=align(pilot, profile))
    assert wave.plan.trials == len(profile) - 1, "the diverged trial is left out"
    assert wave.plan.makespan == pytest.approx(9 * sum(range(1, len(profile))))
    assert not plan_wave(profile, Limits(), epochs=3, measured=align(pilot, profile)).plan.jobs


def test_measured_rows_find_their_trials_in_any_order(profile, pilot):
    shuffled = pilot.take(pa.array(np.random.default_rng(0).permutation(len(pilot))))
    stranger = pilot.slice(0, 1).set_column(0, "taskid", pa.array([99]))
    measured = align(pa.concat_tables([stranger, shuffled]), profile)
    np.testing.assert_array_equal(measured.seconds_per_epoch, pilot["seconds_per_epoch"])
    assert measured.ended.tolist() == [False] * (len(profile) - 1) + [True]


def test_what_fits_no_job_is_written_as_rows_of_the_profile(profile, tmp_path):
    limits = Limits(time_limit=780, startup=60, margin=1)
    plan_wave(profile, limits, epochs=4).write(tmp_path)
    summary = json.loads((tmp_path / "plan.json").read_text())
    assert (summary["trials"], summary["remainder"]) == (2, 10)
    remainder = pq.read_table(tmp_path / "remainder.parquet")
    assert remainder.column_names == profile.to_table().column_names
    assert len(remainder) == 10


def test_a_plan_is_written_over_only_by_force(profile, tmp_path):
    plan_wave(profile, Limits(max_jobs=2, time_limit=1200), epochs=4).write(tmp_path)
    assert (tmp_path / "job-0001/portfolios.jsonl").exists()
    before = (tmp_path / "plan.json").read_bytes()
    with pytest.raises(SpecError, match="holds a plan already; choose another folder"):
        plan_wave(profile, Limits(), epochs=4).write(tmp_path)
    assert (tmp_path / "plan.json").read_bytes() == before
    assert (tmp_path / "job-0001/portfolios.jsonl").exists()
    plan_wave(profile, Limits(), epochs=4).write(tmp_path, force=True)
    assert not (tmp_path / "job-0001/portfolios.jsonl").exists()
    assert not (tmp_path / "remainder.parquet").exists()


def test_a_plan_cut_short_while_writing_is_no_plan_yet(profile, tmp_path):
    plan_wave(profile, Limits(max_jobs=2, time_limit=1200), epochs=4).write(tmp_path)
    (tmp_path / "plan.json").unlink()
    plan_wave(profile, Limits(), epochs=4).write(tmp_path)
    assert not (tmp_path / "job-0001/portfolios.jsonl").exists()


@pytest.mark.parametrize("place", ["file/plan", "file", "n" * 300])
def test_a_folder_that_cannot_be_made_is_one_line(profile, tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written") as caught:
        plan_wave(profile, Limits(), epochs=4).write(tmp_path / place)
    assert "\n" not in str(caught.value)


def uneven_pilot(profile, count):
    """Seconds of the first trials, one in six of them ten times those of the others."""
    seconds = np.where(np.arange(count) % 6, 10.0, 100.0)
    return align(
        pa.table(
            {
                "taskid": profile.taskid[:count],
                "model_idx": profile.model_idx[:count],
                "seconds_per_epoch": seconds,
            }
        ),
        profile,
    )


def test_the_margin_is_raised_to_the_tail_of_the_estimate(profile):
    wave = plan_wave(profile, Limits(), epochs=4, measured=uneven_pilot(profile, 11))
    assert wave.estimate.tail > 1.25
    assert wave.plan.limits.margin == wave.estimate.tail
    assert any("planned with this margin instead of 1.25" in line for line in wave.warnings)


def test_the_margin_stays_where_every_trial_was_measured(profile):
    wave = plan_wave(profile, Limits(), epochs=4, measured=uneven_pilot(profile, len(profile)))
    assert wave.estimate.tail > 1.25
    assert wave.plan.limits.margin == 1.25


def test_a_plan_keeps_its_warnings(profile, tmp_path):
    wave = plan_wave(profile, Limits(cpus_per_node=48, time_limit=900), epochs=20)
    wave.write(tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text())["warnings"] == list(wave.warnings)
    assert [line.split(";")[0] for line in wave.warnings] == [
        "predicted utilisation 25% is below 80%",
        "12 trials are longer than a job may last",
    ]
    assert plan_wave(profile, Limits(), epochs=4).warnings == ()


def test_no_more_epochs_are_planned_than_the_recipe_has(profile, tmp_path):
    profile.write(tmp_path / "profile.parquet")
    command = ["jobs", "plan", str(tmp_path / "profile.parquet"), "--epochs", "201"]
    result = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "plan")])
    assert "ends at epoch 200, 201 were asked for" in str(result.exception)
    assert not (tmp_path / "plan").exists()


def test_a_file_without_runtimes_is_refused_by_the_missing_column(profile, tmp_path):
    pq.write_table(pa.table({"taskid": [0]}), tmp_path / "wrong.parquet")
    with pytest.raises(SpecError, match=r"wrong\.parquet: has no column 'model_idx'"):
        read_measured(tmp_path / "wrong.parquet", profile)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("seconds_per_epoch", ["fast"], "'seconds_per_epoch' must hold numbers, not string"),
        ("epochs", ["many"], "'epochs' must hold numbers, not string"),
        ("taskid", ["0"], "'taskid' must hold a whole number in every row"),
        ("model_idx", pa.array([None], pa.int64()), "'model_idx' must hold a whole number"),
    ],
)
def test_runtimes_that_are_no_numbers_are_refused_by_name(profile, tmp_path, name, values, message):
    row = {"taskid": [0], "model_idx": [1], "seconds_per_epoch": [1.0], "epochs": [1]}
    pq.write_table(pa.table({**row, name: values}), tmp_path / "wrong.parquet")
    with pytest.raises(SpecError, match=rf"wrong\.parquet: column {message}"):
        read_measured(tmp_path / "wrong.parquet", profile)


def test_a_trial_of_unknown_epochs_and_seconds_is_trained_from_the_start(profile):
    row = {"taskid": [0], "model_idx": [1], "seconds_per_epoch": [None]}
    for epochs in ([None], [float("nan")]):
        measured = align(pa.table({**row, "epochs": epochs, "ended": [None]}), profile)
        assert np.isnan(measured.seconds_per_epoch[0])
        assert measured.epochs_left(12)[0] == 12


def test_the_command_plans_reports_and_warns_below_the_cutoff(profile, pilot, tmp_path):
    profile.write(tmp_path / "profile.parquet")
    pq.write_table(pilot, tmp_path / "pilot.parquet")
    result = CliRunner().invoke(
        app,
        [
            *("jobs", "plan", str(tmp_path / "profile.parquet"), "--epochs", "12"),
            *("--measured", str(tmp_path / "pilot.parquet"), "--cpus-per-node", "48"),
            *("--memory", "2000", "-o", str(tmp_path / "plan")),
        ],
    )
    assert result.exit_code == 0, result.output
    assert "trials       11, 12 of the profile measured" in result.output
    assert "workers      4" in result.output, "four workers of 500 MB fit a node of 2000 MB"
    assert "warning: predicted utilisation 8% is below 80%" in result.output
    assert len(lines(tmp_path / "plan/job-0000/portfolios.jsonl")) == 4


def test_the_command_plans_from_a_warehouse_that_holds_nothing_yet(profile, tmp_path):
    profile.write(tmp_path / "profile.parquet")
    command = ["jobs", "plan", str(tmp_path / "profile.parquet"), "--epochs", "3"]
    home = ["--home", str(tmp_path / "home"), "-o", str(tmp_path / "plan")]
    result = CliRunner().invoke(app, command + home)
    assert result.exit_code == 0, result.output
    assert "trials       12, 0 of the profile measured" in result.output


def test_two_sources_of_runtimes_are_refused(profile, tmp_path):
    profile.write(tmp_path / "profile.parquet")
    command = ["jobs", "plan", str(tmp_path / "profile.parquet"), "--epochs", "3"]
    both = ["--measured", "a.parquet", "--home", "b", "-o", str(tmp_path / "plan")]
    result = CliRunner().invoke(app, command + both)
    assert "give one of them" in str(result.exception)
