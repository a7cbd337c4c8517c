"""The bar of trials and epochs, with the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Is told how many epochs are done, and how many trials have ended.
Update = Callable[[float, int], None]

#: Seconds over which the speed is estimated: epochs of different networks differ.
_MEMORY = 600.0


@contextmanager
def epochs_bar(
    *, trials: int, epochs: int, label: str = "", shown: bool = True
) -> Iterator[Update | None]:
    """Yield what moves the bar; it is drawn on standard error, if that is a screen, else None.

    Args:
        trials: How many there are.
        epochs: Those of all trials together.
        label: What stands before it.
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
    if not (shown and console.is_terminal):
        yield None
        return
    columns = (
        TextColumn(f"{label}{{task.fields[ended]}} of {trials} trials"),
        BarColumn(),
        TextColumn("{task.completed:.1f} of {task.total} epochs"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, redirect_stdout=False, speed_estimate_period=_MEMORY
    ) as bar:
        task = bar.add_task("", total=epochs, ended=0)

        def update(done: float, ended: int) -> None:
            bar.update(task, completed=done, ended=ended)

        yield update
