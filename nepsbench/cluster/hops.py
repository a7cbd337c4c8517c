"""The machines that a connection goes through: the ``ssh`` section, and OpenSSH's own file.

What the cluster file says counts before what ``~/.ssh/config`` says, as options of ``ssh`` do.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from typing_extensions import Self

from nepsbench.boundary import Section
from nepsbench.errors import SpecError

_KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
)
_JUMP = re.compile(r"(?:ssh://)?(?:([^@\s]+)@)?(\[[^\]\s]+\]|[^:\s]+)(?::(\d+))?")
#: More machines than this in a row are a circle.
_MOST_HOPS = 8


def _one_word(value: str) -> str:
    if not re.fullmatch(r"(?!-)[^\s\x00-\x1f\x7f]+", value):
        raise ValueError("one word is wanted, which begins with no hyphen")
    return value


def _public_key(value: str) -> str:
    kind, _, rest = value.strip().partition(" ")
    encoded = rest.strip().partition(" ")[0]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    if kind not in _KEY_TYPES or not blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
        raise ValueError("a public key is wanted, '<type> <base64>', as ssh-keyscan prints it")
    return f"{kind} {encoded}"


def _listed(value: Any) -> Any:
    """Return one section as a list of it."""
    return [value] if isinstance(value, dict) else value


Word = Annotated[str, AfterValidator(_one_word)]
PublicKey = Annotated[str, AfterValidator(_public_key)]


class Hop(Section):
    """One machine, and how to log in there.

    Attributes:
        host: Name or address; with ``ssh.config``, an alias too.
        port: Of its sshd.
        user: Login name; the present user's if left out.
        key_file: Private key; without it the agent is asked, then the usual key files are tried.
        passphrase_env: Name of the environment variable that holds the key's passphrase.
        host_key: The only host key that is accepted there; without it ``known_hosts`` counts.
    """

    host: Word
    port: int = Field(default=22, ge=1, le=65535)
    user: Word | None = None
    key_file: Path | None = None
    passphrase_env: str | None = None
    host_key: PublicKey | None = None

    # Of the whole section, so that no message shows what somebody took for the place of a secret.
    @model_validator(mode="after")
    def _name_and_no_secret(self) -> Self:
        if self.passphrase_env and not re.fullmatch(r"[A-Za-z_]\w*", self.passphrase_env):
            raise ValueError(
                "passphrase_env is the name of an environment variable, not the passphrase"
            )
        return self


class Ssh(Hop):
    """How the command line reaches the login node; Airflow uses its own connection instead.

    Attributes:
        known_hosts: The known host keys, of all hops.
        jump: Machines to go through, in this order (OpenSSH's ProxyJump).
        config: OpenSSH's configuration, for aliases; None: it is not read.
    """

    known_hosts: Path = Path("~/.ssh/known_hosts")
    jump: Annotated[tuple[Hop, ...], BeforeValidator(_listed)] = ()
    config: Path | None = None


def route(ssh: Ssh) -> tuple[Hop, ...]:
    """Return the machines to log in to, the login node last, as complete as the files make them.

    Raises:
        SpecError: If ``ssh.config`` cannot be read, or asks for what is not supported.
    """
    if ssh.config is None:
        return (*ssh.jump, ssh)
    file = _OpenSSHFile(ssh.config.expanduser())
    if "jump" in ssh.model_fields_set:
        return tuple(file.completed(hop) for hop in (*ssh.jump, ssh))
    return file.way_to(ssh)


class _OpenSSHFile:
    """OpenSSH's configuration: HostName, Port, User, IdentityFile and ProxyJump of it."""

    def __init__(self, path: Path) -> None:
        from paramiko import SSHConfig
        from paramiko.ssh_exception import ConfigParseError

        self._path = path
        try:
            self._config = SSHConfig.from_path(str(path))
        except (OSError, UnicodeDecodeError, ConfigParseError) as error:
            raise SpecError(f"ssh.config: {path} cannot be read: {error}") from None

    def completed(self, hop: Hop) -> Hop:
        """Return ``hop`` with what it leaves open taken from the file."""
        found = self._lookup(hop.host)
        if found.get("proxycommand"):
            raise SpecError(
                f"{self._path}: ProxyCommand of {hop.host} is not supported; name the hosts to go "
                "through in the cluster file (ssh.jump), or use ProxyJump"
            )
        new: dict[str, Any] = {"host": found["hostname"]}
        if "port" not in hop.model_fields_set and "port" in found:
            new["port"] = int(found["port"])
        if hop.user is None and "user" in found:
            new["user"] = found["user"]
        if hop.key_file is None:
            keys = [Path(name).expanduser() for name in found.get("identityfile", [])]
            new["key_file"] = next((key for key in keys if key.exists()), None)
        return hop.model_copy(update=new)

    def way_to(self, hop: Hop, most: int = _MOST_HOPS) -> tuple[Hop, ...]:
        """Return the hops to ``hop``, and itself."""
        if most == 0:
            raise SpecError(f"{self._path}: ProxyJump leads in a circle, by {hop.host}")
        named = str(self._lookup(hop.host).get("proxyjump") or "none")
        jumps = [] if named == "none" else [self._jump(text) for text in named.split(",")]
        # Whoever is reached first has a way of its own; the others are reached from there.
        before = (
            (*self.way_to(jumps[0], most - 1), *map(self.completed, jumps[1:])) if jumps else ()
        )
        return (*before, self.completed(hop))

    def _jump(self, text: str) -> Hop:
        match = _JUMP.fullmatch(text.strip())
        if match is None:
            raise SpecError(f"{self._path}: ProxyJump {text!r} is not [user@]host[:port]")
        user, host, port = match.groups()
        given: dict[str, Any] = {"host": host.strip("[]"), "user": user}
        return Hop.model_validate(given | ({"port": int(port)} if port else {}))

    def _lookup(self, host: str) -> dict[str, Any]:
        from paramiko.ssh_exception import CouldNotCanonicalize

        try:
            return dict(self._config.lookup(host))
        except (CouldNotCanonicalize, ImportError, KeyError, ValueError) as error:
            raise SpecError(
                f"{self._path}: {host} cannot be looked up ({error}); write host, port and user "
                "into the cluster file and leave out ssh.config"
            ) from None
