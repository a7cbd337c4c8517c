"""What a person says to have a surrogate's settings searched."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationError

from nepsbench.boundary import Section, first_problem
from nepsbench.errors import SpecError
from nepsbench.sampling.spec import Name
from nepsbench.surrogate.fitting import DEFAULT_SEED


class TuningForm(Section):
    """A search for settings.

    Attributes:
        benchmark: A benchmark of the warehouse.
        rounds: How often Optuna is told what came out.
        parallel: Settings of a round, each a task of the round's job.
        folds: Splits by which each is judged.
        metric: What counts; empty: the benchmark's main one.
        seed: Of Optuna, splits and fits.
        cluster: Where the jobs run; its interpreter needs ``nepsbench[surrogate]``.
    """

    benchmark: str = Field(min_length=1)
    rounds: int = Field(default=4, ge=1, le=100)
    parallel: int = Field(default=8, ge=1, le=1000)
    folds: int = Field(default=3, ge=1, le=20)
    metric: str = ""
    seed: int = Field(default=DEFAULT_SEED, ge=0, lt=2**32)
    cluster: Name = "local"


def parse_tuning(values: dict[str, Any]) -> TuningForm:
    """Check what a form says.

    Raises:
        SpecError: With the first thing that is wrong, in one line.
    """
    given = {key: value for key, value in values.items() if value not in (None, "")}
    try:
        return TuningForm.model_validate(given)
    except ValidationError as error:
        raise SpecError(f"tuning: {first_problem(error, TuningForm)}") from None
