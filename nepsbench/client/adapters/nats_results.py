"""What nats-bench says of one dataset and schedule, computed as nats-bench computes it.

Sums and means are Python's ``sum`` over Python's floats, in nats-bench's order, so that every
number is the original's to the last bit. Source: nats-bench 1.8, ``api_utils.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from math import nan
from typing import Any

from nepsbench.client.adapters.published import MissingError, OutsideError
from nepsbench.client.trial_values import HorizonValues, Value

Info = dict[str, Any]

#: Latency was published for a mini-batch of this size; the table has it of one image.
_LATENCY_BATCH = 256
#: The trial that nats-bench believes where the trials of a cell differ in size.
_BELIEVED = 888
_UNDIVIDED = {"x-valid": "valid", "ori-test": "test"}
_DIVIDED = {"x-valid": "valid", "x-test": "test", "ori-test": "ori_test"}
_ENDINGS = ("loss", "accuracy", "per-time", "all-time")


def mean(values: Sequence[float]) -> float:
    """Return the mean as nats-bench computes it."""
    return sum(values) / len(values)


class Results:
    """The trials of one dataset and schedule.

    Args:
        dataset: Its name.
        values: Trials of the horizon.

    Attributes:
        sets: The published sets of images that were measured, and our split of each.
    """

    def __init__(self, dataset: str, values: HorizonValues) -> None:
        self.dataset, self.values = dataset, values
        self.epochs = values.horizon
        names = _DIVIDED if values.has("ori_test_acc") else _UNDIVIDED
        self.sets = {
            name: split
            for name, split in names.items()
            if values.has(f"{split}_loss") or values.has(f"{split}_acc")
        }
        self._constant: dict[str, bool] = {}
        self._parts: dict[tuple[str, int], Part] = {}

    def trials_of(self, place: int) -> range:
        """Return the trials of a configuration, by ascending seed.

        Raises:
            MissingError: If there are none.
        """
        trials = self.values.trials_of(place)
        if not trials:
            raise MissingError(
                f"configuration {place} was not trained for {self.epochs} epochs on {self.dataset}"
            )
        return trials

    def seeds_of(self, place: int) -> list[int]:
        """Return the seeds of a configuration, ascending."""
        return self.values.seeds_of(self.trials_of(place))

    def chosen(self, place: int, seed: int | None) -> Sequence[int]:
        """Return the trial of a seed, or all trials.

        Raises:
            OutsideError: If there is no trial of the seed.
        """
        trials = self.trials_of(place)
        if seed is None:
            return trials
        seeds = self.values.seeds_of(trials)
        if seed not in seeds:
            raise OutsideError(f"no trial has the seed {seed}; choose one of {seeds}")
        return (trials[seeds.index(seed)],)

    def checked(self, iepoch: int | None) -> int:
        """Return an epoch from 0, the last one for None.

        Raises:
            OutsideError: If the schedule does not have it.
        """
        if iepoch is None:
            return self.epochs - 1
        if not 0 <= iepoch < self.epochs:
            raise OutsideError(f"iepoch={iepoch!r} is not there; give 0 to {self.epochs - 1}")
        return int(iepoch)

    def part(self, set_name: str, iepoch: int) -> Part | None:
        """Return how a set of images is read at an epoch; None if it was never measured.

        Args:
            set_name: ``train``, ``x-valid`` (or ``valid``), ``x-test`` or ``ori-test``.
            iepoch: From 0, checked.
        """
        key = set_name, iepoch
        found = self._parts.get(key)
        if found is None:
            split = "train" if set_name == "train" else self.sets.get(_full_name(set_name))
            if split is None:
                return None
            if split not in self._constant:
                self._constant[split] = self.values.is_constant(f"{split}_duration")
            found = self._parts[key] = Part(self.values, split, iepoch, self._constant[split])
        return found

    def metrics(self, set_name: str, iepoch: int | None, trials: Sequence[int]) -> Info:
        """Return nats-bench's dictionary of a set of images, the mean over some trials.

        Raises:
            MissingError: If it was not measured at that epoch.
        """
        epoch = self.checked(iepoch)
        part = self.part(set_name, epoch)
        found = None if part is None else part.read(trials)
        if part is None or found is None:
            raise MissingError(
                f"{set_name} of {self.dataset} was not measured at iepoch {epoch}; "
                f"sets are train, {', '.join(self.sets)}"
            )
        loss, accuracy, seconds = found
        now = [part.seconds(trial) for trial in trials]
        return {
            "iepoch": mean([epoch] * len(trials)) if len(trials) > 1 else epoch,
            "loss": loss,
            "accuracy": accuracy,
            "cur_time": mean(now) if now[0] == now[0] else None,
            "all_time": seconds,
        }

    def accuracy(self, set_name: str, trials: Sequence[int]) -> float:
        """Return the accuracy after the last epoch, the mean over some trials.

        Raises:
            MissingError: If it was not measured.
        """
        part = self.part(set_name, self.epochs - 1)
        found = nan if part is None else mean([*map(part.accuracy, trials)])
        if found != found:
            raise MissingError(f"{set_name} of {self.dataset} was not measured; see {[*self.sets]}")
        return found

    def costs(self, trials: Sequence[int]) -> Info:
        """Return nats-bench's ``get_cost_info`` of a configuration's trials."""
        last = self.epochs
        latency = self.values.value("latency", last)
        latencies = [latency(trial) * _LATENCY_BATCH for trial in trials]
        known = [value for value in latencies if value > 0]
        info: Info = {
            "flops": mean(self._consistent("flops", trials)),
            "params": mean(self._consistent("params", trials)),
            "latency": mean(known) if known else None,
        }
        for name, split in {"train": "train", **self.sets}.items():
            totals = [self._total(split, trial) for trial in trials]
            is_known = totals[0] == totals[0]
            info[f"T-{name}@epoch"] = mean([t / last for t in totals]) if is_known else None
            info[f"T-{name}@total"] = mean(totals) if is_known else None
        return info

    def latency(self, trials: Sequence[int]) -> float | None:
        """Return the same of latency alone, seconds of a mini-batch of 256."""
        at = self.values.value("latency", self.epochs)
        known = [value for trial in trials if (value := at(trial) * _LATENCY_BATCH) > 0]
        return mean(known) if known else None

    def _total(self, split: str, trial: int) -> float:
        part = self.part("train" if split == "train" else self._set_of(split), self.epochs - 1)
        return nan if part is None else part.total(trial)

    def _set_of(self, split: str) -> str:
        return next(name for name, own in self.sets.items() if own == split)

    def _consistent(self, metric: str, trials: Sequence[int]) -> list[float]:
        """Return a size by trial, or only seed 888's where trials differ in the fifth place."""
        at = self.values.value(metric)
        found = [at(trial) for trial in trials]
        if found.count(found[0]) == len(found) or len({f"{value:.5f}" for value in found}) == 1:
            return found
        seeds = self.values.seeds_of(trials)
        return [found[seeds.index(_BELIEVED)]] if _BELIEVED in seeds else found


class Part:
    """One set of images at one epoch.

    Attributes:
        loss, accuracy, seconds: Each of a trial; NaN is missing.
        total: Seconds of a trial over all epochs up to this one; NaN if they are not known.
    """

    def __init__(self, values: HorizonValues, split: str, iepoch: int, constant: bool) -> None:
        epoch = iepoch + 1
        self.loss: Value = values.value(f"{split}_loss", epoch)
        self.accuracy: Value = values.value(f"{split}_acc", epoch)
        self.seconds: Value = values.value(f"{split}_duration", epoch)
        self.total: Callable[[int], float] = self._constant_total(epoch)
        if not constant:
            each = [values.value(f"{split}_duration", past) for past in range(1, epoch + 1)]
            self.total = lambda trial: sum([at(trial) for at in each])

    def _constant_total(self, epochs: int) -> Callable[[int], float]:
        at = self.seconds
        return lambda trial: sum(repeat(at(trial), epochs))

    def read(self, trials: Sequence[int]) -> tuple[float, float, float | None] | None:
        """Return loss, accuracy and seconds so far, the mean over trials; None if not measured.

        A loss that is missing where the accuracy is not was published as not finite: NaN.
        """
        if len(trials) == 1:
            (trial,) = trials
            accuracy, loss, seconds = self.accuracy(trial), self.loss(trial), self.total(trial)
        else:
            accuracy = mean([*map(self.accuracy, trials)])
            loss = mean([*map(self.loss, trials)])
            seconds = mean([*map(self.total, trials)])
        if accuracy != accuracy and loss != loss:
            return None
        return loss, accuracy, seconds if seconds == seconds else None

    def told(self, trials: Sequence[int], iepoch: int, names: tuple[str, ...], info: Info) -> bool:
        """Add the four entries of ``get_more_info`` to ``info``; False if there are none."""
        found = self.read(trials)
        if found is None:
            return False
        loss, accuracy, seconds = found
        info[names[0]], info[names[1]] = loss, accuracy
        info[names[2]] = None if seconds is None else seconds / (iepoch + 1)
        info[names[3]] = seconds
        return True


def entry_names(prefix: str) -> tuple[str, ...]:
    """Return the four names of a set's entries in ``get_more_info``."""
    return tuple(f"{prefix}-{ending}" for ending in _ENDINGS)


def _full_name(set_name: str) -> str:
    return "x-valid" if set_name == "valid" else set_name


def more_sets(dataset: str, sets: Mapping[str, str]) -> dict[str, str]:
    """Return which set of images ``valid``, ``test`` and ``valtest`` are in ``get_more_info``."""
    if dataset in ("cifar10-valid", "cifar10"):
        named = {"valid": "x-valid", "test": "ori-test"}
    else:
        named = {"valid": "x-valid", "test": "x-test", "valtest": "ori-test"}
    return {name: found for name, found in named.items() if found in sets}
