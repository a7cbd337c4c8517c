import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces import cells, nashpobench2
from nepsbench.spaces.architecture import count_cells

SPACE = nashpobench2.SPACE
NUMBERS = st.integers(0, SPACE.size - 1)


def test_the_space_has_196608_configurations():
    assert SPACE.size == 4096 * 8 * 6 == 196_608


def test_numbers_count_cells_then_learning_rates_then_batch_sizes():
    assert nashpobench2.to_key(SPACE.at(0)) == {
        "cellcode": "0|00|000", "lr": 0.003125, "batch_size": 16,
    }  # fmt: skip
    assert nashpobench2.to_key(SPACE.at(6 * 8 + 6 + 2)) == {
        "cellcode": "0|00|001", "lr": 0.00625, "batch_size": 64,
    }  # fmt: skip
    assert nashpobench2.to_indices(SPACE.at(196_607)) == (4095, 7, 5)


def test_a_cell_code_names_the_edges_01_02_12_03_13_23():
    configuration = nashpobench2.from_cellcode("0|12|301", learning_rate=0.2, batch_size=16)
    assert configuration == {
        "edge_0_1": "nor_conv_3x3", "edge_0_2": "avg_pool_3x3", "edge_1_2": "skip_connect",
        "edge_0_3": "none", "edge_1_3": "nor_conv_3x3", "edge_2_3": "avg_pool_3x3",
        "learning_rate": 0.2, "batch_size": 16,
    }  # fmt: skip
    assert nashpobench2.to_arch_str(configuration) == (
        "|nor_conv_3x3~0|+|avg_pool_3x3~0|skip_connect~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|"
    )


@given(NUMBERS)
def test_every_notation_of_a_configuration_is_read(number):
    configuration = SPACE.at(number)
    key = nashpobench2.to_key(configuration)
    training = {name: configuration[name] for name in ("learning_rate", "batch_size")}
    for query in (number, configuration, key):
        assert nashpobench2.parse(query) == configuration
    for text in (key["cellcode"], nashpobench2.to_arch_str(configuration)):
        assert nashpobench2.parse(text, **training) == configuration
    assert nashpobench2.from_indices(*nashpobench2.to_indices(configuration)) == configuration


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("0|00|004", "is no cell code"),
        ("0|00|00", "is no cell code"),
        ("000000", "is no cell code"),
        (
            "|nor_conv_1x1~0|+|none~0|none~1|+|none~0|none~1|none~2|",
            "edge_0_1='nor_conv_1x1' is not a choice",
        ),
        ({"cellcode": "0|00|000", "lr": 0.1}, "a key has the parts cellcode, lr and batch_size"),
        ({"cellcode": "0|00|000", "lr": 0.3, "batch_size": 16}, "learning_rate=0.3 is not a choi"),
        (196_608, "give a whole number from 0 to 196607"),
        (None, "names nothing in nashpobench2"),
    ],
)
def test_what_names_nothing_is_refused(query, message):
    with pytest.raises(InvalidConfigurationError, match=re.escape(message)):
        nashpobench2.parse(query)


def test_an_index_that_is_out_of_range_is_refused():
    with pytest.raises(InvalidConfigurationError, match="has no learning_rate 8; give a number"):
        nashpobench2.from_indices(0, 8, 0)


def test_the_trained_cells_are_every_architecture_some_of_them_twice(shared_data):
    text = (shared_data / "nashpobench2" / "acml12.yaml").read_text()
    codes = re.findall(r"\d\|\d\d\|\d\d\d", text)
    trained = [nashpobench2.cell_of(nashpobench2.from_cellcode(code)) for code in codes]
    everything = cells.all_cells(nashpobench2.OPERATIONS)
    assert len(set(codes)) == nashpobench2.TRAINED_CELLS
    assert len(everything) == nashpobench2.CELLS
    assert count_cells(trained) == count_cells(everything) == nashpobench2.ARCHITECTURES
    # Where convolutions that read the same count as one, as strings do, there are fewer.
    assert len({flattened(cell) for cell in trained}) == 871


def flattened(cell):
    """A cell as a string: zeros dropped, skips contracted, equal terms told apart by nothing."""
    nodes = [["x"], [], [], []]
    for (source, target), name in zip(cells.NATS_EDGES, cells.to_nats(cell), strict=True):
        if name == "skip_connect":
            nodes[target] += nodes[source]
        elif name != "none" and nodes[source]:
            nodes[target].append(f"{name}({'+'.join(sorted(nodes[source]))})")
    return "+".join(sorted(nodes[3]))
