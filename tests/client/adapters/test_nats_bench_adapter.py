"""The interface of nats-bench, beside nats-bench itself on the same files."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nepsbench.client.adapters.nats_bench import NATSBench, create
from nepsbench.errors import InvalidConfigurationError, NepsbenchError, NotInTableError
from nepsbench.spaces import nasbench201, nats_size
from nepsbench.warehouse.importers.block import Block
from tests.client.adapters.blocks import publish_block
from tests.client.adapters.conftest import publish_nats
from tests.client.adapters.libraries import library
from tests.warehouse.nats_tables import SIZE, entry, table, write_folder

pytestmark = pytest.mark.whole

DATASETS = ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")
HPS = {"tss": ("12", "200"), "sss": ("01", "12", "90")}
CELLS, WIDTHS = (7, 11, 2024), (3, 32_767)


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("sss")
    entries = {number: entry(number, nats_size.SPACE, SIZE) for number in WIDTHS}
    files = write_folder(root / "NATS-sss-made-up", entries, table(entries, nats_size.SPACE))
    return files, publish_nats(root / "home", files, "nats_size")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data home with releases of the whole topology space, one trial each, made up."""
    space, home = nasbench201.SPACE, tmp_path_factory.mktemp("whole")
    numbers = np.arange(space.size)
    codes = space.codes_at(numbers)
    accuracy = 40 + np.array([0.0, 3.0, 5.0, 6.0, 2.0])[codes.astype(int)].sum(axis=1)
    every = np.repeat(numbers, 12)
    for dataset in ("cifar10-valid", "cifar10"):
        block = Block(
            space=space, dataset=dataset, recipe="made-up", numbers=numbers,
            repeats=np.ones(space.size, dtype=int), codes=codes,
            horizons=np.full(space.size, 12), seeds=np.full(space.size, 111),
            metrics={"params": accuracy / 100, "flops": accuracy},
            trial_of_epoch=every, epochs=np.tile(np.arange(1, 13), space.size),
            epoch_metrics={
                "train_acc": accuracy[every], "train_loss": accuracy[every] / 50,
                "valid_acc": accuracy[every], "valid_loss": accuracy[every] / 50,
                "train_duration": np.full(len(every), 10.0),
                "valid_duration": np.full(len(every), 1.0),
                "latency": np.full(len(every), 0.25),
            },
        )  # fmt: skip
        publish_block(home, block)
    return home


def outcome(ask: Callable[[], Any]) -> Any:
    """Return an answer, without the comment; of an error, that there was one."""
    try:
        found = ask()
    except (ValueError, KeyError):
        return "error"
    if isinstance(found, dict):
        return {name: value for name, value in found.items() if name != "comment"}
    return found


def ask_both(theirs: Any, ours: NATSBench, ask: Callable[[Any], Any], *, seed: int) -> None:
    """Ask both from the same state of Python's generator."""
    answers = []
    for api in (theirs, ours):
        random.seed(seed)
        answers.append(outcome(lambda api=api: ask(api)))
    assert answers[0] == answers[1]


def compare(
    files: Path, home: Path, space: str, numbers: tuple[int, ...], *, every_epoch: bool = False
) -> int:
    """Ask both everything; return how many questions had equal answers, to the last bit."""
    theirs = library("nats_bench").create(str(files), space, fast_mode=True, verbose=False)
    ours = create(home, space, fast_mode=True, verbose=False)
    asked = 0
    for number, hp, dataset in product(numbers, HPS[space], DATASETS):
        seeds = list(theirs.query_by_index(number, dataset, hp=hp))
        assert list(ours.query_by_index(number, dataset, hp=hp)) == seeds
        ask_both(theirs, ours, lambda api: api.get_cost_info(number, dataset, hp), seed=0)  # noqa: B023
        ask_both(theirs, ours, lambda api: api.get_latency(number, dataset, hp), seed=0)  # noqa: B023
        last = int(hp)
        epochs = range(last + 1) if every_epoch else {0, 1, last // 2, last - 2, last - 1, last}
        for iepoch in (None, *epochs):
            for choice in (False, True, *seeds, 1):
                arguments = (number, dataset, iepoch, hp, choice)
                ask_both(theirs, ours, lambda api: api.get_more_info(*arguments), seed=asked)  # noqa: B023
                asked += 1
            arguments = (number, dataset, iepoch, hp)
            ask_both(theirs, ours, lambda api: api.simulate_train_eval(*arguments), seed=asked)  # noqa: B023
            asked += 1
    assert ours.used_time == theirs.used_time > 0
    return asked


def test_every_answer_on_a_topology_table_is_nats_benchs(topology: tuple[Path, Path]) -> None:
    assert compare(*topology, "tss", CELLS[:2]) > 500


def test_every_answer_on_a_size_table_is_nats_benchs(sizes: tuple[Path, Path]) -> None:
    assert compare(*sizes, "sss", WIDTHS) > 500


def test_every_answer_on_the_published_fragment_is_nats_benchs(
    shared_data: Path, tmp_path: Path
) -> None:
    files = shared_data / "nasbench201" / "nats_topology" / "NATS-tss-v1_0-3ffb9-simple"
    home = publish_nats(tmp_path / "home", files)
    assert compare(files, home, "tss", (0, 11), every_epoch=True) > 10_000


def test_records_of_an_architecture_are_nats_benchs(topology: tuple[Path, Path]) -> None:
    files, home = topology
    theirs = library("nats_bench").create(str(files), "tss", fast_mode=True, verbose=False)
    ours = create(home, "tss", verbose=False)
    for hp in ("12", "200"):
        one, other = (api.query_by_index(7, hp=hp) for api in (theirs, ours))
        assert one.get_dataset_names() == other.get_dataset_names()
        for dataset in DATASETS:
            assert one.get_dataset_seeds(dataset) == other.get_dataset_seeds(dataset)
            assert one.get_compute_costs(dataset) == other.get_compute_costs(dataset)
            assert one.get_latency(dataset) == other.get_latency(dataset)
            assert one.get_metrics(dataset, "train") == other.get_metrics(dataset, "train")
            for seed, trial in one.query(dataset).items():
                ours_of_seed = other.query(dataset, seed)
                assert trial.get_train(3) == ours_of_seed.get_train(3)
                assert trial.get_times() == ours_of_seed.get_times()
                assert trial.get_latency() == ours_of_seed.get_latency()
                for name in trial.get_eval_set():
                    assert trial.get_eval(name) == ours_of_seed.get_eval(name)
    assert one.get_total_epoch() == other.get_total_epoch() == 200


def test_the_best_architecture_is_nats_benchs(topology: tuple[Path, Path]) -> None:
    _, home = topology
    loaded = table({number: entry(number) for number in CELLS})
    theirs = library("nats_bench").create(loaded, "tss", fast_mode=False, verbose=False)
    ours = create(home, "tss", verbose=False)
    assert ours.evaluated_indexes == theirs.evaluated_indexes == set(CELLS)
    for dataset, name in product(("cifar10", "cifar100"), ("train", "valid", "test")):
        for flops in (None, 100.0, 1.0):
            assert ours.find_best(dataset, name, flops, hp="200") == theirs.find_best(
                dataset, name, flops, hp="200"
            )
    assert ours.statistics("cifar100", 200) == theirs.statistics("cifar100", 200)


def test_architectures_have_nats_benchs_numbers_and_strings(
    topology: tuple[Path, Path], sizes: tuple[Path, Path]
) -> None:
    for (files, home), space in ((topology, "tss"), (sizes, "sss")):
        theirs = library("nats_bench").create(str(files), space, fast_mode=True, verbose=False)
        ours = create(home, space, verbose=False)
        assert len(ours) == len(theirs)
        assert ours.meta_archs == theirs.meta_archs
        assert ours[5] == theirs[5] == ours.arch(5)
        assert ours.query_index_by_arch(theirs[6]) == 6
        assert ours.query_index_by_arch("nothing") == theirs.query_index_by_arch("nothing") == -1
    api = create(topology[1], "tss", verbose=False)
    tss = library("nats_bench").create(str(topology[0]), "tss", fast_mode=True, verbose=False)
    text = api.arch(1234)
    assert api.get_unique_str(1234) == tss.get_unique_str(1234)
    assert api.str2lists(text) == tss.str2lists(text)
    assert (api.str2matrix(text) == tss.str2matrix(text)).all()


def test_networks_are_described_as_their_builders_want_it(
    topology: tuple[Path, Path], sizes: tuple[Path, Path]
) -> None:
    cell = create(topology[1], "tss").get_net_config(7, "cifar100")
    assert cell == {
        "name": "infer.tiny", "C": 16, "N": 5, "num_classes": 100,
        "arch_str": nasbench201.to_arch_str(nasbench201.SPACE.at(7)),
    }  # fmt: skip
    size = create(sizes[1], "sss").get_net_config("8:8:8:16:32", "ImageNet16-120")
    assert size["channels"] == "8:8:8:16:32"
    assert size["num_classes"] == 120


def test_what_cannot_be_answered_is_told_in_a_line(topology: tuple[Path, Path]) -> None:
    api = create(topology[1], "tss")
    with pytest.raises(ValueError, match="no architecture 15625"):
        api.arch(15_625)
    with pytest.raises(InvalidConfigurationError, match="no architecture 15625"):
        api.get_more_info(15_625, "cifar10")
    with pytest.raises(KeyError, match="valid but not in the table"):
        api.get_more_info(8, "cifar10")
    with pytest.raises(NotInTableError, match="no hp='13' on cifar10; there are: 12, 200"):
        api.get_more_info(7, "cifar10", hp="13")
    with pytest.raises(KeyError, match="no release nasbench201-svhn"):
        api.get_more_info(7, "svhn")
    with pytest.raises(ValueError, match="no trial has the seed 5; choose one of"):
        api.get_more_info(7, "cifar10", is_random=5)
    with pytest.raises(NepsbenchError, match="no weights of 7"):
        api.get_net_param(7, "cifar10", None)
    with pytest.raises(ValueError, match="search space 'x' is none of"):
        create(topology[1], "x")


def test_a_script_may_go_on_naming_the_published_file(
    topology: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NEPSBENCH_HOME", str(topology[1]))
    api = create("/elsewhere/NATS-tss-v1_0-3ffb9-simple", "tss", fast_mode=True, verbose=False)
    assert "NATS-tss-v1_0-3ffb9-simple is not read" in caplog.text
    assert api.get_more_info(7, "cifar10", hp="200", is_random=777)
    monkeypatch.setenv("NEPSBENCH_HOME", str(topology[1] / "releases"))
    with pytest.raises(NepsbenchError, match="files /elsewhere/NATS-tss as kind nats"):
        create("/elsewhere/NATS-tss", "tss")


class Cell:
    """A cell as AutoDL-Projects' scripts have it: known by its string."""

    def __init__(self, operations: list[str]) -> None:
        self.operations = operations

    def tostr(self) -> str:
        a, b, c, d, e, f = self.operations
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def regularised_evolution(api: NATSBench, *, budget: float) -> tuple[list[float], Cell]:
    """A search of the shape of AutoDL-Projects' baseline: age-based evolution, simulated time."""
    operations = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    api.reset_time()
    population: deque[tuple[float, Cell]] = deque()
    history: list[tuple[float, Cell]] = []
    while api.used_time < budget:
        if len(population) < 10:
            cell = Cell(random.choices(operations, k=6))
        else:
            parent = max(random.sample(population, 5), key=lambda member: member[0])
            cell = Cell([*parent[1].operations])
            cell.operations[random.randrange(6)] = random.choice(operations)
        accuracy, _, _, _ = api.simulate_train_eval(cell, "cifar10", hp="12")
        population.append((accuracy, cell))
        history.append(population[-1])
        if len(population) > 10:
            population.popleft()
    best = max(history, key=lambda member: member[0])
    return [accuracy for accuracy, _ in history], best[1]


def test_an_evolution_runs_as_on_nats_bench(whole: Path) -> None:
    random.seed(3)
    api = create(whole, "tss", fast_mode=True, verbose=False)
    accuracies, best = regularised_evolution(api, budget=20_000.0)
    assert len(accuracies) > 100
    index = api.query_index_by_arch(best)
    assert max(accuracies) == api.get_more_info(index, "cifar10-valid", hp="12")["valid-accuracy"]
    assert max(accuracies) > max(accuracies[:10])
