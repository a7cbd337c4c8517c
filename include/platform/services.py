"""The services: what they are, and how all of them are started and stopped together."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from include.platform import processes
from include.platform.credentials import ensure_credentials
from include.platform.environment import nepsbench_variables, read_connections, service_environment
from include.platform.errors import PlatformError
from include.platform.health import AIRFLOW_PARTS, Health, healthy_services
from include.platform.ports import HOST, PREFERRED, Ports, chosen_ports, read_ports, write_ports
from include.platform.settings import ROOT, Settings

#: Seconds after which a service that does not answer counts as failed.
START_TIMEOUT = 180.0
#: In the order of starting.
NAMES = ("mlflow", *AIRFLOW_PARTS)
BIN = Path(sys.executable).parent

Say = Callable[[str], None]


@dataclass(frozen=True)
class ServiceStatus:
    """One line of ``make status``."""

    name: str
    pid: int | None
    port: int | None
    health: Health


@dataclass(frozen=True)
class Platform:
    """The running services, as :func:`up` leaves them."""

    settings: Settings
    ports: Ports

    @property
    def airflow_url(self) -> str:
        """The address of Airflow's UI and API."""
        return f"http://{HOST}:{self.ports.airflow}"

    @property
    def mlflow_url(self) -> str:
        """The address of MLflow's UI and API."""
        return f"http://{HOST}:{self.ports.mlflow}"


def commands(settings: Settings, ports: Ports) -> dict[str, tuple[str, ...]]:
    """Return the command of each service, in the order of starting.

    Airflow's parts share a disk, so that no log servers are needed.
    """
    airflow = str(BIN / "airflow")
    return {
        "mlflow": (
            str(BIN / "mlflow"), "server",
            "--host", HOST, "--port", str(ports.mlflow), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{settings.mlflow / 'mlflow.db'}",
            "--artifacts-destination", str(settings.mlflow / "artifacts"),
            "--app-name", "basic-auth",
        ),
        "airflow-api-server": (airflow, "api-server"),
        "airflow-scheduler": (airflow, "scheduler", "--skip-serve-logs"),
        "airflow-dag-processor": (airflow, "dag-processor"),
        "airflow-triggerer": (airflow, "triggerer", "--skip-serve-logs"),
    }  # fmt: skip


def up(settings: Settings, *, say: Say = print) -> Platform:
    """Start what does not run, wait until all is healthy, and return where it listens.

    Interrupted or failed, it stops what it started.

    Raises:
        PlatformError: If a service dies or does not answer in time.
    """
    with _exclusive(settings):
        _stop_if_outdated(settings, say)
        with _ports(settings, say) as ports:
            platform = Platform(settings, ports)
            _complete(platform, say)
        return platform


def _complete(platform: Platform, say: Say) -> None:
    """Start what does not run of a platform."""
    running = _alive(platform.settings)
    missing = [name for name in NAMES if name not in running]
    if not missing:
        say("the services are running already")
        _wait_until_healthy(platform, set(NAMES), say=_nothing)
        return
    try:
        _start(missing, platform, say=say)
        _wait_until_healthy(platform, {*running, *missing}, say=say)
    except BaseException:
        _stop(platform.settings, missing)
        raise


def down(settings: Settings, *, say: Say = print) -> None:
    """Stop every service and the training jobs of the local cluster."""
    with _exclusive(settings):
        _stop(settings, NAMES)
        (settings.running / "ports.json").unlink(missing_ok=True)
    _cancel_local_jobs(settings)
    say("All services are stopped.")


def status(settings: Settings) -> list[ServiceStatus]:
    """Return the state of each service, as pid and health page tell it."""
    ports = read_ports(settings.running / "ports.json")
    healthy = healthy_services(ports) if ports else set()
    alive = _alive(settings)
    listening = {"mlflow": ports.mlflow, "airflow-api-server": ports.airflow} if ports else {}

    def one(name: str) -> ServiceStatus:
        process = alive.get(name)
        if process is None:
            return ServiceStatus(name, None, None, Health.STOPPED)
        health = Health.HEALTHY if name in healthy else Health.NOT_READY
        return ServiceStatus(name, process.pid, listening.get(name), health)

    return [one(name) for name in NAMES]


def environment_of(platform: Platform) -> dict[str, str]:
    """Return the whole environment of the services."""
    path = {"PATH": f"{BIN}:{os.environ.get('PATH', os.defpath)}"}
    return {**os.environ, **path, **_variables(platform)}


def _variables(platform: Platform) -> dict[str, str]:
    settings = platform.settings
    return {
        **service_environment(settings, ensure_credentials(settings), ports=platform.ports),
        **read_connections(settings.dev_slurm),
    }


def fingerprint(platform: Platform) -> str:
    """Return a hash of all settings, secrets included: it changes when a restart is due."""
    return sha256(json.dumps(_variables(platform), sort_keys=True).encode()).hexdigest()


def _stop_if_outdated(settings: Settings, say: Say) -> None:
    """Stop services that run with other settings: another data home, a new connection."""
    ports = read_ports(settings.running / "ports.json")
    if ports is None or not _alive(settings):
        return
    mark = settings.running / "fingerprint"
    if not mark.exists() or mark.read_text() != fingerprint(Platform(settings, ports)):
        say("the settings have changed: restarting the services")
        _stop(settings, NAMES)


def _start(names: list[str], platform: Platform, *, say: Say) -> None:
    settings = platform.settings
    environment = environment_of(platform)
    for folder in (settings.airflow, settings.mlflow, settings.home, settings.dags):
        folder.mkdir(parents=True, exist_ok=True)
    write_ports(settings.running / "ports.json", platform.ports)
    (settings.running / "fingerprint").write_text(fingerprint(platform))
    migrated = not any(name in AIRFLOW_PARTS for name in names)
    for name in names:
        if name in AIRFLOW_PARTS and not migrated:
            _migrate_airflow(settings, environment, say)
            migrated = True
        say(f"starting {name}")
        log = _log(settings, name)
        log.unlink(missing_ok=True)
        processes.start(
            commands(settings, platform.ports)[name],
            environment=environment,
            log=log,
            cwd=settings.state,
            record=_file(settings, name),
        )


def _migrate_airflow(settings: Settings, environment: dict[str, str], say: Say) -> None:
    """Bring Airflow's database to the installed version; it is made if absent."""
    say("preparing Airflow's database")
    log = _log(settings, "airflow-db")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        code = subprocess.run(
            [str(BIN / "airflow"), "db", "migrate"],
            env=environment,
            cwd=settings.state,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if code != 0:
        raise PlatformError(_failure(settings, "airflow-db", "failed"))


def _wait_until_healthy(platform: Platform, names: set[str], *, say: Say) -> None:
    settings = platform.settings
    deadline = time.monotonic() + START_TIMEOUT
    waiting = names
    while waiting:
        healthy = healthy_services(platform.ports) & _listening(settings, platform.ports)
        for name in sorted(waiting & healthy):
            say(f"{name} is healthy")
        waiting = waiting - healthy
        for name in sorted(names - _alive(settings).keys()):
            raise PlatformError(_failure(settings, name, "ended while starting"))
        if waiting and time.monotonic() > deadline:
            late = sorted(waiting)[0]
            raise PlatformError(
                _failure(settings, late, f"does not answer after {START_TIMEOUT:.0f} s")
            )
        if waiting:
            time.sleep(0.5)


def _listening(settings: Settings, ports: Ports) -> set[str]:
    """Return the services that may answer for themselves: their own server holds the port.

    Another platform that started at the same moment may have taken it; its health is not ours.
    """
    alive = _alive(settings)
    holds = {
        name: name in alive and alive[name].listens_on(port)
        for name, port in (("mlflow", ports.mlflow), ("airflow-api-server", ports.airflow))
    }
    own = {"mlflow"} if holds["mlflow"] else set()
    return own | set(AIRFLOW_PARTS) if holds["airflow-api-server"] else own


def _nothing(_: str) -> None:
    """Say nothing."""


def _failure(settings: Settings, name: str, what: str) -> str:
    log = _log(settings, name)
    lines = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []
    tail = "\n".join(f"  {line}" for line in lines)
    return f"{name} {what}; see {log}, then run make up again. Its last lines:\n{tail}"


def _stop(settings: Settings, names: Iterable[str]) -> None:
    files = [_file(settings, name) for name in names]
    processes.stop(process for file in files if (process := processes.recall(file)))
    for file in files:
        file.unlink(missing_ok=True)


def _cancel_local_jobs(settings: Settings) -> None:
    """End the training jobs that the local cluster runs: they are processes of this machine.

    Only for now: a task that waits for them asks for them again when the services are up again.
    """
    subprocess.run(
        [str(BIN / "nepsbench"), "cluster", "cancel", "local", "--all", "--for-now"],
        env={**os.environ, **nepsbench_variables(settings)},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=False,
    )


@contextmanager
def _ports(settings: Settings, say: Say) -> Iterator[Ports]:
    """Yield the ports of the services that run, or chosen ones."""
    kept = read_ports(settings.running / "ports.json")
    if kept and _alive(settings):
        yield kept
        return
    with chosen_ports() as ports:
        if ports.airflow != PREFERRED.airflow:
            say(f"port {PREFERRED.airflow} is taken: Airflow will be on {ports.airflow}")
        if ports.mlflow != PREFERRED.mlflow:
            say(f"port {PREFERRED.mlflow} is taken: MLflow will be on {ports.mlflow}")
        yield ports


def _alive(settings: Settings) -> dict[str, processes.Process]:
    found = {name: processes.recall(_file(settings, name)) for name in NAMES}
    return {name: process for name, process in found.items() if process and process.is_alive()}


def _file(settings: Settings, name: str) -> Path:
    return settings.running / f"{name}.json"


def _log(settings: Settings, name: str) -> Path:
    return settings.logs / f"{name}.log"


@contextmanager
def _exclusive(settings: Settings) -> Iterator[None]:
    """Let one command at a time start or stop services."""
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
