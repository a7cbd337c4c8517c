"""Answers by training now: slow, and the same numbers as a worker's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nepsbench.client.benchmark import Answer, Benchmark, Query, checked_epoch
from nepsbench.client.places import parse_query
from nepsbench.errors import NepsbenchError, NotInTableError, VersionMismatchError
from nepsbench.release.manifest import Manifest
from nepsbench.release.verification import cache_directory


class LiveBenchmark(Benchmark):
    """Trains every configuration that is asked for, by the release's recipe, on its dataset.

    The dataset is prepared on the first question, below ``datasets``. Nothing is remembered
    between questions: ask for a trajectory rather than for its epochs one by one.
    """

    def __init__(
        self, release: Path, manifest: Manifest, *, datasets: str | Path | None = None
    ) -> None:
        super().__init__(release, manifest)
        self._datasets = Path(datasets) if datasets else cache_directory() / "datasets"
        recipe = manifest.benchmark.get("recipe")
        self._recipe = recipe.partition("/")[0] if isinstance(recipe, str) else ""
        if not self._recipe:
            raise NepsbenchError(f"{release}: names no one recipe to train by; use kind='table'")
        self._train_live = _import_train_live()
        self._is_prepared = False

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

    def _train(
        self, query: Query, epochs: int, seed: int | None, horizon: int | None
    ) -> dict[int, Answer]:
        valid = parse_query(self.space, query)
        self._check_horizon(horizon)
        self._prepare()
        rows = self._train_live(
            valid,
            space=self.space.name,
            dataset=self.manifest.benchmark["dataset"],
            datasets_root=self._datasets,
            epochs=epochs,
            seed=0 if seed is None else seed,
            recipe=self._recipe,
        )
        return {
            int(row["epoch"]): {
                metric.name: float(value)
                for metric in self.metrics
                if (value := row.get(metric.name)) is not None
            }
            for row in rows
        }

    def _check_horizon(self, horizon: int | None) -> None:
        from nepsbench.training.recipe import get_recipe

        if horizon is not None and horizon != (own := get_recipe(self._recipe).horizon):
            raise NotInTableError(f"recipe {self._recipe} has the horizon {own}, not {horizon!r}")

    def _prepare(self) -> None:
        """Prepare the dataset once, and compare versions with what the table was trained on."""
        if self._is_prepared:
            return
        from nepsbench.datasets import prepare
        from nepsbench.training.recipe import get_recipe

        record = prepare(self.manifest.benchmark["dataset"], self._datasets)
        here = {"dataset_version": record.version, "recipe": get_recipe(self._recipe).label}
        for what, version in here.items():
            there = set(self.manifest.provenance.get(what, {})) - {"None"}
            if there and version not in there:
                raise VersionMismatchError(
                    f"{self.name} {self.version} was trained with {what} {', '.join(sorted(there))}"
                    f", this nepsbench has {version}; install the version that trained it"
                )
        self._is_prepared = True


def _import_train_live() -> Callable[..., list[dict[str, Any]]]:
    try:
        from nepsbench.training.live import train_live
    except ImportError as error:
        raise NepsbenchError(
            f"{error.name} is not installed; run: pip install 'nepsbench[train]'"
        ) from None
    return train_live
