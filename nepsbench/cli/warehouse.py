"""``nepsbench warehouse`` and ``nepsbench sql``: the tables, filled, checked and queried."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nepsbench.cli.rows import JSON, echo_fact, echo_rows, print_table
from nepsbench.home import data_home, warehouse_home

if TYPE_CHECKING:
    import pyarrow as pa

    from nepsbench.warehouse import Warehouse

app = typer.Typer(help="The tables: fill, check, show, back up, migrate.", no_args_is_help=True)

_HOME = typer.Option(None, "--home", help="Data home. Default: NEPSBENCH_HOME or ./warehouse.")


@app.command()
def ingest(
    benchmark: str = typer.Argument(help="<space>-<dataset>."),
    trials: Path = typer.Argument(help="Parquet file with rows of trials."),
    epochs: Path = typer.Argument(help="Parquet file with rows of epochs."),
    as_json: bool = JSON,
    home: Path | None = _HOME,
) -> None:
    """Add the results of one profile; the same files again change nothing.

    Example: nepsbench warehouse ingest nepsbench101-digits trials.parquet epochs.parquet
    """
    from nepsbench.warehouse import open_warehouse

    tables = [_read(path) for path in (trials, epochs)]
    report = open_warehouse(data_home(home)).ingest(benchmark, *tables)
    echo_fact(
        asdict(report),
        f"trials: {report.trials_added} added, {report.trials_updated} updated, "
        f"{report.trials_unchanged} unchanged; epochs: {report.epochs_added} added, "
        f"{report.epochs_unchanged} unchanged; commit {report.commit}",
        as_json=as_json,
    )


@app.command()
def check(
    benchmark: str | None = typer.Option(None, help="Only this benchmark."),
    profile: str | None = typer.Option(None, help="Only this profile."),
    as_json: bool = JSON,
    home: Path | None = _HOME,
) -> None:
    """Prove the files unharmed and run every SQL check; exit code 1 if one finds an error.

    Example: nepsbench warehouse check --profile digits
    """
    from nepsbench.errors import VersionMismatchError
    from nepsbench.warehouse.migrations import outdated

    warehouse = _existing(home)
    warehouse.verify()
    old = outdated(warehouse)
    if old:
        raise VersionMismatchError(
            f"{warehouse.home}: {len(old)} profiles are of an older schema, {old[0].profile} for "
            "one; make a backup, then run: nepsbench warehouse migrate"
        )
    report = warehouse.check(benchmark, profile)
    if as_json:
        echo_fact({"files": len(warehouse.commit.files), **asdict(report)}, "", as_json=True)
        raise typer.Exit(1 if report.errors else 0)
    for finding in report.findings:
        typer.echo(f"{finding.severity}: {finding.title}: {finding.rows} (check {finding.check})")
        for example in finding.examples:
            typer.echo(f"  {example}")
    files = len(warehouse.commit.files)
    typer.echo(
        f"{files} files unharmed, {len(report.checks)} checks: {len(report.errors)} with errors, "
        f"{len(report.warnings)} with warnings"
    )
    if report.errors:
        raise typer.Exit(1)


@app.command()
def drop(
    profile: str = typer.Argument(
        help="The profile, which is also the campaign's name; or the name of an import."
    ),
    home: Path | None = _HOME,
) -> None:
    """Take a profile's results, or an import, out of the warehouse; streams stay used.

    Example: nepsbench warehouse drop nepsbench101-digits-25450fc7
    """
    files = _existing(home).drop(profile)
    typer.echo(f"{profile}: {files} files are no longer part of the warehouse")


@app.command()
def migrate(home: Path | None = _HOME, as_json: bool = JSON) -> None:
    """Bring tables that an older nepsbench wrote to the present schema; again changes nothing.

    Example: nepsbench warehouse migrate
    """
    from nepsbench.warehouse.migrations import migrate as migrate_tables

    echo_rows([{"profile": name} for name in migrate_tables(_existing(home))], as_json=as_json)


@app.command()
def backup(
    target: Path = typer.Argument(help="A folder, best on another disk."),
    as_json: bool = JSON,
    home: Path | None = _HOME,
) -> None:
    """Copy tables, campaigns, releases and the ledger of jobs; again copies what is new.

    Example: nepsbench warehouse backup /mnt/backup/nepsbench
    """
    from nepsbench.warehouse.backup import back_up

    done = back_up(_existing(home), target)
    echo_fact(
        asdict(done),
        f"{target}: commit {done.commit}, {done.copied} files copied ({done.bytes / 1e6:.1f} MB), "
        f"{done.kept} were there",
        as_json=as_json,
    )


@app.command()
def restore(
    source: Path = typer.Argument(help="What backup wrote."),
    target: Path = typer.Argument(help="The new data home: no folder, or an empty one."),
    as_json: bool = JSON,
) -> None:
    """Make a data home of a backup, every file proved.

    Example: nepsbench warehouse restore /mnt/backup/nepsbench warehouse
    """
    from nepsbench.warehouse.backup import restore as restore_home

    commit = restore_home(source, target).commit.number
    fact = {"home": target, "commit": commit}
    echo_fact(fact, f"{target}: restored, commit {commit}", as_json=as_json)


@app.command()
def rebuild(home: Path | None = _HOME) -> None:
    """Write nepsbench.duckdb again from the Parquet files.

    Example: nepsbench warehouse rebuild --home warehouse
    """
    warehouse = _existing(home)
    warehouse.rebuild()
    typer.echo(f"{warehouse.home / 'nepsbench.duckdb'}: shows commit {warehouse.commit.number}")


@app.command()
def show(as_json: bool = JSON, home: Path | None = _HOME) -> None:
    """Print what the warehouse holds: benchmarks, profiles, trials by status.

    Example: nepsbench warehouse show
    """
    warehouse = _existing(home)
    rows = warehouse.query(_overview())
    if as_json:
        told = {"home": warehouse.home, "commit": warehouse.commit.number}
        echo_fact({**told, "profiles": rows.to_pylist()}, "", as_json=True)
        return
    typer.echo(f"{warehouse.home}: commit {warehouse.commit.number}")
    _print(rows, "table")


def sql(
    query: str = typer.Argument(help='For example: "select * from curves limit 5".'),
    json: bool = typer.Option(False, "--json", help="Print one JSON object a line."),
    csv: bool = typer.Option(False, "--csv", help="Print comma-separated values."),
    home: Path | None = _HOME,
) -> None:
    """Run SQL on trials, epochs, curves, metrics and streams, and print the rows.

    Example: nepsbench sql "select status, count(*) from trials group by status"
    """
    from nepsbench.errors import SpecError

    if json and csv:
        raise SpecError("--json and --csv: give one of them")
    _print(_existing(home).query(query), "json" if json else "csv" if csv else "table")


def _existing(home: Path | None) -> Warehouse:
    from nepsbench.warehouse import open_warehouse

    return open_warehouse(warehouse_home(home))


def _read(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from nepsbench.errors import CorruptedFileError, StorageError

    try:
        return pq.read_table(path)
    except FileNotFoundError:
        raise StorageError(f"{path}: there is no such file") from None
    except (pa.ArrowException, OSError) as error:
        words = str(error).splitlines()[0]
        raise CorruptedFileError(f"{path}: cannot be read as Parquet: {words}") from None


def _overview() -> str:
    from nepsbench.warehouse.views import query_text

    return query_text("overview")


def _print(rows: pa.Table, form: str) -> None:
    if form == "csv":
        import pyarrow.csv as pc

        pc.write_csv(rows, sys.stdout.buffer)
    elif form == "json":
        import json

        for row in rows.to_pylist():
            typer.echo(json.dumps(row, default=str))
    else:
        right = ("int", "double", "float", "uint", "decimal")
        numbers = [str(field.type).startswith(right) for field in rows.schema]
        print_table(rows.column_names, (row.values() for row in rows.to_pylist()), numbers)
        typer.echo(f"{rows.num_rows} rows")
