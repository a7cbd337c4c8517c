"""The picture of the rooms of nepsbench and who imports whom, drawn from the imports themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import grimp

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 118, 30, 18, 46, 12
#: Modules that every room may know; lines to them would hide all others.
_COMMON = frozenset(
    {
        "__main__", "boundary", "epochs_bar", "errors", "files", "home", "journal", "provenance",
        "schema",
    }
)  # fmt: skip

Imports = Mapping[str, frozenset[str]]


def imports_of_rooms() -> dict[str, frozenset[str]]:
    """Return for each room of the package the rooms that it imports, without the common ones."""
    graph = grimp.build_graph("nepsbench")
    rooms = {module.split(".")[1] for module in graph.modules if module.count(".")} - _COMMON
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for module in graph.modules:
        own = _room(module)
        for other in graph.find_modules_directly_imported_by(module):
            if own in rooms and _room(other) in rooms and own != _room(other):
                found[own].add(_room(other))
    return {room: frozenset(others) for room, others in found.items()}


def levels_of(imports: Imports) -> dict[str, int]:
    """Return the height of each room: above all that it imports, where they are no circle."""
    heights: dict[str, int] = {}

    def height(room: str, path: tuple[str, ...]) -> int:
        if room in path:
            return 0
        if room not in heights or path:
            below = [height(other, (*path, room)) + 1 for other in sorted(imports[room])]
            heights[room] = max(below, default=0)
        return heights[room]

    for room in sorted(imports):
        height(room, ())
    return heights


def drawn(imports: Imports) -> str:
    """Return the picture: who stands higher imports who stands lower; of a chain, its links alone.

    A line that a longer way of lines says already is left out.
    """
    heights = levels_of(imports)
    rows: dict[int, list[str]] = {}
    for room in sorted(heights):
        rows.setdefault(heights[room], []).append(room)
    widest = max(len(row) for row in rows.values())
    width = 2 * _MARGIN + widest * (_WIDTH + _GAP_X)
    top = max(rows)
    places = {
        room: (
            (width - len(row) * (_WIDTH + _GAP_X) + _GAP_X) / 2 + k * (_WIDTH + _GAP_X),
            _MARGIN + (top - level) * (_HEIGHT + _GAP_Y),
        )
        for level, row in rows.items()
        for k, room in enumerate(row)
    }
    lines = [
        _line(places[room], places[other])
        for room, others in sorted(imports.items())
        for other in sorted(others)
        if not _is_told(imports, room, other)
    ]
    boxes = [_box(room, *place) for room, place in places.items()]
    height = 2 * _MARGIN + (top + 1) * _HEIGHT + top * _GAP_Y
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="13">'
        f"<title>Rooms of nepsbench and their imports</title>{''.join(lines + boxes)}</svg>\n"
    )


def write(target: Path) -> None:
    """Draw the package as it is into a file, if that changes it."""
    text = drawn(imports_of_rooms())
    if not target.exists() or target.read_text() != text:
        target.write_text(text)


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def _is_told(imports: Imports, room: str, other: str) -> bool:
    """Return whether ``room`` reaches ``other`` through a third room."""
    seen, open_ = {room}, [each for each in imports[room] if each != other]
    while open_:
        each = open_.pop()
        if each == other:
            return True
        if each not in seen:
            seen.add(each)
            open_ += imports[each]
    return False


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = start, end
    return (
        f'<line x1="{x + _WIDTH / 2:.0f}" y1="{y + _HEIGHT:.0f}" x2="{to_x + _WIDTH / 2:.0f}" '
        f'y2="{to_y:.0f}" stroke="#8899aa"/>'
    )


def _box(room: str, x: float, y: float) -> str:
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="5" '
        f'fill="#eef3f8" stroke="#44607c"/><text x="{x + _WIDTH / 2:.0f}" y="{y + 20:.0f}" '
        f'text-anchor="middle" fill="#112233">{room}</text>'
    )
