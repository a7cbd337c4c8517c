"""Shell text: templates beside this file, filled in with quoted words.

A template's place is ``@@name``. Values are words that :func:`quote` or :func:`words` made, or
shell text that the owner of the cluster file wrote for this purpose (``setup``).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib.resources import files
from string import Template

quote = shlex.quote


class _ShellTemplate(Template):
    delimiter = "@@"


def words(arguments: Sequence[str]) -> str:
    """Return ``arguments`` as one line of shell, each quoted."""
    return shlex.join(arguments)


def fill(template: str, **values: str) -> str:
    """Return ``templates/<template>.sh`` with its places filled in."""
    text = files("nepsbench.cluster").joinpath("templates", f"{template}.sh").read_text("utf-8")
    return _ShellTemplate(text).substitute(values)
