"""What takes a minute, SLURM's smallest time limit: jobs that reach it, two at the same time."""

from pathlib import Path

import pytest

from nepsbench.cluster import Cause, Cluster, Outcome, Phase, drive, open_ledger

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]

DEAF = "trap 'date +%s > warned' USR1; while :; do sleep 0.5; done"
OBEDIENT = "trap 'echo saved > saved; exit 0' USR1; while :; do sleep 0.5; done"


def test_workers_are_warned_before_the_time_limit_and_a_deaf_one_is_ended(
    slurm: Cluster, make_job, tmp_path: Path
) -> None:
    deaf, obedient = make_job(DEAF), make_job(OBEDIENT)
    once = slurm.file.recovery.model_copy(update={"timeout": 0})
    slurm.file = slurm.file.model_copy(update={"recovery": once})
    keys = [deaf.key, obedient.key]
    with open_ledger(tmp_path) as ledger:
        ledger.want(slurm.file.name, [deaf, obedient], "test")
        drive(slurm, ledger, keys)
        works, attempts = ledger.works(keys), ledger.latest(keys)
    assert works[deaf.key].outcome is Outcome.FAILED
    assert (attempts[deaf.key].phase, attempts[deaf.key].cause) == (Phase.TIMEOUT, Cause.TIMEOUT)
    assert Path(deaf.directory, "warned").exists()
    assert works[obedient.key].outcome is Outcome.SUCCEEDED
    assert Path(obedient.directory, "saved").exists()
