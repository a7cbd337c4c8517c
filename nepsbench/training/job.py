"""What a worker is to do: ``job.json`` and its line of ``portfolios.jsonl``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from nepsbench.boundary import Section, first_problem
from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.kept import KEEP_PATTERN, NONE

#: Which weights are kept; see :class:`nepsbench.kept.KeepRule`.
KeepWeights = Annotated[str, Field(pattern=KEEP_PATTERN)]

#: In the folder of a survey's job: what it found, and what proves it.
SURVEY, SURVEY_MANIFEST = "results/survey.json", "results/survey.sha256"


class JobSpec(Section):
    """``job.json``; see ``docs/architecture.md``. ``time_limit`` in seconds."""

    campaign: str
    benchmark: str
    space: str
    dataset: str
    dataset_version: str
    recipe: str
    target_epochs: int = Field(gt=0)
    time_limit: int = Field(gt=0)
    campaign_directory: Path
    datasets_directory: Path
    keep_weights: KeepWeights = NONE


class TrialSpec(Section):
    """One trial of a portfolio; its configuration is validated when its turn comes."""

    taskid: int = Field(ge=0)
    model_idx: int = Field(ge=1)
    seed: int
    configuration: dict[str, Any]


class Portfolio(Section):
    """A line of ``portfolios.jsonl``: the trials of one worker, in the order to train them."""

    worker: int = Field(ge=0)
    trials: tuple[TrialSpec, ...]


def journal_name(worker: int) -> str:
    """Return the name of a worker's journal in the job's folder."""
    return f"results/worker-{worker}.journal"


def manifest_name(worker: int) -> str:
    """Return the name of what proves a worker's journal; see ``nepsbench.manifest``."""
    return f"results/worker-{worker}.sha256"


def read_job(directory: Path) -> JobSpec:
    """Return the job of a job folder.

    Raises:
        SpecError: If ``job.json`` is missing or says something else.
    """
    path = directory / "job.json"
    try:
        return JobSpec.model_validate_json(path.read_bytes())
    except OSError:
        raise SpecError(f"{path}: no such file; give the folder of a planned job") from None
    except ValidationError as error:
        raise SpecError(f"{path}: {first_problem(error, JobSpec)}; plan the job again") from None


def read_portfolio(directory: Path, worker: int) -> Portfolio:
    """Return the portfolio of one worker; other lines are not parsed.

    Raises:
        SpecError: If the job has no such worker.
        CorruptedFileError: If the line is damaged.
    """
    path = directory / "portfolios.jsonl"
    try:
        with path.open("rb") as file:
            line = next((line for k, line in enumerate(file) if k == worker), None)
    except OSError:
        raise SpecError(f"{path}: no such file; give the folder of a planned job") from None
    if line is None:
        raise SpecError(f"{path}: has no worker {worker}; give a smaller number")
    try:
        portfolio = Portfolio.model_validate(json.loads(line))
    except ValidationError as error:
        problem = first_problem(error, Portfolio)
        raise CorruptedFileError(f"{path}: line {worker + 1}: {problem}") from None
    except ValueError:
        raise CorruptedFileError(
            f"{path}: line {worker + 1} is no JSON; send the job again"
        ) from None
    if portfolio.worker != worker:
        raise CorruptedFileError(
            f"{path}: line {worker + 1} is of worker {portfolio.worker}; send the job again"
        )
    return portfolio
