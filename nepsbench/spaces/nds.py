"""The four model families of NDS, a space each: ``nds_nas_cell`` and three of plain networks.

Every configuration says who proposed its design space (``proposer``) and which sweep drew it
(``generator``), as NNI's tables do: ``random`` keeps learning rate and weight decay fixed,
``fix_w_d`` width and depth, too; ``tune_lr_wd`` varies all.
Source: Radosavovic et al., On Network Design Spaces for Visual Recognition (ICCV 2019), tables 1
and 2; names of families and operations: NNI, ``nni/nas/benchmarks/nds``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import InvalidConfigurationError, SpecError
from nepsbench.spaces import nds_draw
from nepsbench.spaces.parameters import Categorical, FloatArray, LogFloat, Parameter, Scalar
from nepsbench.spaces.space import Space

PROPOSERS = {
    "nas_cell": ("amoeba", "darts", "enas", "nasnet", "pnas"),
    "residual_bottleneck": ("resnet-b", "resnext-a", "resnext-b"),
    "residual_basic": ("resnet",),
    "vanilla": ("vanilla",),
}
GENERATORS = ("random", "fix_w_d", "tune_lr_wd")
#: Where the network starts: 3x3 on small images, or one that shrinks large ones first.
STEMS = ("cifar", "imagenet")

#: The operation of a node that is not there: DARTS has four nodes, the others five.
ABSENT = "absent"
OPERATIONS = (
    "none", "skip_connect", "avg_pool_3x3", "max_pool_3x3", "max_pool_5x5", "max_pool_7x7",
    "conv_1x1", "conv_3x3", "conv_3x1_1x3", "conv_7x1_1x7", "dil_conv_3x3", "dil_conv_5x5",
    "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", "dil_sep_conv_3x3",
)  # fmt: skip
NODES, STAGES = 5, 4
CELL_TYPES = ("normal", "reduce")

#: A cell's first two states are its inputs; its nodes are numbered from here.
_FIRST = 2
_STATES = range(_FIRST, _FIRST + NODES)
_CONCATS = tuple(
    ",".join(map(str, states))
    for states in chain.from_iterable(combinations(_STATES, k) for k in range(1, NODES + 1))
)
_DEPTHS = tuple(range(1, 65))
_WIDTHS = tuple(range(8, 2049, 8))


def _generators(family: str) -> tuple[str, ...]:
    return GENERATORS if family == "nas_cell" else ("random", "tune_lr_wd")


def _common(family: str) -> tuple[Parameter, ...]:
    return (
        Categorical("proposer", PROPOSERS[family], PROPOSERS[family][0]),
        Categorical("generator", _generators(family), GENERATORS[0]),
        Categorical("stem", STEMS, STEMS[0]),
        LogFloat("base_lr", 1e-5, 10.0, 0.1),
        LogFloat("weight_decay", 1e-8, 1.0, 5e-4),
    )


def _cell_parameters() -> tuple[Parameter, ...]:
    nodes = [
        parameter
        for cell in CELL_TYPES
        for node in range(NODES)
        for side, state in (("x", 0), ("y", 1))
        for parameter in (
            Categorical(f"{cell}_{node}_op_{side}", (*OPERATIONS, ABSENT), "sep_conv_3x3"),
            Categorical(f"{cell}_{node}_input_{side}", tuple(range(NODES + 1)), state),
        )
    ]
    concats = [Categorical(f"{cell}_concat", _CONCATS, _CONCATS[-1]) for cell in CELL_TYPES]
    return (
        *_common("nas_cell"),
        Categorical("depth", _DEPTHS, 8),
        Categorical("width", tuple(range(2, 513, 2)), 16),
        Categorical("aux", (False, True), False),
        Categorical("drop_prob", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5), 0.0),
        *nodes,
        *concats,
    )


def _stage_parameters(family: str) -> tuple[Parameter, ...]:
    parameters = [
        *_common(family),
        Categorical("width_0", _WIDTHS, 16),
        Categorical("stride_0", (1, 2), 1),
    ]
    for stage in range(1, STAGES + 1):
        # Stage 4 may be missing: all of it is 0 then.
        missing, there = (0,) if stage == STAGES else (), stage < STAGES
        parameters += [
            Categorical(f"depth_{stage}", (*missing, *_DEPTHS), 2 if there else 0),
            Categorical(f"width_{stage}", (*missing, *_WIDTHS), 8 << stage if there else 0),
            Categorical(f"stride_{stage}", (*missing, 1, 2), min(stage, 2) if there else 0),
        ]
        if family == "residual_bottleneck":
            parameters += [
                Categorical(
                    f"bot_mul_{stage}", (*map(float, missing), 0.25, 0.5, 1.0, 2.0, 4.0),
                    1.0 if there else 0.0,
                ),
                Categorical(f"num_gs_{stage}", (*missing, 1, 2, 4, 8, 16, 32, 64), int(there)),
            ]  # fmt: skip
    return tuple(parameters)


@dataclass(frozen=True)
class CellSpace(Space):
    """Networks of normal and reduction cells."""

    def encode(self, configuration: Mapping[str, Scalar]) -> tuple[float, ...]:
        """Return the encoded configuration.

        Raises:
            InvalidConfigurationError: If it is not in the space, or its cells do not fit together.
        """
        codes = super().encode(configuration)
        for cell in CELL_TYPES:
            _check_cell(cell, configuration)
        return codes

    def draw(self, words: NDArray[np.uint64]) -> FloatArray:
        """Return encoded configurations from raw words: a proposer's own operations, a generator's
        fixed values; see :mod:`~nepsbench.spaces.nds_draw`.
        """  # noqa: D205
        return nds_draw.draw_cells(self, self.uniforms(words))


@dataclass(frozen=True)
class StageSpace(Space):
    """Networks of stages of equal blocks."""

    def encode(self, configuration: Mapping[str, Scalar]) -> tuple[float, ...]:
        """Return the encoded configuration.

        Raises:
            InvalidConfigurationError: If it is not in the space, or its stages cannot be built.
        """
        codes = super().encode(configuration)
        _check_stages(configuration)
        return codes

    def draw(self, words: NDArray[np.uint64]) -> FloatArray:
        """Return encoded configurations from raw words; see :mod:`~nepsbench.spaces.nds_draw`."""
        return nds_draw.draw_stages(self, self.uniforms(words))


def _check_cell(cell: str, values: Mapping[str, Scalar]) -> None:
    operations = [
        (str(values[f"{cell}_{node}_op_x"]), str(values[f"{cell}_{node}_op_y"]))
        for node in range(NODES)
    ]
    count = nodes_of(cell, values)
    if not count or any((x == ABSENT) != (y == ABSENT) for x, y in operations) or any(
        ABSENT not in pair for pair in operations[count:]
    ):  # fmt: skip
        raise InvalidConfigurationError(
            f"the {cell} cell has nodes with one operation, or none in front of others; give "
            f"every node two operations, and call both {ABSENT!r} for those behind the last"
        )
    for node in range(NODES):
        for side in "xy":
            name = f"{cell}_{node}_input_{side}"
            limit = node + 1 if node < count else 0
            if int(values[name]) > limit:
                raise InvalidConfigurationError(
                    f"{name}={values[name]!r} is out of range; give a number from 0 to {limit}"
                )
    if max(concat_of(cell, values)) >= _FIRST + count:
        raise InvalidConfigurationError(
            f"{cell}_concat={values[f'{cell}_concat']!r} names a state that is not there; the last "
            f"is {_FIRST + count - 1}"
        )


def _check_stages(values: Mapping[str, Scalar]) -> None:
    last = {name: value for name, value in values.items() if name.endswith(f"_{STAGES}")}
    if len({bool(value) for value in last.values()}) > 1:
        raise InvalidConfigurationError(
            f"stage {STAGES} is there in part; give 0 for all of {', '.join(last)}, or for none"
        )
    for stage in stages_of(values):
        if (inner := bottleneck_width(stage)) % stage["num_gs"]:
            raise InvalidConfigurationError(
                f"{inner} channels of a bottleneck make no {stage['num_gs']:g} groups"
            )


def nodes_of(cell: str, values: Mapping[str, Scalar]) -> int:
    """Return how many nodes a cell has."""
    absent = [values[f"{cell}_{node}_op_x"] == ABSENT for node in range(NODES)]
    return absent.index(True) if True in absent else NODES


def concat_of(cell: str, values: Mapping[str, Scalar]) -> list[int]:
    """Return the states that make a cell's output."""
    return [int(state) for state in str(values[f"{cell}_concat"]).split(",")]


def stages_of(values: Mapping[str, Scalar]) -> list[dict[str, float]]:
    """Return ``depth, width, stride, bot_mul, num_gs`` of each stage that is there."""
    fields = {"depth": 0, "width": 0, "stride": 0, "bot_mul": 1.0, "num_gs": 1}
    return [
        {name: float(values.get(f"{name}_{stage}", other)) for name, other in fields.items()}
        for stage in range(1, STAGES + 1)
        if values[f"depth_{stage}"]
    ]


def bottleneck_width(stage: Mapping[str, float]) -> int:
    """Return the channels inside a stage's bottleneck blocks."""
    return round(stage["width"] * stage["bot_mul"])


_RECIPE = ("base_lr", "weight_decay")

SPACES: dict[str, Space] = {
    "nas_cell": CellSpace(
        name="nds_nas_cell",
        version=1,
        parameters=_cell_parameters(),
        fidelities=("depth", "width"),
        training=_RECIPE,
    ),
    **{
        family: StageSpace(
            name=f"nds_{family}",
            version=1,
            parameters=_stage_parameters(family),
            fidelities=(
                "width_0",
                *(f"{what}_{k}" for k in range(1, STAGES + 1) for what in ("depth", "width")),
            ),
            training=_RECIPE,
        )
        for family in ("residual_bottleneck", "residual_basic", "vanilla")
    },
}
NAS_CELL, RESIDUAL_BOTTLENECK, RESIDUAL_BASIC, VANILLA = SPACES.values()

_TRAINING = ("proposer", "generator", "base_lr", "weight_decay", "drop_prob")
#: Parameters that make the architecture: all but who drew it and how it is trained.
ARCHITECTURE = tuple(
    dict.fromkeys(
        name for space in SPACES.values() for name in space.names if name not in _TRAINING
    )
)


def space_of(model_family: str) -> Space:
    """Return the space of a model family.

    Raises:
        SpecError: If there is no such family.
    """
    if model_family not in SPACES:
        raise SpecError(f"unknown model family {model_family!r}; there are: {', '.join(SPACES)}")
    return SPACES[model_family]


def family_of(configuration: Mapping[str, Scalar]) -> str:
    """Return the model family of a configuration, which its proposer tells.

    Raises:
        InvalidConfigurationError: If there is no such proposer.
    """
    proposer = configuration.get("proposer")
    for family, names in PROPOSERS.items():
        if proposer in names:
            return family
    raise InvalidConfigurationError(
        f"proposer={proposer!r} is not a choice; choose one of "
        + ", ".join(map(repr, chain.from_iterable(PROPOSERS.values())))
    )


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of a valid configuration's network."""
    values = (f"{name}={configuration[name]}" for name in ARCHITECTURE if name in configuration)
    return f"nds_{family_of(configuration)}:{';'.join(values)}"
