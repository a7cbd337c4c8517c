"""NAS-Bench-101's ``ModelSpec``: a matrix and its operations, pruned when that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from nepsbench.client.adapters.published import OutsideError
from nepsbench.errors import InvalidConfigurationError, NepsbenchError
from nepsbench.spaces import nasbench101_graph as graphs
from nepsbench.spaces.nasbench101_graph import Graph
from nepsbench.spaces.nasbench101_index import LABEL_DIGITS, CellIndex, bits_of


class OutOfDomainError(InvalidConfigurationError):
    """A cell lies outside NAS-Bench-101, or nothing was trained for so many epochs."""


class ModelSpec:
    """A cell. What it is made of is copied; ``matrix`` and ``ops`` are None if it is not connected.

    Args:
        matrix: Upper triangular, of zeros and ones, shape (V, V); rows are sources.
        ops: V operations, the first and last of which are the input and the output.
        data_format: Kept as an attribute.

    Raises:
        OutsideError: If the matrix is not square, not upper triangular, or of another size.
    """

    def __init__(self, matrix: Any, ops: Sequence[str], data_format: str = "channels_last") -> None:
        self.data_format = data_format
        self._ops = tuple(ops)
        self._bits = -1
        try:
            rows = matrix.tolist() if isinstance(matrix, np.ndarray) else matrix
            self._flat: Any = bytes(chain.from_iterable(rows))
            if len(self._ops) <= graphs.MAX_VERTICES:
                bits, count = bits_of(self._flat, len(self._ops))
                if count == self._flat.count(1):
                    self._bits = bits
                    return
        except (TypeError, ValueError, IndexError):
            pass
        self._flat = _checked(matrix, len(self._ops))

    def number(self, index: CellIndex) -> int:
        """Return the number of the cell that this one is.

        Raises:
            OutOfDomainError: If it is none of NAS-Bench-101.
        """
        bits = self._bits
        if bits >= 0:
            row, digits = index.patterns[bits], LABEL_DIGITS.get(self._ops)
            if row >= 0 and digits is not None:
                return int(index.cells[row, digits])
        try:
            if self._pruned is None:
                raise OutOfDomainError("no path leads from the cell's input to its output")
            cell = graphs.graph_of(self.matrix, self.ops)
            return index.find_graph(graphs.canonical(graphs.valid(cell)))
        except InvalidConfigurationError as error:
            raise OutOfDomainError(str(error)) from None

    @cached_property
    def original_matrix(self) -> Any:
        """The matrix as it was given."""
        if not isinstance(self._flat, bytes):
            return self._flat
        size = len(self._ops)
        entries = np.frombuffer(self._flat, dtype=np.uint8).astype(np.int64)
        return entries.reshape(size, size)

    @cached_property
    def original_ops(self) -> list[str]:
        """The operations as they were given."""
        return [*self._ops]

    @cached_property
    def matrix(self) -> Any:
        """The matrix of the vertices on a path from input to output; None without a path."""
        return None if self._pruned is None else np.array(self._pruned.matrix)

    @cached_property
    def ops(self) -> Any:
        """Their operations; None without a path."""
        if self._pruned is None:
            return None
        return [self._ops[0], *self._pruned.operations, self._ops[-1]]

    @property
    def valid_spec(self) -> bool:
        """True if a path leads from input to output."""
        return self._pruned is not None

    @cached_property
    def _graph(self) -> Graph:
        edges = tuple((int(i), int(j)) for i, j in np.argwhere(self.original_matrix))
        return Graph(len(self._ops), edges, self._ops[1:-1])

    @cached_property
    def _pruned(self) -> Graph | None:
        try:
            return graphs.prune(self._graph) if len(self._ops) > 1 else None
        except InvalidConfigurationError:
            return None

    def hash_spec(self, canonical_ops: Sequence[str]) -> str:
        """Return NAS-Bench-101's hash of the pruned cell.

        Args:
            canonical_ops: The operations in the order of their numbers, as ``available_ops``.

        Raises:
            OutOfDomainError: If it is not connected.
            OutsideError: If it has another operation.
        """
        if self._pruned is None:
            raise OutOfDomainError("a cell without a path from input to output has no hash")
        numbers = {name: place for place, name in enumerate(canonical_ops)}
        for name in self._pruned.operations:
            if name not in numbers:
                raise OutsideError(f"operation {name!r} is none of {', '.join(canonical_ops)}")
        named = tuple(graphs.OPERATIONS[numbers[name]] for name in self._pruned.operations)
        return graphs.graph_hash(self._pruned._replace(operations=named))

    def visualize(self) -> Any:
        """Return the pruned cell as a graph of the package ``graphviz``.

        Raises:
            NepsbenchError: If it is not installed.
        """
        try:
            import graphviz
        except ImportError:
            raise NepsbenchError("graphviz is not installed; run: pip install graphviz") from None
        drawn = graphviz.Digraph()
        for vertex, name in enumerate(self.ops or ()):
            drawn.node(str(vertex), name)
        for source, target in self._pruned.edges if self._pruned else ():
            drawn.edge(str(source), str(target))
        return drawn


def _checked(matrix: Any, size: int) -> Any:
    """Return a copy of a matrix if it is one that a cell can have."""
    try:
        array = np.array(matrix)
    except ValueError:  # rows of different length
        array = np.empty(0)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise OutsideError(f"the matrix of a cell is square, not of shape {array.shape}")
    if len(array) != size:
        raise OutsideError(f"{size} operations do not fit a matrix of {len(array)} vertices")
    if np.tril(array).any():
        raise OutsideError("the matrix of a cell is upper triangular: edges lead to later vertices")
    return array
