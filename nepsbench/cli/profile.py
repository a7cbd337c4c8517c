"""``nepsbench profile``: Sampling profiles: create and show."""

from __future__ import annotations

import warnings
from pathlib import Path

import typer

app = typer.Typer(help="Sampling profiles: create and show.", no_args_is_help=True)


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
def show(path: Path = typer.Argument(help="A profile that nepsbench wrote.")) -> None:
    """Print what a profile covers, and what stands in it twice.

    Example: nepsbench profile show profile.parquet
    """
    from rich.console import Console
    from rich.table import Table

    from nepsbench.sampling import read_profile
    from nepsbench.sampling.report import (
        count_duplicate_configurations,
        count_duplicates,
        coverage,
    )

    profile = read_profile(path)
    spec = profile.spec
    console = Console()
    console.print(
        f"[bold]{profile.name}[/]  {profile.space.name} on {spec.dataset}, {len(profile):,} trials "
        f"from {len(spec.taskids)} bit-streams ({spec.scheme}, from {spec.taskids[0]}), "
        f"hash {profile.hash[:12]}"
    )
    table = Table("parameter", "value: trials", title="Coverage")
    for part in coverage(profile):
        cells = (f"{a}: {n:,}" for a, n in zip(part.labels, part.counts, strict=True))
        table.add_row(part.parameter, "   ".join(cells))
    console.print(table)
    console.print(
        f"Duplicates: {count_duplicates(profile):,} trials repeat configuration and seed, "
        f"{count_duplicate_configurations(profile):,} repeat a configuration"
    )
