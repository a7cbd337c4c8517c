"""A release's surrogate in MLflow: its scores, its files, and an entry in the model registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from nepsbench.tracking.content import KIND
from nepsbench.tracking.server import connected, experiment_id, find_runs

_FOLDER = "surrogate"


def log_surrogate(
    tracking_uri: str,
    *,
    experiment: str,
    release_name: str,
    scores: Mapping[str, Any],
    files: Path,
) -> tuple[str, str]:
    """Log a surrogate and register it; the same files again change nothing.

    Args:
        tracking_uri: The MLflow server.
        experiment: Name of the experiment; the registered model is ``<experiment>-surrogate``.
        release_name: The release that the surrogate belongs to.
        scores: Numbers by name; nested names are joined by a dot.
        files: The folder with the surrogate's files.

    Returns:
        The run's id and the registered model's version.

    Raises:
        TrackingError: If the server cannot be reached or refuses.
    """
    content = _content_hash(files)
    tags = {KIND: "surrogate", "nepsbench.release": release_name, "nepsbench.content": content}
    with connected(tracking_uri) as client:
        place = experiment_id(client, experiment)
        found = find_runs(client, place, tags)
        if found:
            run = found[0]
        else:
            run = client.create_run(place, tags=tags, run_name=f"surrogate of {release_name}")
        run_id = str(run.info.run_id)
        if run.info.status != "FINISHED":
            moment = run.info.start_time
            points = [Metric(name, value, moment, 0) for name, value in _flat(scores)]
            client.log_batch(run_id, metrics=points)
            client.log_artifacts(run_id, str(files), _FOLDER)
            client.set_terminated(run_id)
        model = f"{experiment}-surrogate"
        return run_id, _registered(client, model, run_id, release_name)


def _registered(client: MlflowClient, model: str, run_id: str, release_name: str) -> str:
    """Return the version under which the run's model is registered, made if there is none."""
    for version in client.search_model_versions(f"run_id = '{run_id}'"):
        return str(version.version)
    try:
        client.create_registered_model(model, description="CatBoost surrogate of a benchmark")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    source = f"{client.get_run(run_id).info.artifact_uri}/{_FOLDER}"
    version = client.create_model_version(
        model, source, run_id, tags={"nepsbench.release": release_name}
    )
    return str(version.version)


def _flat(scores: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in scores.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", float(value)


def _content_hash(folder: Path) -> str:
    digest = sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()
