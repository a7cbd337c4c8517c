import dataclasses
import json
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nepsbench.campaign.draw import spec_text
from nepsbench.errors import CorruptedFileError, SpecError, StorageError
from nepsbench.sampling import (
    LegacyStreamsWarning,
    ProfileSpec,
    create_profile,
    parse_spec,
    read_profile,
    read_spec,
)
from nepsbench.sampling.report import (
    count_duplicate_configurations,
    count_duplicates,
    coverage,
)
from nepsbench.sampling.streams import draw_words, stream_words
from nepsbench.spaces import get_space

GOLDEN = Path(__file__).parents[1] / "golden" / "profile_digits.json"


SPACE = get_space("nepsbench101")
PORTFOLIO = [{**SPACE.defaults, "N": n} for n in (1, 3, 5)]


def make_profile(**values):
    base = {"profile": "p", "space": "nepsbench101", "samples": 8}
    return create_profile(parse_spec({**base, **values}, where="test"))


def test_the_first_draws_are_the_golden_ones():
    profile = make_profile(samples=3, streams={"first": 0, "count": 2})
    golden = json.loads(GOLDEN.read_text())
    drawn = [
        {
            "taskid": int(profile.taskid[row]),
            "model_idx": int(profile.model_idx[row]),
            "seed": int(profile.seed[row]),
            "codes": [code.hex() for code in profile.codes[row].tolist()],
        }
        for row in range(len(profile))
    ]
    assert drawn == golden["trials"]
    assert profile.hash == golden["hash"]


@settings(max_examples=20, deadline=None)
@given(short=st.integers(1, 40), more=st.integers(0, 60), offset=st.integers(0, 50))
def test_a_longer_profile_starts_with_the_shorter_one(short, more, offset):
    streams = {"first": 3, "count": 1, "offset": offset}
    a = make_profile(samples=short, streams=streams)
    b = make_profile(samples=short + more, streams=streams)
    assert np.array_equal(a.codes, b.codes[:short])
    assert np.array_equal(a.seed, b.seed[:short])


def test_an_offset_continues_where_the_shorter_profile_ended():
    whole = make_profile(samples=10)
    rest = make_profile(samples=6, streams={"offset": 4})
    assert np.array_equal(rest.codes, whole.codes[4:])
    assert rest.model_idx.tolist() == [5, 6, 7, 8, 9, 10]


def test_fixing_a_parameter_moves_no_other():
    free, fixed = make_profile(), make_profile(fixed={"W": 16})
    w = free.space.names.index("W")
    assert (fixed.codes[:, w] == 2).all()
    assert np.array_equal(np.delete(free.codes, w, 1), np.delete(fixed.codes, w, 1))


def test_cross_gives_every_combination_streams_of_its_own():
    profile = make_profile(
        samples=2, streams={"first": 10, "count": 2}, cross={"N": [1, 5], "W": [4, 16]}
    )
    assert sorted(set(profile.taskid.tolist())) == list(range(10, 18))
    seen = [
        (int(t), profile.configuration(i)["N"], profile.configuration(i)["W"])
        for i, t in enumerate(profile.taskid)
    ]
    assert seen[::2] == [
        (10, 1, 4), (11, 1, 4), (12, 1, 16), (13, 1, 16),
        (14, 5, 4), (15, 5, 4), (16, 5, 16), (17, 5, 16),
    ]  # fmt: skip


def test_a_streams_own_values_come_before_the_common_ones():
    profile = make_profile(
        streams={"count": 2}, samples=1, fixed={"N": 3}, per_stream={1: {"N": 5}}
    )
    assert [profile.configuration(i)["N"] for i in range(2)] == [3, 5]


def test_a_portfolio_is_taken_in_turn_and_keeps_the_streams_seeds():
    profile = make_profile(samples=4, portfolio=PORTFOLIO)
    assert [profile.configuration(i)["N"] for i in range(4)] == [1, 3, 5, 1]
    assert np.array_equal(profile.seed, make_profile(samples=4).seed)


def test_fixed_values_are_laid_over_a_portfolio():
    profile = make_profile(
        samples=3,
        portfolio=PORTFOLIO,
        fixed={"Optimizer": "AdamW"},
        cross={"Resolution": [0.25, 0.5]},
        per_stream={1: {"W": 16}},
    )
    seen = [profile.configuration(row) for row in range(6)]
    assert [c["N"] for c in seen] == [1, 3, 5, 1, 3, 5]
    assert [c["Resolution"] for c in seen] == [0.25] * 3 + [0.5] * 3
    assert [c["W"] for c in seen] == [4] * 3 + [16] * 3
    assert {c["Optimizer"] for c in seen} == {"AdamW"}


def test_every_combination_takes_the_whole_portfolio():
    profile = make_profile(
        samples=2, streams={"count": 2}, portfolio=PORTFOLIO, cross={"W": [4, 16]}
    )
    seen = [profile.configuration(row) for row in range(8)]
    assert [(c["W"], c["N"]) for c in seen] == [(w, n) for w in (4, 16) for n in (1, 3, 5, 1)]


def test_listed_seeds_train_every_configuration_once_with_each():
    profile = make_profile(samples=2, seeds=[777, 888])
    assert profile.seed.tolist() == [777, 888, 777, 888]
    assert profile.model_idx.tolist() == [1, 2, 3, 4]
    assert np.array_equal(profile.codes[0], profile.codes[1])
    assert not np.array_equal(profile.codes[1], profile.codes[2])


def test_jump_streams_have_no_duplicates():
    assert count_duplicates(make_profile(samples=500, streams={"count": 40})) == 0


def test_one_seed_and_fourteen_doubles_a_draw_from_legacy_streams_repeat_and_say_so():
    # The ancestor's own draws, in ConfigSpace's order, repeat less often: see stream_words.
    with pytest.warns(LegacyStreamsWarning, match=r"34132 of 40000 trials repeat"):
        profile = make_profile(samples=100, streams={"count": 400}, scheme="legacy-counter")
    assert count_duplicates(profile) == 34132


def test_drawn_values_cover_the_space_evenly():
    profile = make_profile(samples=5000)
    for part in coverage(profile):
        expected = 5000 / len(part.counts)
        assert sum(part.counts) == 5000
        assert all(abs(count - expected) < 6 * expected**0.5 for count in part.counts), part


def test_a_profile_survives_writing_and_reading(tmp_path):
    profile = make_profile(samples=50, streams={"count": 3}, fixed={"Optimizer": "SGD"})
    profile.write(tmp_path / "p.parquet")
    again = read_profile(tmp_path / "p.parquet")
    assert again.spec == profile.spec
    assert again.hash == profile.hash
    assert np.array_equal(again.codes, profile.codes)


def test_every_field_of_a_spec_survives_the_profiles_file_and_yaml(tmp_path):
    spec = {
        "profile": "all",
        "space": "nepsbench101",
        "dataset": "digits",
        "scheme": "jump",
        "streams": {"first": 3, "count": 2, "offset": 1},
        "samples": 4,
        "fixed": {"Optimizer": "SGD", "TrivialAugment": True},
        "cross": {"Resolution": [0.25, 1.0], "W": [4, 16]},
        "per_stream": {3: {"N": 5}, 10: {"LearningRate": 0.1}},
        "portfolio": PORTFOLIO,
        "seeds": [7, 8],
        "needs": {"cpus": 2, "memory_mb": 700, "seconds_per_epoch": 2.0},
    }
    assert set(spec) == set(ProfileSpec.model_fields)
    profile = make_profile(**spec)
    profile.write(tmp_path / "p.parquet")
    assert read_profile(tmp_path / "p.parquet").spec == profile.spec
    (tmp_path / "spec.yaml").write_text(spec_text(profile))
    assert read_spec(tmp_path / "spec.yaml") == profile.spec


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "cannot be read as a spec: Is a directory"),
        (lambda path: path.write_bytes(b"profile: \xff"), "not UTF-8 text"),
        (lambda path: path.write_text("a: ["), "not YAML"),
        (lambda path: path.write_text("- 1"), "a spec is a mapping"),
        (Path.exists, "no such spec file"),
    ],
)
def test_what_is_no_spec_file_is_refused_by_name(tmp_path, make, message):
    path = tmp_path / "spec.yaml"
    make(path)
    with pytest.raises(SpecError, match=rf"spec\.yaml: {message}"):
        read_spec(path)


def test_an_edited_profile_is_refused(tmp_path):
    path = tmp_path / "p.parquet"
    make_profile().write(path)
    table = pq.read_table(path)
    seeds = table["seed"].to_pylist()
    seeds[3] += 1
    edited = table.set_column(table.schema.get_field_index("seed"), "seed", [seeds])
    pq.write_table(edited.replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(CorruptedFileError, match=r"p\.parquet: the profile was edited"):
        read_profile(path)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("cpus", [64] * 8, "was edited .*column cpus"),
        ("memory_mb", [1] * 8, "was edited .*column memory_mb"),
        ("seconds_per_epoch", [0.5] * 8, "was edited .*column seconds_per_epoch"),
        ("taskid", ["x"] * 8, "column taskid holds something else than int64"),
        ("seed", [None] * 7 + [1], "column seed holds something else than int64"),
        ("N", [2] * 8, "N=2 is not a choice"),
        ("W", None, "has no column W"),
    ],
)
def test_a_profile_with_another_column_is_refused_in_one_line(tmp_path, name, values, message):
    path = tmp_path / "p.parquet"
    make_profile().write(path)
    table = pq.read_table(path)
    place = table.schema.get_field_index(name)
    edited = table.remove_column(place)
    if values:
        edited = edited.add_column(place, name, pa.array(values))
    pq.write_table(edited.replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(CorruptedFileError, match=message) as caught:
        read_profile(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith("create the profile again from its spec")
    assert "\n" not in str(caught.value)


def test_a_profile_of_a_spec_that_is_understood_no_more_is_refused(tmp_path):
    path = tmp_path / "p.parquet"
    make_profile().write(path)
    table = pq.read_table(path)
    head = json.loads(table.schema.metadata[b"nepsbench.profile"])
    head["spec"]["scheme"] = "old"
    metadata = {b"nepsbench.profile": json.dumps(head).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    with pytest.raises(CorruptedFileError, match="scheme: Input should be 'jump'"):
        read_profile(path)


def test_a_damaged_file_is_refused_by_name(tmp_path):
    path = tmp_path / "p.parquet"
    make_profile().write(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptedFileError, match=r"p\.parquet: not a readable Parquet"):
        read_profile(path)


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        make_profile().write(tmp_path / "file" / "p.parquet")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sample": 3}, "unknown key 'sample'; did you mean 'samples'"),
        ({"streams": {"frist": 3}}, "unknown key 'streams.frist'; did you mean 'first'"),
        ({"fixed": {"W": 5}}, "W=5 is not a choice; choose one of 4, 8, 16"),
        ({"fixed": {"LearningRate": 2.0}}, "out of range; give a number from 0.001 to 1"),
        ({"cross": {"n": [1]}}, "no parameter 'n'; did you mean 'N'"),
        ({"per_stream": {9: {"N": 1}}}, "per_stream names stream 9"),
        ({"space": "nope"}, "unknown space 'nope'; there are: nepsbench101"),
        ({"samples": 0}, "samples: Input should be greater than or equal to 1, not 0"),
        ({"seeds": []}, "seeds is an empty list"),
        ({"seeds": [2**70]}, "seeds: 1180591620717411303424 is no seed; give numbers from 0 to"),
        ({"seeds": [-1]}, "seeds: -1 is no seed"),
        ({"cross": {"N": []}}, "cross.N: List should have at least 1 item"),
        ({"streams": {"first": 2**64}}, "streams.first: Input should be less than 4294967296"),
        ({"streams": {"count": 0}}, "streams.count: Input should be greater than or equal to 1"),
        ({"samples": None}, "samples: Input should be a valid integer, not None"),
        ({"portfolio": PORTFOLIO, "samples": 2}, "portfolio has 3 configurations, but there are 2"),
        ({"profile": "a b"}, "profile: String should match"),
        ({"scheme": "old"}, "scheme: Input should be 'jump' or 'legacy-counter', not 'old'"),
    ],
)
def test_a_wrong_spec_is_one_line_with_a_remedy(values, message):
    with pytest.raises(SpecError) as caught:
        make_profile(**values)
    text = str(caught.value)
    assert message in text
    assert text.startswith("test: ")
    assert "\n" not in text


def test_duplicate_configurations_count_whatever_the_seed():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        profile = make_profile(samples=2, seeds=[1, 2])
    assert count_duplicate_configurations(profile) == 2
    assert count_duplicates(profile) == 0


def test_seeds_that_differ_in_their_last_bit_are_no_duplicates():
    profile = make_profile(samples=1, seeds=[1, 2])
    apart = dataclasses.replace(profile, seed=np.array([2**62, 2**62 + 1]))
    assert count_duplicates(apart) == 0


@pytest.mark.filterwarnings("ignore::nepsbench.sampling.LegacyStreamsWarning")
@pytest.mark.parametrize("scheme", ["jump", "legacy-counter"])
@pytest.mark.parametrize(("offset", "samples"), [(0, 1), (3, 4), (40, 5)])
def test_the_words_that_are_reserved_are_those_that_are_drawn(scheme, offset, samples):
    profile = make_profile(scheme=scheme, samples=samples, streams={"first": 2, "offset": offset})
    (part,) = profile.stream_ranges()
    reserved = stream_words(
        scheme, 2, first=part.first_word, count=part.end_word - part.first_word
    ).tolist()
    drawn = draw_words(scheme, [2], offset=offset, samples=samples, words_per_draw=16)
    assert set(drawn[:, 1:].ravel().tolist()) <= set(reserved)
    assert len(reserved) <= samples * 16


def test_the_largest_value_is_in_the_last_part_of_the_coverage():
    largest = {name: SPACE.parameter(name).upper for name in ("LearningRate", "WeightDecay")}
    profile = make_profile(portfolio=[{**SPACE.defaults, **largest}], samples=4)
    for part in coverage(profile):
        assert len(part.counts) == len(part.labels)
        assert sum(part.counts) == 4
        if part.parameter in largest:
            assert part.counts[-1] == 4
