"""The interface of ``nats_bench`` 1.8, answered by releases of NATS-Bench's tables.

Instead of ``from nats_bench import create``:

    >>> from nepsbench.client.adapters.nats_bench import create   # doctest: +SKIP

Every number is the original's to the last bit. What differs stands in ``docs/adapters.md``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nepsbench.client.adapters.nats_archs import ArchResults, ResultsCount
from nepsbench.client.adapters.nats_results import Info, Part, Results, entry_names, more_sets
from nepsbench.client.adapters.nats_space import SearchSpace, Size, Topology
from nepsbench.client.adapters.published import MissingError, OutsideError, Releases, place_in
from nepsbench.client.places import Places
from nepsbench.client.trial_values import TrialValues
from nepsbench.errors import NepsbenchError

_TOPOLOGY, _SIZE = ("tss", "topology"), ("sss", "size")
_DATASETS = ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")
_SIMULATED = ("cifar10", "cifar100", "ImageNet16-120")
#: What the words of ``find_best`` mean for each dataset.
_FIND = {
    ("cifar10", "valid"): ("cifar10-valid", "x-valid"),
    ("cifar10", "test"): ("cifar10", "ori-test"),
    ("cifar100", "test"): ("cifar100", "x-test"),
    ("ImageNet16-120", "test"): ("ImageNet16-120", "x-test"),
}
_TRAIN = entry_names("train")
#: How one set is read for ``get_more_info``: itself, and the names of its entries.
_Plan = tuple[int, list[tuple[Part, tuple[str, ...]]]]


def create(
    file_path_or_dict: str | Path | None = None,
    search_space: str = "tss",
    fast_mode: bool = False,
    verbose: bool = True,
) -> NATSBench:
    """Return the interface to a search space.

    Args:
        file_path_or_dict: None, a data home, or the original's path, see
            :class:`~nepsbench.client.adapters.published.Releases`.
        search_space: ``tss`` or ``topology``; ``sss`` or ``size``.
        fast_mode: Kept as an attribute: all that is ever read is what is asked for.
        verbose: Kept as an attribute.

    Raises:
        OutsideError: If there is no such search space.
        NepsbenchError: If there is no release of it.
    """
    if search_space in _TOPOLOGY:
        return NATStopology(file_path_or_dict, fast_mode, verbose)
    if search_space in _SIZE:
        return NATSsize(file_path_or_dict, fast_mode, verbose)
    raise OutsideError(f"search space {search_space!r} is none of {', '.join(_TOPOLOGY + _SIZE)}")


class NATSBench(SearchSpace):
    """What is asked of both search spaces."""

    def __init__(
        self,
        file_path_or_dict: str | Path | None = None,
        fast_mode: bool = False,
        verbose: bool = True,
    ) -> None:
        super().__init__()
        self._releases = Releases(file_path_or_dict, f"{self.space.name}-", kind="nats")
        self.fast_mode, self.verbose = fast_mode, verbose
        self.filename = Path(file_path_or_dict).name if file_path_or_dict else None
        self._places: dict[str, Places] = {}
        self._results: dict[tuple[str, object], Results] = {}
        self._plans: dict[tuple[str, object, int | None], _Plan] = {}
        self._evaluated: set[int] | None = None
        self.reset_time()

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self.evaluated_indexes)}/{len(self)} architectures, "
            f"fast_mode={self.fast_mode}, file={self.filename})"
        )

    @property
    def evaluated_indexes(self) -> set[int]:
        """The numbers of the architectures that a release has."""
        if self._evaluated is None:
            self._evaluated = set()
            for dataset in self._releases:
                places = self._places_of(dataset)
                numbers = places.numbers()
                found = range(places.count) if numbers is None else numbers.tolist()
                self._evaluated.update(found)
        return self._evaluated

    @property
    def avaliable_hps(self) -> list[str]:
        """The schedules, as ``hp`` names them."""
        horizons = {h for dataset in self._releases for h in self._releases[dataset].horizons}
        return [self._hp(horizon) for horizon in sorted(horizons)]

    # Metrics

    def get_more_info(
        self,
        index: Any,
        dataset: str,
        iepoch: int | None = None,
        hp: str | int = "12",
        is_random: bool | int = True,
    ) -> Info:
        """Return loss, accuracy (%) and seconds of each set after an epoch.

        Args:
            index: A number or a notation of an architecture.
            dataset: ``cifar10-valid``, ``cifar10``, ``cifar100`` or ``ImageNet16-120``.
            iepoch: The epoch from 0; the last one without.
            hp: The schedule.
            is_random: True for a trial drawn by Python's ``random``, False for the mean over all
                trials, a number for the trial with that seed.

        Raises:
            OutsideError: If an argument is none of its choices.
            MissingError: If the table has no such trial.
        """
        plan = self._plans.get((dataset, hp, iepoch)) or self._plan(dataset, hp, iepoch)
        results = self._results[dataset, hp]
        place = self._place(dataset, index)
        trials: Sequence[int] = results.trials_of(place)
        if is_random is True:
            seeds = results.values.seeds_of(trials)
            trials = (trials[seeds.index(random.choice(seeds))],)
        elif is_random is not False:
            trials = results.chosen(place, is_random)
        epoch, parts = plan
        info: Info = {}
        for part, names in parts:
            told = part.told(trials, epoch, names, info)
            if names is _TRAIN:
                if not told:
                    raise MissingError(f"{dataset} {hp} has nothing of {index} at iepoch {epoch}")
                if dataset in ("cifar10-valid", "cifar10"):
                    info["comment"] = self._comment(dataset)
        return info

    def simulate_train_eval(
        self,
        arch: Any,
        dataset: str,
        iepoch: int | None = None,
        hp: str | int = "12",
        account_time: bool = True,
    ) -> tuple[float, float | None, float, float]:
        """Return validation accuracy, latency, seconds of this query and seconds so far.

        What was trained on ``cifar10-valid`` answers for ``cifar10``. A query costs all training
        up to the epoch and one evaluation.

        Raises:
            OutsideError: If the dataset is none of the three.
        """
        if dataset not in _SIMULATED:
            raise OutsideError(f"dataset {dataset!r} is none of {', '.join(_SIMULATED)}")
        index = self.query_index_by_arch(arch)
        trained = "cifar10-valid" if dataset == "cifar10" else dataset
        info = self.get_more_info(index, trained, iepoch=iepoch, hp=hp)
        if "valid-accuracy" in info:
            accuracy, seconds = info["valid-accuracy"], info["valid-per-time"]
        else:
            accuracy = info["valtest-accuracy"]
            last = self.get_more_info(index, dataset, iepoch=None, hp=hp)
            seconds = last["valid-per-time"]
        cost = info["train-all-time"] + seconds
        latency = self.get_latency(index, dataset, hp)
        if account_time:
            self._used_time += cost
        return accuracy, latency, cost, self._used_time

    def get_cost_info(self, index: Any, dataset: str, hp: str | int = "12") -> Info:
        """Return FLOPs (M), params (M), latency (s for 256 images) and seconds of all passes."""
        results = self._of(dataset, hp)
        return results.costs(results.trials_of(self._place(dataset, index)))

    def get_latency(self, index: Any, dataset: str, hp: str | int = "12") -> float | None:
        """Return the seconds of a forward pass of 256 images."""
        results = self._of(dataset, hp)
        return results.latency(results.trials_of(self._place(dataset, index)))

    def find_best(
        self,
        dataset: str,
        metric_on_set: str,
        flop_max: float | None = None,
        param_max: float | None = None,
        hp: str | int = "12",
        enforce_all: bool | None = None,  # noqa: ARG002 - all that is in the table counts anyway
    ) -> tuple[int, float | None]:
        """Return number and accuracy of the best architecture of the table; (-1, None) if none.

        Args:
            dataset: As in :meth:`get_more_info`.
            metric_on_set: ``train``, ``valid``, ``test``, or a published set as ``x-test``.
            flop_max: At most so many million FLOPs.
            param_max: At most so many million parameters.
            hp: The schedule.
            enforce_all: Without effect.
        """
        dataset, set_name = _FIND.get((dataset, metric_on_set), (dataset, metric_on_set))
        results = self._of(dataset, hp)
        best, highest = -1, None
        for index in sorted(self._numbers_in(dataset)):
            trials = results.trials_of(self._places[dataset].place_of_number(index))
            if flop_max is not None or param_max is not None:
                costs = results.costs(trials)
                if flop_max is not None and costs["flops"] > flop_max:
                    continue
                if param_max is not None and costs["params"] > param_max:
                    continue
            accuracy = results.accuracy(set_name, trials)
            if highest is None or highest < accuracy:
                best, highest = index, accuracy
        return best, highest

    def get_net_param(
        self, index: Any, dataset: str, seed: int | None = None, hp: str | int = "12"
    ) -> Any:
        """Raise: releases have no weights.

        Raises:
            NepsbenchError: Always.
        """
        raise NepsbenchError(
            f"no weights of {index} on {dataset} (seed {seed}, hp {hp}): releases hold metrics "
            "only; take weights from NATS-Bench's own -full archives"
        )

    # Whole records

    def query_by_index(
        self, arch_index: int, dataname: str | None = None, hp: str | int = "12"
    ) -> ArchResults | dict[int, ResultsCount]:
        """Return all trials of an architecture, or by seed those on one dataset.

        Raises:
            OutsideError: If there is no such architecture or dataset.
        """
        found = self.query_meta_info_by_index(arch_index, hp)
        if dataname is None:
            return found
        if dataname not in found.get_dataset_names():
            names = ", ".join(found.get_dataset_names())
            raise OutsideError(f"dataset {dataname!r} is none of {names}")
        by_seed: dict[int, ResultsCount] = found.query(dataname)
        return by_seed

    def query_meta_info_by_index(self, arch_index: int, hp: str | int = "12") -> ArchResults:
        """Return all trials of an architecture, of one schedule."""
        index = self._checked(arch_index)
        known = [*_DATASETS, *(name for name in self._releases if name not in _DATASETS)]
        results = {
            dataset: (self._of(dataset, hp), self._place(dataset, index))
            for dataset in known
            if dataset in self._releases
            and int(hp) in self._releases[dataset].horizons
            and index in self._numbers_in(dataset)
        }
        if not results:
            raise MissingError(f"architecture {index} has no trials of hp={hp!r}")
        return ArchResults(index, self.meta_archs[index], results, self.get_net_config)

    def query_info_str_by_arch(self, arch: Any, hp: str | int = "12") -> str:
        """Return what is known of an architecture, in lines."""
        return self.query_meta_info_by_index(self.query_index_by_arch(arch), hp).described()

    query_by_arch = query_info_str_by_arch

    def show(self, index: int = -1) -> None:
        """Print what is known of an architecture, or of all."""
        for each in sorted(self.evaluated_indexes) if index < 0 else [index]:
            for hp in self.avaliable_hps:
                print(self.query_info_str_by_arch(each, hp))

    def statistics(self, dataset: str, hp: str | int) -> dict[int, int]:
        """Return how many architectures have how many trials on a dataset."""
        results = self._of(dataset, hp)
        counts: dict[int, int] = {}
        for index in self.evaluated_indexes:
            known = index in self._numbers_in(dataset)
            trials = len(results.values.trials_of(self._place(dataset, index))) if known else 0
            counts[trials] = counts.get(trials, 0) + 1
        return counts

    # Time

    @property
    def used_time(self) -> float:
        """Seconds that simulated queries have cost."""
        return self._used_time

    def reset_time(self) -> None:
        """Forget them."""
        self._used_time: float = 0

    # What has no meaning here, so that scripts run

    def reload(self, archive_root: str | None = None, index: int | None = None) -> None:
        """Do nothing: everything is read when it is asked for."""

    def clear_params(self, index: int, hp: str | None = None) -> None:
        """Do nothing: there are no weights to forget."""

    def _hp(self, horizon: int) -> str:
        return f"{horizon:02d}"

    def _place(self, dataset: str, index: Any) -> int:
        number = index if type(index) is int else self.query_index_by_arch(index)
        if not 0 <= number < self.space.size:
            raise OutsideError(f"no architecture {index!r} in the {self.search_space_name} space")
        return place_in(self._places[dataset], number)

    def _places_of(self, dataset: str) -> Places:
        if dataset not in self._places:
            values = TrialValues(self._releases[dataset])
            self._places[dataset] = values.places
            for horizon, found in values.horizons.items():
                results = Results(dataset, found)
                for hp in (horizon, str(horizon), self._hp(horizon)):
                    self._results[dataset, hp] = results
        return self._places[dataset]

    def _numbers_in(self, dataset: str) -> Sequence[int] | set[int]:
        places = self._places_of(dataset)
        numbers = places.numbers()
        return range(places.count) if numbers is None else set(numbers.tolist())

    def _of(self, dataset: str, hp: str | int) -> Results:
        found = self._results.get((dataset, hp))
        if found is None:
            self._places_of(dataset)
            if (dataset, hp) not in self._results:
                there = ", ".join(map(self._hp, self._releases[dataset].horizons))
                raise MissingError(f"no hp={hp!r} on {dataset}; there are: {there}")
            found = self._results[dataset, hp]
        return found

    def _plan(self, dataset: str, hp: str | int, iepoch: int | None) -> _Plan:
        """Return the epoch from 0, and how each set is read then, in the order of an answer."""
        results = self._of(dataset, hp)
        epoch = results.checked(iepoch)
        sets = {"train": "train", **more_sets(dataset, results.sets)}
        found = [
            (part, _TRAIN if name == "train" else entry_names(name))
            for name, set_name in sets.items()
            if (part := results.part(set_name, epoch)) is not None
        ]
        self._plans[dataset, hp, iepoch] = (epoch, found)
        return epoch, found

    def _comment(self, dataset: str) -> str:
        trained = "half" if dataset == "cifar10-valid" else "all"
        return (
            f"trained on {trained} of CIFAR-10's training images, tested on its test images; "
            "all-time is the sum of per-time over the epochs"
        )


class NATStopology(Topology, NATSBench):
    """The topology search space: 15,625 cells, schedules of 12 and 200 epochs."""


class NATSsize(Size, NATSBench):
    """The size search space: 32,768 networks, schedules of 1, 12 and 90 epochs."""
