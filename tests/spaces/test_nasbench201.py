import csv
import gzip
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces import cells, nasbench201

SPACE = nasbench201.SPACE
NUMBERS = st.integers(0, SPACE.size - 1)


def test_the_space_has_15625_cells_of_six_edges():
    assert SPACE.size == 15625
    assert SPACE.names == ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (
            0,
            "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
            "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
        ),
        (9, "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"),
        (
            123,
            "|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|"
            "+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
        ),
        (
            9930,
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
            "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        ),
    ],
)
def test_published_numbers(number, text):
    assert nasbench201.to_arch_str(SPACE.at(number)) == text
    assert SPACE.index(nasbench201.from_arch_str(text)) == number


def test_the_published_order_never_changes():
    order = nasbench201.published_order().astype("<i8")
    assert hashlib.sha256(order.tobytes()).hexdigest() == (
        "4e228f05f95b0dede279243cb19a438986a80665a1ac7bb77b4d10c0638f370a"
    )


def test_every_published_number_is_ours(shared_data):
    path = shared_data / "nasbench201" / "seeds_200ep.csv.gz"
    with gzip.open(path, "rt") as file:
        published = {int(row["arch_id"]): row["arch_str"] for row in csv.DictReader(file)}
    assert len(published) == SPACE.size
    ours = [SPACE.decode(row) for row in SPACE.codes_at(np.arange(SPACE.size)).tolist()]
    assert [nasbench201.to_arch_str(configuration) for configuration in ours] == [
        published[number] for number in range(SPACE.size)
    ]


@given(NUMBERS)
def test_every_notation_of_a_cell_is_read(number):
    configuration = SPACE.at(number)
    cell = nasbench201.cell_of(configuration)
    for query in (
        number, np.int64(number), configuration, cells.to_arch_str(cell), cells.to_digits(cell),
        cells.to_nats(cell), list(cells.to_nats(cell)), cells.to_op_lists(cell), cells.to_nni(cell),
    ):  # fmt: skip
        assert nasbench201.parse(query) == configuration


@pytest.mark.parametrize("query", [None, 1.5, -1, 15625, "4212", "|none~0|", [], ["none"], {}, {1}])
def test_what_names_no_cell_is_refused(query):
    with pytest.raises(InvalidConfigurationError):
        nasbench201.parse(query)


def test_there_are_6466_unique_strings_with_zeros_and_12751_without():
    all_cells = cells.all_cells()
    assert len({nasbench201.unique_string(cell) for cell in all_cells}) == 6466
    assert len({nasbench201.unique_string(cell, zeros=False) for cell in all_cells}) == 12751
