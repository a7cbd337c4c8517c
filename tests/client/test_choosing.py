"""Drawn seeds: by chance, and the same everywhere and for ever."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nepsbench
from nepsbench.client.choosing import mixed
from nepsbench.client.table import TableBenchmark
from nepsbench.errors import NepsbenchError
from tests.release.made_up_table import Trial, build

SEEDS = (777, 888, 999)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> TableBenchmark:
    trials = [
        Trial(number, 12, seed, "complete", {}, {12: {"valid_acc": float(seed)}}, index)
        for index, (number, seed) in enumerate(product(range(100), SEEDS), start=1)
    ]
    return nepsbench.load(Path(build(trials, tmp_path_factory.mktemp("draws"))))


def _seed(table: TableBenchmark, number: int, draw: int) -> int:
    return int(table(number, draw=draw)["valid_acc"])


def test_the_same_draw_and_configuration_give_the_same_seed_everywhere(
    table: TableBenchmark,
) -> None:
    # Golden: whoever has written a draw down gets that seed.
    found = [_seed(table, number, draw) for number in (0, 1, 99) for draw in (0, 1, -1, 10**30)]
    assert found == [999, 777, 777, 777, 999, 888, 777, 999, 999, 777, 888, 999]
    assert table(table.configuration(7), draw=3) == table(7, 12, draw=3, horizon=12)
    # SplitMix64's own first words for the seeds 0 and 1.
    assert [mixed(0), mixed(1)] == [0xE220A8397B1DCDAF, 0x910A2DEC89025CC1]


def test_all_seeds_are_equally_likely_over_draws_and_over_configurations(
    table: TableBenchmark,
) -> None:
    chosen = {(n, d): _seed(table, n, d) for n in range(100) for d in range(90)}
    whole = Counter(chosen.values())
    assert _chi_square(whole) < 13.8  # 2 degrees of freedom: 0.1 %
    for fixed in range(90):
        assert _chi_square(Counter(chosen[number, fixed] for number in range(100))) < 20
        assert _chi_square(Counter(chosen[fixed, draw] for draw in range(90))) < 20


def test_draws_and_configurations_choose_independently(table: TableBenchmark) -> None:
    neighbours = Counter(
        (_seed(table, number, draw), _seed(table, number + 1, draw), _seed(table, number, draw + 1))
        for number in range(0, 98, 2)
        for draw in range(0, 80, 2)
    )
    assert len(neighbours) == 27
    assert _chi_square(neighbours) < 54.1  # 26 degrees of freedom: 0.1 %


def _chi_square(counts: Counter[object]) -> float:
    kinds = len(SEEDS) if len(counts) <= len(SEEDS) else len(SEEDS) ** 3
    expected = counts.total() / kinds
    there = sum((count - expected) ** 2 for count in counts.values())
    return (there + (kinds - len(counts)) * expected**2) / expected


@given(word=st.integers(0, 2**64 - 1), bit=st.integers(0, 63))
def test_a_changed_bit_changes_the_word(word: int, bit: int) -> None:
    assert 0 <= mixed(word) < 2**64
    assert mixed(word) != mixed(word ^ 1 << bit)


@pytest.mark.parametrize("draw", [1.5, True, "7", [1]])
def test_what_is_no_whole_number_draws_nothing(table: TableBenchmark, draw: object) -> None:
    with pytest.raises(NepsbenchError, match="chooses no seed; give a whole number"):
        table(0, draw=draw)  # type: ignore[arg-type]
