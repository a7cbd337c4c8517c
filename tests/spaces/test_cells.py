import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces import cells

CELLS = st.lists(st.sampled_from(cells.NATS_OPERATIONS), min_size=6, max_size=6).map(
    cells.from_nats
)

#: Cell 0 of the published files in every notation.
FIRST = cells.from_digits("421211")


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (cells.to_nats, cells.from_nats),
        (cells.to_arch_str, cells.from_arch_str),
        (cells.to_digits, cells.from_digits),
        (cells.to_op_lists, cells.from_op_lists),
        (cells.to_nni, cells.from_nni),
    ],
)
@given(cell=CELLS)
def test_cells_survive_every_notation(write, read, cell):
    assert read(write(cell)) == cell


def test_the_notations_of_one_cell():
    assert cells.to_arch_str(FIRST) == (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
        "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )
    assert cells.to_op_lists(FIRST) == (
        (("avg_pool_3x3", 0),),
        (("nor_conv_1x1", 0), ("skip_connect", 1)),
        (("nor_conv_1x1", 0), ("skip_connect", 1), ("skip_connect", 2)),
    )
    assert cells.to_nni(FIRST) == {
        "0_1": "avg_pool_3x3", "0_2": "conv_1x1", "1_2": "skip_connect",
        "0_3": "conv_1x1", "1_3": "skip_connect", "2_3": "skip_connect",
    }  # fmt: skip
    assert cells.to_matrix(FIRST) == [[0, 0, 0, 0], [4, 0, 0, 0], [2, 1, 0, 0], [2, 1, 1, 0]]


def test_a_cell_with_operations_on_vertices():
    matrix, labels = cells.to_spec(FIRST)
    assert labels == ["input", *cells.to_nats(FIRST), "output"]
    assert matrix == [
        [0, 1, 1, 0, 1, 0, 0, 0],  # the edges 01, 02 and 03 start at the input
        [0, 0, 0, 1, 0, 1, 0, 0],  # 01 leads to 12 and 13
        [0, 0, 0, 0, 0, 0, 1, 0],  # 02 to 23
        [0, 0, 0, 0, 0, 0, 1, 0],  # 12 to 23
        *[[0, 0, 0, 0, 0, 0, 0, 1]] * 3,  # 03, 13 and 23 to the output
        [0] * 8,
    ]


@pytest.mark.parametrize(
    ("read", "given", "message"),
    [
        (cells.from_nats, ["none"] * 5, "is no cell; give six operations"),
        (cells.from_nats, "421211", "is no cell; give six operations"),
        (cells.from_nats, ["max_pool"] * 6, "unknown operation 'max_pool'"),
        (cells.from_arch_str, "none", "is no NAS-Bench-201 string"),
        (cells.from_digits, "42121", "give six digits from 0 to 4"),
        (cells.from_digits, "521211", "give six digits from 0 to 4"),
        (cells.from_op_lists, [[("none", 0)]], "for every node before it"),
        (cells.from_op_lists, [[("none", 0), ("none", 0)], [], []], "for every node before it"),
        (cells.from_op_lists, [1], "for every node before it"),
        (cells.from_nni, {"0_1": "none"}, "an NNI cell has the keys 0_1, 0_2"),
        (
            cells.from_nni,
            {**cells.to_nni(FIRST), "0_1": "conv_5x5"},
            "unknown operation 'conv_5x5'",
        ),
    ],
)
def test_what_is_no_cell_is_refused(read, given, message):
    with pytest.raises(InvalidConfigurationError, match=message):
        read(given)
