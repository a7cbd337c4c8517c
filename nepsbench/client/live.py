"""Answers by training now: slow, and the same numbers as a worker's."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from nepsbench.client.batch import Terms
from nepsbench.client.benchmark import Answer, Benchmark, Query, checked_epoch
from nepsbench.client.notations import configuration_of
from nepsbench.client.training import datasets_folder, require_training
from nepsbench.client.training_bar import training_bar
from nepsbench.errors import NepsbenchError, NotInTableError, VersionMismatchError
from nepsbench.release.manifest import Manifest

if TYPE_CHECKING:
    from nepsbench.training.live import LiveTerms, LiveTrial


class LiveBenchmark(Benchmark):
    """Trains every configuration that is asked for, by the release's recipe, on its dataset.

    The dataset is prepared on the first question, below ``datasets``. With a folder of
    ``checkpoints``, trials are remembered between questions and processes: one that was trained to
    epoch 3 goes on from there. Without, ask for a trajectory rather than for its epochs one by one.
    """

    def __init__(
        self,
        release: Path,
        manifest: Manifest,
        *,
        datasets: str | Path | None = None,
        checkpoints: str | Path | None = None,
        progress: bool = False,
    ) -> None:
        super().__init__(release, manifest)
        self._datasets = datasets_folder(datasets)
        self._checkpoints = Path(checkpoints) if checkpoints else None
        self._progress = progress
        recipe = manifest.benchmark.get("recipe")
        self._recipe = recipe.partition("/")[0] if isinstance(recipe, str) else ""
        if not self._recipe:
            raise NepsbenchError(f"{release}: names no one recipe to train by; use kind='table'")
        require_training()

    def __call__(
        self,
        query: Query,
        epoch: int | None = None,
        *,
        seed: int | None = None,
        horizon: int | None = None,
        draw: int | None = None,
    ) -> Answer:
        """Train up to ``epoch`` (by default the table's last) and return its metrics.

        Args and errors: see :meth:`Benchmark.__call__`; ``seed`` is ``draw``, or else 0, if not
        given. An epoch may lie beyond the table's last, up to the recipe's horizon.
        """
        until = self.max_epoch if epoch is None else self._checked(epoch)
        return self._train(query, until, draw if seed is None else seed, horizon)[until]

    def trajectory(
        self, query: Query, *, seed: int | None = None, horizon: int | None = None
    ) -> dict[int, Answer]:
        """Train up to the table's last epoch and return the metrics of every epoch."""
        return self._train(query, self.max_epoch, seed, horizon)

    def trajectory_to(
        self, query: Query, epoch: int, *, seed: int | None = None, horizon: int | None = None
    ) -> dict[int, Answer]:
        """Train up to ``epoch`` and return the metrics of every epoch; raises as a call does."""
        return self._train(query, self._checked(epoch), seed, horizon)

    def _checked(self, epoch: int) -> int:
        from nepsbench.training.recipe import get_recipe

        return checked_epoch(epoch, get_recipe(self._recipe).horizon)

    def trial(self, query: Query, *, seed: int | None = None) -> LiveTrial:
        """Return a configuration's trial, to train it in parts: ``trial.train(3)``, later 9.

        Args and errors: see :meth:`Benchmark.__call__`; ``seed`` is 0 if not given.
        """
        from nepsbench.training.live import LiveTrial

        valid = configuration_of(self.space, query)
        seed = 0 if seed is None else seed
        return LiveTrial(self._terms, valid, seed=seed, folder=self._checkpoints)

    def _train(
        self, query: Query, epochs: int, seed: int | None, horizon: int | None
    ) -> dict[int, Answer]:
        self._check_horizon(horizon)
        trial = self.trial(query, seed=seed)
        with training_bar(1, epochs, shown=self._progress) as report:
            rows = trial.train(epochs, report=partial(report, 0))
        names = [metric.name for metric in self.metrics]
        return {
            epoch: {name: float(row[name]) for name in names if row.get(name) is not None}
            for epoch, row in rows.items()
        }

    def _check_horizon(self, horizon: int | None) -> None:
        from nepsbench.training.recipe import get_recipe

        if horizon is not None and horizon != (own := get_recipe(self._recipe).horizon):
            raise NotInTableError(f"recipe {self._recipe} has the horizon {own}, not {horizon!r}")

    @cached_property
    def _terms(self) -> LiveTerms:
        """What is trained on, and how: compared with what the table was trained by."""
        terms = Terms(
            space=self.space.name,
            dataset=self.manifest.benchmark["dataset"],
            recipe=self._recipe,
            datasets=self._datasets,
            checkpoints=self._checkpoints,
        ).open()
        here = {
            "dataset_version": terms.dataset.record.version,
            "recipe": terms.recipe.label,
        }
        for what, version in here.items():
            there = set(self.manifest.provenance.get(what, {})) - {"None"}
            if there and version not in there:
                raise VersionMismatchError(
                    f"{self.name} {self.version} was trained with {what} {', '.join(sorted(there))}"
                    f", this nepsbench has {version}; install the version that trained it"
                )
        return terms
