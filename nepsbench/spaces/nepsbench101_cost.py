"""Parameters and FLOPs of ``nepsbench101`` networks by counting, without building them.

The network: stem, three stages of N cells at widths W, 2W and 4W, and a residual block of stride 2
between the stages. Operations are those of NAS-Bench-201, its section 2.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces.cells import JAHS_OPERATIONS
from nepsbench.spaces.nepsbench101 import OPERATIONS, SPACE
from nepsbench.spaces.parameters import Categorical, FloatArray

_WEIGHTS_PER_CHANNEL_PAIR = {"nor_conv_3x3": 9.0, "nor_conv_1x1": 1.0}
_STAGES = 3


def flops(
    codes: FloatArray, *, image_size: int = 32, channels: int = 3, classes: int = 10
) -> FloatArray:
    """Return the multiply-accumulates of one image's forward pass, in millions.

    Only convolutions and the last layer count; the rest is under one percent.

    Args:
        codes: Encoded configurations, shape (rows, 14).
        image_size: Height and width of an image at Resolution 1.
        channels: Colours of an image.
        classes: Outputs of the network.
    """
    depth, width = _choice(codes, "N"), _choice(codes, "W")
    side = np.maximum(np.rint(_choice(codes, "Resolution") * image_size), 1.0)
    cell = _cell_weights(codes)
    total = 9 * channels * width * side**2
    for stage in range(_STAGES):
        if stage:
            side, width = np.ceil(side / 2), width * 2
            # Half the channels in: the first 3x3 convolution and the 1x1 shortcut; then 3x3 again.
            total += (9 / 2 + 1 / 2 + 9) * width**2 * side**2
        total += depth * cell * width**2 * side**2
    return np.asarray((total + width * classes) / 1e6, dtype=np.float64)


def _choice(codes: FloatArray, name: str) -> FloatArray:
    parameter = SPACE.parameter(name)
    assert isinstance(parameter, Categorical)
    return np.array(parameter.choices, dtype=np.float64)[_column(codes, name)]


def _column(codes: FloatArray, name: str) -> NDArray[np.int64]:
    return codes[:, SPACE.names.index(name)].astype(np.int64)


def _cell_weights(codes: FloatArray) -> FloatArray:
    """Return the weights of one cell for each pair of channels, summed over its six edges."""
    of_operation = np.array([_WEIGHTS_PER_CHANNEL_PAIR.get(name, 0.0) for name in JAHS_OPERATIONS])
    weights = [of_operation[_column(codes, name)] for name in OPERATIONS]
    return np.asarray(np.sum(weights, axis=0), dtype=np.float64)
