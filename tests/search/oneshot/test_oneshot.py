"""One-shot search: mixtures, gradients, exactness, on problems small enough to check."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.search.oneshot.loop import (
    SearchState,
    derived_cell,
    initial_state,
    rate,
    search_epochs,
)
from nepsbench.search.oneshot.methods import DartsSecondOrder, Gdas, Step, make_method, method_names
from nepsbench.search.oneshot.mixture import SHAPE, cell_of, choices_of, hard, soft
from nepsbench.search.oneshot.recipe import RECIPES, SearchRecipe
from nepsbench.search.oneshot.supernet import Supernet
from nepsbench.spaces import get_space
from nepsbench.spaces.cells import JAHS_EDGES, NATS_OPERATIONS
from nepsbench.spaces.networks.skeleton import cell_network
from nepsbench.spaces.problem import Problem
from nepsbench.training.fit import fitting_recipe
from nepsbench.training.trial_data import TrialData, prepare_trial_data

PROBLEM = Problem((1, 8, 8), 10)
TINY = SearchRecipe(epochs=4, batch_size=64, width=4, depth=1, judged=5)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrialData:
    """Handwritten digits, a part of them."""
    from nepsbench.datasets import prepare
    from nepsbench.datasets.opening import open_dataset

    root = tmp_path_factory.mktemp("datasets")
    prepare("digits", root)
    dataset = open_dataset("digits", root)
    few = {
        name: replace(split, inputs=split.inputs[:192], targets=split.targets[:192])
        for name, split in (("train", dataset.train), ("valid", dataset.valid))
    }
    space = get_space("nasbench201")
    settings = fitting_recipe("nasbench201", space, "digits").settings(space.defaults, "digits")
    settings = replace(settings, batch_size=TINY.batch_size)
    return prepare_trial_data(replace(dataset, **few), settings)


def state_of(name: str, seed: int = 1) -> SearchState:
    return initial_state(name, TINY, PROBLEM, seed=seed)


@pytest.mark.parametrize("name", method_names())
def test_a_mixture_stays_on_the_simplex(name: str) -> None:
    method = make_method(name, TINY, random())
    draws = random(2)
    for progress in (0.0, 0.5, 1.0):
        mixture = method.mixture(progress, draws)
        weights = mixture.weights.detach()
        assert weights.shape == SHAPE
        assert weights.sum(1) == pytest.approx(torch.ones(SHAPE[0]), abs=1e-5)
        assert (weights >= -1e-6).all()
        inactive = torch.ones(SHAPE, dtype=torch.bool)
        for edge, kinds in enumerate(mixture.active):
            inactive[edge, list(kinds)] = False
        assert (weights[inactive].abs() < 1e-6).all()


def test_draws_of_gdas_follow_its_logits() -> None:
    method = Gdas(TINY, random())
    assert method.alpha is not None
    with torch.no_grad():
        method.alpha[:] = torch.tensor([0.1, 0.2, 0.3, 0.3, 0.1]).log()
    draws, counts = random(3), torch.zeros(SHAPE)
    for _ in range(3000):
        counts += method.mixture(0.3, draws).weights.detach().round()
    expected = torch.tensor([0.1, 0.2, 0.3, 0.3, 0.1])
    assert (counts / 3000 - expected).abs().max() < 0.04


def test_a_supernet_of_one_hot_weights_is_the_network_of_its_cell() -> None:
    torch.manual_seed(0)
    supernet = Supernet(PROBLEM, width=8, depth=1).train()
    for _ in range(6):
        choices = torch.randint(SHAPE[1], SHAPE[:1]).tolist()
        network = cell_network(cell_of(choices), depth=1, width=8, in_channels=1, classes=10)
        _share_weights(network.train(), supernet, choices)
        inputs = torch.randn(5, *PROBLEM.shape)
        expected, found = network(inputs), supernet(inputs, hard(choices))
        assert (expected - found).abs().max() < 1e-4
        one_hot = F.one_hot(torch.tensor(choices), SHAPE[1]).float()
        assert (supernet(inputs, soft(one_hot)) - found).abs().max() < 1e-5


def _share_weights(network: torch.nn.Module, supernet: Supernet, choices: list[int]) -> None:
    """Give a cell's network the supernet's weights; scales that edges do not learn are one."""
    own, shared = dict(network.named_parameters()), dict(supernet.layers.named_parameters())
    for name, parameter in own.items():
        head, _, tail = name.partition(".operations.")
        if not tail:
            source = shared[name]
        else:
            edge, kind, *rest = tail.split(".")
            if kind == "2":
                continue  # batch normalisation's scale and shift
            source = shared[f"{head}.operations.{edge}.{choices[int(edge)]}.{kind}.{rest[0]}"]
        with torch.no_grad():
            parameter.copy_(source)


class Line(torch.nn.Module):
    """A function of two weights that a mixture bends: small enough for differences."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([0.3, -0.7], dtype=torch.float64))

    def forward(self, inputs: torch.Tensor, mixture: object) -> torch.Tensor:
        weights = mixture.weights.double()  # type: ignore[attr-defined]
        bend = (weights * torch.arange(30.0, dtype=torch.float64).reshape(SHAPE).sin()).sum()
        return torch.tanh(inputs @ self.weight * bend) + bend


def test_the_second_orders_gradient_is_that_of_differences_through_the_step() -> None:
    method = DartsSecondOrder(TINY, random())
    method.alpha = torch.randn(SHAPE, generator=random(1), dtype=torch.float64).requires_grad_()
    line = Line()
    optimizer = torch.optim.SGD(line.parameters(), lr=0.2, momentum=0.9, weight_decay=0.01)
    draws = random(4)
    train, valid = (
        (torch.randn(7, 2, generator=draws, dtype=torch.float64),
         torch.randn(7, generator=draws, dtype=torch.float64))
        for _ in range(2)
    )  # fmt: skip
    line(train[0], soft(method.alpha.softmax(1))).sum().backward()
    optimizer.step()  # so that there is momentum

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return ((outputs - targets) ** 2).mean()

    step = Step(line, optimizer, loss, train, valid, 0.0, draws)  # type: ignore[arg-type]
    method.learn(step)
    assert method.alpha.grad is not None

    def after_the_step(alpha: torch.Tensor) -> float:
        weight = line.weight.detach().clone().requires_grad_()
        mixture = soft(alpha.softmax(1))
        outputs = torch.func.functional_call(line, {"weight": weight}, (train[0], mixture))
        (gradient,) = torch.autograd.grad(loss(outputs, train[1]), weight)
        moment = optimizer.state[line.weight]["momentum_buffer"]
        moved = (weight - 0.2 * (gradient + 0.01 * weight + 0.9 * moment)).detach()
        outputs = torch.func.functional_call(line, {"weight": moved}, (valid[0], mixture))
        return float(loss(outputs, valid[1]))

    for place in ((0, 1), (3, 4), (5, 2)):
        ends = []
        for sign in (1e-5, -1e-5):
            alpha = method.alpha.detach().clone()
            alpha[place] += sign
            ends.append(after_the_step(alpha))
        expected = (ends[0] - ends[1]) / 2e-5
        assert float(method.alpha.grad[place]) == pytest.approx(expected, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("name", method_names())
def test_a_search_that_is_interrupted_gives_the_same_bits(name: str, data: TrialData) -> None:
    once = state_of(name)
    whole = list(search_epochs(once, data, TINY, seed=1, until=2))
    first = state_of(name)
    parts = list(search_epochs(first, data, TINY, seed=1, until=1))
    again = state_of(name, seed=9)  # what it starts from is all put back
    again.load(first.to_dict())
    parts += list(search_epochs(again, data, TINY, seed=1, until=2))
    assert parts == whole
    for one, other in zip(
        once.supernet.state_dict().values(), again.supernet.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    if once.method.alpha is not None:
        assert again.method.alpha is not None
        assert torch.equal(once.method.alpha, again.method.alpha)
    assert derived_cell(once, data, seed=1) == derived_cell(again, data, seed=1)


def test_training_moves_the_loss_and_validation_the_architecture(data: TrialData) -> None:
    quick = replace(TINY, epochs=12, architecture_rate=0.05, rate=0.3, width=8)
    state = initial_state("darts", quick, PROBLEM, seed=2)
    assert state.method.alpha is not None
    before = state.method.alpha.detach().clone()
    losses = [each["train_loss"] for each in search_epochs(state, data, quick, seed=2, until=10)]
    assert losses[-1] < losses[0] - 0.3
    assert (state.method.alpha - before).abs().max() > 0.1


def test_a_derived_cell_is_what_the_logits_prefer(data: TrialData) -> None:
    state = state_of("darts")
    assert state.method.alpha is not None
    wanted = [3, 1, 2, 0, 4, 3]
    with torch.no_grad():
        state.method.alpha[range(6), wanted] = 5.0
    cell = derived_cell(state, data, seed=1)
    assert choices_of(cell) == wanted
    assert cell == cell_of(wanted)


def test_rates_follow_a_cosine_and_names_are_checked() -> None:
    assert rate(TINY, 1) == TINY.rate
    assert TINY.least_rate < rate(TINY, 4) < rate(TINY, 3) < TINY.rate
    assert set(RECIPES) == set(method_names())
    with pytest.raises(SpecError, match="no one-shot method 'dart'; choose one of darts"):
        make_method("dart", TINY, random())
    with pytest.raises(CorruptedFileError, match="cannot go on from its checkpoint"):
        state_of("darts").load(state_of("random_sharing").to_dict() | {"optimizer": {}})
    assert len(JAHS_EDGES) == SHAPE[0]
    assert len(NATS_OPERATIONS) == SHAPE[1]
