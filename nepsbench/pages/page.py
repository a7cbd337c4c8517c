"""The frame of every page, and its tables; whatever is text is escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template


class Html(str):
    """Text that is HTML already, and is not escaped again."""

    __slots__ = ()


Cell = Html | str | float | None
#: What stands where nothing is known.
UNKNOWN = "\N{EN DASH}"


def page(title: str, heading: str, body: Html) -> str:
    """Return a whole page.

    Args:
        title: What the browser's tab says.
        heading: What the page says first.
        body: What follows.
    """
    template = Template(files("nepsbench.pages").joinpath("page.html").read_text("utf-8"))
    return template.substitute(title=escape(title), heading=escape(heading), body=body)


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]], *, digits: int = 4) -> Html:
    """Return a table; a row's first cell is its heading.

    Args:
        head: Names of the columns.
        rows: A number is rounded to ``digits`` digits, None and NaN are shown as unknown.
        digits: Significant digits.
    """
    first = rows[0] if rows else [""] * len(head)
    names = "".join(_head(name, cell) for name, cell in zip(head, first, strict=True))
    body = "".join(_row(row, digits) for row in rows)
    return Html(
        f'<div class="scroll"><table><thead><tr>{names}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def code(text: str) -> Html:
    """Return text that is typed as it stands."""
    return Html(f"<code>{escape(text)}</code>")


def shown(value: float | None, digits: int = 4) -> str:
    """Return a number as pages show it."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def _head(name: str, below: Cell) -> str:
    """Return a column's heading, above its cells: what is no number stands on the left."""
    aligned = ' class="typed"' if isinstance(below, Html) else _said(below)
    return f"<th{aligned}>{escape(name)}</th>"


def _row(row: Sequence[Cell], digits: int) -> str:
    first, *others = (_cell(each, digits) for each in row)
    cells = zip(row[1:], others, strict=True)
    return (
        f"<tr><th>{first}</th>"
        f"{''.join(f'<td{_said(value)}>{cell}</td>' for value, cell in cells)}</tr>"
    )


def _said(value: Cell) -> str:
    """Return the attribute of a cell of words."""
    return ' class="said"' if isinstance(value, str) and not isinstance(value, Html) else ""


def _cell(value: Cell, digits: int) -> str:
    if value is None or isinstance(value, float | int):
        return shown(value, digits)
    return value if isinstance(value, Html) else escape(value)
