"""Settings that were found, in ``<home>/tuning/<benchmark>/<state of its tables>.json``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nepsbench.errors import CorruptedFileError
from nepsbench.files import write_text
from nepsbench.surrogate.boosting import Boosting


def settings_file(benchmark: str, state: str, home: Path) -> Path:
    """Return where the settings for these tables are, or would be."""
    return home / "tuning" / benchmark / f"{state}.json"


def tuned_settings(benchmark: str, state: str, home: Path) -> Boosting | None:
    """Return the settings that were found on these very tables, or None.

    Those found on other tables are not taken: what is held out of these may have been among them.

    Raises:
        CorruptedFileError: If the file is damaged.
    """
    path = settings_file(benchmark, state, home)
    try:
        return Boosting(**json.loads(path.read_text())["settings"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptedFileError(
            f"{path}: no settings of a surrogate ({error}); delete it, or tune again"
        ) from None


def keep(path: Path, best: Boosting, history: Sequence[dict[str, Any]], **about: Any) -> None:
    """Write down the best settings and every one that was tried."""
    content = {**about, "settings": asdict(best), "tried": list(history)}
    write_text(path, json.dumps(content, indent=1) + "\n")
