"""Graphs and configurations of NAS-Bench-101, against what its authors published."""

from __future__ import annotations

import json
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces import nasbench101
from nepsbench.spaces.nasbench101_graph import canonical, graph_hash, graph_of, prune, valid
from tests.spaces.space_draws import configurations, graphs

SPACE = nasbench101.SPACE
CELLS = configurations(SPACE)

#: The cell in the README of google-research/nasbench.
INCEPTION = (
    [
        [0, 1, 1, 1, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    [
        "input", "conv1x1-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu",
        "maxpool3x3", "output",
    ],
)  # fmt: skip

#: The cell in NNI's tutorial.
NNI = {
    "op1": "conv3x3-bn-relu", "op2": "maxpool3x3", "op3": "conv3x3-bn-relu",
    "op4": "conv3x3-bn-relu", "op5": "conv1x1-bn-relu",
    "input1": [0], "input2": [1], "input3": [2], "input4": [0], "input5": [0, 3, 4],
    "input6": [2, 5],
}  # fmt: skip


def valid_graph(matrix, labels):
    try:
        return valid(graph_of(matrix, labels))
    except InvalidConfigurationError:
        return None


def are_isomorphic(a, b):
    """Try every renaming of the vertices."""
    if a.vertices != b.vertices or len(a.edges) != len(b.edges):
        return False
    inner = range(1, a.vertices - 1)
    for order in permutations(inner):
        place = (0, *order, a.vertices - 1)
        edges = {(place[i], place[j]) for i, j in a.edges}
        labels = {place[k]: label for k, label in enumerate(a.labels)}
        if edges == set(b.edges) and labels == dict(enumerate(b.labels)):
            return True
    return False


@pytest.mark.parametrize(
    ("spec", "digest"),
    [
        (INCEPTION, "28cfc7874f6d200472e1a9dcd8650aa0"),
        (([[0, 1], [0, 0]], ["input", "output"]), "043721b9c7fe8c5fad811d47d83132ec"),
    ],
)
def test_published_hashes(spec, digest):
    assert nasbench101.hash_of(nasbench101.from_spec(*spec)) == digest


def test_the_cell_of_nnis_tutorial_has_its_hash_and_its_form():
    configuration = nasbench101.from_nni(NNI)
    assert nasbench101.hash_of(configuration) == "00005c142e6f48ac74fdcf73e3439874"
    assert nasbench101.to_nni(configuration) == NNI


def test_thirty_published_cells_have_their_hash_and_are_their_own_canonical_form(shared_data):
    published = json.loads((shared_data / "nasbench101" / "nb101_30.json").read_text())
    assert len(published) == 30
    for digest, cell in published.items():
        spec = (cell["module_adjacency"], cell["module_operations"])
        configuration = nasbench101.from_spec(*spec)
        assert nasbench101.hash_of(configuration) == digest
        assert nasbench101.to_spec(configuration) == spec


@given(graphs(), graphs())
def test_hashes_and_configurations_are_equal_exactly_for_isomorphic_cells(first, second):
    a, b = valid_graph(*first), valid_graph(*second)
    assume(a is not None)
    assume(b is not None)
    same = are_isomorphic(a, b)
    assert (graph_hash(a) == graph_hash(b)) == same
    assert (canonical(a) == canonical(b)) == same
    assert (nasbench101.from_graph(a) == nasbench101.from_graph(b)) == same


@given(graphs(), st.randoms(use_true_random=False))
def test_a_renamed_cell_is_the_same_cell(spec, random):
    matrix, labels = spec
    assume(valid_graph(*spec) is not None)
    size = len(labels)
    order = [0, *random.sample(range(1, size - 1), size - 2), size - 1]
    renamed = [[matrix[i][j] for j in order] for i in order]
    assume(not np.tril(renamed).any())
    other = (renamed, [labels[i] for i in order])
    assert nasbench101.from_spec(*other) == nasbench101.from_spec(*spec)


@given(CELLS)
def test_cells_survive_every_notation(configuration):
    number = SPACE.index(configuration)
    matrix, labels = nasbench101.to_spec(configuration)
    nni, record = nasbench101.to_nni(configuration), nasbench101.to_record(configuration)
    assert nasbench101.from_record(*record) == configuration
    for query in (
        number, np.int32(number), configuration, (matrix, labels), (np.array(matrix), labels),
        SimpleNamespace(matrix=matrix, ops=labels), nni,
    ):  # fmt: skip
        assert nasbench101.parse(query) == configuration


def test_what_lies_on_no_path_is_pruned():
    matrix = np.zeros((8, 8), dtype=int)
    matrix[0, 1] = matrix[1, 7] = 1  # the cell
    matrix[0, 2] = matrix[3, 7] = matrix[4, 5] = matrix[5, 6] = 1  # leads nowhere, or from nowhere
    labels = ["input", *["maxpool3x3"] * 6, "output"]
    assert prune(graph_of(matrix, labels)).matrix == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    chain = nasbench101.from_spec([[0, 1, 0], [0, 0, 1], [0, 0, 0]], [labels[0], *labels[-2:]])
    assert nasbench101.from_spec(matrix, labels) == chain


def test_a_vertex_that_is_not_there_has_no_edges_and_no_operation():
    pair = nasbench101.from_spec([[0, 1], [0, 0]], ["input", "output"])
    assert {name for name, value in pair.items() if value == 1} == {"edge_0_6"}
    assert {pair[name] for name in nasbench101.VERTICES} == {"none"}
    crowded = {**pair, "edge_0_1": 1, "edge_1_6": 1}
    assert SPACE.validate(crowded) == pair
    assert SPACE.validate({**crowded, "op_1": "maxpool3x3"}) != pair
    assert SPACE.validate({**pair, "op_3": "maxpool3x3"}) == pair


def full(size):
    return [[int(j > i) for j in range(size)] for i in range(size)]


def labels(size):
    return ["input", *["conv3x3-bn-relu"] * (size - 2), "output"]


@pytest.mark.parametrize(
    ("matrix", "operations", "message"),
    [
        (np.eye(8, k=1, dtype=int), labels(8), "has 8 vertices between input and output"),
        (full(7), labels(7), "has 21 edges between input and output; .* at most 9"),
        ([[0, 1], [0, 0]], ["input", "conv3x3-bn-relu", "output"], r"shape \(2, 2\) and 3 oper"),
        ([[0, 1], [0]], ["input", "output"], "make no cell; give a square matrix"),
        ([[0]], ["input"], "make no cell; give a square matrix"),
        ([[0, 2], [0, 0]], ["input", "output"], "upper triangular, of zeros and ones"),
        ([[0, 256], [0, 0]], ["input", "output"], "upper triangular, of zeros and ones"),
        ([[0, -1], [0, 0]], ["input", "output"], "upper triangular, of zeros and ones"),
        ([[0, 1], [1, 0]], ["input", "output"], "upper triangular, of zeros and ones"),
        ([[1, 1], [0, 0]], ["input", "output"], "upper triangular, of zeros and ones"),
        ([[0, 0], [0, 0]], ["input", "output"], "no path leads from the cell's input"),
        (full(3), ["input", "conv5x5-bn-relu", "output"], "unknown operation 'conv5x5-bn-relu'"),
        (full(3), ["output", "maxpool3x3", "input"], "the first operation is 'input'"),
        (full(3), ["input", "input", "output"], "unknown operation 'input'"),
    ],
)
def test_what_is_no_cell_is_refused(matrix, operations, message):
    with pytest.raises(InvalidConfigurationError, match=message):
        nasbench101.from_spec(matrix, operations)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (423_624, "give a whole number from 0 to 423623"),
        ("28cfc7874f6d200472e1a9dcd8650", "is no hash of NAS-Bench-101"),
        ({**NNI, "input7": [0]}, "an NNI cell of 7 vertices has the keys op1"),
        ({**NNI, "input2": [2]}, "input2 names vertex 2; give vertices before 2"),
        ({**NNI, "op1": "conv5x5"}, "unknown operation 'conv5x5'"),
        ({**SPACE.defaults, "edge_0_1": 0}, "no path leads from the cell's input"),
        ({**SPACE.defaults, "edge_0_1": 2}, "edge_0_1=2 is not a choice"),
        (None, "None names no cell"),
    ],
)
def test_what_names_no_cell_is_refused(query, message):
    with pytest.raises(InvalidConfigurationError, match=message):
        nasbench101.parse(query)


@pytest.mark.parametrize("adjacency", ["010", "01x0", ""])
def test_a_record_of_another_form_is_refused(adjacency):
    with pytest.raises(InvalidConfigurationError, match="give 4 zeros and ones"):
        nasbench101.from_record(adjacency, "input,output")
