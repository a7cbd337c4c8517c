"""A study: optimisers compared on a benchmark, as a YAML file says it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from nepsbench.boundary import Section, first_problem
from nepsbench.client.cluster_clock import Cluster
from nepsbench.client.durations import DurationRule
from nepsbench.errors import NepsbenchError, SpecError
from nepsbench.sampling.spec import Name

Track = Literal["single-objective", "cost-aware", "multi-fidelity", "multi-objective"]
Positive = Annotated[float, Field(gt=0)]


class Entry(Section):
    """An optimiser of a study.

    Attributes:
        name: The optimiser's.
        label: What its row is called; the name by default.
        arguments: The optimiser's own.
        fidelity: ``rungs`` asks at several fidelities, ``full`` for whole trainings; by default
            ``rungs`` in the track ``multi-fidelity``, elsewhere what the optimiser is made for.
    """

    name: str
    label: Name | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)
    fidelity: Literal["full", "rungs"] | None = None

    @property
    def row(self) -> str:
        """What its row is called."""
        return self.label or self.name


class StudyBudget(Section):
    """What every search may spend; at least one of them.

    Attributes:
        queries: Trainings.
        epochs: Epochs.
        seconds: Simulated seconds from the beginning to the end.
        trainings: Simulated seconds, too: as many as so many whole trainings take on one worker,
            by the mean of a hundred random ones. JAHS-Bench-201's protocol has 100.
    """

    queries: int | None = Field(default=None, gt=0)
    epochs: int | None = Field(default=None, gt=0)
    seconds: Positive | None = None
    trainings: Positive | None = None

    @model_validator(mode="after")
    def _is_one(self) -> StudyBudget:
        if self.seconds is not None and self.trainings is not None:
            raise SpecError("give seconds or trainings, not both")
        if not any((self.queries, self.epochs, self.seconds, self.trainings)):
            raise SpecError("give queries, epochs, seconds or trainings")
        return self


class StudyCluster(Section):
    """The simulated cluster; see :class:`nepsbench.client.cluster_clock.Cluster`."""

    workers: int = Field(default=1, ge=1)
    start_up: float = Field(default=0.0, ge=0)
    stragglers: float = Field(default=0.0, ge=0, le=1)
    slowdown: float = Field(default=4.0, ge=1)
    failures: float = Field(default=0.0, ge=0)
    repair: float = Field(default=0.0, ge=0)
    attempts: int = Field(default=3, ge=1)
    checkpoints: bool = True

    @property
    def cluster(self) -> Cluster:
        """The cluster itself."""
        return Cluster(**self.model_dump())


class Study(Section):
    """A study.

    Attributes:
        study: Its name.
        benchmark: Name of a release, or ``name@version``.
        kind: Who answers.
        track: What is compared: the best found (``single-objective``), by simulated time
            (``cost-aware``), by optimisers that ask at several fidelities (``multi-fidelity``), or
            the hypervolume of several metrics (``multi-objective``).
        metrics: What is optimised; the metric dictionary knows the direction.
        final: Metrics of the incumbent's whole training that are reported; by default ``metrics``.
        reference: For ``multi-objective``, the worst value of each metric that counts.
        seeds: Searches of each optimiser, seeds from 0.
        budget: What each search may spend.
        durations: Where simulated seconds come from.
        fidelities: The budgets of ``rungs``; by default all that the benchmark recorded.
        cluster: The simulated cluster.
        optimisers: What is compared.
    """

    study: Name
    benchmark: str = Field(min_length=1)
    kind: Literal["table", "surrogate", "live"] = "table"
    track: Track = "single-objective"
    metrics: list[str] = Field(default=["valid_acc"], min_length=1)
    final: list[str] = Field(default_factory=list)
    reference: dict[str, float] = Field(default_factory=dict)
    seeds: int = Field(default=10, ge=1)
    budget: StudyBudget
    durations: DurationRule = "valid"
    fidelities: list[int] | None = None
    cluster: StudyCluster = StudyCluster()
    optimisers: list[Entry] = Field(min_length=1)

    @model_validator(mode="after")
    def _rows_differ(self) -> Study:
        rows = [entry.row for entry in self.optimisers]
        for row in rows:
            if rows.count(row) > 1:
                raise SpecError(f"two optimisers are called {row!r}; give one of them a label")
        return self

    @model_validator(mode="after")
    def _fits_its_track(self) -> Study:
        several = self.track == "multi-objective"
        if several != (len(self.metrics) > 1):
            raise SpecError(
                f"track {self.track} has {len(self.metrics)} metrics; the track multi-objective "
                "takes two or more, every other one"
            )
        if several and (lacking := [m for m in self.metrics if m not in self.reference]):
            raise SpecError(
                f"track multi-objective: reference lacks {lacking[0]}; give the worst value of it "
                "that counts"
            )
        timed = self.budget.seconds is not None or self.budget.trainings is not None
        if self.track == "cost-aware" and (not timed or self.durations == "epochs"):
            raise SpecError(
                "track cost-aware compares by simulated time; give a budget of seconds or "
                "trainings, and durations that were recorded"
            )
        return self

    @property
    def finals(self) -> tuple[str, ...]:
        """Metrics of the incumbent that are reported."""
        return tuple(dict.fromkeys([*self.metrics, *self.final]))

    def entry(self, row: str) -> Entry:
        """Return the optimiser of a row.

        Raises:
            SpecError: If there is none; names those there are.
        """
        for entry in self.optimisers:
            if entry.row == row:
                return entry
        rows = ", ".join(entry.row for entry in self.optimisers)
        raise SpecError(f"study {self.study} has no row {row!r}; there are: {rows}")


def read_study(path: Path) -> Study:
    """Return the study in a YAML file.

    Raises:
        SpecError: With the first thing that is wrong, in one line.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: cannot be read as a study: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path}: not UTF-8 text; save the study as UTF-8") from None
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return parse_study(content, where=str(path))


def parse_study(content: Any, *, where: str) -> Study:
    """Return the study that a mapping describes; ``where`` is for errors.

    Raises:
        SpecError: With the first thing that is wrong, in one line.
    """
    if not isinstance(content, Mapping):
        raise SpecError(f"{where}: a study is a mapping of keys to values")
    given = dict(content)
    if isinstance(given.get("optimisers"), list):  # a name alone is short for an entry
        given["optimisers"] = [
            {"name": each} if isinstance(each, str) else each for each in given["optimisers"]
        ]
    try:
        return Study.model_validate(given)
    except ValidationError as error:
        raise SpecError(f"{where}: {first_problem(error, Study)}") from None
    except NepsbenchError as error:
        raise SpecError(f"{where}: {error}") from None
