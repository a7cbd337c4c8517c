"""Which trials are the same training but for the seed, isomorphic architectures included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces import Space
from nepsbench.spaces.architecture import architecture_ids, has_architecture, module_of
from nepsbench.spaces.parameters import FloatArray


def groups_of(space: Space, codes: FloatArray) -> NDArray[np.int64]:
    """Return a number for each row, equal for configurations that are the same computation.

    Configurations of a space without architectures are their own group each.

    Args:
        space: The space.
        codes: Encoded configurations, shape (rows, parameters).
    """
    rest, twins = codes, np.zeros(len(codes), dtype=np.int64)
    if has_architecture(space):
        names = module_of(space).ARCHITECTURE
        rest = codes[:, [k for k, name in enumerate(space.names) if name not in names]]
        twins = np.unique(architecture_ids(space, codes), return_inverse=True)[1]
    keys = np.column_stack([rest, twins])
    _, groups = np.unique(keys, axis=0, return_inverse=True)
    return groups.astype(np.int64).ravel()
