"""Plots as SVG: lines with bands, and points beside the diagonal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from nepsbench.pages.page import Html
from nepsbench.spaces.parameters import FloatArray

#: Okabe and Ito's colours, which people with any colour vision tell apart; then dashes.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
_DASHES = ("", "6 3", "2 2")
WIDTH, _HEIGHT = 640, 360
LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 44
NOTHING = Html("<p>Nothing was found.</p>")


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
class Axis:
    """An axis: values from ``low`` to ``high``, drawn from ``start`` to ``end``."""

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
) -> Html:
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
        return NOTHING
    horizontal = axis_of([each.x for each in drawn], LEFT, WIDTH - _RIGHT, log=log)
    tops = [each.y if each.band is None else each.y + np.nan_to_num(each.band) for each in drawn]
    vertical = axis_of([_upper(drawn), *tops], _HEIGHT - _BOTTOM, _TOP)
    parts = [_frame(horizontal, vertical, x, y)]
    for number, line in enumerate(drawn):
        parts.append(_drawn(line, number, horizontal, vertical, steps))
    return Html(svg(_HEIGHT, "".join(parts), f"{y} by {x}") + _legend(drawn))


def point_plot(x: FloatArray, y: FloatArray, *, x_name: str, y_name: str) -> Html:
    """Return points and the diagonal on which both coordinates are equal, as SVG.

    Args:
        x: Horizontal coordinates, finite, shape (points,).
        y: Vertical coordinates, as many.
        x_name: What the horizontal axis is.
        y_name: What the vertical axis is.
    """
    if not len(x):
        return NOTHING
    both = axis_of([x, y], LEFT, WIDTH - _RIGHT)
    vertical = Axis(both.low, both.high, _HEIGHT - _BOTTOM, _TOP)
    corners = (both.start, vertical.start, both.end, vertical.end)
    parts = [
        _frame(both, vertical, x_name, y_name),
        '<path class="thin" d="M{} {}L{} {}"/>'.format(*corners),
        *(
            f'<circle cx="{both.at(a):.1f}" cy="{vertical.at(b):.1f}" r="2.2" '
            f'fill="{_COLOURS[0]}" fill-opacity="0.5"/>'
            for a, b in zip(x.tolist(), y.tolist(), strict=True)
        ),
    ]
    return svg(_HEIGHT, "".join(parts), f"{y_name} by {x_name}")


def _upper(lines: Sequence[Line]) -> FloatArray:
    """Return what the lower edges of all bands reach."""
    return np.concatenate(
        [each.y if each.band is None else each.y - np.nan_to_num(each.band) for each in lines]
    )


def axis_of(values: Sequence[FloatArray], start: float, end: float, *, log: bool = False) -> Axis:
    """Return an axis for all finite values."""
    finite = np.concatenate([each[np.isfinite(each)] for each in values])
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    return Axis(low, high, start, end, log)


def _frame(horizontal: Axis, vertical: Axis, x: str, y: str) -> str:
    bottom = _HEIGHT - _BOTTOM
    parts = [f'<path class="axis" d="M{LEFT} {_TOP}V{bottom}H{WIDTH - _RIGHT}"/>']
    for tick in horizontal.ticks():
        at = horizontal.at(tick)
        parts.append(f'<path class="axis" d="M{at:.1f} {bottom}v4"/>')
        parts.append(text(at, bottom + 16, _number(tick)))
    for tick in vertical.ticks():
        at = vertical.at(tick)
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(text(LEFT - 6, at + 4, _number(tick), "end"))
    parts.append(text((LEFT + WIDTH) / 2, _HEIGHT - 8, x))
    middle = (_TOP + bottom) / 2
    parts.append(f'<g transform="rotate(-90 14 {middle})">{text(14, middle, y)}</g>')
    return "".join(parts)


def _drawn(line: Line, number: int, horizontal: Axis, vertical: Axis, steps: bool) -> str:
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
    if len(xs) == 1:  # a line of one point would not be seen
        parts.append(f'<circle cx="{xs[0]:.1f}" cy="{ys[0]:.1f}" r="3.5" fill="{colour}"/>')
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


def svg(height: float, body: str, label: str) -> Html:
    """Return a picture of the usual width; ``label`` is read to who does not see it."""
    return Html(
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}" '
        f'xmlns="http://www.w3.org/2000/svg">{body}</svg>'
    )


def text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    """Return text in a picture."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:.0e}" if value and not 1e-3 <= abs(value) < 1e5 else f"{value:.6g}"
