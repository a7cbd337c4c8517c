"""One id for one architecture, whatever the space, the numbering or the training around it.

Two trials have the same architecture id exactly if their architectures are the same up to
isomorphism, so that SQL can join benchmarks on it. For NAS-Bench-201's cells, which three spaces
share, the id names the cell alone: not depth and width of the network, nor how it is trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from importlib import import_module
from itertools import permutations, product
from typing import Any, TypeAlias

import numpy as np

from nepsbench.errors import SpecError
from nepsbench.spaces import module_name, space_names
from nepsbench.spaces.cells import NATS_EDGES, Cell, to_nats
from nepsbench.spaces.parameters import FloatArray, Scalar
from nepsbench.spaces.space import Space

_INPUT = "x"
_CONVOLUTIONS = {"nor_conv_3x3": "conv3x3", "nor_conv_1x1": "conv1x1"}
_POOL = "avgpool"
_LABELS = "abcdef"


def architecture_id(space: Space, configuration: Mapping[str, Scalar]) -> str:
    """Return the 16 hex digits that name the architecture of a configuration.

    Raises:
        InvalidConfigurationError: If the configuration lies outside the space.
        SpecError: If the space has no architecture.
    """
    return architecture_ids(space, np.array([space.encode(configuration)]))[0]


def architecture_ids(space: Space, codes: FloatArray) -> list[str]:
    """Return the architecture id of each row of encoded configurations; each distinct one once.

    Args:
        space: The space.
        codes: Encoded configurations, shape (rows, parameters).

    Raises:
        SpecError: If the space has no architecture.
    """
    module = module_of(space)
    columns = [k for k, name in enumerate(space.names) if name in module.ARCHITECTURE]
    if not columns:  # all have the same
        return [id_of(module.architecture({}))] * len(codes)
    keys = np.ascontiguousarray(codes[:, columns]).view(f"V{8 * len(columns)}").ravel().tolist()
    first = {key: row for row, key in reversed(list(enumerate(keys)))}
    if hasattr(module, "architectures"):  # of many, faster
        texts = module.architectures(codes[[*first.values()]])
    else:
        texts = [module.architecture(space.decode(codes[row].tolist())) for row in first.values()]
    ids = {key: id_of(text) for key, text in zip(first, texts, strict=True)}
    return [ids[key] for key in keys]


def has_architecture(space: Space) -> bool:
    """Return True if configurations of the space have an architecture id: of all our own spaces."""
    return module_name(space) is not None


def module_of(space: Space) -> Any:
    """Return the module that says what the architecture of a space's configurations is.

    It has ``ARCHITECTURE``, the names of the parameters that make the architecture, and
    ``architecture``, from a configuration to its canonical text; some have ``architectures``, the
    same of many encoded configurations.

    Raises:
        SpecError: If the space has no architecture.
    """
    name = module_name(space)
    if name is None:
        raise SpecError(
            f"space {space.name!r} has no architectures; these have: {', '.join(space_names())}"
        )
    return import_module(name)


def id_of(text: str) -> str:
    """Return the 16 hex digits of a canonical text."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


@cache
def cell_text(cell: Cell) -> str:
    """Return the canonical text of a NAS-Bench-201 cell: what it computes, as equations.

    ``none`` is dropped with all that only it feeds; ``skip_connect`` is contracted; sums have no
    order. Each convolution has weights of its own, so two are two even where they read the same,
    while pooling has none, so the same pooling of the same sum is one. Two cells have the same text
    exactly if they are the same computation, weight for weight. (NAS-Bench-201's own unique strings
    merge cells of different size: they take convolutions that read the same for one.)

    Example:
        ``a=conv3x3(x);b=conv1x1(a+x);a+b``
    """
    convolutions, output = _equations(cell)
    blank = [f"{kind}({_text(total, convolutions)})" for kind, total in convolutions]
    used = _reachable(output, convolutions)
    groups = [
        [index for index in used if blank[index] == text]
        for text in sorted({blank[index] for index in used}, key=lambda text: (len(text), text))
    ]
    return "nasbench201-cell:" + min(
        _labelled([index for group in chosen for index in group], convolutions, output)
        for chosen in product(*(permutations(group) for group in groups))
    )


# A sum is a tuple of terms: the input, a convolution by its number, or the pooling of a sum.
_Term: TypeAlias = "str | int | tuple[_Term, ...]"
_Sum: TypeAlias = tuple[_Term, ...]
_Convolutions: TypeAlias = list[tuple[str, _Sum]]


def _equations(cell: Cell) -> tuple[_Convolutions, _Sum]:
    """Return each convolution's kind and input, and the cell's output."""
    nodes: list[_Sum] = [(_INPUT,), (), (), ()]
    convolutions: _Convolutions = []
    for (source, target), name in zip(NATS_EDGES, to_nats(cell), strict=True):
        total = nodes[source]
        if name == "none" or not total:
            continue
        if name == "skip_connect":
            nodes[target] += total
        elif name in _CONVOLUTIONS:
            nodes[target] += (len(convolutions),)
            convolutions.append((_CONVOLUTIONS[name], total))
        else:
            nodes[target] += (total,)
    return convolutions, nodes[-1]


def _text(total: _Sum, convolutions: _Convolutions, labels: Mapping[int, str] | None = None) -> str:
    """Return a sum as text; convolutions by their label, or spelt out where there are none."""
    terms = []
    for term in total:
        if isinstance(term, str):
            terms.append(term)
        elif isinstance(term, tuple):
            terms.append(f"{_POOL}({_text(term, convolutions, labels)})")
        elif labels is not None:
            terms.append(labels[term])
        else:
            kind, inner = convolutions[term]
            terms.append(f"{kind}({_text(inner, convolutions)})")
    return "+".join(sorted(terms)) or "0"


def _reachable(total: _Sum, convolutions: _Convolutions) -> set[int]:
    """Return the convolutions that a sum depends on."""
    found: set[int] = set()
    for term in total:
        if isinstance(term, tuple):
            found |= _reachable(term, convolutions)
        elif isinstance(term, int):
            found |= {term} | _reachable(convolutions[term][1], convolutions)
    return found


def _labelled(order: list[int], convolutions: _Convolutions, output: _Sum) -> str:
    """Return the equations with the convolutions called a, b, c in this order."""
    labels = {index: _LABELS[place] for place, index in enumerate(order)}
    lines = [
        f"{labels[index]}={convolutions[index][0]}("
        f"{_text(convolutions[index][1], convolutions, labels)})"
        for index in order
    ]
    return ";".join([*lines, _text(output, convolutions, labels)])


def count_cells(cells: list[Cell]) -> int:
    """Return how many different architectures these cells are."""
    return len(set(map(cell_text, cells)))
