"""How long a training takes on the simulated clock, by what was recorded of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from nepsbench.client.costs import Queryable, query_cost
from nepsbench.errors import NepsbenchError, NotInTableError
from nepsbench.spaces import Scalar

#: ``train``, ``valid`` and ``test``: the passes that are paid for, see
#: :mod:`nepsbench.client.costs`. ``per-epoch``: the ``train_duration`` that the longest training of
#: the configuration recorded last, for each epoch; of tables that tell that one alone, as the
#: 200-epoch files of NAS-Bench-201 do. ``epochs``: one second an epoch, where no time is recorded.
DurationRule = Literal["train", "valid", "test", "per-epoch", "epochs"]


class Durations:
    """Seconds of trainings of a benchmark.

    Args:
        bench: Any benchmark object.
        rule: Where they come from.

    Raises:
        NepsbenchError: If there is no such rule.
    """

    def __init__(self, bench: Queryable, rule: DurationRule = "valid") -> None:
        if rule not in get_args(DurationRule):
            known = ", ".join(get_args(DurationRule))
            raise NepsbenchError(f"no durations {rule!r}; choose one of {known}")
        self._bench, self.rule = bench, rule

    def seconds(
        self, configuration: Mapping[str, Scalar], epochs: int, *, start: int = 0, **chosen: Any
    ) -> float:
        """Return the seconds from one epoch to another.

        Args:
            configuration: What is trained.
            epochs: The last epoch.
            start: The epoch of the checkpoint that it goes on from.
            chosen: ``horizon``, ``seed`` or ``draw``, as the benchmark takes them.

        Raises:
            NotInTableError: If what the rule needs is not recorded.
        """
        if self.rule == "epochs":
            return float(max(epochs - start, 0))
        if self.rule == "per-epoch":
            return max(epochs - start, 0) * self._epoch_seconds(configuration, chosen)
        bench, mode = self._bench, self.rule
        return query_cost(bench, configuration, epochs, start=start, mode=mode, **chosen)

    def _epoch_seconds(
        self, configuration: Mapping[str, Scalar], chosen: Mapping[str, Any]
    ) -> float:
        seeds = {name: value for name, value in chosen.items() if name != "horizon"}
        answer = self._bench(configuration, **seeds)
        if "train_duration" not in answer:
            raise NotInTableError(
                f"{self._bench.name} has no train_duration of this configuration's last epoch; "
                "take durations 'epochs', one second each"
            )
        return answer["train_duration"]
