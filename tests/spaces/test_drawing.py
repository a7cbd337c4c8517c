"""Architectures as graphs, and the graphs as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from nepsbench.cli.main import app
from nepsbench.pages.graphs import graph_plot
from nepsbench.spaces import darts, densenas, get_space, nasbench101, nasbench201, nashpobench2
from nepsbench.spaces.cells import JAHS_OPERATIONS, from_arch_str
from nepsbench.spaces.drawing import Graph, drawn_spaces, graphs_of
from nepsbench.spaces.networks import Problem, build_network


def test_a_cell_of_nasbench201_has_an_edge_for_each_operation() -> None:
    graph, _ = graphs_of("nasbench201", nasbench201.parse("301204"))
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


@pytest.mark.parametrize("space", drawn_spaces())
def test_edges_lead_forward_between_nodes_that_there_are(space: str) -> None:
    graphs = graphs_of(space, get_space(space).defaults)
    assert graphs
    for graph in graphs:
        assert all(0 <= a < b < len(graph.nodes) for a, b, _ in graph.edges)
        picture = graph_plot(graph)
        assert picture.count("<path") == len(graph.edges)
        assert picture.count("<circle") == len(graph.nodes)


def test_spaces_without_graphs_have_none() -> None:
    assert graphs_of("perceiver_io", get_space("perceiver_io").defaults) == []


@pytest.mark.parametrize(
    ("space", "changes"),
    [
        ("nepsbench101", {"N": 3, "W": 8}),
        ("nasbench201", {}),
        ("nashpobench2", {}),
        ("nasbench101", {}),
        ("nats_size", {"width_1": 8}),
    ],
)
def test_a_skeleton_has_the_stages_of_the_network(space: str, changes: dict[str, Any]) -> None:
    known = get_space(space)
    configuration = {**known.defaults, **{k: v for k, v in changes.items() if k in known.names}}
    skeleton = graphs_of(space, configuration)[-1]
    assert skeleton.title == "macro skeleton"
    told = [name.split() for name in skeleton.nodes if " cell" in name]
    network = build_network(space, configuration, Problem((3, 32, 32), 10))
    cells = [m for m in network if type(m).__name__ in ("CellModule", "GraphCell")]
    assert sum(int(words[0]) for words in told) == len(cells)
    widths = []
    x = torch.zeros(1, 3, 32, 32)
    network.eval()
    for module in network:
        x = module(x)
        widths += [x.shape[1]] if module in cells else []
    assert widths == [int(words[2]) for words in told for _ in range(int(words[0]))]


def test_names_are_escaped_and_a_second_edge_is_drawn_higher() -> None:
    picture = graph_plot(Graph("<t>", ("a", "<b>"), ((0, 1, "conv<3>"), (0, 1, "skip"))))
    assert "<b>" not in picture
    assert "conv&lt;3&gt;" in picture
    first, second = [part.split('"')[0] for part in picture.split('<path d="')[1:]]
    assert first != second


def test_one_cell_is_drawn_alike_in_each_space_that_has_it() -> None:
    cell = from_arch_str(
        "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
    )
    jahs = {f"Op{k}": JAHS_OPERATIONS.index(name) for k, name in enumerate(cell, start=1)}
    pictures = [
        graphs_of("nasbench201", nasbench201.from_cell(cell)),
        graphs_of("nashpobench2", nashpobench2.from_cell(cell)),
        graphs_of("nepsbench101", {**get_space("nepsbench101").defaults, **jahs}),
    ]
    edges = [{*graphs[0].edges} for graphs in pictures]
    assert edges[0] == edges[1] == edges[2]
    assert edges[0] == {(0, 1, "nor_conv_3x3"), (1, 2, "avg_pool_3x3"), (0, 3, "skip_connect"),
                        (2, 3, "nor_conv_3x3")}  # fmt: skip


def test_operations_of_nasbench101_are_nodes() -> None:
    graph, _ = graphs_of(
        "nasbench101",
        nasbench101.from_spec(
            [[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]],
            ["input", "conv1x1-bn-relu", "maxpool3x3", "output"],
        ),
    )
    assert graph.nodes == ("input", "conv1x1", "maxpool3x3", "output")
    assert {(a, b) for a, b, _ in graph.edges} == {(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)}


def test_the_command_draws_notations_and_json(tmp_path: Path) -> None:
    target = tmp_path / "cell.html"
    ran = CliRunner().invoke(app, ["draw", "nasbench201", "213014", "-o", str(target)])
    assert ran.exit_code == 0, ran.output
    first = target.read_text()
    text = get_space("nasbench201").to_json(nasbench201.parse("213014"))
    ran = CliRunner().invoke(app, ["draw", "nasbench201", text, "-o", str(target)])
    assert ran.exit_code == 0, ran.output
    assert target.read_text() == first
    assert "nor_conv_3x3</text>" in first
    ran = CliRunner().invoke(
        app, ["draw", "expert_vgg", '{"Network": "vgg", "Width": 1.0}', "-o", str(target)]
    )
    assert "architectures of space expert_vgg are no graphs; these are: nepsbench101" in str(
        ran.exception
    )
