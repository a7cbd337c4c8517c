"""What a benchmark says of a suggestion: errors, values, and the seconds that it takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nepsbench.client.durations import DurationRule, Durations
from nepsbench.client.objective import Fidelities, Objective, fidelities
from nepsbench.errors import NotInTableError
from nepsbench.search.candidates import Codes


@dataclass(frozen=True)
class Reply:
    """An answer for one training.

    Attributes:
        values: The metrics as they stand in the benchmark; empty if the training failed.
        errors: Each to be made small; infinite if it failed.
        final: Metrics of the whole training, None where they are not known.
        epochs: The epoch that it ends at.
        seconds: How long it takes.
    """

    values: tuple[float, ...]
    errors: tuple[float, ...]
    final: tuple[float | None, ...]
    epochs: int
    seconds: float

    @property
    def failed(self) -> bool:
        """True if the training gave no answer."""
        return not self.values


class Oracle:
    """A benchmark, asked for some metrics; the same question is asked once.

    Args:
        bench: Any benchmark object.
        metrics: What is to be made small or large, by the metric dictionary.
        durations: Where seconds come from.
        final: Metrics of the whole training that are noted beside, not paid for. Not of one that
            trains live, unless it was trained to the end.

    Raises:
        NepsbenchError: If a metric is not in the benchmark, or has no direction.
        NotInTableError: If nothing recorded the first metric.
    """

    def __init__(
        self,
        bench: Any,
        metrics: Sequence[str],
        *,
        durations: DurationRule = "valid",
        final: Sequence[str] = (),
    ) -> None:
        self.bench = bench
        self.metrics, self.final = tuple(metrics), tuple(final)
        self.objectives = tuple(Objective(bench, metric) for metric in metrics)
        for metric in self.final:
            Objective(bench, metric)
        self.fidelities: Fidelities = fidelities(bench, self.metrics[0])
        self._durations = Durations(bench, durations)
        self._is_live = hasattr(bench, "trajectory_to")
        self._known: dict[tuple[Codes, int, int], Reply] = {}

    def ask(self, codes: Codes, fidelity: int | None = None, *, start: int = 0) -> Reply:
        """Return what a training gives.

        Args:
            codes: The encoded configuration.
            fidelity: Epoch or horizon; None: the largest.
            start: The epoch of the checkpoint that it goes on from.
        """
        value = self.fidelities.values[-1] if fidelity is None else fidelity
        key = (codes, value, start)
        if key not in self._known:
            self._known[key] = self._asked(codes, value, start)
        return self._known[key]

    def _asked(self, codes: Codes, value: int, start: int) -> Reply:
        configuration = self.bench.space.decode(codes)
        chosen = {"horizon": value} if self.fidelities.kind == "horizon" else {}
        epoch = None if chosen else value
        try:
            answer = self.bench(configuration, epoch, **chosen)
            values = tuple(answer[metric] for metric in self.metrics)
        except (NotInTableError, KeyError):
            return self._failed(configuration, value, start, chosen)
        seconds = self._durations.seconds(configuration, value, start=start, **chosen)
        errors = tuple(o.error(v) for o, v in zip(self.objectives, values, strict=True))
        return Reply(values, errors, self._final(configuration, value, answer), value, seconds)

    def _failed(
        self, configuration: Mapping[str, Any], value: int, start: int, chosen: dict[str, int]
    ) -> Reply:
        """Return the reply of a training without an answer; it costs what it was trained."""
        end, seconds = start, 0.0
        try:
            recorded = self.bench.recorded(configuration, **chosen)
            end = max(epoch for epoch in recorded if epoch <= value)
            seconds = self._durations.seconds(configuration, end, start=start, **chosen)
        except (NotInTableError, AttributeError, ValueError):
            pass  # nothing is known of it
        errors = (math.inf,) * len(self.metrics)
        return Reply((), errors, (None,) * len(self.final), end, seconds)

    def _final(
        self, configuration: Mapping[str, Any], value: int, answer: Mapping[str, float]
    ) -> tuple[float | None, ...]:
        if value == self.fidelities.values[-1]:
            return tuple(answer.get(metric) for metric in self.final)
        if self._is_live or not self.final:
            return (None,) * len(self.final)
        epoch = None if self.fidelities.kind == "horizon" else self.fidelities.values[-1]
        try:
            whole = self.bench(configuration, epoch)
        except NotInTableError:
            return (None,) * len(self.final)
        return tuple(whole.get(metric) for metric in self.final)
