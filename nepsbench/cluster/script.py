"""What the scripts of both queues share: the site's set-up, a submission's jobs, and questions."""

from __future__ import annotations

from collections.abc import Sequence

from nepsbench.cluster.conversation import Orders
from nepsbench.cluster.definition import ClusterFile
from nepsbench.cluster.interface import Job, Resources
from nepsbench.cluster.shell import fill, quote, words

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def setup_text(cluster: ClusterFile) -> str:
    """Return the site's set-up block as it stands at the head of a script.

    What it prints goes to the error output: it is no part of any answer.
    """
    return f"{{\n{cluster.setup}\n:\n}} </dev/null >&2\n"


def submissions_folder(cluster: ClusterFile) -> str:
    """Return the folder on the cluster that holds a folder for each submission."""
    return f"{cluster.root.rstrip('/')}/submissions"


def thread_exports(resources: Resources) -> str:
    """Return the line that tells numerical libraries how many threads they may use."""
    count = resources.cpus_per_task
    return "export " + " ".join(f"{name}={count}" for name in _THREAD_VARIABLES)


def jobs_text(jobs: Sequence[Job]) -> str:
    """Return ``jobs.sh``: how many jobs there are, and what the one of number ``$index`` is.

    It sets the variable ``directory`` and the arrays ``command`` and ``manifests``.
    """
    cases = "".join(
        f"{index})\n"
        f"directory={quote(job.directory)}\n"
        f"command=({words(job.command)})\n"
        f"manifests=({words(job.manifests)})\n"
        ";;\n"
        for index, job in enumerate(jobs)
    )
    return f"jobs={len(jobs)}\ncase $index in\n{cases}*) exit 73 ;;\nesac\n"


def questions(orders: Orders, submissions: str) -> str:
    """Return the questions that files answer: ends, last words, new output.

    Needs the template ``words`` before it. ``submissions`` is the folder of all submissions.
    """
    parts = []
    if orders.watch:
        ends = [f"{token}/ends" for token in orders.watch]
        parts += [fill("ends"), words(["tell_ends", submissions, str(orders.since), *ends])]
    if orders.examine:
        parts.append(fill("examine"))
        parts += [
            words(["examine", submissions, place.token, str(place.index), directory])
            for place, directory in orders.examine
        ]
    if orders.logs:
        parts.append(fill("logs"))
        parts += [
            words(["tell_log", str(number), log.path, str(log.offset), str(log.limit)])
            for number, log in enumerate(orders.logs)
        ]
    return "\n".join(parts) + "\n"
