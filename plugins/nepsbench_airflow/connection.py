"""How tasks and triggers reach a cluster: over the Airflow connection that its file names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import paramiko

    from nepsbench.cluster import Cluster


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
    connection = file.connection
    return open_cluster(file, SSHTransport(name, lambda: _connect(connection)))


def _connect(connection: str) -> paramiko.SSHClient:
    """Return a client from the SFTP provider's hook, which serves commands and files alike.

    Raises:
        SpecError: If there is no such connection, or it does not verify host keys.
    """
    from airflow.providers.sftp.hooks.sftp import SFTPHook
    from airflow.providers.ssh.hooks.ssh import SSHHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    from nepsbench.errors import SpecError

    try:
        hook = SFTPHook(ssh_conn_id=connection)
    except AirflowNotFoundException:
        raise SpecError(
            f"Airflow has no connection {connection!r}; add it (Admin, Connections, type SSH), "
            "or name another in the cluster file"
        ) from None
    if hook.no_host_key_check:
        raise SpecError(
            f"Airflow connection {connection}: host keys must be verified; remove "
            "no_host_key_check and put the host's key into host_key"
        )
    return SSHHook.get_conn(hook)
