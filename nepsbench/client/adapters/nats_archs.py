"""nats-bench's records: an architecture's trials of one schedule, and one trial."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from nepsbench.client.adapters.nats_results import Info, Results
from nepsbench.client.adapters.published import MissingError, OutsideError
from nepsbench.errors import NepsbenchError

_LATENCY_BATCH = 256


class ArchResults:
    """The trials of one architecture and schedule, on every dataset.

    Args:
        arch_index: Its number.
        arch_str: Its string.
        results: By dataset, the results and the architecture's place in them.
        config: Gives the network's configuration for a number and a dataset.
    """

    def __init__(
        self,
        arch_index: int,
        arch_str: str,
        results: Mapping[str, tuple[Results, int]],
        config: Callable[[Any, str], dict[str, Any]],
    ) -> None:
        self.arch_index, self.arch_str = arch_index, arch_str
        self._results, self._config = results, config
        self.dataset_seed = {name: found.seeds_of(at) for name, (found, at) in results.items()}
        self.clear_net_done = True

    def __repr__(self) -> str:
        runs = sum(map(len, self.dataset_seed.values()))
        return f"ArchResults(arch-index={self.arch_index}, arch={self.arch_str}, {runs} runs)"

    @property
    def all_results(self) -> dict[tuple[str, int], ResultsCount]:
        """Every trial, by dataset and seed."""
        return {
            (dataset, seed): result
            for dataset in self._results
            for seed, result in self.query(dataset).items()
        }

    def get_dataset_names(self) -> list[str]:
        """Return the datasets."""
        return [*self._results]

    def get_dataset_seeds(self, dataset: str) -> list[int]:
        """Return the seeds of the trials on a dataset, ascending."""
        results, place = self._of(dataset)
        return results.seeds_of(place)

    def get_compute_costs(self, dataset: str) -> Info:
        """Return what ``get_cost_info`` does."""
        results, place = self._of(dataset)
        return results.costs(results.trials_of(place))

    def get_metrics(
        self,
        dataset: str,
        setname: str,
        iepoch: int | None = None,
        is_random: bool | int = False,
    ) -> Info:
        """Return loss, accuracy and times of a set of images: see ``get_more_info``.

        Args:
            dataset: The dataset.
            setname: ``train``, ``x-valid``, ``x-test`` or ``ori-test``.
            iepoch: The epoch from 0; the last one without.
            is_random: True draws a trial, False is the mean over all, a number a seed.
        """
        results, place = self._of(dataset)
        seed: int | None = None
        if is_random is True:
            seed = random.choice(results.seeds_of(place))
        elif is_random is not False:
            seed = is_random
        return results.metrics(setname, iepoch, results.chosen(place, seed))

    def get_latency(self, dataset: str) -> float:
        """Return the mean latency, seconds of a mini-batch of 256.

        Raises:
            OutsideError: If none was published.
        """
        results, place = self._of(dataset)
        latency = results.latency(results.trials_of(place))
        if latency is None:
            raise OutsideError(f"no latency of {self.arch_index} on {dataset} was published")
        return latency

    def get_total_epoch(self, dataset: str | None = None) -> int:
        """Return the epochs of the schedule."""
        return self._of(dataset or next(iter(self._results)))[0].epochs

    def query(self, dataset: str, seed: int | None = None) -> Any:
        """Return the trial of a seed, or all by seed."""
        results, place = self._of(dataset)
        found = {
            each: ResultsCount(
                dataset, each, results, trial, self._config(self.arch_index, dataset)
            )
            for each, trial in zip(results.seeds_of(place), results.trials_of(place), strict=True)
        }
        if seed is None:
            return found
        if seed not in found:
            raise MissingError(f"no trial has the seed {seed}; there are {[*found]}")
        return found[seed]

    def described(self) -> str:
        """Return costs and accuracies by dataset, in lines."""
        lines = [self.arch_str, f"datasets : {self.get_dataset_names()}"]
        for dataset, (results, place) in self._results.items():
            costs = self.get_compute_costs(dataset)
            latency = costs["latency"]
            milliseconds = "None" if latency is None else f"{latency * 1000:.2f}"
            lines.append(
                f"{dataset:14s} FLOP={costs['flops']:6.2f} M, Params={costs['params']:.3f} MB, "
                f"latency={milliseconds} ms."
            )
            told = []
            for name in ("train", *results.sets):
                found = results.metrics(name, None, results.trials_of(place))
                told.append(
                    f"{name} : loss = {found['loss']:.3f} & top1 = {found['accuracy']:.2f}%"
                )
            lines.append(f"{dataset:14s} {', '.join(told)}")
        return "\n".join(lines)

    def _of(self, dataset: str) -> tuple[Results, int]:
        if dataset not in self._results:
            raise MissingError(f"no trials on {dataset!r}; there are: {', '.join(self._results)}")
        return self._results[dataset]


class ResultsCount:
    """One trial.

    Attributes:
        name: The dataset.
        seed: The training seed.
        epochs: Of the schedule.
        params: Parameters, in millions.
        flop: FLOPs, in millions.
        eval_names: Sets of images that it was evaluated on.
    """

    def __init__(
        self, name: str, seed: int, results: Results, trial: int, config: dict[str, Any]
    ) -> None:
        self.name, self.seed, self.epochs = name, seed, results.epochs
        self._results, self._trial, self._config = results, trial, config
        self.params = results.values.value("params")(trial)
        self.flop = results.values.value("flops")(trial)
        self.eval_names = [*results.sets]

    def __repr__(self) -> str:
        sets = ", ".join(self.eval_names)
        return (
            f"ResultsCount({self.name}, FLOP={self.flop:.2f}M, Param={self.params:.3f}MB, "
            f"seed={self.seed}, sets: [{sets}])"
        )

    def get_total_epoch(self) -> int:
        """Return the epochs of the schedule."""
        return self.epochs

    def get_eval_set(self) -> list[str]:
        """Return the sets of images that it was evaluated on."""
        return self.eval_names

    def get_latency(self) -> float:
        """Return the seconds of a mini-batch of 256; -1 if none were published."""
        value = self._results.values.value("latency", self.epochs)(self._trial) * _LATENCY_BATCH
        return value if value == value else -1.0

    def get_times(self) -> Info:
        """Return the seconds of an epoch and of all, by pass."""
        costs = self._results.costs((self._trial,))
        return {name: value for name, value in costs.items() if name.startswith("T-")}

    def get_train(self, iepoch: int | None = None) -> Info:
        """Return loss, accuracy and seconds of training at an epoch from 0."""
        return self._results.metrics("train", iepoch, (self._trial,))

    def get_eval(self, name: str, iepoch: int | None = None) -> Info:
        """Return the same of a set of images."""
        return self._results.metrics(name, iepoch, (self._trial,))

    def get_config(self, str2structure: Callable[[str], Any] | None = None) -> dict[str, Any]:
        """Return the network's configuration; the cell's string is parsed by ``str2structure``."""
        config = dict(self._config)
        if str2structure is not None:
            text = config.pop("arch_str", None) or config["genotype"]
            config["genotype"] = str2structure(text)
        return config

    def get_net_param(self, clone: bool = False) -> Any:
        """Raise: releases have no weights.

        Raises:
            NepsbenchError: Always.
        """
        raise NepsbenchError(
            f"no weights of this trial on {self.name} (clone={clone}): releases hold metrics only; "
            "take weights from NATS-Bench's own -full archives"
        )
