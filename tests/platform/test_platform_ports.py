import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.platform.ports import HOST, Ports, chosen_ports, is_free, read_ports, write_ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def unused() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_free_port_is_kept_and_a_taken_one_replaced(taken: int, unused: int) -> None:
    with chosen_ports(Ports(airflow=taken, mlflow=unused)) as ports:
        assert ports.mlflow == unused
        assert ports.airflow not in (taken, unused)
        assert is_free(ports.airflow)


def test_two_that_choose_at_once_are_given_different_ports(unused: int, taken: int) -> None:
    preferred = Ports(airflow=unused, mlflow=taken)
    with chosen_ports(preferred) as first, chosen_ports(preferred) as second:
        chosen = {first.airflow, first.mlflow, second.airflow, second.mlflow}
    assert first.airflow == unused
    assert len(chosen) == 4
    with chosen_ports(preferred) as later:
        assert later.airflow == unused


def test_a_port_in_use_is_not_free(taken: int) -> None:
    assert not is_free(taken)


def test_a_port_in_use_on_another_address_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.2", 0))
        server.listen()
        assert not is_free(server.getsockname()[1])


def test_ports_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "running" / "ports.json"
    assert read_ports(path) is None
    write_ports(path, Ports(1, 2))
    assert read_ports(path) == Ports(1, 2)


def test_a_damaged_memory_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    path.write_text("{")
    assert read_ports(path) is None
