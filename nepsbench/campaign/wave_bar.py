"""The bar that shows how far a wave is, counted in the journals of its jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nepsbench.campaign.folder import RemoteFolder
from nepsbench.campaign.plans import PlannedWave
from nepsbench.campaign.progress import count_records
from nepsbench.cluster import Cluster
from nepsbench.epochs_bar import epochs_bar


@contextmanager
def wave_bar(
    wave: PlannedWave, cluster: Cluster, *, before: int, shown: bool
) -> Iterator[Callable[[], None]]:
    """Yield what moves the bar, by one command on the cluster; where none is drawn, it does none.

    Args:
        wave: The wave.
        cluster: Where it runs.
        before: The milestone of the wave before, 0 of the first.
        shown: False for no bar.
    """
    trials = int(wave.summary["trials"])
    remote = RemoteFolder(cluster.path(), wave.campaign)
    directories = [remote.job(wave.job_key(folder)) for folder in wave.job_folders()]
    label = f"wave {wave.epochs}: "
    epochs = trials * (wave.epochs - before)
    with epochs_bar(trials=trials, epochs=epochs, label=label, shown=shown) as update:

        def move() -> None:
            if update is not None:
                left, done = count_records(cluster, directories)
                update(done, min(left, trials))

        yield move
