"""The interface of NAS-Bench-101, on records whose answers are known."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nepsbench.client.adapters import nasbench as api
from nepsbench.errors import InvalidConfigurationError, NepsbenchError, NotInTableError
from nepsbench.spaces import nasbench101
from tests.client.adapters.nasbench101_records import (
    INCEPTION,
    SMALL,
    made_up_runs,
    parameters_of,
    publish_records,
)

INPUT, OUTPUT = "input", "output"
CONV1X1, CONV3X3, MAXPOOL3X3 = "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"
INCEPTION_HASH = "28cfc7874f6d200472e1a9dcd8650aa0"


@pytest.fixture
def dataset(small_cells: Path) -> api.NASBench:
    return api.NASBench(small_cells, seed=7)


def spec_of(number: int) -> api.ModelSpec:
    return api.ModelSpec(*nasbench101.to_spec(nasbench101.SPACE.at(number)))


def test_the_readmes_example_runs(dataset: api.NASBench) -> None:
    model_spec = api.ModelSpec(matrix=INCEPTION[0], ops=INCEPTION[1])
    data = dataset.query(model_spec)
    assert list(data) == [
        "module_adjacency", "module_operations", "trainable_parameters", "training_time",
        "train_accuracy", "validation_accuracy", "test_accuracy",
    ]  # fmt: skip
    assert data["module_adjacency"].dtype == np.int8
    assert model_spec.hash_spec(dataset.config["available_ops"]) == INCEPTION_HASH
    assert dataset.valid_epochs == {4, 12, 36, 108}
    assert dataset.get_budget_counters() == (data["training_time"], 108)
    fixed, computed = dataset.get_metrics_from_spec(model_spec)
    for epochs in dataset.valid_epochs:
        for repeat_index in range(len(computed[epochs])):
            assert 0 < computed[epochs][repeat_index]["final_validation_accuracy"] < 1
    assert INCEPTION_HASH in dataset.hash_iterator()
    by_hash = dataset.get_metrics_from_hash(INCEPTION_HASH)
    assert by_hash[1] == computed
    assert (by_hash[0]["module_adjacency"] == fixed["module_adjacency"]).all()


def test_all_runs_of_a_cell_are_the_records_to_the_last_bit(dataset: api.NASBench) -> None:
    for number in (0, 5, 90, 1234, SMALL - 1):
        fixed, computed = dataset.get_metrics_from_spec(spec_of(number))
        assert computed == made_up_runs(number)
        assert fixed["trainable_parameters"] == parameters_of(number)
        matrix, operations = nasbench101.to_spec(nasbench101.SPACE.at(number))
        assert fixed["module_adjacency"].tolist() == matrix
        assert fixed["module_operations"] == operations
        fixed["module_adjacency"][:] = 7
        assert dataset.query(spec_of(number))["module_adjacency"].tolist() == matrix


def test_queries_draw_the_repeats_that_the_original_draws(small_cells: Path) -> None:
    """Python's generator, seeded, asked once a query for a number from 0 to 2."""
    seeded = api.NASBench(small_cells, seed=42)
    draws = random.Random(42)
    spent, epochs_spent = 0.0, 0
    for step in range(200):
        number, epochs, is_half = step * 11, (4, 12, 36, 108)[step % 4], step % 3 == 0
        run = made_up_runs(number)[epochs][draws.randint(0, 2)]
        data = seeded.query(spec_of(number), epochs, stop_halfway=is_half)
        part = "halfway" if is_half else "final"
        for name in ("train", "validation", "test"):
            assert data[f"{name}_accuracy"] == run[f"{part}_{name}_accuracy"]
        assert data["training_time"] == run[f"{part}_training_time"]
        spent += run[f"{part}_training_time"]
        epochs_spent += epochs // 2 if is_half else epochs
    assert seeded.get_budget_counters() == (spent, epochs_spent)
    seeded.reset_budget_counters()
    assert seeded.get_budget_counters() == (0.0, 0)
    unseeded = api.NASBench(small_cells)
    random.seed(3)
    expected = [made_up_runs(50)[108][random.randint(0, 2)] for _ in range(20)]
    random.seed(3)
    found = [unseeded.query(spec_of(50))["test_accuracy"] for _ in range(20)]
    assert found == [run["final_test_accuracy"] for run in expected]


def test_hashes_are_those_of_the_table(dataset: api.NASBench) -> None:
    hashes = dataset.hash_iterator()
    assert len(hashes) == len(set(hashes)) == SMALL + 1
    for text in list(hashes)[::400]:
        fixed, _ = dataset.get_metrics_from_hash(text)
        spec = api.ModelSpec(fixed["module_adjacency"], fixed["module_operations"])
        assert spec.hash_spec(dataset.config["available_ops"]) == text
        assert dataset.fixed_statistics[text]["trainable_parameters"]
        assert dataset.computed_statistics[text][108]
    assert len(dataset.fixed_statistics) == len(hashes)
    with pytest.raises(KeyError, match="has the hash"):
        dataset.get_metrics_from_hash("0" * 32)


def test_a_spec_is_pruned_as_the_original_prunes() -> None:
    matrix = np.zeros((7, 7), dtype=int)
    matrix[0, 1] = matrix[1, 6] = matrix[0, 2] = matrix[3, 6] = 1
    operations = [INPUT, CONV3X3, CONV1X1, "no operation", CONV1X1, CONV1X1, OUTPUT]
    spec = api.ModelSpec(matrix, operations)
    assert spec.valid_spec
    assert spec.matrix.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert spec.ops == [INPUT, CONV3X3, OUTPUT]
    assert (spec.original_matrix == matrix).all()
    assert spec.original_ops == operations
    matrix[:], operations[1] = 0, CONV1X1
    assert spec.original_matrix.sum() == 4
    assert spec.original_ops[1] == CONV3X3
    disconnected = api.ModelSpec(np.zeros((3, 3)), [INPUT, CONV3X3, OUTPUT])
    assert not disconnected.valid_spec
    assert disconnected.matrix is disconnected.ops is None
    assert not api.ModelSpec([[0]], [INPUT]).valid_spec


@pytest.mark.parametrize(
    ("matrix", "operations", "message"),
    [
        ([[0, 1], [1, 0]], [INPUT, OUTPUT], "upper triangular"),
        ([[0, 1, 0], [0, 0, 1]], [INPUT, OUTPUT], "square"),
        ([[0, 1], [0]], [INPUT, OUTPUT], "square"),
        ([[0, 1], [0, 0]], [INPUT, CONV1X1, OUTPUT], "3 operations do not fit"),
    ],
)
def test_a_matrix_of_another_form_is_a_value_error(
    matrix: Any, operations: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        api.ModelSpec(matrix, operations)


def full(size: int) -> api.ModelSpec:
    """A cell with every edge, as large as asked."""
    return api.ModelSpec(
        np.triu(np.ones((size, size), dtype=int), 1), [INPUT, *[CONV3X3] * (size - 2), OUTPUT]
    )


def test_what_lies_outside_the_space_is_out_of_domain(dataset: api.NASBench) -> None:
    chain = np.diag(np.ones(7, dtype=int), 1)
    outside = {
        "8 vertices": api.ModelSpec(chain, [INPUT, *[CONV3X3] * 6, OUTPUT]),
        "21 edges": full(7),
        "no path": api.ModelSpec(np.zeros((3, 3), dtype=int), [INPUT, CONV1X1, OUTPUT]),
        "the first operation": api.ModelSpec([[0, 1], [0, 0]], [OUTPUT, OUTPUT]),
        "unknown operation 'conv5x5'": api.ModelSpec(
            [[0, 1, 0], [0, 0, 1], [0, 0, 0]], [INPUT, "conv5x5", OUTPUT]
        ),
    }
    for message, spec in outside.items():
        assert not dataset.is_valid(spec)
        with pytest.raises(api.OutOfDomainError, match=message):
            dataset.query(spec)
    with pytest.raises(InvalidConfigurationError, match="for 5 epochs; choose one of 4, 12, 36"):
        dataset.query(spec_of(3), epochs=5)
    assert dataset.get_budget_counters() == (0.0, 0)


def test_a_cell_of_more_vertices_that_prunes_into_the_space_is_answered(
    dataset: api.NASBench,
) -> None:
    matrix = np.zeros((9, 9), dtype=int)
    matrix[0, 4] = matrix[4, 8] = matrix[0, 1] = 1
    spec = api.ModelSpec(matrix, [INPUT, *[CONV1X1] * 7, OUTPUT])
    small = api.ModelSpec([[0, 1, 0], [0, 0, 1], [0, 0, 0]], [INPUT, CONV1X1, OUTPUT])
    assert dataset.is_valid(spec)
    assert dataset.get_metrics_from_spec(spec)[1] == dataset.get_metrics_from_spec(small)[1]


def test_a_cell_that_is_not_in_the_table_is_missing(dataset: api.NASBench) -> None:
    spec = spec_of(400_000)
    assert dataset.is_valid(spec)
    with pytest.raises(KeyError, match="valid but not in the table"):
        dataset.query(spec)
    with pytest.raises(NotInTableError):
        dataset.get_metrics_from_spec(spec)
    with pytest.raises(NepsbenchError, match="no training of"):
        dataset.evaluate(spec, "folder")


def random_spec(dataset: api.NASBench) -> api.ModelSpec:
    while True:
        matrix = np.triu(np.random.default_rng(random.getrandbits(32)).integers(0, 2, (5, 5)), 1)
        operations = [INPUT, *random.choices((CONV1X1, CONV3X3, MAXPOOL3X3), k=3), OUTPUT]
        spec = api.ModelSpec(matrix=matrix, ops=operations)
        if dataset.is_valid(spec):
            return spec


def mutated(dataset: api.NASBench, parent: api.ModelSpec) -> api.ModelSpec:
    while True:
        matrix, operations = parent.original_matrix.copy(), [*parent.original_ops]
        source = random.randrange(4)
        target = random.randrange(source + 1, 5)
        matrix[source, target] = 1 - matrix[source, target]
        operations[random.randrange(1, 4)] = random.choice(dataset.config["available_ops"])
        spec = api.ModelSpec(matrix, operations)
        if dataset.is_valid(spec):
            return spec


def test_an_evolution_runs_as_in_the_authors_notebook(small_cells: Path) -> None:
    random.seed(1)
    dataset = api.NASBench(str(small_cells))
    best: list[float] = []
    population: list[tuple[float, api.ModelSpec]] = []
    while dataset.get_budget_counters()[0] < 100_000:
        if len(population) < 20:
            spec = random_spec(dataset)
        else:
            spec = mutated(dataset, max(random.sample(population, 5), key=lambda m: m[0])[1])
        accuracy = dataset.query(spec)["validation_accuracy"]
        population = [*population[-19:], (accuracy, spec)]
        best.append(max([accuracy, *best[-1:]]))
    assert len(best) > 100
    assert best[-1] > best[20]


def test_published_cells_are_answered_to_the_last_bit(shared_data: Path, tmp_path: Path) -> None:
    published = json.loads((shared_data / "nasbench101" / "nb101_30.json").read_text())
    records = {}
    for cell in published.values():
        number = nasbench101.SPACE.index(
            nasbench101.from_spec(cell["module_adjacency"], cell["module_operations"])
        )
        runs = {int(epochs): repeats for epochs, repeats in cell["runs"].items()}
        records[number] = (cell["trainable_parameters"], runs)
    dataset = api.NASBench(publish_records(tmp_path, records))
    assert set(dataset.hash_iterator()) == set(published)
    for text, cell in published.items():
        fixed, computed = dataset.get_metrics_from_hash(text)
        assert computed == {int(epochs): runs for epochs, runs in cell["runs"].items()}
        assert fixed["trainable_parameters"] == cell["trainable_parameters"]
        assert fixed["module_adjacency"].tolist() == cell["module_adjacency"]
        assert fixed["module_operations"] == cell["module_operations"]
