"""A connection through all its hops: host keys verified, keys found, refusals in plain words."""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.auth_strategy import AuthResult, AuthSource, AuthStrategy

from nepsbench.cluster.hops import Hop
from nepsbench.errors import AccessError, HostKeyError, LoginError, UnreachableError

#: Seconds for each step of making a connection.
CONNECT_TIMEOUT = 15.0
_USUAL_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_PROHIBITED = 1
# What went wrong reaches the user as a ClusterError; without this, also as a traceback.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Line:
    """A connection, and those that it goes through."""

    client: paramiko.SSHClient
    before: tuple[paramiko.SSHClient, ...] = ()

    def close(self) -> None:
        """Close all of them, the innermost first."""
        close_all((*self.before, self.client))


def log_in(hops: Sequence[Hop], known_hosts: Path) -> Line:
    """Return a connection to the last hop, through the others.

    Raises:
        HostKeyError: If a hop's key is unknown, or not the one that it is known by.
        LoginError: If a hop refuses the login, or there is nothing to log in with.
        AccessError: If a hop does not let connections through.
        UnreachableError: If one does not answer, or the connection breaks meanwhile.
    """
    clients: list[paramiko.SSHClient] = []
    try:
        for hop in hops:
            through = channel_to(clients[-1], hop.host, hop.port) if clients else None
            clients.append(_log_in_to(hop, known_hosts, through))
    except BaseException:
        close_all(clients)
        raise
    return Line(clients[-1], tuple(clients[:-1]))


def close_all(clients: Sequence[paramiko.SSHClient]) -> None:
    """Close connections, each of which goes through the one before it."""
    for client in reversed(clients):
        # To say good-bye over a line that broke is no error.
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            client.close()


def channel_to(client: paramiko.SSHClient, host: str, port: int) -> paramiko.Channel:
    """Return a connection to ``host`` made from where ``client`` is (direct-tcpip)."""
    transport = client.get_transport()
    try:
        if transport is None:
            raise EOFError("the connection closed at once")
        return transport.open_channel(
            "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=CONNECT_TIMEOUT
        )
    except paramiko.ChannelException as error:
        if error.code == _PROHIBITED:
            raise AccessError(
                f"{host}:{port}: the jump host lets no connection through to it; ask the site"
            ) from None
        raise UnreachableError(
            f"{host}:{port}: not reached by the jump host: {error.text}"
        ) from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise UnreachableError(f"{host}:{port}: not reached by the jump host: {error}") from None


def changed_host_key(error: paramiko.BadHostKeyException, place: str) -> HostKeyError:
    """Return the error of a host whose key is not the one in ``place``, with both fingerprints."""
    return HostKeyError(
        f"host key of {error.hostname} is {fingerprint(error.key)}, expected "
        f"{fingerprint(error.expected_key)}; ask the site if its key changed, and only then "
        f"replace it in {place}"
    )


def pinned_key(hop: Hop) -> paramiko.PKey:
    """Return the ``host_key`` of a hop that has one."""
    entry = paramiko.hostkeys.HostKeyEntry.from_line(f"pinned {hop.host_key}")
    if entry is None or entry.key is None:
        raise HostKeyError(f"{hop.host}: host_key of the cluster file is no key; copy it anew")
    return entry.key


def fingerprint(key: paramiko.PKey) -> str:
    """Return the fingerprint as OpenSSH prints it."""
    return f"{key.get_name()} {key.fingerprint}"


def words(error: BaseException) -> str:
    """Return what an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _log_in_to(hop: Hop, known_hosts: Path, through: paramiko.Channel | None) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    place = "ssh.host_key of the cluster file" if hop.host_key else str(known_hosts)
    try:
        _trust(client, hop, known_hosts)
        client.connect(
            hop.host,
            port=hop.port,
            username=hop.user or getpass.getuser(),
            sock=through,
            timeout=CONNECT_TIMEOUT,
            banner_timeout=CONNECT_TIMEOUT,
            auth_timeout=CONNECT_TIMEOUT,
            auth_strategy=_KeyLogin(hop),
        )
    except paramiko.BadHostKeyException as error:
        close_all([client])
        raise changed_host_key(error, place) from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        close_all([client])
        raise UnreachableError(f"{hop.host}:{hop.port}: cannot connect: {words(error)}") from None
    except BaseException:
        close_all([client])
        raise
    return client


def _trust(client: paramiko.SSHClient, hop: Hop, known_hosts: Path) -> None:
    """Tell ``client`` which host keys count: the pinned one, else those of ``known_hosts``."""
    client.set_missing_host_key_policy(_Refuse(known_hosts))
    if hop.host_key is not None:
        name = hop.host if hop.port == paramiko.config.SSH_PORT else f"[{hop.host}]:{hop.port}"
        key = pinned_key(hop)
        client.get_host_keys().add(name, key.get_name(), key)
    elif known_hosts.exists():
        try:
            client.load_host_keys(str(known_hosts))
        except (paramiko.hostkeys.InvalidHostKey, OSError, UnicodeDecodeError) as error:
            raise HostKeyError(f"{known_hosts} cannot be read: {words(error)}; mend it") from None


class _Refuse(paramiko.MissingHostKeyPolicy):
    """Refuses a host that ``known_hosts`` does not list."""

    def __init__(self, known_hosts: Path) -> None:
        self._known_hosts = known_hosts

    def missing_host_key(
        self,
        client: paramiko.SSHClient,  # noqa: ARG002
        hostname: str,
        key: paramiko.PKey,
    ) -> None:
        raise HostKeyError(
            f"host {hostname} is not in {self._known_hosts}; its key is {fingerprint(key)}: "
            "compare it with what the site publishes, then add it there (ssh-keyscan), or pin it "
            "(ssh.host_key)"
        )


class _KeyLogin(AuthStrategy):
    """Logs in with the key file, the keys of the agent, or the usual key files; asks nobody."""

    def __init__(self, hop: Hop) -> None:
        super().__init__(paramiko.SSHConfig())
        self._hop = hop
        self._remarks: list[str] = []

    def get_sources(self) -> Iterator[AuthSource]:
        """Return nothing: :meth:`authenticate` looks for the keys itself."""
        return iter(())

    def authenticate(self, transport: paramiko.Transport) -> AuthResult:
        """Try one key after the other.

        Raises:
            LoginError: If none is accepted.
            UnreachableError: If the connection broke, which tells nothing about the keys.
        """
        user = self._hop.user or getpass.getuser()
        offered = 0
        for key in self._keys():
            offered += 1
            try:
                wanted = transport.auth_publickey(user, key)
            except paramiko.BadAuthenticationType as error:
                raise self._refusal(f"it accepts only {', '.join(error.allowed_types)}") from None
            except paramiko.AuthenticationException as error:
                # paramiko says the same of a refusal and of a line that broke.
                if not transport.is_active() or "timeout" in str(error).lower():
                    hint = f"; if it listens to fewer than {offered} keys, name one in key_file"
                    raise UnreachableError(
                        f"{self._hop.host}: {words(error)}{hint if offered > 1 else ''}"
                    ) from None
                continue
            if wanted:
                raise self._refusal(f"besides the key it asks for {', '.join(wanted)}")
            return AuthResult(strategy=self)
        raise self._refusal(f"it accepts none of {offered} keys" if offered else "there is no key")

    def _keys(self) -> Iterator[paramiko.PKey]:
        hop = self._hop
        if hop.key_file is not None and (key := self._load(hop.key_file.expanduser())):
            yield key
        agent = paramiko.Agent()
        try:
            # Servers listen to a few keys only: the one that the file names comes first.
            yield from sorted(agent.get_keys(), key=lambda k: not _is_named(k, hop.key_file))
        finally:
            agent.close()
        if hop.key_file is None:
            usual = (Path("~/.ssh").expanduser() / name for name in _USUAL_KEYS)
            yield from filter(None, (self._load(path) for path in usual if path.exists()))

    def _load(self, path: Path) -> paramiko.PKey | None:
        """Return the key of a file, or None, with a remark, if it cannot be opened."""
        try:
            return paramiko.PKey.from_path(path)
        except TypeError:
            pass  # it has a passphrase
        except (OSError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
            self._remarks.append(f"{path} is no key that can be read ({_reason(error)})")
            return None
        variable = self._hop.passphrase_env
        secret = os.environ.get(variable, "") if variable else ""
        if not secret:
            wanted = "the variable that passphrase_env names is not set"
            if not variable:
                wanted = "add it to the agent (ssh-add), or name a variable in passphrase_env"
            self._remarks.append(f"{path} has a passphrase: {wanted}")
            return None
        try:
            return paramiko.PKey.from_path(path, secret.encode())  # type: ignore[arg-type]
        except (OSError, TypeError, ValueError, paramiko.SSHException):
            self._remarks.append(f"{path} is not opened by the passphrase of passphrase_env")
            return None

    def _refusal(self, why: str) -> LoginError:
        user = self._hop.user or getpass.getuser()
        told = "; ".join([why, *self._remarks])
        return LoginError(
            f"{self._hop.host}:{self._hop.port}: login of {user} refused: {told}; "
            "check user and key_file"
        )


def _is_named(key: paramiko.PKey, key_file: Path | None) -> bool:
    """Return True if ``key`` is the one whose public half lies beside ``key_file``."""
    if key_file is None:
        return False
    with contextlib.suppress(OSError):
        public = key_file.expanduser().with_name(key_file.name + ".pub").read_text("utf-8")
        return key.get_base64() in public.split()
    return False


def _reason(error: BaseException) -> str:
    return error.strerror or words(error) if isinstance(error, OSError) else words(error)
