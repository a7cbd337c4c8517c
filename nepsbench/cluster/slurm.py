"""SLURM as text: what one visit says to sbatch, squeue, scontrol, scancel and sacct."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nepsbench.cluster import frame
from nepsbench.cluster.answers import PREFIX, read_answer
from nepsbench.cluster.conversation import Answer, Orders, Place, Submission, Target
from nepsbench.cluster.definition import ClusterFile
from nepsbench.cluster.interface import Completed, Resources
from nepsbench.cluster.script import (
    jobs_text,
    questions,
    setup_text,
    submissions_folder,
    thread_exports,
)
from nepsbench.cluster.shell import fill, quote, words
from nepsbench.cluster.warning import warning_time

#: Seconds of a visit after which it begins no more submissions and cancellations.
_ENOUGH = 15
#: Seconds that one sbatch may take. With the line above, no visit submits anything later than 40
#: seconds after it began, even if nobody waits for its answer any more.
_SBATCH_PATIENCE = 23
#: Seconds that a question may take.
_PATIENCE = 15
#: Seconds to wait for another visit that has the same submission in hand.
_LOCK_PATIENCE = 3
#: Seconds before its time limit from which on a job that is told to end is ended by it, at most,
#: and as a part of the limit: SLURM counts from before the job's script began.
_LIMIT_SLACK = 30
_LIMIT_SHARE = 20


@dataclass(frozen=True)
class SlurmQueue:
    """Speaks SLURM. A submission's jobs are called ``nb-<token>``."""

    cluster: ClusterFile

    def visit_script(self, orders: Orders) -> str:
        """Return one script that carries out ``orders`` and tells how the queue stands."""
        return frame.wrap(self._visit_text(orders))

    def read_visit(self, answer: Completed, orders: Orders) -> Answer | None:
        """Return what that script told, or None if it was cut short."""
        return read_answer(answer, self._visit_text(orders), orders)

    def job_script(self, submission: Submission) -> str:
        """Return what sbatch is given; it finds the jobs themselves in ``jobs.sh``."""
        resources = submission.jobs[0].resources
        limit = _minutes(resources) * 60
        return fill(
            "slurm_job",
            folder=quote(f"{submissions_folder(self.cluster)}/{submission.token}"),
            functions=fill("gate") + fill("finish"),
            setup=setup_text(self.cluster),
            threads=thread_exports(resources),
            tasks=str(resources.tasks),
            cpus=str(resources.cpus_per_task),
            limit=str(resources.time_limit),
            killed_after=str(limit - min(_LIMIT_SLACK, limit // _LIMIT_SHARE)),
            task=quote(fill("task")),
            requeue=quote("yes" if self.cluster.requeue else ""),
        )

    def sbatch_options(self, submission: Submission) -> list[str]:
        """Return the options of one submission, unquoted.

        SLURM expands ``%`` in the names of output files, folders included, and takes ``%%`` for
        one. What it says itself goes to the submission's folder: the job's own folder holds what
        the job's own attempts say.
        """
        resources = submission.jobs[0].resources
        name = f"{PREFIX}{submission.token}"
        last = len(submission.jobs) - 1
        folder = f"{submissions_folder(self.cluster)}/{submission.token}".replace("%", "%%")
        return [
            f"--job-name={name}",
            f"--comment={name}",
            *([f"--array=0-{last}"] if last else []),
            *(["--hold"] if self.cluster.hold else []),
            *_sizes(resources),
            f"--output={folder}/said/{'%a' if last else 0}",
            "--open-mode=append",
            "--requeue" if self.cluster.requeue else "--no-requeue",
            *_site(self.cluster),
        ]

    def _visit_text(self, orders: Orders) -> str:
        submits = any((orders.submit, orders.look))
        tokens = [submission.token for submission in (*orders.submit, *orders.look)]
        settles = [
            *(words(["settle", "look", submission.token]) for submission in orders.look),
            *(self._submit_call(submission) for submission in orders.submit),
        ]
        return setup_text(self.cluster) + fill(
            "slurm_visit",
            submissions=quote(submissions_folder(self.cluster)),
            functions=fill("words")
            + fill("slurm_queue", patience=str(_PATIENCE))
            + (fill("slurm_revoke") if submits or orders.cancel else "")
            + (fill("slurm_cancel", enough=str(_ENOUGH)) if orders.cancel else "")
            + (fill("slurm_forgotten", patience=str(_PATIENCE)) if self.cluster.hold else "")
            + (self._submit_functions() if submits else ""),
            cluster=quote(f";{self.cluster.slurm_cluster}" if self.cluster.slurm_cluster else ""),
            tokens=words([*tokens, *orders.watch]),
            cancels="\n".join(_cancel_call(target) for target in orders.cancel),
            settles="\n".join(settles),
            forgotten="release_forgotten" if self.cluster.hold else "",
            questions=questions(orders, submissions_folder(self.cluster))
            + self._slurm_questions(orders),
        )

    def _submit_functions(self) -> str:
        return fill(
            "slurm_submit",
            enough=str(_ENOUGH),
            lock_patience=str(_LOCK_PATIENCE),
            sbatch_patience=str(_SBATCH_PATIENCE),
            hold=quote("yes" if self.cluster.hold else ""),
        )

    def _submit_call(self, submission: Submission) -> str:
        superseded = (
            word
            for token, ranges in _by_token(submission.supersedes).items()
            for word in (token, ranges)
        )
        return words(
            [
                *("settle", "submit", submission.token),
                self.job_script(submission),
                jobs_text(submission.jobs),
                *superseded,
                "--",
                *self.sbatch_options(submission),
            ]
        )

    def _slurm_questions(self, orders: Orders) -> str:
        """Return the questions that the accounting database and the configuration answer."""
        text = ""
        if orders.account:
            ids = sorted({job_id.partition(";")[0] for job_id in orders.account})
            text += fill("slurm_accounts", patience=str(_PATIENCE))
            text += words(["tell_accounts", ",".join(ids)]) + "\n"
        if orders.facts:
            partition, account = self.cluster.partition, self.cluster.account
            text += fill(
                "slurm_facts",
                patience=str(_PATIENCE),
                partition=words(["-p", partition] if partition else []),
                every="1" if partition else "0",
                account=quote(f"account={account}") if account else "",
                qos=quote(self.cluster.qos or ""),
            )
            text += '[ -n "$no_rows" ] || tell_facts\n'
        return text


def _sizes(resources: Resources) -> list[str]:
    """Return the options for what a job asks for; it is warned as ``warning_time`` says."""
    memory = math.ceil(resources.memory_mb / resources.cpus_per_task)
    return [
        f"--nodes={resources.nodes}",
        f"--ntasks={resources.tasks}",
        f"--cpus-per-task={resources.cpus_per_task}",
        f"--mem-per-cpu={memory}",
        f"--time={_minutes(resources)}",
        f"--signal=USR1@{warning_time(resources.time_limit)}",
    ]


def _site(cluster: ClusterFile) -> list[str]:
    """Return the options that the cluster file asks for."""
    named = {
        "partition": cluster.partition,
        "account": cluster.account,
        "qos": cluster.qos,
        "constraint": cluster.constraint,
        "gpus": cluster.gpus,
        "clusters": cluster.slurm_cluster,
    }
    return [*(f"--{name}={value}" for name, value in named.items() if value), *cluster.options]


def _minutes(resources: Resources) -> int:
    """Return the time limit in the unit that sbatch counts in."""
    return math.ceil(resources.time_limit / 60)


def _cancel_call(target: Target) -> str:
    return words(["cancel", target.token, target.job_id, ranges(target.indices)])


def _by_token(places: Iterable[Place]) -> dict[str, str]:
    found: dict[str, list[int]] = {}
    for place in places:
        found.setdefault(place.token, []).append(place.index)
    return {token: ranges(indices) for token, indices in found.items()}


def ranges(indices: Sequence[int]) -> str:
    """Return indices as SLURM writes them: ``0-3,7``."""
    spans: list[tuple[int, int]] = []
    for index in sorted(set(indices)):
        if spans and spans[-1][1] == index - 1:
            spans[-1] = (spans[-1][0], index)
        else:
            spans.append((index, index))
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)
