"""The log of a search as a file: JSON, or CSV for spreadsheets and pandas.

A CSV file has the settings as JSON in its first line, behind ``# ``, so that
``pandas.read_csv(path, comment="#")`` reads the rest. Both hold every number to its last bit.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from nepsbench.client.budget import Budget
from nepsbench.client.search_log import Entry, Settings
from nepsbench.errors import CorruptedFileError, NepsbenchError
from nepsbench.files import replacing, storage_errors

#: Raised with every change that an older reader cannot read.
FORMAT = 1

_COLUMNS = tuple(field.name for field in fields(Entry))
_SETTINGS = tuple(field.name for field in fields(Settings))


def write_log(path: Path, settings: Settings, entries: Sequence[Entry]) -> None:
    """Write a log; the ending of the name says how.

    Raises:
        NepsbenchError: If it is neither ``.json`` nor ``.csv``.
        StorageError: If the file cannot be written.
    """
    head = {"format": FORMAT, **asdict(settings)}
    if _kind(path) == ".json":
        text = json.dumps({**head, "entries": [asdict(entry) for entry in entries]}, indent=1)
    else:
        text = _csv_text(head, entries)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_log(path: Path) -> tuple[Settings, list[Entry]]:
    """Return the settings and entries that :func:`write_log` wrote.

    Raises:
        CorruptedFileError: If the file is no such log, or of a newer format.
        StorageError: If it cannot be read.
    """
    kind = _kind(path)
    with storage_errors(path):
        text = path.read_text(encoding="utf-8")
    try:
        head, rows = _json_rows(text) if kind == ".json" else _csv_rows(text)
        if head.get("format") != FORMAT:
            raise ValueError(f"its format is {head.get('format')!r}, this nepsbench reads {FORMAT}")
        settings = {name: head[name] for name in _SETTINGS}
        settings["budget"] = Budget(**settings["budget"])
        return Settings(**settings), [_entry(row) for row in rows]
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptedFileError(
            f"{path} is no log of a search: {error}; write it anew by SearchLog.save"
        ) from None


def _kind(path: Path) -> str:
    if path.suffix not in (".json", ".csv"):
        raise NepsbenchError(f"{path}: the log of a search is a .json or a .csv file")
    return path.suffix


def _csv_text(head: Mapping[str, Any], entries: Sequence[Entry]) -> str:
    buffer = io.StringIO()
    buffer.write(f"# {json.dumps(head)}\n")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for entry in entries:
        writer.writerow(json.dumps(getattr(entry, name)) for name in _COLUMNS)
    return buffer.getvalue().rstrip("\n")


def _csv_rows(text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    head, _, table = text.partition("\n")
    names, *rows = csv.reader(io.StringIO(table))
    found = [
        {name: json.loads(value) for name, value in zip(names, row, strict=True)} for row in rows
    ]
    return json.loads(head.removeprefix("# ")), found


def _json_rows(text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    head = json.loads(text)
    return head, head["entries"]


def _entry(row: Mapping[str, Any]) -> Entry:
    entry = Entry(**row)
    if not isinstance(entry.key, dict) or not isinstance(entry.value, int | float):
        raise ValueError(f"an entry has the key {entry.key!r} and the value {entry.value!r}")
    return entry
