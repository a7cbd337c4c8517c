"""Stage *initialize*: prove on the cluster that all is as it was sent, before any training.

The platform pushes spec and profile and submits one job; the job draws the profile again, compares
hashes, prepares and checksums the dataset, and writes down its environment; the platform fetches
that and compares.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from nepsbench.campaign.arrival import fetch_results
from nepsbench.campaign.folder import CampaignFolder, RemoteFolder
from nepsbench.campaign.form import Campaign
from nepsbench.cluster import Cluster, Job, Resources
from nepsbench.cluster.install import require_same_version
from nepsbench.errors import CorruptedFileError, NepsbenchError
from nepsbench.files import write_text
from nepsbench.manifest import write_manifest
from nepsbench.provenance import code_version, environment
from nepsbench.sampling import Profile, create_profile, read_profile, read_spec

if TYPE_CHECKING:
    from nepsbench.datasets.record import DatasetRecord

NEEDS = Resources(tasks=1, cpus_per_task=1, memory_mb=2000, time_limit=1800)
#: In the job's folder: what it found, and what proves it.
RESULT, MANIFEST = "results/environment.json", "results/environment.sha256"


def initialize_job(campaign: Campaign, home: Path, cluster: Cluster) -> Job:
    """Send spec and profile to the cluster and return the job that checks them there.

    The job's key holds the profile's hash and the code's version, so that the same campaign under
    the same code is initialized once.

    Raises:
        CorruptedFileError: If the stored profile was edited since it was drawn.
        VersionMismatchError: If the cluster has another version of nepsbench.
    """
    folder, remote = (
        CampaignFolder(home, campaign.name),
        RemoteFolder(cluster.path(), campaign.name),
    )
    profile = proven_profile(campaign, home)
    require_same_version(cluster)
    key = _job_key(campaign, profile)
    directory = remote.job(key)
    cluster.put_files(
        [
            (folder.spec_file, f"{remote.path}/spec.yaml"),
            (folder.profile_file, f"{remote.path}/profile.parquet"),
        ]
    )
    command = ("campaign", "initialize-here", remote.path)
    options = ("--datasets", remote.datasets, "--job", directory, "--recipe", campaign.recipe)
    return Job(
        key=key,
        directory=directory,
        command=cluster.python_command("-m", "nepsbench", *command, *options),
        resources=NEEDS,
        manifests=(MANIFEST,),
    )


def _job_key(campaign: Campaign, profile: Profile) -> str:
    digest = sha256(f"{profile.hash} {code_version()}".encode()).hexdigest()
    return f"{campaign.name}.initialize.{digest[:8]}"


def proven_profile(campaign: Campaign, home: Path) -> Profile:
    """Return the stored profile if it is still the one that the campaign draws.

    Raises:
        CorruptedFileError: If it is not.
    """
    path = CampaignFolder(home, campaign.name).profile_file
    profile = read_profile(path)
    if profile.hash != create_profile(campaign.spec()).hash:
        raise CorruptedFileError(
            f"{path}: the profile is not the one that campaign {campaign.name} draws; "
            "delete it and run the draw stage again"
        )
    return profile


def initialize_here(directory: Path, datasets: Path, job: Path, *, recipe: str) -> dict[str, Any]:
    """Run on the cluster: check the profile, prepare the dataset, write down the environment.

    Args:
        directory: The campaign's folder.
        datasets: Folder of prepared datasets.
        job: The job's folder, for what is found and what proves it.
        recipe: By which trials are to be trained.

    Raises:
        NepsbenchError: If this machine draws another profile than the one that was sent.
        DatasetError: If the dataset cannot be prepared.
        SpecError: If the space cannot be trained on the dataset by the recipe.
    """
    from nepsbench.datasets import prepare
    from nepsbench.training.readiness import check_ready

    (job / MANIFEST).unlink(missing_ok=True)
    (directory / "checkpoints").mkdir(parents=True, exist_ok=True)
    sent = read_profile(directory / "profile.parquet")
    drawn = create_profile(read_spec(directory / "spec.yaml"))
    if drawn.hash != sent.hash:
        raise NepsbenchError(
            f"{directory}/profile.parquet: this machine draws another profile from the same spec "
            f"({drawn.hash[:12]}, sent {sent.hash[:12]}); compare numpy versions and report this"
        )
    record = prepare(sent.spec.dataset, datasets)
    check_ready(sent.space, recipe, record)
    return write_environment(job, record, profile_hash=drawn.hash, trials=len(drawn))


def write_environment(job: Path, dataset: DatasetRecord, **more: Any) -> dict[str, Any]:
    """Write down, into a job's folder, what it runs in and on which dataset, and prove it.

    Raises:
        StorageError: If the disk is full.
    """
    found = {
        **environment(),
        **more,
        "dataset": dataset.name,
        "dataset_version": dataset.version,
        "cpus": os.cpu_count(),
        "threads": {k: v for k, v in os.environ.items() if k.endswith("_NUM_THREADS")},
    }
    write_text(job / RESULT, json.dumps(found, indent=1))
    write_manifest(job / MANIFEST, [RESULT], directory=job)
    return found


def accept_environment(campaign: Campaign, home: Path, cluster: Cluster) -> dict[str, Any]:
    """Fetch what the job found, check that it speaks of the profile stored here, and store it.

    Raises:
        NepsbenchError: If the cluster initialized another profile, or the job has not ended well.
        ClusterError: If what it found is not what it left.
    """
    folder = CampaignFolder(home, campaign.name)
    profile = read_profile(folder.profile_file)
    text = _fetch_environment(cluster, campaign, profile)
    found: dict[str, Any] = json.loads(text)
    if found["profile_hash"] != profile.hash:
        raise NepsbenchError(
            f"cluster {cluster.file.name} initialized profile {found['profile_hash'][:12]}, but "
            f"{profile.hash[:12]} is stored here; {_remedy(cluster, campaign, profile)}"
        )
    write_text(folder.environment_file, text)
    return found


def _fetch_environment(cluster: Cluster, campaign: Campaign, profile: Profile) -> str:
    directory = RemoteFolder(cluster.path(), campaign.name).job(_job_key(campaign, profile))
    with TemporaryDirectory(prefix="nepsbench-") as place:
        here = Path(place)
        if here / RESULT in fetch_results(cluster, directory, RESULT, here).proven:
            return (here / RESULT).read_text()
    raise NepsbenchError(
        f"campaign {campaign.name}: cluster {cluster.file.name} has no proven result of its "
        f"initialize job; {_remedy(cluster, campaign, profile)}"
    )


def _remedy(cluster: Cluster, campaign: Campaign, profile: Profile) -> str:
    """Return what makes the job run again: one that has succeeded is not repeated by itself."""
    forget = f"nepsbench cluster forget {cluster.file.name} {_job_key(campaign, profile)}"
    return f"run: {forget}, then the initialize stage"


def require_initialized(campaign: Campaign, home: Path) -> dict[str, Any]:
    """Return the environment of an initialized campaign whose profile has not changed since.

    Raises:
        NepsbenchError: If the campaign was never initialized.
        CorruptedFileError: If its profile was edited after initialization.
    """
    folder = CampaignFolder(home, campaign.name)
    if not folder.environment_file.exists():
        raise NepsbenchError(
            f"campaign {campaign.name} is not initialized; run its initialize stage first"
        )
    found: dict[str, Any] = json.loads(folder.environment_file.read_text())
    if read_profile(folder.profile_file).hash != found["profile_hash"]:
        raise CorruptedFileError(
            f"{folder.profile_file}: the profile was edited after initialization; "
            "put the old one back, or start a campaign of another name"
        )
    return found
