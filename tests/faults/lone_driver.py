"""A driver in a process of its own, to be killed: ``python -m tests.faults.lone_driver HOME FILE``.

It drives until everything that the ledger of HOME wants is settled.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from nepsbench.cluster import load_cluster, open_cluster
from nepsbench.cluster.ledger import open_ledger
from nepsbench.cluster.waiting import drive
from tests.faults.desk import Desk

_ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def lone_driver(desk: Desk) -> Iterator[subprocess.Popen[bytes]]:
    """Run a driver for the desk's home in another process as long as the block, then kill it."""
    file = desk.home / f"{desk.file.name}.yaml"
    file.write_text(yaml.safe_dump(desk.file.model_dump(mode="json", exclude_unset=True)))
    with (desk.home / "lone-driver.log").open("ab") as log:
        command = [sys.executable, "-m", __name__, str(desk.home), str(file)]
        process = subprocess.Popen(command, cwd=_ROOT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Drive."""
    home, file = map(Path, sys.argv[1:])
    with open_ledger(home) as ledger, open_cluster(load_cluster(file)) as cluster:
        drive(cluster, ledger, list(ledger.works(open_only=True)))


if __name__ == "__main__":
    main()
