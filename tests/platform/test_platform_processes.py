import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from include.platform.processes import Process, recall, start, start_of, stop
from tests.living import is_running

GRACE = 0.5


def start_shell(script: str, folder: Path) -> Process:
    return start(
        ["/bin/sh", "-c", script],
        environment=os.environ,
        log=folder / "log",
        cwd=folder,
        record=folder / "process.json",
    )


def wait_for(path: Path) -> str:
    for _ in range(200):
        if path.exists() and (text := path.read_text().strip()):
            return text
        time.sleep(0.02)
    pytest.fail(f"{path} was not written")


def test_a_started_process_has_a_session_of_its_own_and_writes_to_its_log(tmp_path: Path) -> None:
    process = start_shell("echo hello; sleep 60", tmp_path)
    assert process.is_alive()
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    assert wait_for(tmp_path / "log") == "hello"
    stop([process], grace=GRACE)
    assert not process.is_alive()


def test_another_process_with_the_same_pid_is_not_taken_for_ours(tmp_path: Path) -> None:
    process = start_shell("sleep 60", tmp_path)
    earlier = replace(process, started="0" + process.started)
    assert not earlier.is_alive()
    assert earlier.is_replaced()
    stop([earlier], grace=GRACE)
    assert process.is_alive()
    stop([process], grace=GRACE)


def test_stop_ends_children_that_left_the_process_group(tmp_path: Path) -> None:
    child = f"{sys.executable} -c 'import os,time; os.setpgid(0,0); time.sleep(60)'"
    process = start_shell(f"{child} & echo $! > pid; wait", tmp_path)
    pid = int(wait_for(tmp_path / "pid"))
    stop([process], grace=GRACE)
    assert not is_running(pid)


def test_stop_ends_what_a_dead_leader_left_behind(tmp_path: Path) -> None:
    process = start_shell("sleep 60 & echo $! > pid", tmp_path)
    pid = int(wait_for(tmp_path / "pid"))
    while process.is_alive():
        time.sleep(0.02)
    assert is_running(pid)
    stop([process], grace=GRACE)
    assert not is_running(pid)


def test_stop_kills_what_ignores_the_request(tmp_path: Path) -> None:
    process = start_shell("trap '' TERM; echo ready > ready; while :; do sleep 0.1; done", tmp_path)
    wait_for(tmp_path / "ready")
    stop([process], grace=0.2)
    assert not process.is_alive()


def test_a_process_is_remembered_across_commands(tmp_path: Path) -> None:
    process = start_shell("sleep 60", tmp_path)
    again = recall(tmp_path / "process.json")
    assert again == process
    stop([process], grace=GRACE)
    assert again is not None
    assert not again.is_alive()


def test_an_interruption_while_starting_comes_after_the_process_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class InterruptedPopen(subprocess.Popen[bytes]):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", InterruptedPopen)
    # A shell without job control has background processes ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            start_shell("sleep 60", tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    process = recall(tmp_path / "process.json")
    assert process is not None
    assert process.is_alive()
    stop([process], grace=GRACE)


def test_a_started_process_can_be_interrupted_itself(tmp_path: Path) -> None:
    process = start_shell("echo ready; exec sleep 60", tmp_path)
    wait_for(tmp_path / "log")
    while psutil.Process(process.pid).name() != "sleep":
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    psutil.wait_procs([psutil.Process(process.pid)], timeout=5)
    assert not process.is_alive()


def test_nothing_and_nonsense_are_remembered_as_none(tmp_path: Path) -> None:
    assert recall(tmp_path / "none.json") is None
    (tmp_path / "bad.json").write_text("{}")
    assert recall(tmp_path / "bad.json") is None


def test_a_finished_process_is_not_alive() -> None:
    child = subprocess.Popen(["/bin/true"])
    process = Process(child.pid, start_of(child.pid))
    child.wait()
    assert not process.is_alive()
