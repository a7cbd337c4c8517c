"""What a person fills in to audit a benchmark, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from nepsbench.boundary import Section, first_problem
from nepsbench.cluster import load_cluster
from nepsbench.errors import SpecError
from nepsbench.sampling.spec import Name


class AuditForm(Section):
    """One audit.

    Attributes:
        benchmark: A benchmark of the warehouse; or a release: ``name@version`` or its folder.
        share: Part of the trials that is trained again, at least one.
        number: How many trials, instead of a share; empty: the share counts.
        seed: Which trials: another seed draws others, and is another audit.
        epochs: The last epoch that is trained again; empty: as far as each trial was trained.
        cluster: Where: a file in the clusters' folder.
        points: What other hardware or software may differ in percentages.
        relative: What it may differ in other metrics, in parts of the greater value.
    """

    benchmark: str = Field(min_length=1)
    share: float = Field(default=0.01, gt=0, le=1)
    number: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    epochs: int | None = Field(default=None, ge=1)
    cluster: Name = "local"
    points: float = Field(default=2.0, ge=0)
    relative: float = Field(default=0.05, ge=0)


def parse_audit(values: Mapping[str, Any]) -> AuditForm:
    """Check what a form or a command line says, and that there is such a cluster.

    Raises:
        SpecError: With the first thing that is wrong, in one line.
    """
    given = {key: value for key, value in values.items() if value not in (None, "")}
    try:
        form = AuditForm.model_validate(given)
    except ValidationError as error:
        raise SpecError(f"audit: {first_problem(error, AuditForm)}") from None
    load_cluster(form.cluster)
    return form
