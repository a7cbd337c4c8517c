"""One-shot search: mixtures, gradients, exactness, on problems small enough to check."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from nepsbench.errors import SpecError
from nepsbench.search.oneshot.controller import Controller, reinforce
from nepsbench.search.oneshot.methods import METHODS, DartsSecondOrder, Gdas
from nepsbench.search.oneshot.mixture import SHAPE, cell_of, choices_of, hard, soft
from nepsbench.search.oneshot.nasbench201 import CellSearch
from nepsbench.search.oneshot.supernet import Supernet
from nepsbench.spaces import get_space, nasbench201
from nepsbench.spaces.networks.searching import Lesson
from nepsbench.spaces.networks.skeleton import cell_network
from nepsbench.spaces.oneshot import CELL_METHODS
from nepsbench.spaces.problem import Problem
from nepsbench.training.architect import Architect
from nepsbench.training.divergence import DivergedError
from nepsbench.training.exponentiated import ExponentiatedGradient
from nepsbench.training.loop import TrainingState, initial_state, train_epochs
from nepsbench.training.recipe import Settings, get_recipe
from nepsbench.training.trial_data import TrialData, prepare_trial_data

PROBLEM = Problem((1, 8, 8), 10)
SPACE = get_space("oneshot_nasbench201")


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def settings_of(rate: float = 3e-4, recipe: str = "oneshot_nasbench201-10") -> Settings:
    return get_recipe(recipe).settings({**SPACE.defaults, "ArchitectureRate": rate})


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
    return prepare_trial_data(replace(dataset, **few), settings_of())


def state_of(method: str, settings: Settings | None = None, *, width: int = 4) -> TrainingState:
    configuration = {**SPACE.defaults, "Method": method, "Width": width, "Depth": 1}
    return initial_state(
        SPACE.name, configuration, PROBLEM, settings=settings or settings_of(), seed=1
    )


def search_of(state: TrainingState) -> CellSearch:
    assert isinstance(state.network, CellSearch)
    return state.network


def architect_of(state: TrainingState) -> Architect:
    assert state.architect is not None
    return state.architect


def test_every_method_has_its_schedule() -> None:
    assert list(METHODS) == list(CELL_METHODS)
    assert set(CELL_METHODS.values()) <= set(get_recipe(SPACE.name).horizons)


@pytest.mark.parametrize("name", METHODS)
def test_a_mixture_stays_on_the_simplex(name: str) -> None:
    method = METHODS[name](random())
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


def test_exponentiated_steps_stay_on_the_simplex_and_are_those_of_the_paper() -> None:
    start = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    weights = torch.nn.Parameter(start.clone())
    gradient = torch.tensor([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0]])
    weights.grad = gradient
    ExponentiatedGradient([weights], lr=0.1).step()
    expected = start * (-0.1 * gradient).exp()
    assert weights.detach() == pytest.approx(expected / expected.sum(1, keepdim=True), abs=1e-6)
    for _ in range(200):
        ExponentiatedGradient([weights], lr=0.5).step()
    assert weights.detach().sum(1) == pytest.approx(torch.ones(2), abs=1e-5)
    assert int(weights[0].argmax()) == 1


def test_draws_of_gdas_follow_its_logits() -> None:
    method = Gdas(random())
    expected = torch.tensor([0.1, 0.2, 0.3, 0.3, 0.1])
    with torch.no_grad():
        method.alpha[:] = expected.log()
    draws, counts = random(3), torch.zeros(SHAPE)
    for _ in range(3000):
        counts += method.mixture(0.3, draws).weights.detach().round()
    assert (counts / 3000 - expected).abs().max() < 0.04


def test_a_controller_learns_which_choice_is_worth_more() -> None:
    controller = Controller((4, 3), random=random(5))
    optimizer = torch.optim.Adam(controller.parameters(), lr=0.02)
    draws = random(6)

    def shares() -> float:
        with torch.no_grad():
            return sum(controller.draw(draws).choices == [2, 1] for _ in range(300)) / 300

    before = shares()
    for _ in range(400):
        reinforce(controller, lambda choices: float(choices == [2, 1]), draws)
        optimizer.step()
    assert before < 0.2
    assert shares() > 0.6


def test_a_controllers_gradient_is_that_of_differences() -> None:
    controller = Controller((3, 2), random=random(7)).double()
    drawn = controller.draw(random(8))
    drawn.log_probability.backward()
    weight = controller.heads[0].weight
    found = float(weight.grad[drawn.choices[0], 5])
    ends = []
    for sign in (1e-6, -1e-6):
        with torch.no_grad():
            weight[drawn.choices[0], 5] += sign
            again = controller.draw(random(8))
            weight[drawn.choices[0], 5] -= sign
        assert again.choices == drawn.choices
        ends.append(float(again.log_probability))
    assert found == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-3, abs=1e-9)


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
    method = DartsSecondOrder(random()).double()
    with torch.no_grad():
        method.alpha.copy_(torch.randn(SHAPE, generator=random(1), dtype=torch.float64))
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

    method.learn(line, Lesson(optimizer, loss, train, valid, 0.0, draws))  # type: ignore[arg-type]
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


def test_training_moves_the_loss_and_validation_the_architecture(data: TrialData) -> None:
    base = settings_of(0.05)
    quick = replace(base, learning_rate=0.3)
    state = state_of("darts", quick, width=8)
    learnt = search_of(state).architecture()[0]
    before, size = learnt.detach().clone(), sum(w.numel() for w in state.network.parameters())
    losses = [
        each["train_loss"] for each in train_epochs(state, data, settings=quick, seed=2, until=10)
    ]
    assert losses[-1] < losses[0] - 0.15
    assert (learnt - before).abs().max() > 0.1
    in_optimizer = sum(w.numel() for w in state.optimizer.param_groups[0]["params"])
    assert in_optimizer == size - learnt.numel()


def test_the_architecture_rests_while_the_weights_warm_up(data: TrialData) -> None:
    settings = settings_of(0.05)
    recipe = settings.recipe
    assert recipe.architecture is not None
    late = recipe.architecture.model_copy(update={"warm_up": 0.15})
    settings = replace(settings, recipe=recipe.model_copy(update={"architecture": late}))
    state = state_of("darts", settings)
    learnt = search_of(state).architecture()[0]
    before = learnt.detach().clone()
    epochs = train_epochs(state, data, settings=settings, seed=2, until=2)
    next(epochs)
    assert torch.equal(learnt, before)
    next(epochs)
    assert not torch.equal(learnt, before)


@pytest.mark.parametrize("method", [name for name in CELL_METHODS if name != "random_sharing"])
def test_a_search_whose_architecture_is_not_finite_diverged(method: str, data: TrialData) -> None:
    settings = settings_of(float("inf"))
    state = state_of(method, settings)
    with pytest.raises(DivergedError, match="epoch 1: the architecture's numbers are not finite"):
        next(train_epochs(state, data, settings=settings, seed=2, until=1))


def test_what_is_found_is_what_the_logits_prefer(data: TrialData) -> None:
    state = state_of("darts")
    wanted = [3, 1, 2, 0, 4, 3]
    with torch.no_grad():
        search_of(state).architecture()[0][range(6), wanted] = 5.0
    found = architect_of(state).found(data, seed=1, epoch=0)
    assert found.space == "nasbench201"
    assert choices_of(nasbench201.cell_of(found.configuration)) == wanted


@pytest.mark.parametrize("name", ["setn", "enas", "random_sharing"])
def test_what_is_found_is_the_best_of_those_judged(name: str, data: TrialData) -> None:
    state = state_of(name)
    judged: list[float] = []
    asked = iter([*range(60, 20, -1), 5.0, *range(10, 300)])

    def judge() -> float:
        judged.append(float(next(asked)))
        return judged[-1]

    cells: list[list[int]] = []
    search = search_of(state)
    best = search.found(judge, random(1))
    assert len(judged) == 100
    draws = random(1)
    method = search.method
    for _ in range(41):
        if name == "setn":
            chosen = torch.multinomial(method.alpha.detach().softmax(1), 1, generator=draws)  # type: ignore[union-attr]
            cells.append(chosen.flatten().tolist())
        elif name == "enas":
            cells.append(method.controller.draw(draws).choices)  # type: ignore[union-attr]
        else:
            cells.append([c for (c,) in method.mixture(1.0, draws).active])
    assert choices_of(nasbench201.cell_of(best.configuration)) == cells[40]
    assert data.steps > 0


@pytest.mark.parametrize("recipe", ["nasbench201", "nasbench360_precompute"])
def test_a_recipe_without_a_word_on_architectures_does_not_search(recipe: str) -> None:
    settings = replace(settings_of(), recipe=get_recipe(recipe))
    with pytest.raises(SpecError, match="does not say how an architecture is searched"):
        state_of("gdas", settings)


def test_networks_with_an_architecture_are_not_searched() -> None:
    with pytest.raises(SpecError, match="this space's networks have theirs"):
        initial_state(
            "nasbench201",
            get_space("nasbench201").defaults,
            PROBLEM,
            settings=settings_of(),
            seed=0,
        )
