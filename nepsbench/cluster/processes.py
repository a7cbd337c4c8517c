"""The queue of plain processes as text: jobs run on this machine, a number of them at a time.

Needs bash, util-linux and /proc, nothing else. A submission's id is the name of its first process,
``<pid>-<start time>``, so that a process number that is given away again is another process.
"""

from __future__ import annotations

from dataclasses import dataclass

from nepsbench.cluster import frame
from nepsbench.cluster.answers import read_answer
from nepsbench.cluster.conversation import Answer, Orders, Submission, Target
from nepsbench.cluster.definition import ClusterFile
from nepsbench.cluster.interface import Completed
from nepsbench.cluster.script import (
    jobs_text,
    questions,
    setup_text,
    submissions_folder,
    thread_exports,
)
from nepsbench.cluster.shell import fill, quote, words
from nepsbench.cluster.warning import stop_time, warning_time

#: Seconds between the order to stop and the end by force.
CANCEL_GRACE = 30
#: Seconds of one visit after which it starts no more submissions.
_PATIENCE = 60


@dataclass(frozen=True)
class ProcessesQueue:
    """Runs jobs as detached processes, ``limits.slots`` at a time, first come first served."""

    cluster: ClusterFile

    def visit_script(self, orders: Orders) -> str:
        """Return one script that carries out ``orders`` and tells how the processes stand."""
        return frame.wrap(self._visit_text(orders))

    def read_visit(self, answer: Completed, orders: Orders) -> Answer | None:
        """Return what that script told, or None if it was cut short."""
        return read_answer(answer, self._visit_text(orders), orders)

    def job_script(self, submission: Submission) -> str:
        """Return what runs detached, once for each job of the submission."""
        resources = submission.jobs[0].resources
        limit = resources.time_limit
        return fill(
            "processes_job",
            functions=_functions("processes_functions", "gate", "finish"),
            folder=quote(f"{submissions_folder(self.cluster)}/{submission.token}"),
            token=quote(submission.token),
            setup=setup_text(self.cluster),
            slots=str(self.cluster.limits.slots),
            slots_directory=quote(self._folder("slots")),
            threads=thread_exports(resources),
            tasks=str(resources.tasks),
            warning=str(warning_time(limit)),
            early=str(max(1, stop_time(limit))),
            limit=str(limit),
            task=quote(fill("task")),
        )

    def _visit_text(self, orders: Orders) -> str:
        calls = [
            *(self._submit_call(submission) for submission in orders.submit),
            *(words(["look", submission.token]) for submission in orders.look),
            *(_cancel_call(target) for target in orders.cancel),
        ]
        functions = (
            _functions("words", "processes_functions", "processes_list")
            + fill("processes_submit", patience=str(_PATIENCE))
            + fill("processes_cancel", grace=str(CANCEL_GRACE))
        )
        submissions = submissions_folder(self.cluster)
        return fill(
            "processes_visit",
            submissions=quote(submissions),
            processes=quote(self._folder("processes")),
            functions=functions,
            orders="\n".join(calls),
            questions=questions(orders, submissions),
        )

    def _submit_call(self, submission: Submission) -> str:
        superseded = (f"{place.token}/{place.index}" for place in submission.supersedes)
        return words(
            [
                "submit",
                submission.token,
                str(len(submission.jobs)),
                self.job_script(submission),
                jobs_text(submission.jobs),
                *superseded,
            ]
        )

    def _folder(self, name: str) -> str:
        return f"{self.cluster.root.rstrip('/')}/{name}"


def _cancel_call(target: Target) -> str:
    return words(["cancel", target.token, *map(str, target.indices)])


def _functions(*templates: str) -> str:
    return "".join(fill(template) for template in templates)
