"""The SQL of releases."""

from __future__ import annotations

from importlib.resources import files
from string import Template


def query_text(file: str, /, **values: str) -> str:
    """Return the text of ``sql/<file>.sql`` with its ``$placeholders`` filled in."""
    text = files("nepsbench.release").joinpath("sql", f"{file}.sql").read_text()
    return Template(text).substitute(values)
