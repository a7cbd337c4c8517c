"""A search for settings, round by round; what a round's job has found is not computed again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from nepsbench.campaign.arrival import fetch_results
from nepsbench.campaign.folder import RemoteFolder
from nepsbench.campaign.publish import benchmark_tables
from nepsbench.campaign.run import run_jobs
from nepsbench.cluster import Cluster, Job, Resources
from nepsbench.cluster.install import require_same_version
from nepsbench.errors import NepsbenchError
from nepsbench.provenance import code_version
from nepsbench.release import info_of
from nepsbench.spaces import get_space
from nepsbench.surrogate.boosting import Boosting
from nepsbench.surrogate.evaluation import held_out_of
from nepsbench.surrogate.fitting import training_data
from nepsbench.surrogate.targets import main_metric
from nepsbench.surrogate.tuned import keep, settings_file
from nepsbench.tuning.form import TuningForm
from nepsbench.tuning.scoring_here import ROUND, manifest_of, result_of
from nepsbench.tuning.settings import Asker
from nepsbench.warehouse import open_warehouse

if TYPE_CHECKING:
    import pyarrow as pa

Say = Callable[[str], None]
_NEEDS = Resources(tasks=1, cpus_per_task=1, memory_mb=3000, time_limit=7200)
_KEY = ("profile", "taskid", "model_idx")


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes:
        path: Where it is kept.
        best: The best settings.
        score: Their Kendall's tau, mean of the splits.
        default_score: That of the settings without a search.
    """

    path: Path
    best: Boosting
    score: float
    default_score: float


def run_tuning(form: TuningForm, home: Path, cluster: Cluster, *, say: Say = print) -> Tuned:
    """Search settings of a benchmark's surrogate on a cluster; called again, it goes on.

    Raises:
        NepsbenchError: If the warehouse holds too little of it, or a job failed.
    """
    state = open_warehouse(home).commit.state_of(form.benchmark)
    trials, epochs = benchmark_tables(form.benchmark, home)
    space = get_space(info_of(trials)["space"])
    data = training_data(trials, epochs, space)
    test = held_out_of(data)
    ids = sorted({name for name, out in zip(data.config_ids, test, strict=True) if not out})
    trials, epochs = _only(trials, epochs, ids)
    metric = form.metric or main_metric(data.metrics)
    if metric not in data.metrics:
        raise NepsbenchError(
            f"{form.benchmark} has no {metric}; there are: {', '.join(data.metrics)}"
        )
    require_same_version(cluster)
    remote = RemoteFolder(cluster.path(), _id(form, state, metric), "tuning")
    _send(trials, epochs, remote, cluster)
    asker = Asker(Boosting.for_size(len(ids)), seed=form.seed % 2**32)
    history: list[dict[str, Any]] = []
    about = {"space": space.name, "metric": metric, "folds": form.folds, "seed": form.seed}
    for number in range(1, form.rounds + 1):
        asked = asker.ask(form.parallel)
        scores = _judged(number, asked, about, remote, cluster, home)
        asker.tell(scores)
        history += _rows(number, asked, scores)
        say(f"round {number} of {form.rounds}: best tau {max(h['score'] for h in history):.4f}")
    best = max(history, key=lambda row: row["score"])
    path = settings_file(form.benchmark, state, home)
    keep(path, Boosting(**best["settings"]), history, form=form.model_dump(), metric=metric,
         code_version=code_version())  # fmt: skip
    return Tuned(path, Boosting(**best["settings"]), best["score"], history[0]["score"])


def _only(trials: pa.Table, epochs: pa.Table, ids: Sequence[str]) -> tuple[pa.Table, pa.Table]:
    """Return the rows of these configurations."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kept = trials.filter(pc.is_in(trials["config_id"], pa.array(ids)))
    keys = list(_KEY)
    return kept, epochs.join(kept.select(keys), keys=keys, join_type="left semi")


def _id(form: TuningForm, state: str, metric: str) -> str:
    asked = form.model_dump(exclude={"rounds", "cluster"}) | {"metric": metric}
    digest = sha256(json.dumps([asked, state, code_version()], sort_keys=True).encode())
    return f"tuning-{form.benchmark}-{digest.hexdigest()[:8]}"


def _send(trials: pa.Table, epochs: pa.Table, remote: RemoteFolder, cluster: Cluster) -> None:
    import pyarrow.parquet as pq

    with TemporaryDirectory(prefix="nepsbench-") as place:
        files = []
        for name, table in (("trials", trials), ("epochs", epochs)):
            path = Path(place) / f"{name}.parquet"
            pq.write_table(table, path)
            files.append((path, f"{remote.path}/{path.name}"))
        cluster.put_files(files)


def _judged(
    number: int,
    asked: Sequence[Boosting],
    about: dict[str, Any],
    remote: RemoteFolder,
    cluster: Cluster,
    home: Path,
) -> list[float]:
    """Return the scores of a round's settings: each is a task, a job fills one node."""
    size = cluster.file.limits.cpus_per_node
    parts = [asked[start : start + size] for start in range(0, len(asked), size)]
    keys = [f"{remote.name}.round-{number}-{part}" for part in range(1, len(parts) + 1)]
    jobs = [_job(key, remote.job(key), len(part), cluster) for key, part in zip(keys, parts,
            strict=True)]  # fmt: skip
    with TemporaryDirectory(prefix="nepsbench-") as place:
        files = []
        for job, part in zip(jobs, parts, strict=True):
            path = Path(place) / f"{job.key}.json"
            path.write_text(json.dumps({**about, "settings": [asdict(each) for each in part]}))
            files.append((path, f"{job.directory}/{ROUND}"))
        cluster.put_files(files)
    run_jobs(cluster, jobs, home)
    return [score for job in jobs for score in _scores(job, cluster)]


def _job(key: str, directory: str, tasks: int, cluster: Cluster) -> Job:
    command = ("-m", "nepsbench", "surrogate", "score-here", directory)
    return Job(
        key=key,
        directory=directory,
        command=cluster.python_command(*command),
        resources=replace(_NEEDS, tasks=tasks),
        manifests=tuple(manifest_of(task) for task in range(tasks)),
    )


def _scores(job: Job, cluster: Cluster) -> list[float]:
    with TemporaryDirectory(prefix="nepsbench-") as place:
        here = Path(place)
        proven = fetch_results(cluster, job.directory, "results/score-*.json", here).proven
        wanted = [here / result_of(task) for task in range(job.resources.tasks)]
        if set(wanted) <= proven:
            return [float(json.loads(path.read_text())["score"]) for path in wanted]
    name = cluster.file.name
    raise NepsbenchError(
        f"cluster {name} has no proven result of the job {job.key}; run: "
        f"nepsbench cluster forget {name} {job.key}, then the same again"
    )


def _rows(
    number: int, asked: Sequence[Boosting], scores: Sequence[float]
) -> Iterator[dict[str, Any]]:
    for settings, score in zip(asked, scores, strict=True):
        yield {"round": number, "score": score, "settings": asdict(settings)}
