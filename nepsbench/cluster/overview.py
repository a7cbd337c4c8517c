"""Reads from the ledger how jobs stand; the cluster itself is not asked."""

from __future__ import annotations

import time
from collections.abc import Sequence

from nepsbench.cluster.attempt import Cause
from nepsbench.cluster.definition import ClusterFile
from nepsbench.cluster.ledger import Ledger
from nepsbench.cluster.recovery import Budgets
from nepsbench.cluster.status import ClusterStatus, job_lines, notices

#: How far back the beginning of a failure is looked for.
_TICKS = 500


def read_status(
    ledger: Ledger, file: ClusterFile, *, keys: Sequence[str] | None = None, every: bool = False
) -> ClusterStatus:
    """Return how a cluster's jobs stand.

    Args:
        ledger: What is wanted and was done.
        file: The cluster.
        keys: These jobs only.
        every: Jobs that are settled, too.
    """
    now = time.time()
    works = ledger.works(keys, cluster=file.name, open_only=not every)
    ticks = ledger.ticks(file.name, limit=_TICKS)
    facts, told = ledger.facts(file.name)
    return ClusterStatus(
        cluster=file.name,
        age=now - ticks[0].at if ticks else None,
        healthy=bool(ticks) and ticks[0].healthy,
        notices=tuple(
            notices(
                ticks,
                facts if told and file.kind == "slurm" else None,
                has_open=bool(ledger.works(cluster=file.name, open_only=True)),
                now=now,
            )
        ),
        jobs=tuple(
            job_lines(works.values(), ledger.attempts(list(works)), retry_budgets(file), now)
        ),
    )


def retry_budgets(file: ClusterFile) -> Budgets:
    """Return how many failures of each cause are followed by another attempt."""
    budgets = file.recovery.model_dump()
    return {cause: budgets[cause.value] for cause in Cause if cause.value in budgets}
