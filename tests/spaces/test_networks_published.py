"""Networks against published numbers of parameters and FLOPs."""

from __future__ import annotations

import bz2
import contextlib
import csv
import gzip
import json
import pickle
from collections import defaultdict

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nepsbench.client.places import parse_query
from nepsbench.errors import InvalidConfigurationError, SpecError
from nepsbench.spaces import (
    cells,
    get_space,
    nasbench101,
    nasbench201,
    nashpobench2,
    nats_size,
    nds,
    space_names,
)
from nepsbench.spaces.nasbench101_graph import graph_of, prune
from nepsbench.spaces.nds_notation import Sweep, from_nni
from nepsbench.spaces.networks import Problem, build_network, count_flops, count_params
from nepsbench.spaces.networks.nasbench101 import vertex_channels
from nepsbench.spaces.networks.pooling import AveragePool
from nepsbench.spaces.problem import check_problem
from tests.spaces.nds_published import NETWORKS
from tests.spaces.test_nasbench101 import NNI

CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet": 120}
SIDES = {"cifar10-valid": 32, "cifar10": 32, "cifar100": 32, "ImageNet16-120": 16}
CLASSES_OF = {"cifar10-valid": 10, "cifar10": 10, "cifar100": 100, "ImageNet16-120": 120}


def network(space, configuration, classes=10):
    return build_network(space, configuration, Problem((3, 32, 32), outputs=classes))


def parameters(space, configuration, classes=10):
    return round(count_params(network(space, configuration, classes)) * 1e6)


@pytest.fixture(scope="module")
def published_sizes(shared_data):
    """Parameters by digits of the cell and dataset: all 46,875 rows of NAS-Bench-201."""
    sizes = {}
    with gzip.open(shared_data / "nasbench201" / "seeds_200ep.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            sizes[row["op_code"], row["dataset"]] = round(float(row["params_M"]) * 1e6)
    assert len(sizes) == 46_875
    return sizes


def assert_published(sizes, published):
    """Compare, and explain what differs.

    150 cells were published with the size of another one: its run stands in for one of theirs,
    since NAS-Bench-201's unique string takes both for the same (NATS-Bench, issue 36).
    """
    twins = defaultdict(set)
    for cell in cells.all_cells():
        twins[nasbench201.unique_string(cell, zeros=False)].add(cells.to_digits(cell))
    wrong = [key for key, size in published.items() if sizes[key] != size]
    assert len(wrong) == 3 * 150
    for digits, dataset in wrong:
        name = nasbench201.unique_string(cells.from_digits(digits), zeros=False)
        assert published[digits, dataset] in {sizes[twin, dataset] for twin in twins[name]}


def test_parameters_of_all_rows_of_nasbench201(published_sizes):
    """Cells with as many convolutions of each kind are as large; one of each sort is built."""
    built, sizes = {}, {}
    for digits, dataset in published_sizes:
        sort = (digits.count("2"), digits.count("3"), dataset)
        if sort not in built:
            configuration = nasbench201.from_cell(cells.from_digits(digits))
            built[sort] = parameters("nasbench201", configuration, CLASSES[dataset])
        sizes[digits, dataset] = built[sort]
    assert len(built) == 28 * 3
    assert_published(sizes, published_sizes)


@pytest.mark.slow
def test_parameters_of_all_rows_of_nasbench201_one_by_one(published_sizes):
    sizes = {}
    for digits, dataset in published_sizes:
        configuration = nasbench201.from_cell(cells.from_digits(digits))
        with torch.device("meta"):
            sizes[digits, dataset] = parameters("nasbench201", configuration, CLASSES[dataset])
    assert_published(sizes, published_sizes)


@pytest.mark.parametrize("name", ["000000", "000011"])
def test_parameters_and_flops_of_the_nats_files(shared_data, name):
    folder = shared_data / "nasbench201" / "nats_topology" / "NATS-tss-v1_0-3ffb9-simple"
    content = pickle.loads(bz2.decompress((folder / f"{name}.pickle.pbz2").read_bytes()))
    for of_epochs in content.values():
        configuration = nasbench201.parse(of_epochs["arch_str"])
        assert nasbench201.SPACE.index(configuration) == of_epochs["arch_index"]
        published = {
            (dataset, result["params"], result["flop"])
            for (dataset, _), result in of_epochs["all_results"].items()
        }
        assert len(published) == len(SIDES)  # the same for every seed
        for dataset, millions, flops in published:
            net, side = network("nasbench201", configuration, CLASSES_OF[dataset]), SIDES[dataset]
            assert count_params(net) == pytest.approx(millions, abs=1e-9)
            assert count_flops(net, (3, side, side), bias=1) == pytest.approx(flops, abs=1e-9)


@pytest.mark.parametrize(
    ("number", "parameters_published", "flops"), [(0, 0.135156, 15.65322), (11, None, 113.95722)]
)
def test_a_cell_of_nasbench201_on_cifar100(number, parameters_published, flops):
    net = network("nasbench201", nasbench201.SPACE.at(number), 100)
    if parameters_published is not None:
        assert count_params(net) == pytest.approx(parameters_published, abs=1e-9)
    assert count_flops(net, (3, 32, 32), bias=1) == pytest.approx(flops, abs=1e-9)


def test_parameters_of_thirty_cells_of_nasbench101(shared_data):
    published = json.loads((shared_data / "nasbench101" / "nb101_30.json").read_text())
    for digest, cell in published.items():
        configuration = nasbench101.from_spec(cell["module_adjacency"], cell["module_operations"])
        assert parameters("nasbench101", configuration) == cell["trainable_parameters"], digest


def test_parameters_of_the_cell_of_nnis_tutorial():
    assert parameters("nasbench101", nasbench101.from_nni(NNI)) == 8_555_530


def test_channels_that_do_not_divide_go_to_the_first_vertices():
    matrix = [
        [0, 1, 1, 1, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0],
    ]
    graph = prune(graph_of(matrix, ["input", *["maxpool3x3"] * 3, "output"]))
    assert vertex_channels(graph, 128, 128) == [128, 43, 43, 42, 128]


def test_an_inner_vertex_is_as_wide_as_the_widest_that_it_leads_to():
    matrix = [
        [0, 1, 0, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0],
    ]
    graph = prune(graph_of(matrix, ["input", *["conv1x1-bn-relu"] * 3, "output"]))
    assert vertex_channels(graph, 64, 101) == [64, 51, 51, 50, 101]


@pytest.mark.parametrize(
    ("widths", "published"),
    [("8:8:8:8:8", 11_714), ("8:8:16:40:40", 107_826), ("64:64:64:64:64", 713_674)],
)
def test_parameters_of_networks_of_nats_size(widths, published):
    assert parameters("nats_size", nats_size.parse(widths)) == published


def test_a_cell_of_nashpobench2_is_larger_than_nasbench201s_by_its_biases_alone():
    for code in ("0|00|000", "3|33|333", "0|12|301"):
        configuration = nashpobench2.from_cellcode(code)
        same = nasbench201.parse(nashpobench2.to_arch_str(configuration))
        biases = 16 + 3 * 32 + 3 * 64  # the stem; two convolutions and a shortcut a reduction
        assert parameters("nashpobench2", configuration) == parameters("nasbench201", same) + biases


def test_pooling_of_nashpobench2_counts_the_padding():
    configuration = nashpobench2.from_cellcode("3|33|133")
    modules = network("nashpobench2", configuration).modules()
    pools = [module for module in modules if isinstance(module, AveragePool)]
    assert len(pools) == 15
    assert all(pool.count_include_pad for pool in pools)


@pytest.mark.parametrize(
    ("family", "proposer", "model_spec", "cell_spec", "millions", "flops"), NETWORKS
)
def test_networks_of_nds(family, proposer, model_spec, cell_spec, millions, flops):
    space, configuration = from_nni(
        family, model_spec, cell_spec, sweep=Sweep(proposer, "random", "cifar10"), base_lr=0.1,
        weight_decay=5e-4,
    )  # fmt: skip
    net = network(space.name, configuration)
    assert count_params(net) == pytest.approx(millions, abs=1e-9)
    if flops is not None:
        assert count_flops(net, (3, 32, 32), bias=1, norm=5) == pytest.approx(flops, abs=1e-9)


@pytest.mark.parametrize("name", nds.OPERATIONS)
def test_every_operation_of_nds_trains_in_both_cells(name):
    edges = {
        f"{cell}_{node}_op_{side}": name
        for cell in nds.CELL_TYPES for node in range(nds.NODES) for side in "xy"
    }  # fmt: skip
    changes = {"depth": 3, "width": 4, "drop_prob": 0.2, **edges}
    configuration = {**nds.NAS_CELL.defaults, **changes}
    net = network("nds_nas_cell", configuration)
    output = net(torch.randn(2, 3, 15, 15))
    assert output.shape == (2, 10)
    output.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def takes_images(name: str) -> bool:
    with contextlib.suppress(SpecError):
        check_problem(name, Problem((1, 32, 32), outputs=7))
        return True
    return False


@pytest.mark.parametrize("name", [*filter(takes_images, space_names())])
def test_every_network_maps_images_to_classes(name):
    space = get_space(name)
    changes = {"stem": "imagenet"} if "stem" in space.names else {}
    for configuration in (space.defaults, {**space.defaults, **changes}):
        net = build_network(name, configuration, Problem((1, 32, 32), outputs=7))
        assert net(torch.randn(2, 1, 32, 32)).shape == (2, 7)


def test_a_configuration_of_no_family_and_an_auxiliary_head_are_refused():
    with pytest.raises(InvalidConfigurationError, match="proposer='me' is not a choice"):
        network("nds_vanilla", {**nds.VANILLA.defaults, "proposer": "me"})
    with pytest.raises(SpecError, match="auxiliary heads are not built; give aux=False"):
        network("nds_nas_cell", {**nds.NAS_CELL.defaults, "aux": True})


def torchs_flops(net: nn.Module) -> float:
    """Return what torch counts for one image, in millions, but for poolings: ours convolve."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 3, 32, 32))
    names = [name for name, module in net.named_modules() if isinstance(module, AveragePool)]
    by_module = counter.get_flop_counts()
    pooling = [by_module.get(f"{type(net).__name__}.{name}", {}) for name in names]
    return (counter.get_total_flops() - sum(sum(part.values()) for part in pooling)) / 2e6


@pytest.mark.parametrize(
    ("space", "query"),
    [
        ("nasbench201", "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|"
                        "nor_conv_1x1~1|avg_pool_3x3~2|"),
        ("nats_size", "16:32:8:64:24"),
        ("nashpobench2", None),
        ("nepsbench101", None),
        ("nasbench101", None),
    ],
)  # fmt: skip
def test_flops_are_half_of_what_torch_counts(space, query):
    """FlopCounterMode counts a product and its sum as two; no operation here is left out."""
    known = get_space(space)
    if space == "nepsbench101":
        configuration = {**known.defaults, **{f"Op{edge}": 2 + edge % 2 for edge in range(1, 7)}}
    else:
        configuration = parse_query(known, query) if query else known.defaults
    net = network(space, configuration).eval()
    assert count_flops(net, (3, 32, 32)) == pytest.approx(torchs_flops(net), abs=1e-9)


def test_flops_of_a_published_cell_are_torchs_too():
    """NATS-Bench publishes 113.95722 for cell 11 on CIFAR-100, the classifier's bias with it."""
    net = network("nasbench201", nasbench201.SPACE.at(11), 100).eval()
    assert torchs_flops(net) + 100e-6 == pytest.approx(113.95722, abs=1e-9)
