"""Architectures as graphs, and the graphs as pictures."""

from __future__ import annotations

import pytest

from nepsbench.pages.graphs import graph_plot
from nepsbench.spaces import darts, densenas, get_space, nasbench201
from nepsbench.spaces.drawing import Graph, graphs_of


def test_a_cell_of_nasbench201_has_an_edge_for_each_operation() -> None:
    (graph,) = graphs_of("nasbench201", nasbench201.parse("301204"))
    operations = dict(zip(nasbench201.EDGES, nasbench201.parse("301204").values(), strict=True))
    assert {(a, b, name) for a, b, name in graph.edges} == {
        (int(edge[5]), int(edge[7]), name) for edge, name in operations.items() if name != "none"
    }


def test_cells_of_darts_read_their_inputs_and_nodes() -> None:
    pairs = [("skip_connect", 0), ("sep_conv_3x3", 1)] * 4
    normal, reduce = graphs_of("darts", darts.from_genotype(pairs, pairs))
    assert normal.title == "normal cell"
    assert reduce.nodes == ("before", "last", "0", "1", "2", "3")
    assert normal.edges[:3] == ((0, 2, "skip_connect"), (1, 2, "sep_conv_3x3"),
                                (0, 3, "skip_connect"))  # fmt: skip


def test_a_chain_names_its_blocks() -> None:
    (graph,) = graphs_of("densenas", densenas.from_chain([(2, 0), (5, 3)]))
    assert graph.nodes == ("stem", "block 2", "block 5")
    assert graph.edges == ((0, 1, "1 + 0"), (1, 2, "1 + 3"))


@pytest.mark.parametrize("space", ["nasbench201", "darts", "densenas", "autodeeplab", "amber"])
def test_edges_lead_forward_between_nodes_that_there_are(space: str) -> None:
    graphs = graphs_of(space, get_space(space).defaults)
    assert graphs
    for graph in graphs:
        assert all(0 <= a < b < len(graph.nodes) for a, b, _ in graph.edges)
        picture = graph_plot(graph)
        assert picture.count("<path") == len(graph.edges)
        assert picture.count("<circle") == len(graph.nodes)


def test_spaces_without_graphs_have_none() -> None:
    assert graphs_of("nats_size", get_space("nats_size").defaults) == []


def test_names_are_escaped_and_a_second_edge_is_drawn_higher() -> None:
    picture = graph_plot(Graph("<t>", ("a", "<b>"), ((0, 1, "conv<3>"), (0, 1, "skip"))))
    assert "<b>" not in picture
    assert "conv&lt;3&gt;" in picture
    first, second = [part.split('"')[0] for part in picture.split('<path d="')[1:]]
    assert first != second
