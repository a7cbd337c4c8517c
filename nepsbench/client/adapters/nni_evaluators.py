"""NNI's benchmark evaluators: from a sample of the space to one trial's metric."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nepsbench.client.adapters.nni_rows import Row
from nepsbench.client.adapters.published import OutsideError
from nepsbench.spaces import nasbench101_graph as graphs

Space = dict[str, tuple[Any, ...]]

_OPERATIONS = ("none", "skip_connect", "conv_1x1", "conv_3x3", "avg_pool_3x3")


class Evaluator(ABC):
    """What both have.

    Attributes:
        report_intermediate_result, report_final_result: Called with fractions, as NNI's functions
            of these names, which may be put here.
    """

    metric: str
    num_epochs: int
    include_intermediates: bool
    home: str | Path | None

    def __init__(self) -> None:
        self.report_intermediate_result: Callable[[float], Any] = _ignore
        self.report_final_result: Callable[[float], Any] = _ignore

    @classmethod
    @abstractmethod
    def default_space(cls) -> Space:
        """Return the choices of every label of the space."""

    @abstractmethod
    def rows(self, arch: Mapping[str, Any]) -> Iterator[Row]:
        """Yield the rows that a trial is drawn from."""

    def validate_space(self, space: Mapping[str, Any]) -> Space:
        """Return a space of labels and choices if it is the default one; scopes are ignored.

        Raises:
            OutsideError: If it is another one.
        """
        given = {name: tuple(choices) for name, choices in without_scope(space).items()}
        if given != self.default_space():
            raise OutsideError(f"the space is {self.default_space()}, not {given}")
        return given

    def evaluate(self, sample: Mapping[str, Any]) -> float:
        """Return the metric, in %, of a trial of the sample that Python's ``random`` draws.

        Raises:
            OutsideError: If the table has none.
        """
        arch = dict(sorted(without_scope(sample).items()))
        rows = list(self.rows(arch.get("final", arch)))
        if not rows:
            raise OutsideError(f"nothing is known of {arch}")
        row = random.choice(rows) if len(rows) > 1 else rows[0]
        for each in row.get("intermediates", ()):
            if each[self.metric] is not None:
                self.report_intermediate_result(each[self.metric] * 0.01)
        found: float = row[self.metric]
        self.report_final_result(found * 0.01)
        return found


class NasBench101Evaluator(Evaluator):
    """Samples of NAS-Bench-101: the cell under ``final``, or by itself.

    Args:
        num_epochs: The schedule.
        metric: ``valid_acc`` or another field of the rows.
        include_intermediates: True to report what was measured halfway.
        home: Another data home.
    """

    def __init__(
        self,
        num_epochs: int = 108,
        metric: str = "valid_acc",
        include_intermediates: bool = False,
        *,
        home: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.num_epochs, self.metric, self.home = num_epochs, metric, home
        self.include_intermediates = include_intermediates

    @classmethod
    def default_space(cls) -> Space:
        """Return the choices of vertices, operations, and sources, any of which may be chosen."""
        inner = range(1, graphs.MAX_VERTICES - 1)
        return {
            "num_nodes": tuple(range(2, graphs.MAX_VERTICES + 1)),
            **{f"op{vertex}": graphs.OPERATIONS for vertex in inner},
            **{f"input{vertex}": tuple(range(vertex)) for vertex in range(1, graphs.MAX_VERTICES)},
        }


class NasBench201Evaluator(Evaluator):
    """Samples of NAS-Bench-201: the operation of each edge.

    Args:
        num_epochs: The schedule.
        dataset: In NNI's words.
        metric: ``valid_acc`` or another field of the rows.
        include_intermediates: True to report every recorded epoch.
        home: Another data home.
    """

    def __init__(
        self,
        num_epochs: int = 200,
        dataset: str = "cifar100",
        metric: str = "valid_acc",
        include_intermediates: bool = False,
        *,
        home: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.num_epochs, self.dataset, self.metric = num_epochs, dataset, metric
        self.include_intermediates, self.home = include_intermediates, home

    @classmethod
    def default_space(cls) -> Space:
        """Return the five operations of each of the six edges."""
        return dict.fromkeys(("0_1", "0_2", "1_2", "0_3", "1_3", "2_3"), _OPERATIONS)


def without_scope(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Return labels without the scope, up to a slash, that all of them begin with."""
    names = [*labels]
    scope = names[0].rpartition("/")[0] + "/" if names and "/" in names[0] else ""
    while scope and not all(name.startswith(scope) for name in names):
        scope = scope[:-1].rpartition("/")[0] + "/" if "/" in scope[:-1] else ""
    return {name[len(scope) :]: value for name, value in labels.items()}


def _ignore(_: float) -> None:
    """Take a report and do nothing."""
