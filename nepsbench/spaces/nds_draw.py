"""How NDS's design spaces are drawn: what each proposer allows, and what each generator fixes.

Source: Radosavovic et al. (ICCV 2019), tables 1 and 2 (operations, nodes, ranges of depth, width,
bottleneck ratio and groups); operations: pycls, ``models/nas/genotypes.py``. NDS does not say which
width and depth ``fix_w_d`` fixes; here they are the defaults. Ranges of learning rate and weight
decay, and depth and width of cell networks, are ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nepsbench.spaces.parameters import FloatArray, LogFloat, Scalar
from nepsbench.spaces.space import Space

_POOLS = ("avg_pool_3x3", "max_pool_3x3")
_SEPARABLE = ("sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7")
_CELL_OPERATIONS = {
    "amoeba": ("skip_connect", *_SEPARABLE, *_POOLS, "dil_sep_conv_3x3", "conv_7x1_1x7"),
    "darts": (
        "none", "skip_connect", *_POOLS, *_SEPARABLE[:2], "dil_conv_3x3", "dil_conv_5x5",
    ),
    "enas": ("skip_connect", *_SEPARABLE[:2], *_POOLS),
    "nasnet": (
        "skip_connect", "conv_3x1_1x3", "conv_7x1_1x7", "dil_conv_3x3", *_POOLS, "max_pool_5x5",
        "max_pool_7x7", "conv_1x1", "conv_3x3", *_SEPARABLE,
    ),
    "pnas": (*_SEPARABLE, "conv_7x1_1x7", "skip_connect", *_POOLS, "dil_conv_3x3"),
}  # fmt: skip
#: Proposers whose cells put all nodes out; with the others, those that no node reads.
_ALL_OUT = ("darts", "pnas")
_CELL_DEPTHS = (4, 8, 12, 16, 20)
_CELL_WIDTHS = (8, 16, 24, 32, 40, 48)

#: Depth, width (both drawn evenly in their logarithm), bottleneck multipliers, groups.
_STAGE_RANGES: dict[
    str, tuple[tuple[int, int], tuple[int, int], Sequence[float], Sequence[int]]
] = {
    "vanilla": ((1, 24), (16, 256), (1.0,), (1,)),
    "resnet": ((1, 24), (16, 256), (1.0,), (1,)),
    "resnet-b": ((1, 24), (16, 256), (0.25,), (1,)),
    "resnext-a": ((1, 16), (16, 256), (0.25, 0.5, 1.0), (1, 2, 4)),
    "resnext-b": ((1, 16), (64, 1024), (0.25, 0.5, 1.0), (1, 2, 4, 8, 16)),
}
_LR = LogFloat("base_lr", 1e-3, 1.0, 0.1)
_WEIGHT_DECAY = LogFloat("weight_decay", 1e-5, 1e-2, 5e-4)


def draw_cells(space: Space, uniforms: FloatArray) -> FloatArray:
    """Return encoded configurations of cells, shape (draws, parameters)."""
    return np.array([space.encode(_cell(_Draw(space, row))) for row in uniforms])


def draw_stages(space: Space, uniforms: FloatArray) -> FloatArray:
    """Return encoded configurations of stages, shape (draws, parameters)."""
    return np.array([space.encode(_stages(space, _Draw(space, row))) for row in uniforms])


class _Draw:
    """One draw: a uniform for each parameter, whether it is used or not."""

    def __init__(self, space: Space, uniforms: FloatArray) -> None:
        self._space = space
        self._by_name = dict(zip(space.names, uniforms.tolist(), strict=True))

    def choice(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        return choices[int(self._by_name[name] * len(choices))]

    def log(self, parameter: LogFloat) -> float:
        return float(parameter.from_uniform(np.array([self._by_name[parameter.name]]))[0])

    def between(self, name: str, low: int, high: int) -> float:
        return self.log(LogFloat(name, low, high, low))

    def common(self) -> dict[str, Scalar]:
        """Who draws it, and how it is trained."""
        values = self._space.defaults
        for name in ("proposer", "generator", "stem"):
            parameter = self._space.parameter(name)
            code = parameter.from_uniform(np.array([self._by_name[name]]))[0]
            values[name] = parameter.decode(float(code))
        if values["generator"] == "tune_lr_wd":
            values |= {p.name: self.log(p) for p in (_LR, _WEIGHT_DECAY)}
        return values


def _cell(draw: _Draw) -> dict[str, Scalar]:
    values = draw.common()
    proposer = str(values["proposer"])
    if values["generator"] != "fix_w_d":
        values["depth"] = draw.choice("depth", _CELL_DEPTHS)
        values["width"] = draw.choice("width", _CELL_WIDTHS)
    nodes = 4 if proposer == "darts" else 5
    for cell in ("normal", "reduce"):
        unread = set(range(2, 2 + nodes))
        for node in range(5):
            for side in "xy":
                operation, source = f"{cell}_{node}_op_{side}", f"{cell}_{node}_input_{side}"
                if node >= nodes:
                    values |= {operation: "absent", source: 0}
                    continue
                values[operation] = draw.choice(operation, _CELL_OPERATIONS[proposer])
                values[source] = draw.choice(source, range(node + 2))
                if proposer not in _ALL_OUT:
                    unread.discard(int(values[source]))
        values[f"{cell}_concat"] = ",".join(map(str, sorted(unread)))
    return values


def _stages(space: Space, draw: _Draw) -> dict[str, Scalar]:
    values = draw.common()
    depths, widths, multipliers, groups = _STAGE_RANGES[str(values["proposer"])]
    for stage in (1, 2, 3):
        values[f"depth_{stage}"] = round(draw.between(f"depth_{stage}", *depths))
        width = 8 * round(draw.between(f"width_{stage}", *widths) / 8)
        values[f"width_{stage}"] = width
        if f"bot_mul_{stage}" in space.names:
            multiplier = float(draw.choice(f"bot_mul_{stage}", multipliers))
            most = int(draw.choice(f"num_gs_{stage}", groups))
            while round(width * multiplier) % most:
                most //= 2
            values |= {f"bot_mul_{stage}": multiplier, f"num_gs_{stage}": most}
    return values
