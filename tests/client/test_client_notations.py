"""What names a configuration outside of a table: words, hashes, files."""

from __future__ import annotations

import json

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from nepsbench.client import notations
from nepsbench.client.batch_files import read_orders
from nepsbench.client.notations import configuration_of, query_of_text
from nepsbench.errors import InvalidConfigurationError, SpecError
from nepsbench.spaces import get_space, nasbench101
from nepsbench.spaces.nasbench101_hashes import HashIndex
from nepsbench.spaces.nasbench101_hashing import hash_cells
from nepsbench.spaces.nasbench101_index import build_index

NEPS, NB201, NB101 = map(get_space, ("nepsbench101", "nasbench201", "nasbench101"))
CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"


def read(space, word):
    return configuration_of(space, query_of_text(space, word))


def test_words_are_json_numbers_or_notations():
    assert read(NB201, "123") == NB201.at(123)
    assert NB201.index(read(NB201, CELL)) == NB201.index(NB201.validate(read(NB201, CELL)))
    assert read(NB201, json.dumps(NB201.at(7))) == NB201.at(7)
    assert read(NEPS, json.dumps(NEPS.defaults)) == NEPS.validate(NEPS.defaults)
    matrix = [[0, 1], [0, 0]]
    expected = nasbench101.from_spec(matrix, ["input", "output"])
    assert read(NB101, json.dumps([matrix, ["input", "output"]])) == expected


def test_six_digits_are_a_cell_of_nasbench201_and_no_number():
    assert read(NB201, "012340") == configuration_of(NB201, "012340")


def test_a_cell_of_nepsbench101_has_the_other_values_at_their_defaults():
    found = read(NEPS, CELL)
    others = {name: value for name, value in found.items() if not name.startswith("Op")}
    assert others.items() <= {**NEPS.defaults, "Optimizer": found["Optimizer"]}.items()


def test_a_hash_of_nasbench101_is_looked_up(monkeypatch):
    few = HashIndex.of(hash_cells(build_index(), np.arange(50)))
    monkeypatch.setattr(notations, "_hashes", lambda: few)
    cell = NB101.at(17)
    assert read(NB101, nasbench101.hash_of(cell)) == NB101.validate(cell)
    with pytest.raises(InvalidConfigurationError, match="no cell of NAS-Bench-101 has the hash"):
        read(NB101, "0" * 32)


@pytest.mark.slow
def test_hashes_of_all_cells_are_made_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("NEPSBENCH_CACHE", str(tmp_path))
    notations._hashes.cache_clear()
    cell = NB101.at(400_000)
    assert read(NB101, nasbench101.hash_of(cell)) == NB101.validate(cell)
    monkeypatch.setattr(notations, "_write_hashes", None)
    notations._hashes.cache_clear()
    assert read(NB101, nasbench101.hash_of(cell)) == NB101.validate(cell)


def test_broken_json_is_named():
    with pytest.raises(InvalidConfigurationError, match="not JSON"):
        query_of_text(NEPS, '{"N": 1')


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_has_a_column_a_parameter_and_perhaps_a_seed(tmp_path, ending):
    path = tmp_path / f"asked.{ending}"
    columns = {name: [value] for name, value in {**NEPS.defaults, "seed": 5, "host": "x"}.items()}
    table = duckdb.connect().from_arrow(pa.table(columns))
    getattr(table, f"write_{ending}")(str(path))
    (order,) = read_orders(path, NEPS, seed=1)
    assert (order.seed, order.configuration) == (5, NEPS.validate(NEPS.defaults))


def test_a_file_may_hold_notations_and_its_wrong_row_is_named(tmp_path):
    path = tmp_path / "asked.jsonl"
    path.write_text(json.dumps({"configuration": CELL}) + "\n" + json.dumps({"N": 1}) + "\n")
    with pytest.raises(SpecError, match=r"asked\.jsonl: row 2: configuration of nasbench201 lacks"):
        read_orders(path, NB201, seed=1)
    path.write_text(json.dumps({"configuration": CELL, "seed": 3}) + "\n")
    (order,) = read_orders(path, NB201, seed=1)
    assert (order.seed, order.configuration) == (3, configuration_of(NB201, CELL))
    path.write_text("3\n")
    with pytest.raises(SpecError, match="line 1 is no JSON object"):
        read_orders(path, NB201, seed=1)
    with pytest.raises(SpecError, match="no such file"):
        read_orders(tmp_path / "none.csv", NB201, seed=1)
