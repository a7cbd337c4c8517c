"""A cluster that is open: a transport and a queue, behind the few verbs that callers use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType

from nepsbench.cluster import files, frame
from nepsbench.cluster.definition import ClusterFile
from nepsbench.cluster.interface import Completed, Handle, Job, Queue, Snapshot, Transport
from nepsbench.cluster.local import LocalTransport
from nepsbench.cluster.queues import CANCEL_GRACE, open_queue, setup_text
from nepsbench.cluster.shell import quote
from nepsbench.errors import ClusterError
from nepsbench.provenance import code_version


class Cluster:
    """An open cluster. Use it in a ``with`` block, or close it.

    Attributes:
        file: What its cluster file says.
        queue: The pure half, for callers that bring their own transport (an async trigger).
    """

    def __init__(self, file: ClusterFile, transport: Transport, queue: Queue) -> None:
        self.file = file
        self.queue = queue
        self._transport = transport

    def path(self, *parts: str) -> str:
        """Return an absolute path below the cluster's root."""
        return "/".join((self.file.root.rstrip("/"), *parts))

    def run(self, script: str, *, timeout: float = 60.0) -> Completed:
        """Run bash text after the site's set-up block; only what it printed itself comes back.

        Raises:
            ClusterError: If the cluster cannot be reached or the answer was cut short.
        """
        text = setup_text(self.file) + script
        whole = frame.unwrap(self._transport.run(frame.wrap(text), timeout=timeout), text)
        if whole is None:
            raise ClusterError(f"cluster {self.file.name}: its answer was cut short; try again")
        return whole

    def submit(self, job: Job) -> Handle:
        """Submit ``job`` once.

        A job of this key that waits, runs or has ended well is adopted; one that ended otherwise
        is submitted again.

        Raises:
            ClusterError: If it was refused (the queue's own words), or the answer did not come.
        """
        answer = self._transport.run(self.queue.submit_script(job), timeout=120)
        return self.queue.parse_submit(answer, job)

    def poll(self, handles: Sequence[Handle]) -> Snapshot:
        """Return the state of all ``handles``, by one script; never raises for a bad answer."""
        try:
            answer = self._transport.run(self.queue.poll_script(handles))
        except ClusterError as error:
            return Snapshot(False, problem=str(error))
        return self.queue.parse_poll(answer, handles)

    def cancel(self, handles: Sequence[Handle]) -> None:
        """Stop jobs; workers have a time of grace to write their checkpoints.

        Raises:
            ClusterError: If the queue refused.
        """
        if not handles:
            return
        script = self.queue.cancel_script(handles)
        answer = self._transport.run(script, timeout=CANCEL_GRACE + 60)
        if answer.exit_code != 0:
            raise ClusterError(
                f"cluster {self.file.name}: cancel failed: {' '.join(answer.stderr.split())}"
            )

    def known_jobs(self) -> list[Handle]:
        """Return a handle for every job of every campaign that was ever submitted there."""
        pattern = f"{quote(self.path('campaigns'))}/*/jobs/*/id"
        script = f'for f in {pattern}; do [ -e "$f" ] && echo "$(cat "$f")" "${{f%/id}}"; done; :'
        pairs = (line.split(" ", 1) for line in self.run(script).stdout.splitlines())
        return [Handle(PurePosixPath(folder).name, folder, job_id) for job_id, folder in pairs]

    def last_words(self, handle: Handle) -> str:
        """Return the last line that a job wrote to its error output, or nothing."""
        return self.run(f"tail -n 1 -- {quote(handle.directory)}/stderr 2>/dev/null").stdout.strip()

    def put(self, source: Path, target: str) -> None:
        """Copy a file to an absolute name there: temporary name, sha256, rename."""
        self.put_files([(source, target)])

    def put_files(self, pairs: Sequence[tuple[Path, str]]) -> None:
        """Copy many files; see :meth:`put`."""
        files.put_files(self._transport, pairs)

    def fetch(self, directory: str, pattern: str, into: Path) -> list[Path]:
        """Copy files from there, for example ``fetch(job.directory, "results/*.journal", here)``.

        Returns:
            The local paths, sorted; empty if nothing matches.
        """
        return files.fetch_files(self._transport, directory, pattern, into)

    def python_command(self, *arguments: str) -> tuple[str, ...]:
        """Return the command that runs ``python <arguments>`` there with this code version.

        For example ``python_command("-m", "nepsbench", "worker", "run", …)``.
        """
        if self.file.kind == "local":
            return (self.file.python, *arguments)
        environment = self.path("envs", code_version())
        if self.file.environment == "pip":
            return (f"{environment}/venv/bin/python", *arguments)
        return ("env", f"PYTHONPATH={environment}/site", self.file.python, *arguments)

    def close(self) -> None:
        """Give back the connection; jobs run on."""
        self._transport.close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_cluster(file: ClusterFile, transport: Transport | None = None) -> Cluster:
    """Return the open cluster; without ``transport``, the one that its file describes.

    Connections are made when they are first needed.

    Raises:
        ClusterError: If the file does not say how to reach it.
    """
    return Cluster(file, transport or _own_transport(file), open_queue(file))


def _own_transport(file: ClusterFile) -> Transport:
    if file.ssh is None and file.kind == "local":
        return LocalTransport()
    try:
        from nepsbench.cluster.ssh import ssh_transport
    except ImportError:
        raise ClusterError(
            f"cluster {file.name} is reached by SSH, for which paramiko is not installed; run: "
            "pip install 'nepsbench[platform]'"
        ) from None
    return ssh_transport(file)
