"""What the DAG ``sweep_clusters`` does: settle what no waiting task looks after."""

from __future__ import annotations

import time
from pathlib import Path

from nepsbench_airflow.connection import open_airflow_cluster
from nepsbench_airflow.owners import give_up_orphans

#: Seconds after the last submission for which a late duplicate may still turn up in a queue.
_RECENT = 86400.0


def sweep_all(home: Path) -> None:
    """Sweep every cluster that has a file and something to look at; say what was done.

    Raises:
        AccessError: If a cluster will not let us in; the others are swept all the same.
    """
    from nepsbench.cluster import cluster_names
    from nepsbench.errors import AccessError, SpecError

    problems = []
    for name in cluster_names():
        try:
            _sweep(home, name)
        except (AccessError, SpecError) as error:
            print(f"cluster {name}: {error}")
            problems.append(f"{name}: {error}")
    if problems:
        raise AccessError("; ".join(problems))


def _sweep(home: Path, name: str) -> None:
    from nepsbench.cluster.ending import remark, sweep
    from nepsbench.cluster.ledger import open_ledger

    with open_ledger(home) as ledger:
        for key, owner in give_up_orphans(ledger, name).items():
            print(f"{key}: given up, for its task has ended: {owner}")
        last = max((attempt.sent for attempt in ledger.attempts(cluster=name)), default=0.0)
        is_open = bool(ledger.works(cluster=name, open_only=True))
        if not is_open and time.time() - last > _RECENT:
            return
        with open_airflow_cluster(name) as cluster:
            for tick in sweep(cluster, ledger):  # the driver logs the numbers of each
                if words := remark(tick):
                    print(words)
