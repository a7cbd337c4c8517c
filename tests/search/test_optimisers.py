from __future__ import annotations

import math
import random

import pytest

from nepsbench.client.objective import Fidelities
from nepsbench.errors import (
    CorruptedFileError,
    NepsbenchError,
    SpecError,
    VersionMismatchError,
)
from nepsbench.search.optimiser import Problem
from nepsbench.search.registry import describe, make_optimiser, optimiser_names
from nepsbench.search.session import Session
from nepsbench.spaces import get_space
from tests.client.adapters.libraries import library
from tests.search.tiny_search import BEST, EPOCHS, FINITE, MIXED, TinyBenchmark, problem, search

WHOLE = ("random", "evolution", "reinforce", "local_search", "optuna_tpe", "optuna_nsga2")
RUNGS = ("successive_halving", "hyperband", "bohb")
#: Error at the best point after the last epoch.
LEAST = 10 + 30 / EPOCHS[-1]


def problem_for(name: str, space=FINITE) -> Problem:
    one = problem(space)
    return Problem(one.candidates, Fidelities("epoch", EPOCHS) if name in RUNGS else None)


@pytest.mark.parametrize(
    ("name", "evaluations", "close"),
    [("local_search", 60, 0), ("evolution", 150, 0), ("optuna_tpe", 120, 5),
     ("reinforce", 200, 5), ("random", 200, 5), ("optuna_nsga2", 150, 5)],
)  # fmt: skip
def test_an_optimiser_comes_to_the_best_of_625_points_or_near(name, evaluations, close):
    session = Session(name, problem(), seed=3)
    errors = list(search(session, TinyBenchmark(), evaluations))
    assert min(errors) <= LEAST + close + 1e-9


@pytest.mark.parametrize("name", RUNGS)
def test_an_optimiser_of_rungs_trains_few_to_the_end_and_those_are_good(name):
    session, bench = Session(name, problem_for(name), seed=3), TinyBenchmark()
    by_rung = {epoch: [] for epoch in EPOCHS}
    for _ in range(120):
        suggestion = session.ask()
        error = 100 - bench(session.configuration(suggestion), suggestion.fidelity)["valid_acc"]
        session.tell(suggestion.number, [error])
        by_rung[suggestion.fidelity].append(error - 30 / suggestion.fidelity)
    counts = [len(by_rung[epoch]) for epoch in EPOCHS]
    assert all(counts)
    assert counts[0] > counts[-1]
    mean = {epoch: sum(errors) / len(errors) for epoch, errors in by_rung.items()}
    assert mean[EPOCHS[-1]] < mean[EPOCHS[0]]


@pytest.mark.parametrize("name", [*WHOLE, *RUNGS])
@pytest.mark.parametrize("space", [FINITE, MIXED], ids=["finite", "mixed"])
def test_the_same_seed_asks_the_same_and_another_one_something_else(name, space):
    def asked(seed):
        session = Session(name, problem_for(name, space), seed=seed)
        list(search(session, TinyBenchmark(space), 25))
        return session.to_json()

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)


@pytest.mark.parametrize("name", [*WHOLE, *RUNGS])
def test_a_session_goes_on_where_it_was_saved(name):
    whole, bench = Session(name, problem_for(name), seed=5), TinyBenchmark()
    part = Session(name, problem_for(name), seed=5)
    list(search(whole, bench, 30))
    list(search(part, bench, 13))
    again = Session.from_json(part.to_json(), problem_for(name))
    list(search(again, bench, 17))
    assert again.to_json() == whole.to_json()


@pytest.mark.parametrize("name", [*WHOLE, *RUNGS])
def test_a_failed_training_stops_no_optimiser(name):
    session = Session(name, problem_for(name), seed=1)
    for number in range(30):
        suggestion = session.ask()
        session.tell(suggestion.number, [math.inf if number % 3 else 50.0])


@pytest.mark.parametrize("name", ["evolution", "reinforce", "hyperband", "bohb", "optuna_tpe"])
def test_several_suggestions_may_be_open_and_are_told_in_any_order(name):
    session, bench = Session(name, problem_for(name), seed=1), TinyBenchmark()
    for _ in range(10):
        suggestions = [session.ask() for _ in range(4)]
        for one in reversed(suggestions):
            answer = bench(session.configuration(one), one.fidelity)
            session.tell(one.number, [100 - answer["valid_acc"]])
    assert session.open == ()


@pytest.mark.parametrize(
    "name", ["nasbench101", "nats_size", "nashpobench2", "nepsbench101", "nds_residual_basic"]
)
@pytest.mark.parametrize("optimiser", ["random", "evolution", "reinforce", "local_search", "bohb"])
def test_every_space_can_be_searched(name, optimiser):
    from nepsbench.search.candidates import Candidates

    space = get_space(name)
    rungs = Fidelities("epoch", EPOCHS) if optimiser in RUNGS else None
    session = Session(optimiser, Problem(Candidates(space), rungs), seed=1)
    for _ in range(15):
        suggestion = session.ask()
        assert space.encode(session.configuration(suggestion)) == suggestion.codes
        session.tell(suggestion.number, [sum(suggestion.codes)])


def test_evolution_changes_one_gene_of_a_parent_that_lives():
    session, bench = Session("evolution", problem(), seed=1), TinyBenchmark()
    seen = []
    for number in range(40):
        suggestion = session.ask()
        if number >= 10:
            living = seen[-10:]
            steps = [sum(a != b for a, b in zip(suggestion.codes, old, strict=True))
                     for old in living]  # fmt: skip
            assert min(steps) <= 1
        seen.append(suggestion.codes)
        session.tell(suggestion.number, [100 - bench(FINITE.decode(suggestion.codes))["valid_acc"]])


def test_the_two_stages_tune_the_training_first_and_the_cell_then():
    from nepsbench.search.candidates import Candidates

    space = get_space("nashpobench2")
    session = Session("random_evolution", Problem(Candidates(space)), seed=1,
                      arguments={"evaluations": 12})  # fmt: skip
    asked = []
    for number in range(40):
        suggestion = session.ask()
        asked.append(session.configuration(suggestion))
        session.tell(suggestion.number, [float((number * 7) % 11)], 1.0)
    edges = [name for name in space.names if name.startswith("edge")]
    rest = [name for name in space.names if name not in edges]
    assert len({tuple(c[e] for e in edges) for c in asked[:12]}) == 1
    assert len({tuple(c[r] for r in rest) for c in asked[12:]}) == 1
    best = min(range(12), key=lambda number: (number * 7) % 11)
    assert [asked[20][r] for r in rest] == [asked[best][r] for r in rest]


def test_bohb_then_evolution_ends_at_the_largest_fidelity():
    from nepsbench.search.candidates import Candidates

    rungs = Fidelities("epoch", (1, 4, 12))
    candidates = Candidates(get_space("nashpobench2"))
    session = Session("bohb_evolution", Problem(candidates, rungs), seed=1)
    fidelities = []
    for _ in range(120):
        suggestion = session.ask()
        fidelities.append(suggestion.fidelity)
        session.tell(suggestion.number, [sum(suggestion.codes)])
    assert {1, 4, 12} <= set(fidelities[:60])
    assert set(fidelities[-40:]) == {12}


@pytest.mark.parametrize(
    ("name", "made", "words"),
    [
        ("evolution", problem_for("bohb"), "asks for whole trainings only"),
        ("hyperband", problem(), "needs several fidelities"),
        ("evolution", Problem(problem().candidates, None, 2), "takes one objective, not 2"),
        ("random_evolution", problem(), "not both an architecture and training parameters"),
        ("randon", problem(), "no optimiser 'randon'"),
    ],
)
def test_what_an_optimiser_cannot_solve_is_refused_in_one_line(name, made, words):
    with pytest.raises(SpecError, match=words) as caught:
        make_optimiser(name, made, 0)
    assert "\n" not in str(caught.value)


def test_an_unknown_argument_is_refused_and_the_known_ones_named():
    with pytest.raises(SpecError, match="no argument 'pop'; it takes population, sample, first"):
        make_optimiser("evolution", problem(), 0, {"pop": 3})


def test_a_session_refuses_what_was_not_asked_and_what_is_no_error():
    session = Session("random", problem(), seed=0)
    with pytest.raises(NepsbenchError, match="no suggestion 0 is open"):
        session.tell(0, [1.0])
    suggestion = session.ask()
    with pytest.raises(NepsbenchError, match="infinity where the training failed"):
        session.tell(suggestion.number, [math.nan])


def test_a_session_of_another_space_or_that_is_damaged_is_refused():
    text = Session("random", problem(), seed=0).to_json()
    with pytest.raises(VersionMismatchError, match="a session in space"):
        Session.from_json(text, problem(MIXED))
    with pytest.raises(CorruptedFileError, match="this is no session"):
        Session.from_json(text[:-4], problem())


def test_an_optimiser_is_described_or_says_what_to_install():
    own, (_, library) = describe(["evolution", "syne_tune"])
    assert own == ("evolution", "population=10, sample=3, first=()")
    assert "scheduler='REA'" in library or "pip install" in library
    assert set(WHOLE + RUNGS) < set(optimiser_names())


def test_the_best_point_is_the_best():
    assert 100 - TinyBenchmark()(BEST)["valid_acc"] == pytest.approx(LEAST)


@pytest.mark.parametrize("scheduler", ["REA", "TPE"])
def test_syne_tune_asks_the_same_again_and_leaves_the_process_its_draws(scheduler):
    library("syne_tune")
    made = {"seed": 1, "arguments": {"scheduler": scheduler}}
    session = Session("syne_tune", problem(MIXED), **made)
    random.seed(7)  # the library, when it is imported, draws as it likes
    list(search(session, TinyBenchmark(MIXED), 40))
    assert random.random() == random.Random(7).random()
    again = Session.from_json(session.to_json(), problem(MIXED))
    assert again.to_json() == session.to_json()


def test_smac_asks_the_same_again():
    library("smac")
    session = Session("smac", problem(MIXED), seed=1, arguments={"trials": 8})
    errors = list(search(session, TinyBenchmark(MIXED), 5))
    assert len(set(errors)) > 2
    again = Session.from_json(session.to_json(), problem(MIXED))
    assert again.to_json() == session.to_json()


@pytest.mark.parametrize(
    ("algorithm", "count"),
    [("regularized_evolution", 60), ("random_search", 40), ("bayesian_optimization", 7)],
)
def test_neps_asks_the_same_again_and_leaves_the_process_its_draws(algorithm, count):
    library("neps")
    made = {"seed": 1, "arguments": {"algorithm": algorithm}}
    session = Session("neps", problem(MIXED), **made)
    random.seed(7)  # the library, when it is imported, draws as it likes
    errors = list(search(session, TinyBenchmark(MIXED), count))
    assert random.random() == random.Random(7).random()
    assert len(set(errors)) > 3
    again = Session.from_json(session.to_json(), problem(MIXED))
    assert again.to_json() == session.to_json()
