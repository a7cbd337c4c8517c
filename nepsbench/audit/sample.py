"""An audit on disk: the form, and the trials that were drawn; the same form is the same audit.

``<home>/audits/<id>/`` holds ``audit.json``, ``sample.parquet``, a plan a part, and the record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nepsbench.audit.form import AuditForm
from nepsbench.audit.source import Recorded, open_recorded
from nepsbench.errors import NepsbenchError, SpecError, VersionMismatchError
from nepsbench.files import replacing, write_text
from nepsbench.provenance import code_version
from nepsbench.spaces import get_space
from nepsbench.training.recipe import get_recipe

#: What trials of a part have in common, and jobs are told once.
_COMMON = ("profile", "space", "dataset", "dataset_version", "recipe", "until")
#: What decides, with the form, which trainings an audit is made of.
_TRAINED = ("profile", "taskid", "model_idx", "seed", "config_id", *_COMMON[1:])


@dataclass(frozen=True)
class Part:
    """Trials of a sample that one plan trains again.

    Attributes:
        number: Counts the parts of an audit, from 0.
        profile: Their profile.
        space: Their space.
        dataset: What they were trained on.
        dataset_version: Its version.
        recipe: The recipe's label, ``<name>/<version>``.
        epochs: The epoch that they are trained up to.
        rows: Rows of the sample.
    """

    number: int
    profile: str
    space: str
    dataset: str
    dataset_version: str
    recipe: str
    epochs: int
    rows: pa.Table

    @property
    def trials(self) -> pa.Table:
        """Keys, seed and configuration, as a profile has them."""
        return self.rows.select(["taskid", "model_idx", "seed", *get_space(self.space).names])


@dataclass(frozen=True)
class Audit:
    """A sample that was drawn.

    Attributes:
        home: The data home.
        id: Names the audit; it holds a hash of what is trained again, where and by which code.
    """

    home: Path
    id: str

    @property
    def path(self) -> Path:
        """Its folder in the data home."""
        return self.home / "audits" / self.id

    @cached_property
    def about(self) -> dict[str, Any]:
        """What ``audit.json`` says: ``form``, ``benchmark``, ``source``, ``population``.

        Raises:
            SpecError: If there is no such audit.
        """
        try:
            found: dict[str, Any] = json.loads((self.path / "audit.json").read_bytes())
        except FileNotFoundError:
            raise SpecError(f"{self.path}: no such audit; draw its sample first") from None
        return found

    @property
    def form(self) -> AuditForm:
        """What was asked for."""
        return AuditForm.model_validate(self.about["form"])

    @cached_property
    def sample(self) -> pa.Table:
        """The trials that are trained again; the columns of ``sql/sample.sql``."""
        return pq.read_table(self.path / "sample.parquet")

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The sample, by what its trials have in common."""
        return tuple(_parts(self.sample))


def draw_sample(form: AuditForm, home: Path) -> Audit:
    """Draw the trials that are to be trained again and write them down; again is no change.

    Raises:
        NepsbenchError: If there is no such benchmark, or none of its trials can be trained here.
        VersionMismatchError: If they were trained by another version of a recipe or a space.
    """
    with open_recorded(form.benchmark, home) as recorded:
        rows = recorded.sample(form)
        _require_trainable(recorded, rows)
        audit = Audit(home, _id(form, recorded, rows))
        about = {
            "form": form.model_dump(),
            "benchmark": recorded.benchmark,
            "source": recorded.source,
            "population": rows["population"][0].as_py(),
            "code_version": code_version(),
        }
    text = json.dumps(about, indent=1)
    if not (audit.path / "sample.parquet").exists():
        with replacing(audit.path / "sample.parquet") as temporary:
            pq.write_table(rows, temporary)
    # Tolerances may differ from those of an earlier run; they decide the verdicts only.
    write_text(audit.path / "audit.json", text)
    return audit


def _require_trainable(recorded: Recorded, rows: pa.Table) -> None:
    """Refuse a sample that the installed code does not train as it was trained.

    Raises:
        NepsbenchError: If it is empty.
        VersionMismatchError: If recipe or space are of another version.
    """
    if not rows.num_rows:
        raise NepsbenchError(
            f"{recorded.benchmark} ({recorded.source}): none of its trials has an epoch yet"
        )
    names = ("recipe", "space", "space_version")
    for label, space, version in zip(*(rows[name].to_pylist() for name in names), strict=True):
        here = {
            label: get_recipe(label.partition("/")[0]).label,
            f"space {space}/{version}": f"space {space}/{get_space(space).version}",
        }
        for there, known in here.items():
            if there != known:
                raise VersionMismatchError(
                    f"{recorded.benchmark} ({recorded.source}): trials were trained with {there}, "
                    f"this nepsbench has {known}; install the version that trained them"
                )


def _id(form: AuditForm, recorded: Recorded, rows: pa.Table) -> str:
    content = [
        *(recorded.source, form.seed, form.cluster, code_version()),
        rows.select(_TRAINED).to_pylist(),
    ]
    digest = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"audit-{recorded.benchmark}-{digest[:8]}"


def _parts(sample: pa.Table) -> Iterator[Part]:
    common = sample.select(_COMMON).to_pylist()
    kinds = sorted({tuple(row.values()) for row in common})
    for number, kind in enumerate(kinds):
        chosen = pa.array([tuple(row.values()) == kind for row in common])
        profile, space, dataset, version, recipe, epochs = kind
        rows = sample.filter(chosen)
        yield Part(number, profile, space, dataset, version, recipe, epochs, rows)
