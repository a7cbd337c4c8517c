"""``nashpobench2``: the joint space of NAS-HPO-Bench-II, 4,096 cells and 48 ways to train each.

The cell is NAS-Bench-201's without the 1x1 convolution. Numbers count as its interface does: cells
by their code, then learning rates, then batch sizes.
Source: Hirose, Yoshinari and Shirakawa, NAS-HPO-Bench-II (ACML 2021), section 3; nashpobench2api.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces import cells
from nepsbench.spaces.architecture import cell_text
from nepsbench.spaces.finite import FiniteSpace
from nepsbench.spaces.parameters import Categorical, Scalar
from nepsbench.spaces.space import Configuration

#: Operations by NAS-HPO-Bench-II's number, under their NAS-Bench-201 names.
OPERATIONS = ("nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none")
EDGES = tuple(f"edge_{source}_{target}" for source, target in cells.NATS_EDGES)
LEARNING_RATES = (0.003125, 0.00625, 0.0125, 0.025, 0.05, 0.1, 0.2, 0.4)
BATCH_SIZES = (16, 32, 64, 128, 256, 512)

#: Cells in the space, cells that were trained for 12 epochs (one for each of the authors' hashes,
#: which merge most equal cells), and architectures that differ.
CELLS, TRAINED_CELLS, ARCHITECTURES = 4096, 1011, 941

SPACE = FiniteSpace(
    name="nashpobench2",
    version=1,
    parameters=(
        *(Categorical(name, OPERATIONS, "skip_connect") for name in EDGES),
        Categorical("learning_rate", LEARNING_RATES, 0.1),
        Categorical("batch_size", BATCH_SIZES, 256),
    ),
    fidelities=(),
    training=("learning_rate", "batch_size"),
)

#: Parameters that make the architecture.
ARCHITECTURE = EDGES

_DEFAULTS = SPACE.defaults
_CODE = re.compile(r"([0-3])\|([0-3])([0-3])\|([0-3])([0-3])([0-3])", flags=re.ASCII)
_TRAININGS = len(LEARNING_RATES) * len(BATCH_SIZES)


def cell_of(configuration: Mapping[str, Scalar]) -> cells.Cell:
    """Return the configuration's cell as operation names in the stored edge order."""
    return cells.from_nats([str(configuration[name]) for name in EDGES])


def from_cell(cell: cells.Cell, **others: Scalar) -> Configuration:
    """Return a configuration with this cell; all else default or from ``others``.

    Raises:
        InvalidConfigurationError: If the cell has a 1x1 convolution, or ``others`` are not valid.
    """
    found = {**_DEFAULTS, **_edges_of(cell)}
    for name, value in others.items():
        parameter = SPACE.parameter(name)
        found[name] = parameter.decode(parameter.encode(value))
    return found


@lru_cache(CELLS)
def _edges_of(cell: cells.Cell) -> Configuration:
    """Return the parameters of a cell; not to be changed."""
    edges = dict(zip(EDGES, cells.to_nats(cell), strict=True))
    valid = SPACE.validate({**_DEFAULTS, **edges})
    return {name: valid[name] for name in EDGES}


def to_cellcode(configuration: Mapping[str, Scalar]) -> str:
    """Return the cell's code: ``A|BC|DEF``, the edges 01|02,12|03,13,23 by operation number."""
    a, b, c, d, e, f = (OPERATIONS.index(str(configuration[name])) for name in EDGES)
    return f"{a}|{b}{c}|{d}{e}{f}"


def from_cellcode(code: str, **others: Scalar) -> Configuration:
    """Return a configuration with this cell; all else default or from ``others``.

    Raises:
        InvalidConfigurationError: If the code or ``others`` are not valid.
    """
    return from_cell(_cell_of_code(code), **others)


@lru_cache(CELLS)
def _cell_of_code(code: str) -> cells.Cell:
    match = _CODE.fullmatch(code.strip())
    if match is None:
        raise InvalidConfigurationError(
            f"{code!r} is no cell code; its form is A|BC|DEF with digits from 0 to 3"
        )
    return cells.from_nats([OPERATIONS[int(digit)] for digit in match.groups()])


def to_arch_str(configuration: Mapping[str, Scalar]) -> str:
    """Return the configuration's cell in NAS-Bench-201's notation."""
    return cells.to_arch_str(cell_of(SPACE.validate(configuration)))


def from_arch_str(text: str, **others: Scalar) -> Configuration:
    """Return a configuration with this NAS-Bench-201 cell; all else default or from ``others``.

    Raises:
        InvalidConfigurationError: If ``text`` or ``others`` are not valid.
    """
    return from_cell(cells.from_arch_str(text), **others)


def to_key(configuration: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return the interface's key: ``cellcode``, ``lr`` and ``batch_size``."""
    valid = SPACE.validate(configuration)
    return {
        "cellcode": to_cellcode(valid),
        "lr": valid["learning_rate"],
        "batch_size": valid["batch_size"],
    }


def from_key(key: Mapping[str, Scalar]) -> Configuration:
    """Return the configuration of the interface's key; the inverse of :func:`to_key`.

    Raises:
        InvalidConfigurationError: If a part is missing, too many or not valid.
    """
    if set(key) != {"cellcode", "lr", "batch_size"}:
        raise InvalidConfigurationError(
            f"a key has the parts cellcode, lr and batch_size, not {', '.join(map(str, key))}"
        )
    return from_cellcode(
        str(key["cellcode"]), learning_rate=key["lr"], batch_size=key["batch_size"]
    )


def to_indices(configuration: Mapping[str, Scalar]) -> tuple[int, int, int]:
    """Return the numbers of cell, learning rate and batch size."""
    cell, rest = divmod(SPACE.index(configuration), _TRAININGS)
    return (cell, *divmod(rest, len(BATCH_SIZES)))


def from_indices(cell: int, learning_rate: int, batch_size: int) -> Configuration:
    """Return the configuration with these numbers.

    Raises:
        InvalidConfigurationError: If a number is out of range.
    """
    limits = {"cell": CELLS, "learning_rate": len(LEARNING_RATES), "batch_size": len(BATCH_SIZES)}
    numbers = (cell, learning_rate, batch_size)
    for (name, limit), number in zip(limits.items(), numbers, strict=True):
        if not 0 <= number < limit:
            raise InvalidConfigurationError(
                f"{SPACE.name} has no {name} {number!r}; give a number from 0 to {limit - 1}"
            )
    return SPACE.at(cell * _TRAININGS + learning_rate * len(BATCH_SIZES) + batch_size)


def parse(query: object, **others: Scalar) -> Configuration:
    """Return the configuration that a number, key, cell code, arch string or mapping stands for.

    Args:
        query: A cell's notation takes the training from ``others``, or the defaults.
        others: Learning rate and batch size, where ``query`` is a cell.

    Raises:
        InvalidConfigurationError: If it is none of these, or not in the space.
    """
    if isinstance(query, str):
        return (from_arch_str if "~" in query else from_cellcode)(query, **others)
    if isinstance(query, Mapping):
        return from_key(query) if "cellcode" in query else SPACE.validate(query)
    if hasattr(query, "__index__"):
        return SPACE.at(query)  # type: ignore[arg-type]
    raise InvalidConfigurationError(
        f"{query!r} names nothing in {SPACE.name}; give a number, a key, a cell code as in "
        "0|10|210, an arch string or a configuration"
    )


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of the configuration's cell."""
    return cell_text(cell_of(configuration))
