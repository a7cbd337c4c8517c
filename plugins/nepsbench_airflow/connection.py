"""How tasks and triggers reach a cluster: over the Airflow connection that its file names."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import paramiko

    from nepsbench.cluster import Cluster, ClusterFile
    from nepsbench.cluster.login import Line

#: What paramiko says when no key or password is good, beside its AuthenticationException.
_NO_KEY = (
    "No authentication methods",
    "private key",
    "Invalid key",
    "EOF when reading a line",  # it asked for a second factor, and nobody is there to answer
)
#: What its AuthenticationException says when the connection broke: that tells nothing of the keys.
_NO_ANSWER = ("Authentication timeout", "transport shut down")


def open_airflow_cluster(name: str) -> Cluster:
    """Return the open cluster ``name``; a SLURM cluster over its Airflow SSH connection.

    Raises:
        SpecError: If there is no such cluster file.
    """
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.cluster.ssh import SSHTransport

    file = load_cluster(name)
    if file.kind == "local" or file.connection is None:
        return open_cluster(file)
    return open_cluster(file, SSHTransport(f"cluster {name}", functools.partial(_connect, file)))


def _connect(file: ClusterFile) -> Line:
    """Return a connection from the SFTP provider's hook, through the cluster file's jump hosts.

    Raises:
        AccessError: If there is no such connection, it does not verify host keys, or the host is
            not the one that is known, or refuses the login.
        UnreachableError: If it does not answer.
    """
    from airflow.providers.ssh.hooks.ssh import SSHHook

    from nepsbench.cluster.login import Line, channel_to, close_all

    hook = _hook(file)
    before = _jumps(file)
    try:
        if before:
            hook.host_proxy = channel_to(before[-1], hook.remote_host, int(hook.port))
        return Line(SSHHook.get_conn(hook), before)
    except Exception as error:
        close_all(before)
        raise _translated(error, f"Airflow connection {file.connection}") from None


def _jumps(file: ClusterFile) -> tuple[paramiko.SSHClient, ...]:
    """Return connections to the jump hosts of the cluster file, each through the one before."""
    from nepsbench.cluster.hops import route
    from nepsbench.cluster.login import log_in

    jumps = route(file.ssh)[:-1] if file.ssh else ()
    if file.ssh is None or not jumps:
        return ()
    line = log_in(jumps, file.ssh.known_hosts.expanduser())
    return (*line.before, line.client)


def _hook(file: ClusterFile) -> Any:
    """Return the hook; it verifies host keys, and tries once: whoever polls will try again."""
    from airflow.providers.sftp.hooks.sftp import SFTPHook
    from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

    from nepsbench.cluster.login import pinned_key, words
    from nepsbench.errors import AccessError

    connection = str(file.connection)
    try:
        hook: Any = SFTPHook(ssh_conn_id=connection, conn_retry_attempts=1)
    except AirflowNotFoundException:
        raise AccessError(
            f"Airflow has no connection {connection!r}; add it (Admin, Connections, type SSH), "
            "or name another in the cluster file"
        ) from None
    except (AirflowException, ValueError) as error:
        raise AccessError(f"Airflow connection {connection}: {words(error)}") from None
    if hook.no_host_key_check or hook.allow_host_key_change:
        raise AccessError(
            f"Airflow connection {connection}: host keys must be verified; remove "
            "no_host_key_check and allow_host_key_change, and put the host's key into host_key"
        )
    if (
        hook.host_key is None
        and file.ssh
        and file.ssh.host_key
        and file.ssh.host == hook.remote_host
    ):
        hook.host_key = pinned_key(file.ssh)
    return hook


def _translated(error: Exception, where: str) -> Exception:
    """Return our error for what the hook raised; what is none of the connection's, as it is."""
    import paramiko

    from nepsbench.cluster.login import changed_host_key, words
    from nepsbench.errors import HostKeyError, LoginError, UnreachableError

    said = words(error)
    if isinstance(error, paramiko.BadHostKeyException):
        return changed_host_key(error, f"host_key of {where}")
    if not isinstance(error, (paramiko.SSHException, OSError, EOFError)):
        return error
    if "not found in known_hosts" in said:
        return HostKeyError(f"{where}: {said}; put the host's key into its host_key")
    if isinstance(error, paramiko.AuthenticationException):
        refused = not any(phrase in said for phrase in _NO_ANSWER)
    else:
        unreadable = isinstance(error, OSError) and error.filename is not None
        refused = unreadable or any(phrase in said for phrase in _NO_KEY)
    if refused:
        return LoginError(f"{where}: login refused ({said}); check its login and key_file")
    return UnreachableError(f"{where}: cannot connect: {said}")
