"""The two queues as text: SLURM, and plain processes with a number of slots."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nepsbench.cluster import frame
from nepsbench.cluster.definition import ClusterFile
from nepsbench.cluster.interface import Completed, Handle, Job, Queue, Snapshot
from nepsbench.cluster.outcome import read_poll
from nepsbench.cluster.shell import fill, quote, words
from nepsbench.cluster.warning import stop_time, warning_time
from nepsbench.errors import ClusterError

#: Seconds between the order to stop and the end by force, when a job of processes is cancelled.
CANCEL_GRACE = 30
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def open_queue(cluster: ClusterFile) -> Queue:
    """Return the queue of a cluster."""
    return SlurmQueue(cluster) if cluster.kind == "slurm" else ProcessesQueue(cluster)


def setup_text(cluster: ClusterFile) -> str:
    """Return the site's set-up block as it stands at the head of a script."""
    return f"{{\n{cluster.setup}\n:\n}} </dev/null\n"


@dataclass(frozen=True)
class SlurmQueue:
    """Speaks sbatch, squeue and scancel. Job names are ``nb-<key>``."""

    cluster: ClusterFile

    def submit_script(self, job: Job) -> str:
        """Return a script that submits ``job`` once, or adopts what was submitted."""
        return frame.wrap(self._submit_text(job))

    def parse_submit(self, answer: Completed, job: Job) -> Handle:
        """Return the handle; ClusterError with SLURM's own words."""
        return _read_submit(answer, self._submit_text(job), job, r"\d+(?:;[\w.-]+)?")

    def poll_script(self, handles: Sequence[Handle]) -> str:
        """Return one script with one squeue, whatever the number of handles."""
        return frame.wrap(self._poll_text(handles))

    def parse_poll(self, answer: Completed, handles: Sequence[Handle]) -> Snapshot:
        """Return the states; unhealthy if the answer is cut or squeue failed."""
        return read_poll(answer, self._poll_text(handles), handles)

    def cancel_script(self, handles: Sequence[Handle]) -> str:
        """Return a script that cancels ``handles``; one that has ended is no error."""
        calls = _calls("cancel", handles)
        return frame.wrap(setup_text(self.cluster) + fill("slurm_cancel", calls=calls))

    def job_script(self, job: Job) -> str:
        """Return what sbatch is given."""
        return fill(
            "slurm_job",
            setup=setup_text(self.cluster),
            directory=quote(job.directory),
            threads=_thread_exports(job),
            tasks=str(job.resources.tasks),
            cpus=str(job.resources.cpus_per_task),
            command=words(job.command),
        )

    def _submit_text(self, job: Job) -> str:
        functions = fill(
            "slurm_functions",
            name=quote(f"nb-{job.key}"),
            options=words(sbatch_options(job, self.cluster)),
            cluster_option=_cluster_option([self.cluster.slurm_cluster]),
        )
        return setup_text(self.cluster) + _submit_text(job, functions, self.job_script(job))

    def _poll_text(self, handles: Sequence[Handle]) -> str:
        clusters = [handle.job_id.partition(";")[2] for handle in handles]
        return setup_text(self.cluster) + fill(
            "slurm_poll",
            cluster_option=_cluster_option([self.cluster.slurm_cluster, *clusters]),
            markers=_markers("marker", handles),
        )


@dataclass(frozen=True)
class ProcessesQueue:
    """Runs jobs as detached processes, ``limits.slots`` at a time, first come first served."""

    cluster: ClusterFile

    def submit_script(self, job: Job) -> str:
        """Return a script that starts ``job`` once, or adopts what was started."""
        return frame.wrap(self._submit_text(job))

    def parse_submit(self, answer: Completed, job: Job) -> Handle:
        """Return the handle; ClusterError with the shell's own words."""
        return _read_submit(answer, self._submit_text(job), job, r"\d+-\d+")

    def poll_script(self, handles: Sequence[Handle]) -> str:
        """Return one script that looks at every process and every marker."""
        return frame.wrap(self._poll_text(handles))

    def parse_poll(self, answer: Completed, handles: Sequence[Handle]) -> Snapshot:
        """Return the states; unhealthy if the answer is cut."""
        return read_poll(answer, self._poll_text(handles), handles)

    def cancel_script(self, handles: Sequence[Handle]) -> str:
        """Return a script that stops ``handles`` and all their processes, with a time of grace."""
        return frame.wrap(
            fill("processes_functions")
            + fill(
                "processes_cancel",
                ids=words([handle.job_id for handle in handles]),
                calls=_calls("ask", handles),
                grace=str(CANCEL_GRACE),
            )
        )

    def job_script(self, job: Job) -> str:
        """Return what runs detached."""
        limit = job.resources.time_limit
        return fill(
            "processes_job",
            functions=fill("processes_functions"),
            setup=setup_text(self.cluster),
            directory=quote(job.directory),
            slots=str(self.cluster.limits.slots),
            slots_directory=quote(f"{self.cluster.root}/slots"),
            threads=_thread_exports(job),
            tasks=str(job.resources.tasks),
            warning=str(warning_time(limit)),
            early=str(max(1, stop_time(limit))),
            limit=str(limit),
            command=words(job.command),
        )

    def _submit_text(self, job: Job) -> str:
        functions = fill("processes_functions") + fill("processes_submit")
        return _submit_text(job, functions, self.job_script(job))

    def _poll_text(self, handles: Sequence[Handle]) -> str:
        return fill("processes_functions") + fill(
            "processes_poll", markers=_markers("look", handles)
        )


def sbatch_options(job: Job, cluster: ClusterFile) -> list[str]:
    """Return the options of one submission, unquoted.

    SLURM expands ``%`` in the names of output files, folders included, and takes ``%%`` for one.
    """
    resources = job.resources
    folder = job.directory.replace("%", "%%")
    named = {
        "partition": cluster.partition,
        "account": cluster.account,
        "qos": cluster.qos,
        "constraint": cluster.constraint,
        "clusters": cluster.slurm_cluster,
    }
    return [
        f"--job-name=nb-{job.key}",
        f"--comment=nb-{job.key}",
        f"--nodes={resources.nodes}",
        f"--ntasks={resources.tasks}",
        f"--cpus-per-task={resources.cpus_per_task}",
        f"--mem-per-cpu={math.ceil(resources.memory_mb / resources.cpus_per_task)}",
        f"--time={math.ceil(resources.time_limit / 60)}",
        f"--signal=USR1@{warning_time(resources.time_limit)}",
        f"--output={folder}/stdout",
        f"--error={folder}/stderr",
        "--open-mode=append",
        "--requeue",
        *(f"--{option}={value}" for option, value in named.items() if value),
        *cluster.options,
    ]


def _submit_text(job: Job, functions: str, job_script: str) -> str:
    return fill(
        "submit",
        directory=quote(job.directory),
        queue_functions=functions,
        script=quote(job_script),
    )


def _read_submit(answer: Completed, script: str, job: Job, form: str) -> Handle:
    whole = frame.unwrap(answer, script)
    if whole is None:
        raise ClusterError(
            f"job {job.key}: the answer to its submission was cut short; submit again, "
            "which adopts the job if it exists"
        )
    match = re.search(rf"^id ({form})$", whole.stdout, flags=re.MULTILINE)
    if whole.exit_code == 0 and match is not None:
        return Handle(job.key, job.directory, match[1])
    said = " ".join(f"{whole.stderr} {whole.stdout}".split()) or f"exit code {whole.exit_code}"
    raise ClusterError(f"job {job.key} was not submitted: {said}")


def _markers(function: str, handles: Sequence[Handle]) -> str:
    return "\n".join(
        words([function, str(index), handle.directory, handle.job_id])
        for index, handle in enumerate(handles)
    )


def _calls(function: str, handles: Sequence[Handle]) -> str:
    return "\n".join(words([function, h.directory, h.job_id]) + " || failed=1" for h in handles)


def _cluster_option(clusters: Iterable[str | None]) -> str:
    known = sorted({cluster for cluster in clusters if cluster})
    return f" -M {quote(','.join(known))}" if known else ""


def _thread_exports(job: Job) -> str:
    count = job.resources.cpus_per_task
    return "export " + " ".join(f"{name}={count}" for name in _THREAD_VARIABLES)
