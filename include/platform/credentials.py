"""Passwords and keys: generated once, kept in files that only the user can read."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from include.platform.errors import PlatformError
from include.platform.settings import Settings

USER = "admin"
MLFLOW_AUTH_TEMPLATE = Path(__file__).parent / "basic_auth.ini.in"


@dataclass(frozen=True)
class Credentials:
    """The secrets of one platform; both UIs have the user ``admin``.

    Attributes:
        airflow_password: Of the Airflow UI and API.
        mlflow_password: Of the MLflow UI and API.
        fernet_key: Encrypts connections in Airflow's database: 32 bytes, URL-safe base64.
        api_secret_key: Signs Airflow's log requests.
        jwt_secret: Signs Airflow's tokens.
        mlflow_secret_key: Signs MLflow's forms.
    """

    airflow_password: str
    mlflow_password: str
    fernet_key: str
    api_secret_key: str
    jwt_secret: str
    mlflow_secret_key: str

    @classmethod
    def generate(cls) -> Credentials:
        """Return new secrets."""
        return cls(
            airflow_password=secrets.token_urlsafe(16),
            mlflow_password=secrets.token_urlsafe(16),
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            api_secret_key=secrets.token_hex(32),
            jwt_secret=secrets.token_hex(64),
            mlflow_secret_key=secrets.token_hex(32),
        )


def ensure_credentials(settings: Settings) -> Credentials:
    """Return the platform's secrets, made at the first call, and write the servers' files.

    Raises:
        PlatformError: If the stored file is damaged.
    """
    if settings.credentials.exists():
        credentials = _read(settings.credentials)
    else:
        credentials = Credentials.generate()
        write_private(settings.credentials, json.dumps(asdict(credentials), indent=2) + "\n")
    write_private(settings.airflow_passwords, json.dumps({USER: credentials.airflow_password}))
    write_private(
        settings.mlflow_auth,
        MLFLOW_AUTH_TEMPLATE.read_text().format(
            database=settings.mlflow / "auth.db",
            user=USER,
            # The file is read with interpolation, where a percent sign is doubled.
            password=credentials.mlflow_password.replace("%", "%%"),
        ),
    )
    return credentials


def write_private(path: Path, text: str) -> None:
    """Write a file that was never readable by others, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


def _read(path: Path) -> Credentials:
    try:
        return Credentials(**json.loads(path.read_text()))
    except (ValueError, TypeError):
        raise PlatformError(
            f"{path}: not a credentials file; delete {path.parent} to start anew, or restore it"
        ) from None
