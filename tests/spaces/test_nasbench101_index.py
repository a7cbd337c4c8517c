"""The table of all cells of NAS-Bench-101, and that of their hashes."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import CorruptedFileError, InvalidConfigurationError
from nepsbench.spaces import nasbench101
from nepsbench.spaces.nasbench101_graph import (
    all_edges,
    bit,
    canonical,
    graph_hash,
    graph_of,
    valid,
)
from nepsbench.spaces.nasbench101_hashes import HashIndex
from nepsbench.spaces.nasbench101_hashing import find_hash, hash_cells
from nepsbench.spaces.nasbench101_index import SIZE, CellIndex, build_index, pack, unpack
from tests.spaces.space_draws import graphs
from tests.spaces.test_nasbench101 import INCEPTION

SPACE = nasbench101.SPACE
INDEX = build_index()
NUMBERS = st.integers(0, SIZE - 1)


def test_there_are_423624_cells_and_fewer_of_fewer_vertices():
    vertices = [INDEX.graph(number).vertices for number in range(0, SIZE, 7)]
    assert vertices == sorted(vertices)
    firsts = [0, 1, 7, 91, 2532, 64542]
    assert [INDEX.graph(number).vertices for number in firsts] == [2, 3, 4, 5, 6, 7]
    lasts = [number - 1 for number in (*firsts[1:], SIZE)]
    assert [INDEX.graph(number).vertices for number in lasts] == [2, 3, 4, 5, 6, 7]


def test_the_numbers_never_change():
    digest = hashlib.sha256()
    for array in (INDEX.bits.astype("<i4"), INDEX.digits):
        digest.update(array.tobytes())
    assert digest.hexdigest() == (
        "70213238218d0085cb5b94c8d4581670908076b19eef226394f9fa0beafa077f"
    )


def test_every_cell_is_found_by_some_pattern_and_no_other():
    assert np.array_equal(np.unique(INDEX.patterns), np.arange(-1, len(INDEX.cells)))
    assert np.array_equal(np.unique(INDEX.cells), np.arange(SIZE))
    assert np.array_equal(INDEX.find_many(INDEX.bits, INDEX.digits), np.arange(SIZE))


def test_the_table_knows_all_1293208_labelled_cells():
    patterns = np.flatnonzero(INDEX.patterns >= 0)
    edges = sum(patterns >> shift & 1 for shift in range(21))
    # A row's own pattern, pruned, is the one with the fewest edges.
    order = patterns[np.lexsort((edges, INDEX.patterns[patterns]))]
    pruned = order[np.unique(INDEX.patterns[order], return_index=True)[1]]
    labelled = 0
    for bits in pruned.tolist():
        inner = {v for edge in all_edges() if bits >> bit(*edge) & 1 for v in edge} - {0, 6}
        if inner == set(range(1, len(inner) + 1)):
            labelled += 3 ** len(inner)
    assert labelled == 1_293_208


@given(graphs(8))
def test_the_table_finds_exactly_the_cells_and_each_as_the_slow_way_does(spec):
    matrix, labels = spec
    try:
        expected = canonical(valid(graph_of(matrix, labels)))
    except InvalidConfigurationError as error:
        with pytest.raises(InvalidConfigurationError, match=f"^{re.escape(str(error))}$"):
            INDEX.find(matrix, labels)
        return
    number = INDEX.find(matrix, labels)
    assert INDEX.graph(number) == expected
    for form in (np.array(matrix), np.array(matrix, dtype=np.float64), tuple(map(tuple, matrix))):
        assert INDEX.find(form, tuple(labels)) == number


@pytest.mark.parametrize("entry", [2, 256, 257, -1, 0.5, "1", None])
def test_an_entry_that_is_no_edge_is_refused(entry):
    for matrix in ([[0, entry], [0, 0]], np.array([[0, entry], [0, 0]])):
        with pytest.raises(InvalidConfigurationError, match="upper triangular, of zeros and ones"):
            INDEX.find(matrix, ["input", "output"])


@given(NUMBERS)
def test_numbers_graphs_and_bits_are_one_to_one(number):
    graph = INDEX.graph(number)
    assert canonical(valid(graph)) == graph
    assert pack(graph) == (INDEX.bits[number], INDEX.digits[number])
    assert unpack(*pack(graph)) == graph
    assert INDEX.find(graph.matrix, graph.labels) == number


def test_many_are_found_at_once_and_what_is_no_cell_is_minus_one():
    numbers = np.arange(0, SIZE, 997)
    assert np.array_equal(INDEX.find_many(INDEX.bits[numbers], INDEX.digits[numbers]), numbers)
    assert INDEX.find_many(np.array([0, (1 << 21) - 1]), np.array([0, 0])).tolist() == [-1, -1]


def test_codes_that_are_no_cell_are_refused_by_row():
    codes = SPACE.codes_at(np.arange(3))
    codes[1, :21] = 0
    with pytest.raises(InvalidConfigurationError, match="row 1 is no cell of NAS-Bench-101"):
        SPACE.indices_of(codes)


def test_draws_are_spread_over_all_cells():
    words = np.random.Philox(1).random_raw(20_000 * SPACE.words_per_draw)
    numbers = SPACE.indices_of(SPACE.draw(words.reshape(20_000, -1)))
    counts = np.histogram(numbers, bins=10, range=(0, SIZE))[0]
    assert counts.min() > 1_850
    assert counts.max() < 2_150


def test_the_index_survives_its_files_and_is_mapped_not_read(tmp_path):
    INDEX.save(tmp_path)
    opened = CellIndex.open(tmp_path)
    for name in ("patterns", "cells", "bits", "digits"):
        assert np.array_equal(getattr(opened, name), getattr(INDEX, name))
        assert isinstance(getattr(opened, name).base, np.memmap)
    assert opened.find(*INCEPTION) == INDEX.find(*INCEPTION)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 20e6


@pytest.mark.parametrize("damage", ["missing", "empty", "text"])
def test_a_damaged_file_is_named(tmp_path, damage):
    INDEX.save(tmp_path)
    path = tmp_path / "bits.npy"
    if damage == "missing":
        path.unlink()
    else:
        path.write_text("" if damage == "empty" else "x" * 100)
    with pytest.raises(CorruptedFileError, match=r"bits\.npy: not an array; fetch the release"):
        CellIndex.open(tmp_path)


def test_opening_takes_no_time(tmp_path):
    INDEX.save(tmp_path)
    code = (
        "import sys, time; from pathlib import Path; "
        "from nepsbench.spaces.nasbench101_index import CellIndex; "
        "start = time.perf_counter(); index = CellIndex.open(Path(sys.argv[1])); "
        "index.find([[0, 1], [0, 0]], ['input', 'output']); print(time.perf_counter() - start)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert float(done.stdout) < 0.2


@pytest.fixture(scope="module")
def some_hashes():
    numbers = range(0, SIZE, 4001)
    return np.array(
        [list(bytes.fromhex(graph_hash(INDEX.graph(number)))) for number in numbers], dtype=np.uint8
    )


def test_many_cells_have_the_hashes_that_each_has_alone():
    numbers = np.array([*range(8), *range(90, 100), *range(SIZE - 1, 0, -4001)])
    alone = [bytes.fromhex(graph_hash(INDEX.graph(number))) for number in numbers.tolist()]
    assert [digest.tobytes() for digest in hash_cells(INDEX, numbers)] == alone
    assert hash_cells(INDEX, numbers[:0]).shape == (0, 16)


def test_hashes_are_found_and_unknown_ones_refused(some_hashes, tmp_path):
    HashIndex.of(some_hashes).save(tmp_path)
    hashes = HashIndex.open(tmp_path)
    for number in range(len(some_hashes)):
        assert hashes.find(hashes.hash_of(number)) == number
    for text in ("0" * 32, "f" * 32, f"{hashes.hash_of(5)[:16]}{'0' * 16}"):
        with pytest.raises(InvalidConfigurationError, match="no cell of NAS-Bench-101 has"):
            hashes.find(text)
    for text in ("", "28cf", "x" * 32):
        with pytest.raises(InvalidConfigurationError, match="a hash is 32 hex digits"):
            hashes.find(text)


def test_a_cell_is_found_by_its_hash_without_a_table():
    for number in (0, 4, 1500):
        assert find_hash(nasbench101.hash_of(SPACE.at(number))) == number
    configuration = nasbench101.parse("043721b9c7fe8c5fad811d47d83132ec")  # input and output alone
    assert configuration == SPACE.at(0)


def test_hashes_with_equal_heads_are_told_apart():
    digests = np.zeros((3, 16), dtype=np.uint8)
    digests[:, 15] = (7, 5, 6)
    hashes = HashIndex.of(digests)
    assert [hashes.find(f"{'0' * 31}{digit}") for digit in (5, 6, 7)] == [1, 2, 0]


@pytest.mark.slow
def test_all_cells_have_different_hashes_and_every_hash_is_found():
    seen = []
    digests = hash_cells(INDEX, progress=seen.append)
    assert digests.shape == (SIZE, 16)
    assert seen == sorted(seen)
    assert seen[-1] == SIZE
    hashes = HashIndex.of(digests)
    assert len(np.unique(digests.view("V16"))) == SIZE
    number = hashes.find("28cfc7874f6d200472e1a9dcd8650aa0")
    assert number == INDEX.find(*INCEPTION)
    assert nasbench101.parse(hashes.hash_of(number), hashes=hashes) == SPACE.at(number)
    for number in range(0, SIZE, 1009):
        assert hashes.find(hashes.hash_of(number)) == number
