"""A parameter's column in a table, and its codes: from one to the other and back.

Works on pyarrow columns without importing pyarrow, as the light client must; only
:func:`decode_column` needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces.parameters import Categorical, FloatArray, Parameter

if TYPE_CHECKING:
    import pyarrow as pa


def encode_column(parameter: Parameter, column: pa.ChunkedArray) -> FloatArray:
    """Return a column of values as codes, shape (rows,); each distinct choice is encoded once.

    Raises:
        InvalidConfigurationError: If a value is missing or lies outside the space.
    """
    if column.null_count:
        raise InvalidConfigurationError(f"{column.null_count} rows have no {parameter.name}")
    if isinstance(parameter, Categorical):
        distinct = column.combine_chunks().dictionary_encode()
        codes = [parameter.encode(value) for value in distinct.dictionary.to_pylist()]
        found: FloatArray = np.array(codes, dtype=np.float64)[distinct.indices.to_numpy()]
        return found
    values = column.to_numpy()
    for value in (values.min(), values.max()) if values.size else ():
        parameter.encode(value)
    return np.asarray(values, dtype=np.float64)


def decode_column(parameter: Parameter, codes: FloatArray) -> pa.Array:
    """Return a column of values from a column of codes; the inverse of :func:`encode_column`."""
    import pyarrow as pa

    if isinstance(parameter, Categorical):
        return pa.array(parameter.choices).take(pa.array(codes.astype(np.int32)))
    return pa.array(codes)
