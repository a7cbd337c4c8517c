import numpy as np
import pytest
from hypothesis import given, settings

from nepsbench.errors import SpecError
from nepsbench.spaces import cells, get_space, nasbench101, nasbench201, space_names
from nepsbench.spaces.encodings import one_hot, one_hot_names, path_encoding, path_names
from tests.spaces.space_draws import configurations

NB101, NB201 = get_space("nasbench101"), get_space("nasbench201")


def encoded(space, configuration):
    return np.array([space.encode(configuration)])


@pytest.mark.parametrize(
    ("name", "columns"),
    [("nasbench101", 41), ("nasbench201", 30), ("nashpobench2", 24), ("nepsbench101", 30),
     ("nats_size", 40)],
)  # fmt: skip
def test_the_size_of_one_hot_encodings(name, columns):
    space = get_space(name)
    assert len(one_hot_names(space)) == columns
    assert one_hot(space, encoded(space, space.defaults)).shape == (1, columns)


@pytest.mark.parametrize("name", space_names())
def test_columns_and_names_fit(name):
    space = get_space(name)
    row = one_hot(space, encoded(space, space.defaults))[0]
    by_name = dict(zip(one_hot_names(space), row, strict=True))
    for parameter, value in space.defaults.items():
        if f"{parameter}={value}" in by_name:
            assert by_name[f"{parameter}={value}"] == 1
        elif parameter in by_name and parameter in space.fidelities:
            assert by_name[parameter] == value


def test_the_paths_of_a_cell_of_nasbench101():
    matrix = [[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    cell = nasbench101.from_spec(matrix, ["input", "maxpool3x3", "conv3x3-bn-relu", "output"])
    row = path_encoding(NB101, encoded(NB101, cell))[0]
    names = path_names(NB101)
    assert len(names) == len(row) == 364
    assert [names[k] for k in np.flatnonzero(row)] == [
        "input-output",
        "maxpool3x3>conv3x3-bn-relu",
    ]


def test_the_paths_of_a_cell_of_nasbench201():
    cell = nasbench201.from_cell(cells.from_digits("340102"))  # 01, 02, 03, and 23: no edge from 1
    row = path_encoding(NB201, encoded(NB201, cell))[0]
    names = path_names(NB201)
    assert len(names) == len(row) == 84
    assert [names[k] for k in np.flatnonzero(row)] == ["skip_connect", "avg_pool_3x3>nor_conv_1x1"]


@settings(max_examples=30)
@given(configurations(NB101))
def test_a_cell_has_as_many_paths_as_its_matrix_says_at_most(configuration):
    matrix, _ = nasbench101.to_spec(configuration)
    power, paths = np.array(matrix), 0
    for _ in matrix:
        paths += power[0, -1]
        power = power @ np.array(matrix)
    found = path_encoding(NB101, encoded(NB101, configuration)).sum()
    assert 1 <= found <= paths


def test_a_space_without_cells_has_no_paths():
    space = get_space("nats_size")
    with pytest.raises(SpecError, match="nats_size are no cells, so they have no paths"):
        path_encoding(space, encoded(space, space.defaults))
