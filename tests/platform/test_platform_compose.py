"""The compose file as text; CI also asks docker whether it is sound."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from include.platform.settings import ROOT

COMPOSE = ROOT / "docker-compose.yaml"
SECRET = re.compile(r"\$\{(\w+):\?")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return content


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    text = subprocess.run(
        [ROOT / "include/container/make-env.sh"], capture_output=True, text=True, check=True
    ).stdout
    return dict(line.split("=", 1) for line in text.splitlines())


def test_no_port_is_published_beyond_the_loopback_address(compose: dict[str, Any]) -> None:
    published = [
        port for service in compose["services"].values() for port in service.get("ports", [])
    ]
    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_service_that_stays_has_a_health_check(compose: dict[str, Any]) -> None:
    without = [name for name, one in compose["services"].items() if "healthcheck" not in one]
    assert without == ["airflow-init"]


def test_every_secret_comes_from_the_env_file(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD$|SECRET|FERNET", name):
                assert SECRET.search(value), name


def test_the_secrets_needed_are_those_documented_and_made(made: dict[str, str]) -> None:
    needed = set(SECRET.findall(COMPOSE.read_text()))
    example = (ROOT / ".env.example").read_text()
    documented = set(re.findall(r"^(\w+)=$", example, flags=re.MULTILINE))
    assert needed == documented == made.keys()
    assert len(set(made.values())) == len(made)


def test_a_made_password_can_stand_in_an_address(made: dict[str, str]) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", made["POSTGRES_PASSWORD"])


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["image"].startswith("nepsbench-") or ":" in service["image"]
    bases = re.findall(r"^FROM (\S+)", (ROOT / "include/container/Dockerfile").read_text(), re.M)
    assert all(base == "platform" or re.search(r":\d+\.\d+\.\d+", base) for base in bases)


def test_every_file_of_the_repository_that_is_named_exists() -> None:
    named = set(
        re.findall(r"(?:/srv/nepsbench|\.)/((?:include|dags|plugins)[\w./-]*)", COMPOSE.read_text())
    )
    assert named >= {"dags", "plugins", "include/container/answers.py"}
    assert [path for path in named if not (ROOT / path).exists()] == []
