"""The bar that shows how far a training is, and the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Is told the number of an order, and the epochs of it that are done.
Report = Callable[[int, float], None]

#: Seconds over which the speed is estimated: epochs of different networks differ.
_MEMORY = 600.0


@contextmanager
def training_bar(orders: int, epochs: int, *, shown: bool) -> Iterator[Report]:
    """Yield what moves the bar; it is drawn on standard error, if that is a screen.

    Args:
        orders: How many configurations are trained.
        epochs: The last epoch of each.
        shown: False for no bar.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.fields[ended]} of {task.fields[orders]} trials"),
        BarColumn(),
        TextColumn("{task.completed:.1f} of {task.total} epochs"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    done = dict.fromkeys(range(orders), 0.0)
    with Progress(
        *columns,
        console=console,
        disable=not (shown and console.is_terminal),
        redirect_stdout=False,
        speed_estimate_period=_MEMORY,
    ) as bar:
        task = bar.add_task("", total=orders * epochs, ended=0, orders=orders)

        def report(number: int, epoch: float) -> None:
            done[number] = epoch
            ended = sum(each >= epochs for each in done.values())
            bar.update(task, completed=sum(done.values()), ended=ended)

        yield report
