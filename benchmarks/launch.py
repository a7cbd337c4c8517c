"""Run a command on some CPUs and write its wall seconds and peak memory to a file.

``python launch.py USAGE.json CPUS COMMAND...``. A process of its own and a small one, because Linux
counts the memory of the process that starts a command as the command's.
"""

import json
import os
import sys
import time


def main() -> int:
    """Return the command's exit code."""
    usage_file, cpus, *command = sys.argv[1:]
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cpus)])
    started = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - started
    with open(usage_file, "w") as file:  # noqa: PTH123 - pathlib would make this process larger
        json.dump({"seconds": seconds, "memory_mb": usage.ru_maxrss / 1024}, file)
    return os.waitstatus_to_exitcode(status)


sys.exit(main())
