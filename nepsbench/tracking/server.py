"""The MLflow server: a client, its experiments and runs, and its errors in one line.

Only ``MlflowClient`` is used, never MLflow's global state: a scheduler's process may serve several
campaigns at once. Credentials come from ``MLFLOW_TRACKING_USERNAME`` and ``..._PASSWORD``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from nepsbench.errors import TrackingError

_PAGE = 1000


@contextmanager
def connected(tracking_uri: str) -> Iterator[MlflowClient]:
    """Yield a client of the server at ``tracking_uri``.

    Raises:
        TrackingError: If the server cannot be reached or refuses; with its own words.
    """
    try:
        yield MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
    except MlflowException as error:
        words = " ".join(str(error).split())
        raise TrackingError(
            f"MLflow at {tracking_uri}: {words[:300]}; see that it runs, and that "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD are right; then track again, "
            "nothing is written twice"
        ) from None


def experiment_id(client: MlflowClient, name: str) -> str:
    """Return the id of the experiment called ``name``, made if there is none."""
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException as error:
            # Another process was quicker.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise error
    return str(found.experiment_id)


def find_runs(client: MlflowClient, experiment: str, tags: Mapping[str, str]) -> list[Run]:
    """Return all runs of an experiment that carry these tags."""
    query = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    runs: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment], query, max_results=_PAGE, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs
