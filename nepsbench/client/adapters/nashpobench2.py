"""The interface of ``nashpobench2api`` 1.0.0, answered by the release ``nashpobench2-cifar10``.

Instead of ``from nashpobench2api import NASHPOBench2API``:

    >>> from nepsbench.client.adapters.nashpobench2 import NASHPOBench2API   # doctest: +SKIP

Every number is the original's to the last bit. What differs stands in ``docs/adapters.md``.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from itertools import product
from logging import Logger
from pathlib import Path
from typing import Any

from nepsbench.client.adapters.published import MissingError, OutsideError, Releases, place_in
from nepsbench.client.trial_values import TrialValues, one_horizon
from nepsbench.spaces import nashpobench2

Key = dict[str, Any]

_SHORT, _LONG = 12, 200
#: Seeds of all published runs.
_SEEDS = (222, 555, 888)
#: Whose seconds a query is charged with.
_CHARGED = {
    "train": ("train",),
    "valid": ("train", "valid"),
    "test": ("train", "valid", "test"),
}
#: The same of all twelve epochs, where the sums were published.
_TOTALS = {
    "train": ("total_train_duration",),
    "valid": ("total_train_valid_duration",),
    "test": ("total_train_valid_duration", "total_test_duration"),
}
_RESULTS = (
    "acc_trans", "key_trans", "best_acc_trans", "best_key_trans", "total_cost_trans", "final_accs",
)  # fmt: skip


class NASHPOBench2API:
    """Queries of NAS-HPO-Bench-II, with the log of a search.

    Args:
        data_dir: A data home or release; the folder of the original's pickles is not read, see
            :class:`~nepsbench.client.adapters.published.Releases`.
        seed: 222, 555 or 888; the first without.
        logger: Where queries are logged; a logger of this module without.
        verbose: True to log every query.

    Attributes:
        cellcodes: The 4,096 cells, ascending.
        lrs: Learning rates, ascending.
        batch_sizes: Batch sizes, ascending.
        seeds: Seeds of the runs of 12 epochs.
        epochs: Schedules that can be asked for.
    """

    def __init__(
        self,
        data_dir: str | Path | None = None,
        seed: int | None = None,
        logger: Logger | None = None,
        verbose: bool = True,
    ) -> None:
        self.data_dir, self.verbose = data_dir, verbose
        self.logger = _default_logger() if logger is None else logger
        bench = Releases(data_dir, "nashpobench2-", kind="nashpobench2")["cifar10"]
        values = TrialValues(bench)
        self._places = values.places
        self._runs = one_horizon(values, _SHORT, bench.name)
        self._averages = values.horizons.get(_LONG)
        self.cellcodes = ["{}|{}{}|{}{}{}".format(*each) for each in product("0123", repeat=6)]
        self.lrs, self.batch_sizes = [*nashpobench2.LEARNING_RATES], [*nashpobench2.BATCH_SIZES]
        self.seeds, self.epochs = [*_SEEDS], [_SHORT, _LONG]
        self._cells = {code: place for place, code in enumerate(self.cellcodes)}
        self._rates = {rate: place for place, rate in enumerate(self.lrs)}
        self._sizes = {size: place for place, size in enumerate(self.batch_sizes)}
        self._is_regular = self._runs.seeds_are(_SEEDS)
        self._readers: dict[tuple[str, int], tuple[Callable[[int], float], ...]] = {}
        self._init_logdata()
        self.set_seed(seed or self.seeds[0])

    def _init_logdata(self) -> None:
        self.acc_trans: list[float] = []
        self.best_acc: float = -1
        self.best_acc_trans: list[float] = []
        self.total_cost = 0.0
        self.total_cost_trans: list[float] = []
        self.best_cost: float | None = None
        self.key_trans: list[Key] = []
        self.best_key: Key | None = None
        self.best_key_trans: list[Key | None] = []
        self.final_accs: list[float] = []
        self.logger.setLevel(logging.DEBUG if self.verbose else logging.INFO)

    def __len__(self) -> int:
        return len(self.cellcodes) * len(self.lrs) * len(self.batch_sizes)

    def __str__(self) -> str:
        return "NAS-HPO-Bench-II"

    def __getitem__(self, idx: int) -> tuple[float, float | None]:
        """Return accuracy and cost of a configuration by its index, and log it."""
        return self.query_by_key(**self.get_key_from_idx(idx))

    def get_key_from_idx(self, idx: int) -> Key:
        """Return ``cellcode``, ``lr`` and ``batch_size`` of an index from 0 to 196,607."""
        cell, training = divmod(idx, len(self.lrs) * len(self.batch_sizes))
        rate, size = divmod(training, len(self.batch_sizes))
        return {
            "cellcode": self.cellcodes[cell],
            "lr": self.lrs[rate],
            "batch_size": self.batch_sizes[size],
        }

    def get_idx_from_key(self, key: Mapping[str, Any]) -> int:
        """Return the index of a key; the inverse of :meth:`get_key_from_idx`.

        Raises:
            OutsideError: If one of its values is none of the space.
        """
        return self._number(key["cellcode"], key["lr"], key["batch_size"])

    def query_by_index(
        self,
        cell_idx: int,
        lr_idx: int,
        batch_size_idx: int,
        epoch: int = _SHORT,
        iepoch: int | None = None,
        seed: int | None = None,
    ) -> tuple[float, float | None]:
        """Return validation accuracy and cost by three indices; see :meth:`query_by_key`."""
        return self.query_by_key(
            self.cellcodes[cell_idx], self.lrs[lr_idx], self.batch_sizes[batch_size_idx],
            epoch=epoch, iepoch=iepoch, seed=seed,
        )  # fmt: skip

    def query_by_key(
        self,
        cellcode: str,
        lr: float,
        batch_size: int,
        epoch: int = _SHORT,
        mode: str = "valid",
        iepoch: int | None = None,
        seed: int | None = None,
        enable_log: bool = True,
    ) -> tuple[float, float | None]:
        """Return accuracy in % and cost in seconds of a configuration.

        Args:
            cellcode: ``A|BC|DEF``.
            lr: Learning rate.
            batch_size: Batch size.
            epoch: 12, or 200 for the average test accuracy, which has no cost and is not logged.
            mode: ``train``, ``valid`` or ``test``: whose accuracy, and which passes are paid for.
            iepoch: An epoch from 1 to 12 of the schedule of 12.
            seed: Of this query and those after it.
            enable_log: False to keep the query out of the log.

        Raises:
            OutsideError: If an argument is none of the choices.
            MissingError: If the table has no such run.
        """
        number = self._number(cellcode, lr, batch_size)
        if epoch != _SHORT or mode not in _CHARGED or iepoch is not None:
            iepoch = self._checked(epoch, mode, iepoch)
        if seed:
            self.set_seed(seed)
        if epoch == _LONG:
            return self._average(number), None
        trial = self._trial(number)
        readers = self._readers.get((mode, iepoch or _SHORT))
        if readers is None:
            readers = self._make_readers(mode, iepoch or _SHORT)
        acc = readers[0](trial)
        # ``sum`` as the original has it: from Python 3.12 on it rounds otherwise than additions.
        cost = sum([read(trial) for read in readers[1:]])
        if not (acc == acc and cost == cost):
            raise MissingError(f"no {mode} accuracy and time at epoch {iepoch} of {cellcode}")
        if enable_log:
            self._write_log(acc, cost, {"cellcode": cellcode, "lr": lr, "batch_size": batch_size})
        return acc, cost

    def set_seed(self, seed: int) -> None:
        """Choose the runs that answer from now on.

        Raises:
            OutsideError: If there are none of this seed.
        """
        if seed not in self.seeds:
            raise OutsideError(f"no runs with seed {seed!r}; choose one of {self.seeds}")
        self.seed, self._repeat = seed, self.seeds.index(seed)

    def get_total_cost(self) -> float:
        """Return the seconds of all logged queries."""
        return self.total_cost

    def get_random_key(self) -> Key:
        """Return a key drawn by Python's ``random``."""
        return {
            "cellcode": random.choice(self.cellcodes),
            "lr": random.choice(self.lrs),
            "batch_size": random.choice(self.batch_sizes),
        }

    def get_search_space(self) -> tuple[list[str], list[float], list[int]]:
        """Return all cell codes, learning rates and batch sizes."""
        return self.cellcodes, self.lrs, self.batch_sizes

    def get_results(self, epoch: int | str = "both", mode: str = "test") -> dict[str, list[Any]]:
        """Return the log's six lists, and write its end to the logger.

        Args:
            epoch: Of ``final_accs``, the accuracies of the best key: 12, 200 or ``both``.
            mode: Whose.

        Raises:
            MissingError: If nothing was logged yet.
        """
        if self.best_key is None:
            raise MissingError("nothing was asked yet; query something first")
        self.logger.info("best of %d queries (%.2f s):", len(self.key_trans), self.total_cost)
        self._log_line(self.best_acc, self.best_cost or 0.0, self.best_key, logging.INFO)
        self.final_accs = []
        for each in self.epochs if epoch == "both" else [int(epoch)]:
            acc, _ = self.query_by_key(**self.best_key, epoch=each, mode=mode, enable_log=False)
            self.final_accs.append(acc)
            self.logger.info("its %s accuracy after %d epochs: %.2f %%", mode, each, acc)
        return {name: getattr(self, name) for name in _RESULTS}

    def reset_logdata(self, logger: Logger | None = None, verbose: bool | None = None) -> None:
        """Forget the log; change the logger or how much it is told."""
        self.logger = self.logger if logger is None else logger
        self.verbose = self.verbose if verbose is None else verbose
        self._init_logdata()

    def _number(self, cellcode: str, lr: float, batch_size: int) -> int:
        try:
            cell, rate = self._cells[cellcode], self._rates[lr]
            return (cell * len(self._rates) + rate) * len(self._sizes) + self._sizes[batch_size]
        except (KeyError, TypeError):
            pass
        for name, value, known in (
            ("lr", lr, self._rates),
            ("batch_size", batch_size, self._sizes),
        ):
            if value not in known:
                raise OutsideError(f"{name}={value!r} is no choice; choose one of {[*known]}")
        raise OutsideError(f"{cellcode!r} is no cell code; its form is A|BC|DEF, digits 0 to 3")

    def _checked(self, epoch: int, mode: str, iepoch: int | None) -> int | None:
        if epoch not in self.epochs:
            raise OutsideError(f"epoch={epoch!r} is no choice; choose one of {self.epochs}")
        if mode not in _CHARGED:
            raise OutsideError(f"mode={mode!r} is no choice; choose one of {[*_CHARGED]}")
        if iepoch is not None and (epoch != _SHORT or not 1 <= iepoch <= epoch):
            raise OutsideError(
                f"iepoch={iepoch!r} is not there; give 1 to {_SHORT} with epoch={_SHORT}"
            )
        return iepoch

    def _trial(self, number: int) -> int:
        place = place_in(self._places, number)
        if self._is_regular:
            return 3 * place + self._repeat
        trials = self._runs.trials_of(place)
        for trial, seed in zip(trials, self._runs.seeds_of(trials), strict=True):
            if seed == self.seed:
                return trial
        raise MissingError(f"configuration {number} was not trained with seed {self.seed}")

    def _average(self, number: int) -> float:
        place = place_in(self._places, number)
        trials = self._averages.trials_of(place) if self._averages else range(0)
        for trial in trials:
            assert self._averages is not None
            found = self._averages.value("test_acc")(trial)
            if found == found:
                return found
        raise MissingError(f"configuration {number} has no average after {_LONG} epochs")

    def _make_readers(self, mode: str, iepoch: int) -> tuple[Callable[[int], float], ...]:
        """Return how the accuracy is read, then each term of the cost, in the order of its sum."""
        value = self._runs.value
        readers = [value(f"{mode}_acc", iepoch)]
        if iepoch == _SHORT:
            readers += [value(name) for name in _TOTALS[mode]]
        else:
            passes = product(_CHARGED[mode], range(1, iepoch + 1))
            readers += [value(f"{split}_duration", epoch) for split, epoch in passes]
        self._readers[mode, iepoch] = tuple(readers)
        return self._readers[mode, iepoch]

    def _write_log(self, acc: float, cost: float, key: Key) -> None:
        if self.verbose:
            self._log_line(acc, cost, key, logging.DEBUG)
        self.acc_trans.append(acc)
        self.key_trans.append(key)
        self.total_cost += cost
        self.total_cost_trans.append(self.total_cost)
        if self.best_key is None or self.best_acc < acc:
            self.best_acc, self.best_cost, self.best_key = acc, cost, key
        self.best_acc_trans.append(self.best_acc)
        self.best_key_trans.append(self.best_key)

    def _log_line(self, acc: float, cost: float, key: Key, level: int) -> None:
        told = (acc, cost, key["cellcode"], key["lr"], key["batch_size"])
        self.logger.log(level, "%6.2f %% %10.2f s   %s lr %.5f batch %d", *told)


def _default_logger() -> Logger:
    """Return a logger that writes to stderr alone, once however many interfaces are made."""
    logger = logging.getLogger(__name__)
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler())
    logger.propagate = False
    return logger


def get_ith_op(cellcode: str, i: int) -> int:
    """Return the operation of an edge, 0 to 5, of a cell code ``A|BC|DEF``."""
    return int(cellcode[_place(i)])


def set_ith_op(cellcode: str, i: int, new_op: int) -> str:
    """Return the cell code with another operation at an edge."""
    place = _place(i)
    return f"{cellcode[:place]}{new_op}{cellcode[place + 1 :]}"


def _place(i: int) -> int:
    """Return where an edge's digit is: one bar stands before edge 1, another before edge 3."""
    return i + (i >= 1) + (i >= 3)
