"""The form of a study: what a person fills in where there is no file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from nepsbench.boundary import Section, first_problem
from nepsbench.client.durations import DurationRule
from nepsbench.errors import SpecError
from nepsbench.sampling.spec import Name
from nepsbench.search.study import Study, parse_study


class SearchForm(Section):
    """A study of one metric; tracks of other kinds are written as files.

    Attributes:
        study: Its name.
        benchmark: Name of a release, or ``name@version``.
        metric: What is optimised.
        optimisers: Names with commas; each with its defaults.
        seeds: Searches of each optimiser.
        queries: Trainings a search.
        durations: Where simulated seconds come from.
        workers: Of the simulated cluster.
        jobs: Processes on the worker that runs it.
    """

    study: Name
    benchmark: str = Field(min_length=1)
    metric: str = "valid_acc"
    optimisers: str = "random, evolution, local_search, bohb, optuna_tpe"
    seeds: int = Field(default=10, ge=1)
    queries: int = Field(default=200, ge=1)
    durations: DurationRule = "valid"
    workers: int = Field(default=1, ge=1)
    jobs: int = Field(default=1, ge=1)

    def as_study(self) -> Study:
        """Return the study.

        Raises:
            SpecError: If an optimiser stands twice.
        """
        content = {
            "study": self.study,
            "benchmark": self.benchmark,
            "metrics": [self.metric],
            "seeds": self.seeds,
            "budget": {"queries": self.queries},
            "durations": self.durations,
            "cluster": {"workers": self.workers},
            "optimisers": [name.strip() for name in self.optimisers.split(",") if name.strip()],
        }
        return parse_study(content, where="search")


def parse_form(values: Mapping[str, Any]) -> SearchForm:
    """Check what a form says.

    Raises:
        SpecError: With the first thing that is wrong, in one line.
    """
    try:
        form = SearchForm.model_validate({k: v for k, v in values.items() if v is not None})
    except ValidationError as error:
        raise SpecError(f"search: {first_problem(error, SearchForm)}") from None
    form.as_study()
    return form
