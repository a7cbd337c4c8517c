"""The bar that shows how far a training is, and the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nepsbench.epochs_bar import epochs_bar

#: Is told the number of an order, and the epochs of it that are done.
Report = Callable[[int, float], None]


@contextmanager
def training_bar(orders: int, epochs: int, *, shown: bool) -> Iterator[Report]:
    """Yield what moves the bar; it is drawn on standard error, if that is a screen.

    Args:
        orders: How many configurations are trained.
        epochs: The last epoch of each.
        shown: False for no bar.
    """
    done = dict.fromkeys(range(orders), 0.0)
    with epochs_bar(trials=orders, epochs=orders * epochs, shown=shown) as update:

        def report(number: int, epoch: float) -> None:
            done[number] = epoch
            if update is not None:
                update(sum(done.values()), sum(each >= epochs for each in done.values()))

        yield report
