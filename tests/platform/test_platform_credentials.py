import base64
import configparser
import json
import stat
from pathlib import Path

import pytest

from include.platform.credentials import ensure_credentials, write_private
from include.platform.errors import PlatformError
from include.platform.settings import Settings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_file_with_a_secret_is_readable_by_the_user_only(settings: Settings) -> None:
    ensure_credentials(settings)
    for path in (settings.credentials, settings.airflow_passwords, settings.mlflow_auth):
        assert mode(path) == 0o600, path


def test_the_second_call_returns_the_secrets_of_the_first(settings: Settings) -> None:
    assert ensure_credentials(settings) == ensure_credentials(settings)


def test_two_platforms_share_no_secret(settings: Settings, tmp_path: Path) -> None:
    from dataclasses import asdict, replace

    first = asdict(ensure_credentials(settings))
    second = asdict(ensure_credentials(replace(settings, state=tmp_path / "other")))
    assert all(first[name] != second[name] for name in first)


def test_airflow_and_mlflow_are_given_the_stored_passwords(settings: Settings) -> None:
    credentials = ensure_credentials(settings)
    assert json.loads(settings.airflow_passwords.read_text()) == {
        "admin": credentials.airflow_password
    }
    access = configparser.ConfigParser()
    access.read(settings.mlflow_auth)
    assert access["mlflow"]["admin_password"] == credentials.mlflow_password
    assert access["mlflow"]["default_permission"] == "NO_PERMISSIONS"


def test_the_fernet_key_is_32_bytes(settings: Settings) -> None:
    key = ensure_credentials(settings).fernet_key
    assert len(base64.urlsafe_b64decode(key)) == 32


def test_a_damaged_credentials_file_is_named_and_kept(settings: Settings) -> None:
    write_private(settings.credentials, '{"airflow_password": "x"}')
    with pytest.raises(PlatformError, match=r"credentials\.json: not a credentials file; delete"):
        ensure_credentials(settings)
    assert settings.credentials.read_text() == '{"airflow_password": "x"}'


def test_a_file_that_was_public_is_private_after_writing(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]
