"""NAS-Bench-360's searches: gradients, and that what they find is what they computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from nepsbench.datasets.task import Task
from nepsbench.errors import SpecError
from nepsbench.search.oneshot.alone import Search
from nepsbench.search.oneshot.amber import AmberSearch
from nepsbench.search.oneshot.autodeeplab import DeepLabSearch
from nepsbench.search.oneshot.densenas import DenseSearch
from nepsbench.search.oneshot.mixed_edges import MIXED, edges_of
from nepsbench.search.oneshot.partial_cell import EDGES, SHARE, PartialEdge
from nepsbench.spaces import amber, autodeeplab, darts, densenas, get_space
from nepsbench.spaces.networks import build_network, count_params
from nepsbench.spaces.networks.layers import PLANE, SEQUENCE
from nepsbench.spaces.networks.searching import Lesson, Searching
from nepsbench.spaces.pairs import OPERATIONS
from nepsbench.spaces.problem import Problem
from nepsbench.training import architect
from nepsbench.training.exponentiated import ExponentiatedGradient

IMAGES, SEQUENCES = Problem((3, 12, 12), 4), Problem((2, 24), 4)
MAPS = Problem((2, 12, 9), 1, dense=True)
SMALL: dict[str, dict[str, Any]] = {
    "oneshot_darts": {"Width": 8, "Depth": 3},
    "oneshot_densenas": {"Width": 0.125, "Depth": 1},
    "oneshot_autodeeplab": {"Width": 2, "Depth": 3},
    "oneshot_amber": {"Width": 4},
}
PAIRS = [
    ("oneshot_darts", IMAGES),
    ("oneshot_darts", SEQUENCES),
    ("oneshot_darts", MAPS),
    ("oneshot_densenas", IMAGES),
    ("oneshot_densenas", SEQUENCES),
    ("oneshot_densenas", MAPS),
    ("oneshot_autodeeplab", MAPS),
    ("oneshot_amber", SEQUENCES),
]
LEARNT = [pair for pair in PAIRS if pair[0] != "oneshot_amber"]


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network_of(space: str, problem: Problem, **changes: Any) -> Any:
    torch.manual_seed(3)
    configuration = {**get_space(space).defaults, **SMALL[space], **changes}
    return build_network(space, configuration, problem).train()


def batch_of(problem: Problem, examples: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = torch.randn(examples, *problem.shape, generator=random(1))
    if problem.dense:
        return inputs, torch.randn(examples, 1, *problem.shape[1:], generator=random(2))
    return inputs, torch.randint(problem.outputs, (examples,), generator=random(2))


def loss_of(problem: Problem) -> Any:
    return F.mse_loss if problem.dense else F.cross_entropy


def learn(network: Searching, problem: Problem, batch: Any) -> None:
    optimizer = torch.optim.SGD(network.weights(), lr=0.1)
    network.learn(Lesson(optimizer, loss_of(problem), batch, batch, 0.5, random(5)))


@pytest.mark.parametrize(("space", "problem"), LEARNT, ids=str)
def test_the_architectures_gradient_is_that_of_differences(space: str, problem: Problem) -> None:
    network = network_of(space, problem).double()
    inputs, targets = batch_of(problem)
    batch = (inputs.double(), targets.double() if problem.dense else targets)
    learn(network, problem, batch)
    network.eval()  # what is mixed then is the whole mixture, as in learning
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.train()
    checked = 0
    for parameter in network.architecture():
        assert parameter.grad is not None
        flat, gradient = parameter.data.view(-1), parameter.grad.view(-1)
        for place in range(0, len(flat), max(1, len(flat) // 2)):
            ends = []
            for sign in (1e-6, -1e-6):
                flat[place] += sign
                with torch.no_grad():
                    ends.append(float(loss_of(problem)(network(batch[0]), batch[1])))
                flat[place] -= sign
            expected = (ends[0] - ends[1]) / 2e-6
            assert float(gradient[place]) == pytest.approx(expected, rel=1e-3, abs=1e-7)
            checked += 1
    assert checked >= 4


@pytest.mark.parametrize(("space", "problem"), PAIRS, ids=str)
def test_a_step_of_the_weights_leaves_the_architecture_alone(space: str, problem: Problem) -> None:
    network = network_of(space, problem)
    inputs, targets = batch_of(problem)
    network.draw(0.5, random(4))
    loss_of(problem)(network(inputs), targets).backward()
    assert all(each.grad is None for each in network.architecture())
    moved = [each for each in network.weights() if each.grad is not None]
    assert len(moved) > 10
    assert len(network.weights()) + len(network.architecture()) == len([*network.parameters()])


@pytest.mark.parametrize(("space", "problem"), PAIRS, ids=str)
def test_what_is_found_can_be_trained(space: str, problem: Problem) -> None:
    network = network_of(space, problem)
    inputs, targets = batch_of(problem)

    def judge() -> float:
        with torch.no_grad():
            return float(loss_of(problem)(network(inputs), targets))

    found = network.found(judge, random(6))
    assert network.found(judge, random(6)) == found
    small = {"Width": SMALL[space]["Width"]}
    if found.space == "darts":  # of the others the depth is found, too
        small["Depth"] = 3
    final = build_network(found.space, {**found.configuration, **small}, problem)
    assert final(inputs).shape == network(inputs).shape


def test_weights_of_gaea_stay_on_the_simplex() -> None:
    network = network_of("oneshot_darts", IMAGES)
    optimizer = ExponentiatedGradient(network.architecture(), lr=0.5)
    for _ in range(5):
        learn(network, IMAGES, batch_of(IMAGES))
        optimizer.step()
    for parameter in network.architecture():
        assert (parameter >= 0).all()
        sums = parameter.detach().sum(-1)
        assert torch.allclose(sums, torch.ones_like(sums), atol=1e-5)
    assert network.normal.operations.detach().std() > 1e-3


@pytest.mark.parametrize(("layers", "shape"), [(PLANE, (16, 7, 9)), (SEQUENCE, (16, 11))], ids=str)
def test_a_quarter_of_the_channels_goes_through_the_mixture(layers: Any, shape: Any) -> None:
    edge, x = PartialEdge(16, 1, layers), torch.randn(3, *shape)
    one_hot = torch.zeros(len(MIXED))
    one_hot[MIXED.index("skip_connect")] = 1
    found = edge(x, one_hot)
    back = found.reshape(3, 16 // SHARE, SHARE, *shape[1:]).transpose(1, 2).reshape(x.shape)
    assert torch.equal(back, x)
    one_hot = torch.zeros(len(MIXED))
    one_hot[MIXED.index("sep_conv_3x3")] = 1
    chosen = edge.operations[MIXED.index("sep_conv_3x3") - 1]
    assert torch.equal(edge(x, one_hot)[:, ::SHARE], chosen(x[:, :4]))


def test_the_heaviest_edges_are_found() -> None:
    network = network_of("oneshot_darts", IMAGES)
    wanted = [
        ("sep_conv_5x5", 1),
        ("max_pool_3x3", 0),
        ("skip_connect", 2),
        ("dil_conv_3x3", 1),
        ("sep_conv_3x3", 3),
        ("avg_pool_3x3", 0),
        ("dil_conv_5x5", 4),
        ("sep_conv_3x3", 2),
    ]
    weights = torch.full((len(EDGES), len(MIXED)), 0.01)
    for place, (name, state) in enumerate(wanted):
        weights[EDGES.index((place // 2, state)), MIXED.index(name)] = 0.9
    weights[EDGES.index((3, 0)), MIXED.index("none")] = 5.0  # counts for nothing
    with torch.no_grad():
        network.normal.operations.copy_(weights)
    found = network.found(lambda: 0.0, random())
    pairs = darts.pairs_of(found.configuration, "normal")
    by_node = [{*pairs[k : k + 2]} for k in range(0, 8, 2)]
    assert by_node == [{*wanted[k : k + 2]} for k in range(0, 8, 2)]


@pytest.mark.parametrize(
    ("normal", "reduce", "published"),
    [
        (  # Liu et al., DARTS: 3.3 M (second order)
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
             ("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1),
             ("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)],
            3.3,
        ),
        (  # Xu et al., PC-DARTS: 3.6 M
            [("sep_conv_3x3", 1), ("skip_connect", 0), ("sep_conv_3x3", 0), ("dil_conv_3x3", 1),
             ("sep_conv_5x5", 0), ("sep_conv_3x3", 1), ("avg_pool_3x3", 0), ("dil_conv_3x3", 1)],
            [("sep_conv_5x5", 1), ("max_pool_3x3", 0), ("sep_conv_5x5", 1), ("sep_conv_5x5", 2),
             ("sep_conv_3x3", 0), ("sep_conv_3x3", 3), ("sep_conv_3x3", 1), ("sep_conv_3x3", 2)],
            3.6,
        ),
    ],
)  # fmt: skip
def test_published_cells_have_the_published_size(
    normal: Any, reduce: Any, published: float
) -> None:
    configuration = darts.from_genotype(normal, reduce, Width=36, Depth=20)
    network = build_network("darts", configuration, Problem((3, 32, 32), 10))
    assert int(10 * count_params(network)) == round(10 * published)


def test_nodes_in_another_order_are_the_same_cell() -> None:
    cell = [
        ("skip_connect", 0),
        ("sep_conv_3x3", 1),
        ("max_pool_3x3", 0),
        ("avg_pool_3x3", 1),
        ("dil_conv_3x3", 2),
        ("dil_conv_5x5", 3),
        ("skip_connect", 0),
        ("skip_connect", 4),
    ]
    other = [*cell[2:4], *cell[0:2], ("dil_conv_3x3", 3), ("dil_conv_5x5", 2), *cell[6:]]
    one, two = darts.from_genotype(cell, cell), darts.from_genotype(other, cell)
    assert one != two
    assert darts.architecture(one) == darts.architecture(two)
    third = darts.from_genotype([*cell[:7], ("skip_connect", 1)], cell)
    assert darts.architecture(third) != darts.architecture(one)


@contextmanager
def reached(module: torch.nn.Module) -> Iterator[list[torch.Tensor]]:
    """Collect what is put into a module."""
    seen: list[torch.Tensor] = []
    handle = module.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    yield seen
    handle.remove()


def copied(into: torch.nn.Module, source: torch.nn.Module) -> None:
    """Copy what has the same name; scales that a search does not learn are one."""
    theirs = source.state_dict()
    into.load_state_dict({**into.state_dict(), **theirs})


def test_a_chain_computes_what_its_blocks_computed_in_the_search() -> None:
    network: DenseSearch = network_of("oneshot_densenas", IMAGES)
    chain = [(2, 0), (5, 1), (9, 0), (12, 1), (16, 0), (19, 1)]
    numbers = [block for block, _ in chain]
    with torch.no_grad():
        for block, following in zip((0, *numbers), (*numbers, -1), strict=True):
            leads = network.logits.leads[block]
            leads.fill_(-1e9)[network.logits.following(block).index(following)] = 0
        for block, depth in chain:
            for row in network.logits.keeps[block - 1]:
                row.copy_(torch.tensor([0.0, -1e9] if depth else [-1e9, 0.0]))
    found = network.found(lambda: 0.0, random())
    assert densenas.chain_of(found.configuration, densenas.IMAGES) == chain
    final = build_network("densenas", {**found.configuration, "Width": 0.125}, IMAGES).train()
    parts = [network.stem[0], network.stem[1], network.stem[2]]
    before = 0
    for block, depth in chain:
        parts += [network.heads[f"{before}_{block}"], *network.stacks[block - 1][:depth]]
        before = block
    for into, source in zip(final, parts, strict=False):
        copied(into, source)
    inputs, _ = batch_of(IMAGES)
    pooled = len(parts)
    with reached(network.ends["19"]) as searched, reached(final[pooled]) as chained:
        network.eval()  # the whole mixture, which is one chain now
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.train()
        network(inputs)
        final(inputs)
    assert torch.allclose(searched[0], chained[0], atol=1e-4)


def test_a_path_computes_what_its_cells_computed_in_the_search() -> None:
    network: DeepLabSearch = network_of("oneshot_autodeeplab", MAPS)
    with torch.no_grad():
        network.alpha.fill_(-1e9)[:, 0] = 0  # all edges carry nothing, but for these
        for node in range(5):
            for state in (0, node + 1):
                edge = edges_of(5).index((node, state))
                network.alpha[edge] = -1e9
                network.alpha[edge, (3 * node + state) % 7 + 1] = 0
        network.moves.fill_(-1e9)[:, :, 1] = 0  # stay
    found = network.found(lambda: 0.0, random())
    assert autodeeplab.levels_of(found.configuration) == [0, 0, 0]
    final = build_network("autodeeplab", {**found.configuration, "Width": 2}, MAPS).train()
    copied(final.stem, network.stem)
    for layer, cell in enumerate(final.cells):
        shared = network.cells[layer]["0"]
        copied(cell.before, shared.before)
        copied(cell.last, shared.last["0"])
        pairs = autodeeplab.pairs_of(found.configuration)
        for place, (name, state) in enumerate(pairs):
            edge = edges_of(5).index((place // 2, state))
            copied(cell.operations[place], shared.edges[edge][OPERATIONS.index(name)])
    inputs, _ = batch_of(MAPS)
    # The first layer of a search has nothing before the last one; a network reads the stem twice.
    torch.nn.init.zeros_(final.cells[0].before[2].weight)
    with reached(network.heads["0"]) as searched, reached(final.head) as followed:
        network(inputs)
        final(inputs)
    assert torch.allclose(searched[0], followed[0], atol=1e-4)


def test_a_drawn_network_computes_what_it_computed_in_the_search() -> None:
    network: AmberSearch = network_of("oneshot_amber", SEQUENCES)
    inputs, _ = batch_of(SEQUENCES)
    for seed in range(4):
        network.draw(0.5, random(seed))
        searched = network(inputs)

        def only(choices: list[int] = network._choices) -> float:
            return 0.0 if network._choices == choices else 1.0

        drawn = network.found(only, random(seed))
        final = build_network("amber", {**drawn.configuration, "Width": 4}, SEQUENCES).train()
        shared = network.network.state_dict()
        final.load_state_dict({name: shared[name] for name in final.state_dict()})
        assert torch.allclose(final(inputs), searched, atol=1e-5)


def test_a_random_chain_is_drawn_anew_by_each_seed_and_learns_nothing() -> None:
    network: DenseSearch = network_of("oneshot_densenas", IMAGES, Method="densenas_random")
    assert network.architecture() == []
    found = {
        densenas.architecture(network.found(lambda: 0.0, random(seed)).configuration)
        for seed in range(5)
    }
    assert len(found) == 5


@pytest.mark.parametrize(
    ("searched", "method", "dataset", "said"),
    [
        ("amber", "amber", "cifar10", "oneshot_amber: takes sequences, with one output an example"),
        ("amber", "amber", "darcy_flow", "need an output for each place; choose another"),
        ("autodeeplab", "auto_deeplab", "cifar10", "gives an output for each place of inputs"),
        ("autodeeplab", "auto_deeplab", "ecg", "gives an output for each place of inputs"),
        ("nasbench201", "gdas", "satellite", "takes inputs"),
    ],
)
def test_a_method_on_data_that_it_cannot_take_is_refused(
    searched: str, method: str, dataset: str, said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        Search.of(searched, method, dataset=dataset)


def test_amber_names_every_connection_once() -> None:
    operations, sources = amber.parts_of(amber.SPACE.defaults)
    assert len(operations) == amber.LAYERS
    assert not any(sources)
    all_of_them = [[s for k, s in amber.SKIPS if k == layer] for layer in range(amber.LAYERS)]
    assert amber.parts_of(amber.from_parts(operations, all_of_them)) == (operations, all_of_them)
    assert sum(map(len, all_of_them)) == 55


@pytest.mark.parametrize(
    ("space", "problem", "changes"),
    [
        ("oneshot_amber", SEQUENCES, {}),
        ("oneshot_densenas", IMAGES, {"Method": "densenas_random"}),
        ("oneshot_darts", IMAGES, {}),
    ],
    ids=str,
)
def test_to_tell_what_was_found_leaves_the_search_as_it_is(
    space: str, problem: Problem, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(space, problem, **changes)
    batch = batch_of(problem)
    network.draw(0.5, random(4))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    outputs = network.eval()(batch[0])
    monkeypatch.setattr(architect, "_validation", lambda *_: iter([batch]))
    data: Any = SimpleNamespace(task=Task("cross_entropy", "acc", problem.outputs))
    told = [architect.Architect(network, None, 0.0).found(data, seed=1, epoch=2) for _ in range(2)]
    assert told[0] == told[1]
    for name, value in network.state_dict().items():
        assert torch.allclose(value, before[name], rtol=0, atol=0, equal_nan=True), name
    assert not network.training
    assert torch.equal(network(batch[0]), outputs)
