"""The interface of NAS-HPO-Bench-II, beside nashpobench2api on the same files."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from nepsbench.client.adapters.nashpobench2 import NASHPOBench2API, get_ith_op, set_ith_op
from nepsbench.errors import InvalidConfigurationError, NotInTableError
from tests.client.adapters.libraries import library
from tests.warehouse.test_nashpobench2_importer import SEEDS, TRAINED, hash_of


@pytest.fixture
def theirs(nashpobench2_files: Path) -> Any:
    api = library("nashpobench2api").NASHPOBench2API(str(nashpobench2_files), verbose=False)
    yield api
    api.logger.handlers.clear()


@pytest.fixture
def ours(nashpobench2_home: Path) -> NASHPOBench2API:
    return NASHPOBench2API(nashpobench2_home, verbose=False)


def outcome(ask: Callable[[], Any]) -> Any:
    """Return an answer; of an error, that there was one."""
    try:
        return ask()
    except (ValueError, KeyError, AssertionError, IndexError):
        return "error"


def test_every_query_is_the_originals(theirs: Any, ours: NASHPOBench2API) -> None:
    answered = 0
    codes = (TRAINED[0], TRAINED[1], TRAINED[2], "1|00|003", "0|02|002")
    assert hash_of(codes[4]) == hash_of(codes[1])
    rates, sizes = (0.003125, 0.1, 0.3), (16, 512, 100)
    epochs = [(12, None), (200, None), (200, 3), (13, None), *((12, e) for e in range(14))]
    for code, lr, size, mode, (epoch, iepoch), seed in product(
        codes, rates, sizes, ("train", "valid", "test", "none"), epochs, (*SEEDS, 1)
    ):
        question = {"cellcode": code, "lr": lr, "batch_size": size, "epoch": epoch, "mode": mode,
                    "iepoch": iepoch, "seed": seed}  # fmt: skip
        if iepoch == 0:
            continue  # of an epoch before the first, the original answers with a KeyError
        found = outcome(lambda: ours.query_by_key(**question))  # noqa: B023
        assert found == outcome(lambda: theirs.query_by_key(**question)), question  # noqa: B023
        answered += found != "error"
    assert answered > 500
    assert ours.get_total_cost() == theirs.get_total_cost() > 0


def test_keys_and_indices_are_the_originals(theirs: Any, ours: NASHPOBench2API) -> None:
    assert len(ours) == len(theirs) == 196_608
    assert str(ours) == str(theirs)
    assert ours.get_search_space() == theirs.get_search_space()
    assert (ours.seeds, ours.epochs, ours.seed) == (theirs.seeds, theirs.epochs, theirs.seed)
    draw = random.Random(1)
    for index in (0, 196_607, *(draw.randrange(196_608) for _ in range(300))):
        key = theirs.get_key_from_idx(index)
        assert ours.get_key_from_idx(index) == key
        assert ours.get_idx_from_key(key) == theirs.get_idx_from_key(key) == index
    for seed in range(20):
        random.seed(seed)
        key = theirs.get_random_key()
        random.seed(seed)
        assert ours.get_random_key() == key
    assert ours[3] == theirs[3]
    assert ours.query_by_index(0, 2, 1, seed=555) == theirs.query_by_index(0, 2, 1, seed=555)
    assert ours.seed == theirs.seed == 555


def test_the_log_of_a_search_is_the_originals(theirs: Any, ours: NASHPOBench2API) -> None:
    results = []
    for api in (theirs, ours):
        api.set_seed(888)
        random.seed(5)
        for _ in range(60):
            key = {**api.get_random_key(), "cellcode": TRAINED[0]}
            api.query_by_key(**key, mode="valid")
        results.append(api.get_results())
        results[-1] |= api.get_results(epoch=12, mode="train")
        results[-1]["best"] = (api.best_acc, api.best_cost, api.best_key)
        api.reset_logdata()
        assert api.acc_trans == []
        assert api.get_total_cost() == 0
    assert results[0] == results[1]
    assert len(results[0]["acc_trans"]) == 60


def test_operations_are_read_and_changed_by_edge() -> None:
    theirs = library("nashpobench2api.utils")
    code = "0|12|321"
    for edge in range(6):
        assert get_ith_op(code, edge) == theirs.get_ith_op(code, edge)
        assert set_ith_op(code, edge, 3) == theirs.set_ith_op(code, edge, 3)


def test_what_cannot_be_answered_is_told_in_a_line(ours: NASHPOBench2API) -> None:
    with pytest.raises(ValueError, match=r"lr=0.3 is no choice; choose one of \[0.003125"):
        ours.query_by_key("0|00|000", 0.3, 16)
    with pytest.raises(InvalidConfigurationError, match=r"'0\|00\|00' is no cell code"):
        ours.query_by_key("0|00|00", 0.1, 16)
    with pytest.raises(ValueError, match="iepoch=13 is not there"):
        ours.query_by_key("0|00|000", 0.1, 16, iepoch=13)
    with pytest.raises(ValueError, match="no runs with seed 1"):
        ours.set_seed(1)
    with pytest.raises(KeyError, match="valid but not in the table"):
        ours.query_by_key("1|00|003", 0.1, 16)
    with pytest.raises(NotInTableError, match="nothing was asked yet"):
        ours.get_results()


def test_queries_are_told_to_the_logger_once(
    nashpobench2_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger("a script's own")
    told: list[str] = []
    logger.addFilter(lambda record: bool(told.append(record.getMessage())))
    api = NASHPOBench2API(nashpobench2_home, logger=logger, verbose=True)
    api.query_by_key("0|00|000", 0.1, 16)
    api.get_results(epoch=12)
    assert len(told) == 4
    assert "0|00|000 lr 0.10000 batch 16" in told[0]
    for _ in range(3):
        quiet = NASHPOBench2API(nashpobench2_home, verbose=False)
        quiet.query_by_key("0|00|000", 0.1, 16)
    assert capsys.readouterr().err == ""
    own = [handler for handler in quiet.logger.handlers if type(handler) is logging.StreamHandler]
    assert len(own) == 1


def evolve(api: NASHPOBench2API, *, budget: float) -> dict[str, list[Any]]:
    """A search of the shape of the authors' evolution: one of eight genes changes at a time."""
    population: list[tuple[float, dict[str, Any]]] = []
    cells, rates, sizes = api.get_search_space()
    while api.get_total_cost() < budget:
        if len(population) < 10:
            key = api.get_random_key()
            key["cellcode"] = random.choice([code for code in cells if code in TRAINED[:1]])
        else:
            parent = max(random.sample(population, 3), key=lambda member: member[0])
            key = dict(parent[1])
            gene = random.choice(("lr", "batch_size"))
            key[gene] = random.choice(rates if gene == "lr" else sizes)
        accuracy, _ = api.query_by_key(**key)
        population = [*population[-9:], (accuracy, key)]
    return api.get_results()


def test_an_evolution_runs_as_on_nashpobench2api(theirs: Any, ours: NASHPOBench2API) -> None:
    results = []
    for api in (theirs, ours):
        random.seed(2)
        results.append(evolve(api, budget=5_000.0))
    assert results[0] == results[1]
    assert len(results[0]["acc_trans"]) > 20
