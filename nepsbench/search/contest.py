"""From a study to its searches: its benchmark opened, every optimiser's problem made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import nepsbench
from nepsbench.client.budget import Budget
from nepsbench.client.objective import Fidelities
from nepsbench.errors import NotInTableError, SpecError
from nepsbench.search.candidates import candidates_of
from nepsbench.search.draws import Draws
from nepsbench.search.optimiser import Problem
from nepsbench.search.oracle import Oracle
from nepsbench.search.registry import make_optimiser, optimiser_class
from nepsbench.search.running import Evaluation, Search
from nepsbench.search.session import Session
from nepsbench.search.study import Entry, Study

#: Random trainings whose mean is what one of a budget of trainings takes.
_SAMPLED = 100


class Contest:
    """A study with its benchmark; any of its searches can be run at any time.

    Args:
        study: The study.
        home: The data home with the benchmark's release; the default one without.

    Raises:
        NepsbenchError: If there is no such release, metric or optimiser.
        SpecError: If an optimiser cannot solve the problem.
    """

    def __init__(self, study: Study, home: Path | None = None) -> None:
        self.study = study
        self.bench = nepsbench.load(study.benchmark, kind=study.kind, home=home)
        self.oracle = Oracle(
            self.bench, study.metrics, durations=study.durations, final=study.finals
        )
        self._candidates = candidates_of(self.bench)
        self._fidelities = self._chosen_fidelities()
        for entry in study.optimisers:
            make_optimiser(entry.name, self._problem(entry), 0, entry.arguments)
        self.budget = self._budget()

    def search(self, entry: Entry, seed: int) -> Iterator[Evaluation]:
        """Yield the evaluations of one search."""
        problem = self._problem(entry)
        session = Session(entry.name, problem, seed=seed, arguments=entry.arguments)
        cluster = self.study.cluster.cluster
        return Search(self.oracle, session, budget=self.budget, cluster=cluster, seed=seed).run()

    def _problem(self, entry: Entry) -> Problem:
        by_rungs = entry.fidelity == "rungs" or (
            entry.fidelity is None
            and (self.study.track == "multi-fidelity" or optimiser_class(entry.name).multi_fidelity)
        )
        fidelities = self._fidelities if by_rungs else None
        return Problem(self._candidates, fidelities, len(self.study.metrics))

    def _chosen_fidelities(self) -> Fidelities:
        known, chosen = self.oracle.fidelities, self.study.fidelities
        if chosen is None:
            return known
        for value in chosen:
            if value not in known.values:
                raise SpecError(
                    f"study {self.study.study}: {known.kind} {value} is not recorded in "
                    f"{self.bench.name}; there are {', '.join(map(str, known.values))}"
                )
        return Fidelities(known.kind, tuple(sorted({*chosen, known.values[-1]})))

    def _budget(self) -> Budget:
        given = self.study.budget
        seconds = given.seconds
        if given.trainings is not None:
            seconds = given.trainings * self._mean_seconds()
        return Budget(seconds, given.queries, given.epochs)

    def _mean_seconds(self) -> float:
        """Return what a whole training takes on average, of some random ones."""
        draws = Draws(0, purpose=1)
        replies = [self.oracle.ask(self._candidates.draw(draws)) for _ in range(_SAMPLED)]
        seconds = [reply.seconds for reply in replies if not reply.failed]
        if not seconds:
            raise NotInTableError(f"{self.bench.name}: {_SAMPLED} random trainings all failed")
        return fmean(seconds)
