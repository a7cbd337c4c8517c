import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces import get_space
from nepsbench.spaces.columns import decode_column, encode_column

SPACE = get_space("nepsbench101")


def column(values):
    return pa.chunked_array([pa.array(values)])


def test_codes_survive_their_column_and_back():
    words = np.random.default_rng(1).integers(0, 2**64, size=(50, 16), dtype=np.uint64)
    codes = SPACE.draw(words)
    for k, parameter in enumerate(SPACE.parameters):
        values = decode_column(parameter, codes[:, k])
        assert values.to_pylist() == [SPACE.decode(row)[parameter.name] for row in codes.tolist()]
        for chunks in ([values], [values[:20], values[20:]], [values[:0]]):
            whole = pa.chunked_array(chunks)
            assert np.array_equal(encode_column(parameter, whole), codes[: len(whole), k])


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("N", [1, None], "1 rows have no N"),
        ("N", [1, 2], "N=2 is not a choice"),
        ("TrivialAugment", [0, 1], "TrivialAugment=0 is not a choice"),
        ("LearningRate", [0.1, 7.0], "LearningRate=7.0 is out of range"),
        ("LearningRate", [0.1, float("nan")], "is out of range"),
        ("LearningRate", ["0.1"], "is out of range"),
    ],
)
def test_a_value_outside_the_space_is_refused(name, values, message):
    with pytest.raises(InvalidConfigurationError, match=message):
        encode_column(SPACE.parameter(name), column(values))


def test_the_module_does_not_import_pyarrow():
    code = "import sys, nepsbench.spaces.columns, nepsbench.tables; print('pyarrow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
