"""Which ports the servers listen on: the usual ones where they are free."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """The servers' ports on the loopback address."""

    airflow: int = 8080
    mlflow: int = 5000


PREFERRED = Ports()


@contextmanager
def chosen_ports(preferred: Ports = PREFERRED) -> Iterator[Ports]:
    """Yield the preferred ports, each replaced by a free one if it is taken.

    Servers listen half a minute after they are started: until the block ends, no other platform on
    this machine is given these ports.
    """
    with ExitStack() as claims:
        yield Ports(
            airflow=_claim(preferred.airflow, claims), mlflow=_claim(preferred.mlflow, claims)
        )


def is_free(port: int) -> bool:
    """Return whether a server could listen on ``port``, on every address of this machine."""
    for address in (HOST, ""):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the servers do: a port whose last connections still linger counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def read_ports(path: Path) -> Ports | None:
    """Return the ports that :func:`write_ports` kept, or None."""
    try:
        return Ports(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_ports(path: Path, ports: Ports) -> None:
    """Keep the ports for as long as the services run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(ports)))


def _claim(port: int, claims: ExitStack) -> int:
    """Return ``port``, or a free one where it is taken or claimed; it is ours until they close."""
    while True:
        # An abstract name: the kernel gives it to one process, and takes it back at its end.
        claim = claims.enter_context(socket.socket(socket.AF_UNIX))
        try:
            claim.bind(f"\0nepsbench-port-{port}")
        except OSError:
            port = _any_free_port()
            continue
        if is_free(port):
            return port
        port = _any_free_port()


def _any_free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
