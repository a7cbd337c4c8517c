"""``nasbench101``: the 423,624 cells of NAS-Bench-101.

A configuration is a 7 x 7 matrix (21 pairs of vertices, 0 or 1) and the operations of the five
inner vertices; ``none`` says that a vertex is not there. Isomorphic cells are one configuration:
whatever is given, :meth:`~NasBench101Space.validate` returns the canonical form, and so does
everything that is stored. A cell's number is its place in
:mod:`~nepsbench.spaces.nasbench101_index`.
Source: Ying et al., NAS-Bench-101 (ICML 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces import nasbench101_graph as graphs
from nepsbench.spaces.finite import FiniteSpace
from nepsbench.spaces.nasbench101_graph import OPERATIONS, Graph
from nepsbench.spaces.nasbench101_hashing import find_hash
from nepsbench.spaces.nasbench101_index import SIZE, build_index, pack
from nepsbench.spaces.parameters import Categorical, FloatArray, Scalar
from nepsbench.spaces.space import Configuration

if TYPE_CHECKING:
    from nepsbench.spaces.nasbench101_hashes import HashIndex

_PAIRS = graphs.all_edges()
_SHIFTS = tuple(graphs.bit(*pair) for pair in _PAIRS)
_INNER = graphs.MAX_VERTICES - 2
_LAST = graphs.MAX_VERTICES - 1

EDGES = tuple(f"edge_{source}_{target}" for source, target in _PAIRS)
VERTICES = tuple(f"op_{vertex}" for vertex in range(1, _INNER + 1))
ABSENT = "none"

_CHOICES = (*OPERATIONS, ABSENT)
_ABSENT_CODE = len(OPERATIONS)


@dataclass(frozen=True)
class NasBench101Space(FiniteSpace):
    """All cells, each in its canonical form."""

    @property
    def size(self) -> int:
        """How many cells there are."""
        return SIZE

    def encode(self, configuration: Mapping[str, Scalar]) -> tuple[float, ...]:
        """Return the encoded canonical form of a cell.

        Raises:
            InvalidConfigurationError: If it is no cell of NAS-Bench-101.
        """
        graph = graph_of_codes(super().encode(configuration))
        return _codes_of_graph(graphs.canonical(graphs.valid(graph)))

    def codes_at(self, indices: NDArray[np.int64]) -> FloatArray:
        """Return the encoded cells with these numbers, shape (rows, 26)."""
        index = build_index()
        bits, digits = index.bits[indices], index.digits[indices].astype(np.int64)
        edges = bits[:, np.newaxis] >> np.array(_SHIFTS) & 1
        # A vertex is there if an edge leads to it.
        fed = [edges[:, [p for p, pair in enumerate(_PAIRS) if pair[1] == vertex]].any(axis=1)
               for vertex in range(1, _INNER + 1)]  # fmt: skip
        powers = len(OPERATIONS) ** np.arange(_INNER)[::-1]
        operations = digits[:, np.newaxis] // powers % len(OPERATIONS)
        operations[~np.column_stack(fed)] = _ABSENT_CODE
        return np.column_stack([edges, operations]).astype(np.float64)

    def indices_of(self, codes: FloatArray) -> NDArray[np.int64]:
        """Return the number of each row of encoded cells.

        Raises:
            InvalidConfigurationError: If a row is no cell of NAS-Bench-101.
        """
        whole = codes.astype(np.int64)
        edges, operations = whole[:, : len(EDGES)].copy(), whole[:, len(EDGES) :]
        for column, pair in enumerate(_PAIRS):
            for vertex in pair:
                if 0 < vertex < _LAST:
                    edges[:, column] &= operations[:, vertex - 1] != _ABSENT_CODE
        bits = edges @ (1 << np.array(_SHIFTS))
        powers = len(OPERATIONS) ** np.arange(_INNER)[::-1]
        numbers = build_index().find_many(bits, operations % _ABSENT_CODE @ powers)
        if (numbers < 0).any():
            row = int(np.argmax(numbers < 0))
            raise InvalidConfigurationError(
                f"row {row} is no cell of NAS-Bench-101: no path from input to output, or more "
                f"than {graphs.MAX_EDGES} edges"
            )
        return numbers.astype(np.int64)

    def draw(self, words: NDArray[np.uint64]) -> FloatArray:
        """Return encoded cells from raw words, shape (draws, words_per_draw).

        A cell is drawn whole, all 423,624 equally likely, from word 1: words drawn for edges would
        make few cells. Word 0 is the training seed, as in every space.
        """
        return self.codes_at(np.floor(self.uniforms(words)[:, 0] * self.size).astype(np.int64))


SPACE = NasBench101Space(
    name="nasbench101",
    version=1,
    parameters=(
        *(Categorical(name, (0, 1), int(name in ("edge_0_1", "edge_1_6"))) for name in EDGES),
        *(
            Categorical(name, _CHOICES, OPERATIONS[0] if name == VERTICES[0] else ABSENT)
            for name in VERTICES
        ),
    ),
    fidelities=(),
)

#: Parameters that make the architecture; all of them.
ARCHITECTURE = SPACE.names


def graph_of_codes(codes: Sequence[float]) -> Graph:
    """Return the graph of any seven vertices; those that are not there have no edges."""
    chosen = [int(code) for code in codes[len(EDGES) :]]
    absent = {vertex for vertex, code in enumerate(chosen, start=1) if code == _ABSENT_CODE}
    edges = tuple(
        pair
        for pair, code in zip(_PAIRS, codes[: len(EDGES)], strict=True)
        if code and not absent.intersection(pair)
    )
    # The operation of a vertex without edges is pruned with it.
    return Graph(graphs.MAX_VERTICES, edges, tuple(OPERATIONS[code % 3] for code in chosen))


def _codes_of_graph(graph: Graph) -> tuple[float, ...]:
    bits, _ = pack(graph)
    edges = [float(bits >> shift & 1) for shift in _SHIFTS]
    operations = [float(OPERATIONS.index(name)) for name in graph.operations]
    missing = [float(_ABSENT_CODE)] * (_INNER - len(operations))
    return (*edges, *operations, *missing)


def graph_of(configuration: Mapping[str, Scalar]) -> Graph:
    """Return the pruned graph of a configuration, in its canonical form."""
    return graphs.prune(graph_of_codes(SPACE.encode(configuration)))


def from_graph(graph: Graph) -> Configuration:
    """Return the configuration of a graph, pruned or not.

    Raises:
        InvalidConfigurationError: If it is no cell of NAS-Bench-101.
    """
    return SPACE.decode(_codes_of_graph(graphs.canonical(graphs.valid(graph))))


def to_spec(configuration: Mapping[str, Scalar]) -> tuple[list[list[int]], list[str]]:
    """Return the matrix and the operations, ``input`` and ``output`` included."""
    graph = graph_of(configuration)
    return graph.matrix, graph.labels


def from_spec(matrix: ArrayLike, operations: Sequence[str]) -> Configuration:
    """Return the configuration of a matrix and its operations; need not be pruned.

    Raises:
        InvalidConfigurationError: If they are no cell of NAS-Bench-101.
    """
    return from_graph(graphs.graph_of(matrix, operations))


def to_record(configuration: Mapping[str, Scalar]) -> tuple[str, str]:
    """Return a TFRecord's form: zeros and ones row by row, and operations with commas."""
    matrix, operations = to_spec(configuration)
    return "".join(str(entry) for row in matrix for entry in row), ",".join(operations)


def from_record(adjacency: str, operations: str) -> Configuration:
    """Return the configuration of a TFRecord's two strings; the inverse of :func:`to_record`.

    Raises:
        InvalidConfigurationError: If they are no cell of NAS-Bench-101.
    """
    labels = operations.split(",")
    size = len(labels)
    if len(adjacency) != size * size or not set(adjacency) <= {"0", "1"}:
        raise InvalidConfigurationError(
            f"{adjacency[:60]!r} is no matrix of {size} vertices; give {size * size} zeros and ones"
        )
    entries = np.array([int(digit) for digit in adjacency]).reshape(size, size)
    return from_spec(entries, labels)


def to_nni(configuration: Mapping[str, Scalar]) -> dict[str, Any]:
    """Return NNI's dictionary: ``op1`` to ``opN``, and ``input1`` to ``inputN+1``, sources each."""
    graph = graph_of(configuration)
    arch: dict[str, Any] = {
        f"op{vertex}": name for vertex, name in enumerate(graph.operations, start=1)
    }
    for vertex in range(1, graph.vertices):
        arch[f"input{vertex}"] = [i for i, j in graph.edges if j == vertex]
    return arch


def from_nni(arch: Mapping[str, Any]) -> Configuration:
    """Return the configuration of NNI's dictionary; the inverse of :func:`to_nni`.

    Raises:
        InvalidConfigurationError: If it is no cell of NAS-Bench-101.
    """
    size = sum(str(key).startswith("op") for key in arch) + 2
    wanted = [f"op{v}" for v in range(1, size - 1)] + [f"input{v}" for v in range(1, size)]
    if set(arch) != set(wanted):
        raise InvalidConfigurationError(
            f"an NNI cell of {size} vertices has the keys {', '.join(wanted)}, "
            f"not {', '.join(map(str, arch))}"
        )
    matrix = np.zeros((size, size), dtype=np.int64)
    for target in range(1, size):
        for source in arch[f"input{target}"]:
            if source not in range(target):
                raise InvalidConfigurationError(
                    f"input{target} names vertex {source!r}; give vertices before {target}"
                )
            matrix[source, target] = 1
    operations = [arch[f"op{vertex}"] for vertex in range(1, size - 1)]
    return from_spec(matrix, [graphs.INPUT, *operations, graphs.OUTPUT])


def hash_of(configuration: Mapping[str, Scalar]) -> str:
    """Return NAS-Bench-101's hash of the configuration: 32 hex digits."""
    return graphs.graph_hash(graph_of(configuration))


def parse(query: Any, *, hashes: HashIndex | None = None) -> Configuration:
    """Return the configuration that a number, or any notation of a cell, stands for.

    Takes a number, a hash, a pair (matrix, operations), an object with ``matrix`` and ``ops`` (such
    as nasbench's ``ModelSpec``), NNI's dictionary, or a configuration.

    Args:
        query: What names the cell.
        hashes: The hashes of all cells; without them, finding a hash takes up to half a minute.

    Raises:
        InvalidConfigurationError: If it is none of these, or not in the space.
    """
    if isinstance(query, str):
        return SPACE.at(find_hash(query) if hashes is None else hashes.find(query))
    if isinstance(query, Mapping):
        return from_nni(query) if "input1" in query else SPACE.validate(query)
    if isinstance(query, tuple) and len(query) == 2:
        return from_spec(*query)
    if hasattr(query, "matrix") and hasattr(query, "ops"):
        return from_spec(query.matrix, query.ops)
    if hasattr(query, "__index__"):
        return SPACE.at(query)
    raise InvalidConfigurationError(
        f"{query!r} names no cell; give a number, (matrix, operations) or a configuration"
    )


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of a configuration as ``validate`` returns it."""
    edges = "".join(str(configuration[name]) for name in EDGES)
    return f"{SPACE.name}:{edges}:{','.join(str(configuration[name]) for name in VERTICES)}"


def architectures(codes: FloatArray) -> list[str]:
    """Return :func:`architecture` of each row of encoded canonical cells."""
    whole = codes.astype(np.uint8)
    digits = np.ascontiguousarray(whole[:, : len(EDGES)] + ord("0")).tobytes().decode()
    powers = len(_CHOICES) ** np.arange(_INNER)[::-1]
    chosen = (whole[:, len(EDGES) :] @ powers).tolist()
    texts = [",".join(names) for names in product(_CHOICES, repeat=_INNER)]
    width = len(EDGES)
    return [
        f"{SPACE.name}:{digits[row * width : (row + 1) * width]}:{texts[choice]}"
        for row, choice in enumerate(chosen)
    ]
