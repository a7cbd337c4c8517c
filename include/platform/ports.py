"""Which ports the servers listen on: the usual ones where they are free."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """The servers' ports on the loopback address."""

    airflow: int = 8080
    mlflow: int = 5000


PREFERRED = Ports()


def choose_ports(preferred: Ports = PREFERRED) -> Ports:
    """Return the preferred ports, each replaced by a free one if it is taken."""
    airflow = preferred.airflow if is_free(preferred.airflow) else _any_free_port()
    mlflow = preferred.mlflow if is_free(preferred.mlflow) else _any_free_port()
    return Ports(airflow=airflow, mlflow=mlflow)


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


def _any_free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
