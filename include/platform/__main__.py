"""The commands behind ``make up``, ``down``, ``status``, ``rotate`` and ``demo``."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType

from include.platform import services
from include.platform.credentials import USER
from include.platform.health import Health
from include.platform.logs import rotate
from include.platform.services import Platform
from include.platform.settings import Settings
from nepsbench.errors import NepsbenchError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run one command; return the exit code: 1 after an error, 130 after an interruption."""
    parser = argparse.ArgumentParser(prog="python -m include.platform", description=__doc__)
    commands = {"up": _up, "down": _down, "status": _status, "demo": _demo, "rotate": _rotate}
    parser.add_argument("command", choices=commands)
    parser.add_argument("--cluster", default="local", help="where the demo's jobs run")
    arguments = parser.parse_args()
    # Into a file or a pipe, too, each line is told when it happens.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        return commands[arguments.command](arguments)
    except NepsbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def print_addresses(platform: Platform) -> None:
    """Print where the UIs are and how to log in."""
    print(f"Airflow      {platform.airflow_url}")
    print(f"MLflow       {platform.mlflow_url}")
    print(f"log in as    {USER}, passwords in {platform.settings.credentials}")


def _up(_: argparse.Namespace) -> int:
    print_addresses(services.up(Settings.from_environment()))
    return 0


def _down(_: argparse.Namespace) -> int:
    services.down(Settings.from_environment())
    return 0


def _status(_: argparse.Namespace) -> int:
    states = services.status(Settings.from_environment())
    for state in states:
        pid, port = state.pid or "-", state.port or "-"
        print(f"{state.name:22} {state.health.value:9} pid {pid!s:8} port {port}")
    return 0 if all(state.health is Health.HEALTHY for state in states) else 3


def _rotate(_: argparse.Namespace) -> int:
    for path in rotate(Settings.from_environment()):
        print(path)
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    # Imported here: the other commands need neither the client nor the campaign's form.
    from rich.console import Console

    from include.platform.demo import run_demo

    run_demo(
        Settings.from_environment(), cluster=arguments.cluster, console=Console(highlight=False)
    )
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # Once is enough: what follows stops the services, and nobody should cut that short.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
