"""Before an audit trains: the dataset is prepared on the cluster, and what it runs is written down.

A job like that of the initialize stage; it makes sure that nothing is trained on other data.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nepsbench.audit.retraining import remote_folder
from nepsbench.audit.sample import Audit
from nepsbench.campaign.arrival import fetch_results
from nepsbench.campaign.initialize import MANIFEST, NEEDS, RESULT, write_environment
from nepsbench.cluster import Cluster, Job
from nepsbench.cluster.install import require_same_version
from nepsbench.errors import NepsbenchError, VersionMismatchError
from nepsbench.files import write_text


def environment_job(audit: Audit, cluster: Cluster) -> Job:
    """Return the job that prepares the dataset.

    Raises:
        VersionMismatchError: If the cluster has another version of nepsbench.
    """
    require_same_version(cluster)
    remote = remote_folder(audit, cluster)
    directory = remote.job(_key(audit))
    options = ("--datasets", remote.datasets, "--job", directory)
    command = ("verify", "prepare-here", audit.parts[0].dataset, *options)
    return Job(
        key=_key(audit),
        directory=directory,
        command=cluster.python_command("-m", "nepsbench", *command),
        resources=NEEDS,
        manifests=(MANIFEST,),
    )


def prepare_here(dataset: str, datasets: Path, job: Path) -> dict[str, Any]:
    """Run on the cluster: prepare the dataset and write down the environment.

    Raises:
        DatasetError: If the dataset cannot be prepared.
    """
    from nepsbench.datasets import prepare

    (job / MANIFEST).unlink(missing_ok=True)
    return write_environment(job, prepare(dataset, datasets))


def accept_environment(audit: Audit, cluster: Cluster) -> dict[str, Any]:
    """Fetch what the job found, compare versions of the dataset, and keep it.

    Raises:
        NepsbenchError: If the job has not ended well.
        VersionMismatchError: If the trials were trained on another version of the dataset.
    """
    directory = remote_folder(audit, cluster).job(_key(audit))
    with TemporaryDirectory(prefix="nepsbench-") as place:
        here = Path(place)
        if here / RESULT not in fetch_results(cluster, directory, RESULT, here).proven:
            name = cluster.file.name
            raise NepsbenchError(
                f"{audit.id}: cluster {name} has no proven result of the job {_key(audit)}; run: "
                f"nepsbench cluster forget {name} {_key(audit)}, then the audit again"
            )
        text = (here / RESULT).read_text()
    found: dict[str, Any] = json.loads(text)
    for part in audit.parts:
        if part.dataset_version != found["dataset_version"]:
            raise VersionMismatchError(
                f"{audit.id}: trials of {part.profile} were trained on {part.dataset} "
                f"{part.dataset_version}, cluster {cluster.file.name} has "
                f"{found['dataset_version']}; prepare the dataset from the same files there"
            )
    write_text(audit.path / "environment.json", text)
    return found


def _key(audit: Audit) -> str:
    return f"{audit.id}.environment"
