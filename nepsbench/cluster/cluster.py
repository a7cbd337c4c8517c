"""A cluster that is open: a transport and a queue, behind the few verbs that callers use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from nepsbench.cluster import files, frame
from nepsbench.cluster.conversation import Answer, Orders
from nepsbench.cluster.definition import ClusterFile
from nepsbench.cluster.interface import Completed, Queue, Transport
from nepsbench.cluster.local import LocalTransport
from nepsbench.cluster.queues import open_queue, setup_text
from nepsbench.errors import ClusterError
from nepsbench.provenance import code_version

#: Seconds that a visit may take; its queue's own patience ends sooner.
VISIT_TIMEOUT = 120.0
_CUT = "its answer was cut short; try again"


class Cluster:
    """An open cluster. Use it in a ``with`` block, or close it.

    Attributes:
        file: What its cluster file says.
        queue: What to say there, and how to read the answer.
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
            raise ClusterError(f"cluster {self.file.name}: {_CUT}")
        return whole

    def visit(self, orders: Orders) -> Answer:
        """Carry out ``orders`` and tell how the queue stands, by one command over there.

        Raises:
            ClusterError: If the cluster cannot be reached, or its answer was cut short. What was
                ordered may then have been done or not: look before ordering it again.
            AccessError: If the cluster will not let us in, however often we try.
        """
        said = self._transport.run(self.queue.visit_script(orders), timeout=VISIT_TIMEOUT)
        answer = self.queue.read_visit(said, orders)
        if answer is None:
            raise ClusterError(f"cluster {self.file.name}: {_CUT}")
        return answer

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
