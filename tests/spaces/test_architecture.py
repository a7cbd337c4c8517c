"""The architecture id of NAS-Bench-201's cells: equal exactly for equal computations."""

from __future__ import annotations

from collections import defaultdict
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nepsbench.spaces import cells, get_space, nasbench201, nashpobench2, nepsbench101
from nepsbench.spaces.architecture import (
    architecture_id,
    architecture_ids,
    cell_text,
    count_cells,
    id_of,
)

CELLS = st.lists(st.sampled_from(cells.NATS_OPERATIONS), min_size=6, max_size=6).map(
    cells.from_nats
)
CONVOLUTIONS = ("nor_conv_1x1", "nor_conv_3x3")
X = np.array([0.3, -0.7, 1.1])
#: Weights for up to six convolutions of either kind; whoever computes the same has the same result.
WEIGHTS = {
    "nor_conv_1x1": [1.37, -0.61, 2.13, 0.29, -1.71, 0.83],
    "nor_conv_3x3": [-0.47, 1.91, 0.73, -2.21, 1.13, 0.37],
}


def run(cell, weights):
    """Compute a cell on numbers; ``weights`` names each edge's weight."""
    nodes = [X, np.zeros(3), np.zeros(3), np.zeros(3)]
    for edge, name in zip(cells.NATS_EDGES, cells.to_nats(cell), strict=True):
        value = nodes[edge[0]]
        if name == "skip_connect":
            nodes[edge[1]] = nodes[edge[1]] + value
        elif name == "avg_pool_3x3" and value.any():
            nodes[edge[1]] = nodes[edge[1]] + np.sin(value + 0.5)
        elif name in CONVOLUTIONS and value.any():
            nodes[edge[1]] = nodes[edge[1]] + np.tanh(weights[edge] * value + 0.1)
    return nodes[3]


def live_convolutions(cell):
    """The convolution edges that change the output, by kind."""
    edges = dict(zip(cells.NATS_EDGES, cells.to_nats(cell), strict=True))
    filled, wanted = {0}, {3}
    for source, target in sorted(edges):
        if source in filled and edges[source, target] != "none":
            filled.add(target)
    for source, target in sorted(edges, reverse=True):
        if target in wanted and edges[source, target] != "none":
            wanted.add(source)
    found = defaultdict(list)
    for (source, target), name in edges.items():
        if name in CONVOLUTIONS and source in filled and target in wanted:
            found[name].append((source, target))
    return found


def outputs(cell):
    """The results of a cell under every way to hand out the weights: a set of rounded rows."""
    live = live_convolutions(cell)
    ones, threes = (live[name] for name in CONVOLUTIONS)
    results = set()
    for first in permutations(WEIGHTS["nor_conv_1x1"][: len(ones)]):
        for second in permutations(WEIGHTS["nor_conv_3x3"][: len(threes)]):
            weights = defaultdict(float, zip([*ones, *threes], [*first, *second], strict=True))
            results.add(tuple(np.round(run(cell, weights), 9)))
    return frozenset(results)


def test_equal_ids_are_exactly_equal_computations_over_all_cells():
    """Each way to hand out weights is tried: two cells are equal if their results are, as sets."""
    by_text, by_outputs = defaultdict(set), {}
    for cell in cells.all_cells():
        by_text[cell_text(cell)].add(outputs(cell))
    assert all(len(found) == 1 for found in by_text.values()), "one id, two computations"
    for text, (found,) in by_text.items():
        assert found not in by_outputs, f"one computation, two ids: {text}, {by_outputs[found]}"
        by_outputs[found] = text


@pytest.mark.parametrize(
    ("digits", "equations"),
    [
        ("000000", "0"),
        ("111111", "x+x+x+x"),
        ("333333", "a=conv3x3(x);b=conv3x3(x);c=conv3x3(x);d=conv3x3(a);e=conv3x3(a);"
                   "f=conv3x3(b+d);c+e+f"),
        ("310010", "a=conv3x3(x);a"),
        ("301300", "a=conv3x3(x);a"),
        ("444444", "avgpool(avgpool(avgpool(x))+avgpool(x))+avgpool(avgpool(x))+avgpool(x)"),
    ],
)  # fmt: skip
def test_a_cell_as_equations(digits, equations):
    assert cell_text(cells.from_digits(digits)) == f"nasbench201-cell:{equations}"


def test_two_convolutions_of_one_input_are_not_one_used_twice():
    once = cells.from_digits("301011")  # node 1 is read by 2 and 3, and 3 reads 2
    twice = cells.from_digits("330011")
    assert cell_text(once) != cell_text(twice)
    assert nasbench201.unique_string(once) == nasbench201.unique_string(twice)


def test_there_are_5260_different_cells():
    assert count_cells(cells.all_cells()) == 5260


@given(CELLS)
def test_an_id_does_not_depend_on_the_order_of_independent_nodes(cell):
    a, b, _, d, e, f = cells.to_nats(cell)
    first = cells.from_nats([a, b, "none", d, e, f])
    swapped = cells.from_nats([b, a, "none", d, f, e])
    assert cell_text(first) == cell_text(swapped)


@settings(max_examples=50)
@given(st.lists(st.sampled_from(nashpobench2.OPERATIONS), min_size=6, max_size=6))
def test_three_spaces_give_one_cell_one_id(operations):
    cell = cells.from_nats(operations)
    in_201 = architecture_id(get_space("nasbench201"), nasbench201.from_cell(cell))
    for training in ({}, {"learning_rate": 0.4, "batch_size": 16}):
        configuration = nashpobench2.from_cell(cell, **training)
        assert architecture_id(get_space("nashpobench2"), configuration) == in_201
    for others in ({}, {"N": 5, "W": 16, "Activation": "Mish", "Resolution": 0.25}):
        configuration = nepsbench101.from_arch_str(cells.to_arch_str(cell), **others)
        assert architecture_id(get_space("nepsbench101"), configuration) == in_201


def test_ids_of_a_whole_table_take_one_computation_a_cell():
    space = get_space("nashpobench2")
    ids = architecture_ids(space, space.codes_at(np.arange(space.size)))
    assert len(ids) == 196_608
    assert len(set(ids)) == nashpobench2.ARCHITECTURES


def test_an_id_is_the_same_in_every_version() -> None:
    assert id_of("x") == "4adf4367f96e584f"
