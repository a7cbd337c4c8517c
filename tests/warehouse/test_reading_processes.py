"""Processes that read files: in order, in the words of the reader, and not for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from nepsbench.errors import CorruptedFileError, NepsbenchError
from nepsbench.warehouse.importers.processes import in_processes, read_files

PATHS = [Path(f"/nowhere/{number}") for number in range(300)]


def name_of(path: Path) -> tuple[str, int]:
    return path.name, os.getpid()


def refuses(path: Path) -> str:
    if path.name == "270":
        raise CorruptedFileError(f"{path}: is cut off after byte 5; get it again")
    return path.name


def dies(path: Path) -> str:
    if path.name == "100":
        os._exit(9)
    return path.name


def test_many_files_are_read_by_two_processes_and_come_in_order() -> None:
    found = list(read_files(name_of, PATHS))
    assert [name for name, _ in found] == [path.name for path in PATHS]
    assert len({process for _, process in found} - {os.getpid()}) == 2


def test_few_files_are_read_at_home() -> None:
    assert {process for _, process in read_files(name_of, PATHS[:9])} == {os.getpid()}


def test_a_refusal_comes_in_its_own_words() -> None:
    found = read_files(refuses, PATHS)
    with pytest.raises(CorruptedFileError, match=r"^/nowhere/270: is cut off after byte 5"):
        list(found)


def test_a_process_that_is_killed_is_noticed() -> None:
    with pytest.raises(NepsbenchError, match="ended early; was it killed"):
        list(read_files(dies, PATHS))


def test_a_process_that_is_gone_when_it_is_asked_is_noticed_too() -> None:
    others = set(psutil.Process().children())

    def tasks() -> Iterator[Path]:
        yield Path("/nowhere/100")
        (reader,) = set(psutil.Process().children()) - others
        deadline = time.monotonic() + 30
        while reader.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield Path("/nowhere/101")

    with pytest.raises(NepsbenchError, match="ended early; was it killed"):
        list(in_processes(dies, tasks(), processes=1))


def test_a_script_without_a_guard_is_run_once(tmp_path: Path) -> None:
    """That of ``multiprocessing`` would be run again by every process."""
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from nepsbench.warehouse.importers.nats import sources\n"
        "from nepsbench.warehouse.importers.processes import read_files\n"
        "print('once')\n"
        "print(len(list(read_files(Path.exists, [Path(str(n)) for n in range(300)]))))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment, check=True
    )
    assert result.stdout.split() == ["once", "300"]
