"""Plots as SVG text: lines with bands, and the critical-difference diagram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from nepsbench.search.ranks import Ranking
from nepsbench.spaces.parameters import FloatArray

#: Okabe and Ito's colours, which people with any colour vision tell apart; then dashes.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
_DASHES = ("", "6 3", "2 2")
_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 44


@dataclass(frozen=True)
class Line:
    """A line of a plot.

    Attributes:
        label: Its name.
        x: Places, ascending; shape (points,).
        y: Values; NaN is not drawn.
        band: Half the height of the band around it; None: no band.
    """

    label: str
    x: FloatArray
    y: FloatArray
    band: FloatArray | None = None


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the place of a value in the picture."""
        low, high, value = (
            (math.log(self.low), math.log(self.high), math.log(value))
            if self.log
            else (self.low, self.high, value)
        )
        return self.start + (value - low) / ((high - low) or 1.0) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return some round values on it."""
        if self.log:
            powers = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            if len(powers) > 1:
                return [10.0**power for power in powers]
        step = 10 ** math.floor(math.log10((self.high - self.low) / 4 or 1.0))
        step *= next(k for k in (1, 2, 5, 10) if (self.high - self.low) / (k * step) <= 6)
        first = math.ceil(self.low / step)
        return [k * step for k in range(first, math.floor(self.high / step) + 1) if not self.log
                or k > 0]  # fmt: skip


def line_plot(
    lines: Sequence[Line], *, x: str, y: str, log: bool = False, steps: bool = False
) -> str:
    """Return a plot of lines as SVG.

    Args:
        lines: The lines.
        x: What the horizontal axis is.
        y: What the vertical axis is.
        log: True if the horizontal axis is logarithmic.
        steps: True draws steps instead of straight lines.
    """
    drawn = [each for each in lines if np.isfinite(each.y).any()]
    if not drawn:
        return "<p>Nothing was found.</p>"
    horizontal = _axis([each.x for each in drawn], _LEFT, _WIDTH - _RIGHT, log=log)
    tops = [each.y if each.band is None else each.y + np.nan_to_num(each.band) for each in drawn]
    vertical = _axis([_upper(drawn), *tops], _HEIGHT - _BOTTOM, _TOP)
    parts = [_frame(horizontal, vertical, x, y)]
    for number, line in enumerate(drawn):
        parts.append(_drawn(line, number, horizontal, vertical, steps))
    return _svg(_HEIGHT, "".join(parts), f"{y} by {x}") + _legend(drawn)


def difference_plot(ranking: Ranking) -> str:
    """Return the critical-difference diagram: who is not told apart is joined by a bar."""
    count = len(ranking.rows)
    axis = _Axis(1, max(count, 2), _LEFT, _WIDTH - _LEFT)
    ordered = sorted(zip(ranking.ranks, ranking.rows, strict=True))
    groups = ranking.groups()
    top = 40 + 10 * len(groups)
    parts = [f'<path class="axis" d="M{axis.start} 24H{axis.end}"/>']
    parts += [_text(axis.at(tick), 16, str(tick)) for tick in range(1, max(count, 2) + 1)]
    for place, (rank, row) in enumerate(ordered):
        at, line, left = axis.at(rank), top + 18 * place, place < (count + 1) // 2
        edge, anchor = (axis.start, "start") if left else (axis.end, "end")
        parts.append(f'<path class="thin" d="M{at:.1f} 24V{line}H{edge}"/>')
        parts.append(_text(edge, line - 3, f"{row} {rank:.2f}", anchor))
    of = dict(zip(ranking.rows, ranking.ranks, strict=True))
    for place, group in enumerate(groups):
        low, high = axis.at(of[group[0]]) - 3, axis.at(of[group[-1]]) + 3
        parts.append(f'<path class="bar" d="M{low:.1f} {32 + 10 * place}H{high:.1f}"/>')
    return _svg(top + 18 * count, "".join(parts), "mean ranks and critical difference")


def _upper(lines: Sequence[Line]) -> FloatArray:
    """Return what the lower edges of all bands reach."""
    return np.concatenate(
        [each.y if each.band is None else each.y - np.nan_to_num(each.band) for each in lines]
    )


def _axis(values: Sequence[FloatArray], start: float, end: float, *, log: bool = False) -> _Axis:
    finite = np.concatenate([each[np.isfinite(each)] for each in values])
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    return _Axis(low, high, start, end, log)


def _frame(horizontal: _Axis, vertical: _Axis, x: str, y: str) -> str:
    bottom = _HEIGHT - _BOTTOM
    parts = [f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{_WIDTH - _RIGHT}"/>']
    for tick in horizontal.ticks():
        at = horizontal.at(tick)
        parts.append(f'<path class="axis" d="M{at:.1f} {bottom}v4"/>')
        parts.append(_text(at, bottom + 16, _number(tick)))
    for tick in vertical.ticks():
        at = vertical.at(tick)
        parts.append(f'<path class="grid" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(_text(_LEFT - 6, at + 4, _number(tick), "end"))
    parts.append(_text((_LEFT + _WIDTH) / 2, _HEIGHT - 8, x))
    middle = (_TOP + bottom) / 2
    parts.append(f'<g transform="rotate(-90 14 {middle})">{_text(14, middle, y)}</g>')
    return "".join(parts)


def _drawn(line: Line, number: int, horizontal: _Axis, vertical: _Axis, steps: bool) -> str:
    known = np.isfinite(line.y)
    xs = [horizontal.at(value) for value in line.x[known].tolist()]
    ys = [vertical.at(value) for value in line.y[known].tolist()]
    colour = _COLOURS[number % len(_COLOURS)]
    parts = []
    if line.band is not None:
        half = np.nan_to_num(line.band[known])
        upper = [vertical.at(v) for v in (line.y[known] + half).tolist()]
        lower = [vertical.at(v) for v in (line.y[known] - half).tolist()]
        edge = [*zip(xs, upper, strict=True), *zip(xs[::-1], lower[::-1], strict=True)]
        around = " ".join(f"{a:.1f},{b:.1f}" for a, b in edge)
        parts.append(f'<polygon points="{around}" fill="{colour}" opacity="0.15"/>')
    path = f"M{xs[0]:.1f} {ys[0]:.1f}"
    for a, b in zip(xs[1:], ys[1:], strict=True):
        path += f"H{a:.1f}V{b:.1f}" if steps else f"L{a:.1f} {b:.1f}"
    dash = _DASHES[number // len(_COLOURS) % len(_DASHES)]
    parts.append(
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6" '
        f'stroke-dasharray="{dash}"><title>{escape(line.label)}</title></path>'
    )
    return "".join(parts)


def _legend(lines: Sequence[Line]) -> str:
    items = "".join(
        f'<li><svg width="22" height="8" aria-hidden="true"><path d="M0 4H22" stroke-width="2" '
        f'stroke="{_COLOURS[n % len(_COLOURS)]}" '
        f'stroke-dasharray="{_DASHES[n // len(_COLOURS) % len(_DASHES)]}"/></svg> '
        f"{escape(line.label)}</li>"
        for n, line in enumerate(lines)
    )
    return f'<ul class="legend">{items}</ul>'


def _svg(height: int, body: str, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}" '
        f'xmlns="http://www.w3.org/2000/svg">{body}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:.0e}" if value and not 1e-3 <= abs(value) < 1e5 else f"{value:.6g}"
