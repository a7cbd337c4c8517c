"""The bar that shows how far a wave is, and the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nepsbench.campaign.folder import RemoteFolder
from nepsbench.campaign.plans import PlannedWave
from nepsbench.campaign.progress import count_records
from nepsbench.cluster import Cluster

#: Seconds over which the speed is estimated: epochs of different networks differ.
_MEMORY = 1800.0


@contextmanager
def wave_bar(
    wave: PlannedWave, cluster: Cluster, *, before: int, shown: bool
) -> Iterator[Callable[[], None]]:
    """Yield what moves the bar; it is drawn on standard error, if that is a screen.

    Epochs are counted in the journals of the wave's jobs, by one command on the cluster.

    Args:
        wave: The wave.
        cluster: Where it runs.
        before: The milestone of the wave before, 0 of the first.
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
    trials = int(wave.summary["trials"])
    remote = RemoteFolder(cluster.path(), wave.campaign)
    directories = [remote.job(wave.job_key(folder)) for folder in wave.job_folders()]
    columns = (
        TextColumn(f"wave {wave.epochs}: {{task.fields[left]}} of {trials} trials"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} epochs"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    is_seen = shown and console.is_terminal
    with Progress(
        *columns, console=console, disable=not is_seen, speed_estimate_period=_MEMORY
    ) as bar:
        task = bar.add_task("", total=trials * (wave.epochs - before), left=0)

        def move() -> None:
            if is_seen:
                left, epochs = count_records(cluster, directories)
                bar.update(task, completed=epochs, left=min(left, trials))

        yield move
