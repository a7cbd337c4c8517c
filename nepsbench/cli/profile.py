"""``nepsbench profile``: Sampling profiles: create, show, and propose the next one."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nepsbench.cli.rows import JSON, echo_fact, echo_rows

if TYPE_CHECKING:
    from nepsbench.surrogate.extension import Proposal

app = typer.Typer(help="Sampling profiles: create, show, extend.", no_args_is_help=True)


@app.command()
def create(
    spec: Path = typer.Argument(help="The sampling spec, a YAML file."),
    output: Path = typer.Option(..., "--output", "-o", help="The profile to write, Parquet."),
    home: Path | None = typer.Option(
        None, help="Data home whose warehouse keeps the streams. Default: NEPSBENCH_HOME."
    ),
    reserve: bool = typer.Option(True, help="Reserve the streams in the warehouse."),
) -> None:
    """Draw a profile from a spec and reserve its pieces of the bit-streams.

    Example: nepsbench profile create include/profiles/demo.yaml -o profile.parquet
    """
    from nepsbench.home import data_home
    from nepsbench.sampling import create_profile, read_spec

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        profile = create_profile(read_spec(spec))
    for warning in caught:
        typer.echo(f"warning: {warning.message}", err=True)
    if reserve:
        from nepsbench.warehouse import open_warehouse

        open_warehouse(data_home(home)).reserve_streams(
            profile.name, profile.stream_ranges(), profile_hash=profile.hash
        )
    profile.write(output)
    typer.echo(f"{output}: {len(profile):,} trials, hash {profile.hash[:12]}")


@app.command()
def show(
    path: Path = typer.Argument(help="A profile that nepsbench wrote."), as_json: bool = JSON
) -> None:
    """Print what a profile covers, and what stands in it twice.

    Example: nepsbench profile show profile.parquet
    """
    from nepsbench.sampling import read_profile
    from nepsbench.sampling.report import (
        count_duplicate_configurations,
        count_duplicates,
        coverage,
    )

    profile = read_profile(path)
    spec = profile.spec
    covered = {
        part.parameter: dict(zip(part.labels, map(int, part.counts), strict=True))
        for part in coverage(profile)
    }
    twice, again = count_duplicates(profile), count_duplicate_configurations(profile)
    if as_json:
        told = {"profile": profile.name, "space": profile.space.name, "dataset": spec.dataset,
                "trials": len(profile), "streams": spec.taskids, "scheme": spec.scheme,
                "hash": profile.hash, "coverage": covered, "duplicates": twice,
                "duplicate_configurations": again}  # fmt: skip
        echo_fact(told, "", as_json=True)
        return
    typer.echo(
        f"{profile.name}  {profile.space.name} on {spec.dataset}, {len(profile):,} trials "
        f"from {len(spec.taskids)} bit-streams ({spec.scheme}, from {spec.taskids[0]}), "
        f"hash {profile.hash[:12]}"
    )
    rows = [
        {"parameter": name, "value: trials": [f"{value}: {n:,} " for value, n in counts.items()]}
        for name, counts in covered.items()
    ]
    echo_rows(rows, as_json=False)
    typer.echo(
        f"Duplicates: {twice:,} trials repeat configuration and seed, "
        f"{again:,} repeat a configuration"
    )


@app.command()
def extend(
    benchmark: str = typer.Argument(help="A benchmark of the warehouse."),
    output: Path = typer.Option(
        ...,
        "--output",
        "-o",
        help="The form to write, JSON: for campaign run --form or a DAG.",
    ),
    streams: int = typer.Option(4, min=1, help="Bit-streams of the new campaign."),
    samples: int = typer.Option(16, min=1, help="Configurations for each."),
    pool: int = typer.Option(20_000, min=2, help="Configurations to choose from."),
    metric: str | None = typer.Option(None, help="What counts. Default: the main one."),
    waves: str | None = typer.Option(None, help="As of a campaign. Default: to the last epoch."),
    cluster: str = typer.Option("local", help="Where the new campaign is to run."),
    threads: int = typer.Option(1, min=1, help="CPU threads of CatBoost."),
    home: Path | None = typer.Option(None, help="Data home. Default: NEPSBENCH_HOME."),
) -> None:
    """Propose what to train next: near the best, and where the surrogate is unsure.

    Example: nepsbench profile extend nepsbench101-digits -o next.json
    """
    from nepsbench.campaign.extension import extend as extend_benchmark
    from nepsbench.files import write_text
    from nepsbench.home import data_home

    found = extend_benchmark(
        benchmark, data_home(home), streams=streams, samples=samples, pool=pool, metric=metric,
        waves=waves, cluster=cluster, threads=threads,
    )  # fmt: skip
    write_text(output, json.dumps(found.form, indent=1) + "\n")
    for line in _proposal_lines(found.proposal):
        typer.echo(line)
    typer.echo(f"{output}: train them with: nepsbench campaign run --form {output}")


def _proposal_lines(proposal: Proposal) -> Iterator[str]:
    name, unsure = proposal.metric.label, ~proposal.near_the_front
    yield f"{len(proposal.codes)} configurations, by {name} after {proposal.epoch} epochs"
    yield f"best trained {proposal.best:.4g}, expected gain {proposal.expected_gain:.3g}"
    for title, rows in (("near the front", ~unsure), ("unsure", unsure)):
        if rows.any():
            predicted, spread = proposal.predicted[rows], proposal.high[rows] - proposal.low[rows]
            yield (
                f"{title + ':':16}{rows.sum():4}, predicted {predicted.min():.4g} to "
                f"{predicted.max():.4g}, 90 % of each within {spread.mean():.3g}"
            )
