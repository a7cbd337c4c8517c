"""From a release to a trained network: weights that were kept, where they were fetched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nepsbench.client.notations import configuration_of
from nepsbench.client.training import require_training
from nepsbench.errors import NepsbenchError, NotInTableError
from nepsbench.kept import kept_in, weights_path

if TYPE_CHECKING:
    from torch import nn

    from nepsbench.client.benchmark import Benchmark, Query

_KEPT = """
select profile, kept_weights from trials
where config_id = $config_id and kept_weights is not null and coalesce(seed = $seed, true)
order by seed, profile, taskid, model_idx
"""


def kept_network(
    bench: Benchmark,
    query: Query,
    epoch: int | None,
    *,
    seed: int | None,
    home: str | Path | None,
) -> nn.Module:
    """Return a trained network; see :meth:`nepsbench.client.benchmark.Benchmark.weights`."""
    require_training()
    from nepsbench.training.weights import load_network

    profile, digest = _find(bench, query, epoch, seed)
    place = Path(home) if home else bench.release.resolve().parents[2]
    path = place / "campaigns" / profile / weights_path(digest)
    if not path.is_file():
        raise NepsbenchError(
            f"{path}: these weights were not fetched; run: nepsbench weights fetch {profile} "
            f"{digest[:12]} --home {place}"
        )
    return load_network(path)


def _find(bench: Benchmark, query: Query, epoch: int | None, seed: int | None) -> tuple[str, str]:
    """Return the profile and the SHA-256 of the first trial that kept such weights."""
    config_id = bench.space.config_id(configuration_of(bench.space, query))
    rows = bench.sql(_KEPT, parameters={"config_id": config_id, "seed": seed}).fetchall()
    known: set[int] = set()
    for profile, column in rows:
        kept = kept_in(column)
        chosen = max(kept) if epoch is None else epoch
        if chosen in kept:
            return profile, kept[chosen]
        known |= kept.keys()
    there = f"of its epochs, {sorted(known)} have" if known else "no epoch of it has"
    raise NotInTableError(
        f"configuration {config_id} in {bench.name} {bench.version}: {there} kept weights; "
        "campaigns keep them where keep_weights says so"
    )
