"""Which trials an audit draws, and how they are planned; nothing is trained here."""

import json
import sys

import pyarrow.parquet as pq
import pytest

from nepsbench.audit.form import AuditForm, parse_audit
from nepsbench.audit.retraining import is_trained, plan_audit, planned_parts
from nepsbench.audit.sample import draw_sample
from nepsbench.cluster import ClusterFile
from nepsbench.errors import NepsbenchError, SpecError
from nepsbench.warehouse import open_warehouse
from tests.tiny_benchmark import (
    NAME,
    configurations,
    epochs_of,
    epochs_table,
    odd_tables,
    plain_tables,
    trial,
    trials_table,
)


@pytest.fixture
def home(tmp_path):
    open_warehouse(tmp_path).ingest(NAME, *plain_tables(20))
    return tmp_path


def drawn(home, **form):
    return draw_sample(AuditForm(benchmark=NAME, **form), home)


def keys(audit):
    return set(audit.sample["model_idx"].to_pylist())


def test_the_same_form_is_the_same_audit_and_another_seed_is_another(home):
    first, again, other = (drawn(home, number=8, seed=seed) for seed in (1, 1, 2))
    assert first.id == again.id
    assert first.id != other.id
    assert keys(first) != keys(other)


def test_a_larger_sample_holds_the_smaller_one_and_new_trials_leave_the_order(home):
    few, many = drawn(home, number=3), drawn(home, number=9)
    assert keys(few) < keys(many)
    more = [trial(c, n, profile="more") for n, c in enumerate(configurations(5), start=1)]
    rows = [row for each in more for row in epochs_of(each)]
    open_warehouse(home).ingest(NAME, trials_table(more), epochs_table(rows))
    grown = drawn(home, number=25).sample.to_pylist()
    assert {row["profile"] for row in grown} == {"tiny", "more"}
    own = [row["model_idx"] for row in drawn(home, number=9).sample.to_pylist()
           if row["profile"] == "tiny"]  # fmt: skip
    assert set(own) <= keys(many)


@pytest.mark.parametrize(("share", "trials"), [(0.01, 1), (0.1, 2), (0.15, 3), (0.5, 10), (1, 20)])
def test_a_share_is_at_least_one_trial(home, share, trials):
    assert len(keys(drawn(home, share=share))) == trials


def test_tolerances_make_no_other_audit(home):
    strict = drawn(home, number=2, points=0.0)
    assert strict.id == drawn(home, number=2).id
    assert strict.about["population"] == 20


def test_trials_are_trained_as_far_as_they_were_or_as_far_as_asked(tmp_path):
    open_warehouse(tmp_path).ingest(NAME, *odd_tables())
    whole = {r["model_idx"]: r["until"] for r in drawn(tmp_path, share=1.0).sample.to_pylist()}
    # 3 diverged behind epoch 2 of 4, 4 failed before its first epoch.
    assert whole == {1: 4, 2: 4, 3: 4, 5: 4, 6: 4, 7: 4, 8: 4}
    short = drawn(tmp_path, share=1.0, epochs=2).sample
    assert set(short["until"].to_pylist()) == {2}


def test_each_profile_and_target_has_a_plan_that_is_made_once(home):
    odd = trial(configurations(1)[0], 1, profile="other", epochs=2, target_epochs=2)
    open_warehouse(home).ingest(NAME, trials_table([odd]), epochs_table(epochs_of(odd)))
    audit = drawn(home, share=1.0)
    file = ClusterFile(name="here", kind="local", root="/nowhere", python=sys.executable)
    plan_audit(audit, file)
    parts = list(planned_parts(audit))
    assert [(part.profile, part.epochs, part.rows.num_rows) for part, _ in parts] == [
        ("other", 2, 1), ("tiny", 4, 20),
    ]  # fmt: skip
    (_, first), _ = parts
    [folder] = first.job_folders()
    [line] = (folder / "portfolios.jsonl").read_text().splitlines()
    [planned] = json.loads(line)["trials"]
    assert (planned["taskid"], planned["model_idx"], planned["seed"]) == (0, 1, 0)
    assert planned["configuration"] == configurations(1)[0]
    before = (first.path / "plan.json").stat().st_mtime_ns
    plan_audit(audit, file)
    assert (first.path / "plan.json").stat().st_mtime_ns == before
    assert not is_trained(audit)


def test_what_others_published_is_not_trained_again(tmp_path):
    rows = [trial(configurations(1)[0], 1, origin="nats")]
    open_warehouse(tmp_path).ingest(NAME, trials_table(rows), epochs_table(epochs_of(rows[0])))
    with pytest.raises(NepsbenchError, match="no trial of it was trained by nepsbench"):
        drawn(tmp_path)


def test_a_sample_that_was_drawn_stays(home):
    audit = drawn(home, number=4)
    path = audit.path / "sample.parquet"
    before = path.stat().st_mtime_ns
    assert drawn(home, number=4).path == audit.path
    assert path.stat().st_mtime_ns == before
    assert pq.read_table(path).num_rows == 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "benchmark: Field required"),
        ({"share": 0}, "share: Input should be greater than 0"),
        ({"number": 0}, "number: Input should be greater than or equal to 1"),
        ({"nunber": 3}, "unknown key 'nunber'; did you mean 'number'"),
        ({"cluster": "nowhere"}, "unknown cluster 'nowhere'"),
    ],
)
def test_nonsense_is_refused_in_one_line(values, message):
    with pytest.raises(SpecError) as caught:
        parse_audit(values if not values else {"benchmark": NAME, **values})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
