"""What one tick costs while array tasks wait: on the login node, and here. Needs SLURM (root).

As a script, ``bench_cluster.py TASKS``: starts a SLURM of its own, submits that many array tasks to
a partition that is down, and lets the driver tick over SSH. On the login node each SLURM command is
counted by a wrapper in the set-up block.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.figure import ROOT, Figure
from nepsbench.cluster import Driver, Job, Resources, load_cluster, open_cluster, open_ledger
from nepsbench.cluster.definition import ClusterFile
from nepsbench.cluster.local import LocalTransport

_TICKS = 5
_COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "sacct", "sacctmgr", "sinfo")
_WRAPPER = '#!/bin/bash\necho {name} >>{log}\nexec {real} "$@"\n'
_SCRIPTS = ROOT / "include" / "slurm"


def figures() -> list[Figure]:
    """Return one figure for each number of waiting tasks."""
    title = "A tick of the driver over SSH while {:,} array tasks wait (seconds of CPU here)"
    return [
        Figure(f"tick-{tasks}", title.format(tasks), (__file__, str(tasks)), runs=1)
        for tasks in (1, 100, 10_000)
    ]


def main(tasks: int) -> None:
    """Measure, and print one line of JSON."""
    logging.disable()
    with tempfile.TemporaryDirectory(prefix="nb-tick-") as folder:
        state = Path(folder)
        _slurm("slurm-up.sh", state)
        try:
            print(json.dumps(_measure(tasks, state)))
        finally:
            _slurm("slurm-down.sh", state)


def _measure(tasks: int, state: Path) -> dict[str, object]:
    file = load_cluster(state / "clusters" / "dev-slurm.yaml")
    log = state / "commands"
    file = file.model_copy(update={"setup": file.setup + _wrap(state / "bin", log)})
    scontrol = ["scontrol", "update", "partitionname=low", "state=down"]
    environment = os.environ | {"SLURM_CONF": str(state / "slurm.conf")}
    subprocess.run(scontrol, env=environment, check=True)
    with open_cluster(file) as cluster, open_ledger(state / "home") as ledger:
        work = [
            Job(f"t-{n}", cluster.path("jobs", f"t-{n}"), ("true",), Resources(memory_mb=100))
            for n in range(tasks)
        ]
        ledger.want(file.name, work, "bench")
        driver = Driver(cluster, ledger)
        while driver.tick().counts != {"queued": tasks}:
            time.sleep(0.2)
        log.write_text("")
        here, ticks = [], []
        for _ in range(_TICKS):
            begun = time.process_time()
            ticks.append(driver.tick())
            here.append(time.process_time() - begun)
        driver.release()
        commands = Counter(log.read_text().split())
    return {
        "seconds": statistics.median(here),
        "SSH commands a tick": sum(tick.visited for tick in ticks) / _TICKS,
        "SLURM commands a tick": {name: n / _TICKS for name, n in sorted(commands.items())},
        "seconds of a visit": round(statistics.median(tick.seconds for tick in ticks), 3),
        "CPU seconds a tick on the login node": round(_login_cpu(file, state), 3),
    }


def _login_cpu(file: ClusterFile, state: Path) -> float:
    """Return the CPU of one visit's script and all its commands, run without SSH between."""
    with open_cluster(file, LocalTransport()) as cluster, open_ledger(state / "home") as ledger:
        driver = Driver(cluster, ledger)
        driver.tick()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(_TICKS):
            driver.tick()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used / _TICKS


def _wrap(folder: Path, log: Path) -> str:
    """Make wrappers that count, and return the set-up line that puts them first."""
    folder.mkdir()
    for name in _COMMANDS:
        wrapper = folder / name
        wrapper.write_text(_WRAPPER.format(name=name, log=log, real=f"/usr/bin/{name}"))
        wrapper.chmod(0o755)
    return f"\nexport PATH={folder}:$PATH\n"


def _slurm(script: str, state: Path) -> None:
    variables = {
        "NEPSBENCH_SLURM_STATE": str(state),
        "NEPSBENCH_SLURM_MAX_ARRAY_SIZE": "10001",
        "NEPSBENCH_SLURM_MAX_JOB_COUNT": "20000",
    }
    subprocess.run(
        [_SCRIPTS / script], env=os.environ | variables, stdout=subprocess.DEVNULL, check=True
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
