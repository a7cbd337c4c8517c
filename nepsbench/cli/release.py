"""``nepsbench release``: Build, verify and list releases."""

from __future__ import annotations

from pathlib import Path

import typer

from nepsbench.cli.rows import JSON, echo_fact, echo_rows

app = typer.Typer(help="Build, verify and list releases.", no_args_is_help=True)

_HOME = typer.Option(None, help="Data home. Default: NEPSBENCH_HOME.")


@app.command("build")
def build(
    benchmark: str = typer.Option(..., help="Like nepsbench101-digits."),
    version: str = typer.Option(..., help="Like 1.0.0; a version never changes."),
    surrogate: Path | None = typer.Option(
        None, help="Folder that 'surrogate fit' wrote. Default: fit and judge one now."
    ),
    fit: bool | None = typer.Option(
        None,
        "--fit-surrogate/--no-surrogate",
        help="Default: one for trials of our own, none for an imported table.",
    ),
    as_json: bool = JSON,
    home: Path | None = _HOME,
) -> None:
    """Check a benchmark of the warehouse and publish it, with its surrogate.

    Example: nepsbench release build --benchmark nepsbench101-digits --version 1.0.0
    """
    from nepsbench.campaign.publish import publish_benchmark
    from nepsbench.home import data_home

    path = publish_benchmark(
        benchmark, version, data_home(home), surrogate=surrogate, fit_surrogate=fit
    )
    told = {"release": benchmark, "version": version, "path": path}
    echo_fact(told, str(path), as_json=as_json)


@app.command("verify")
def verify(
    path: Path = typer.Argument(help="The folder of a release's version."), as_json: bool = JSON
) -> None:
    """Hash every file of a release and compare with its manifest.

    Example: nepsbench release verify warehouse/releases/nepsbench101-digits/1.0.0
    """
    from nepsbench.release import verify_release
    from nepsbench.release.audited import audit_line

    manifest = verify_release(path)
    size = sum(record.size for record in manifest.files.values())
    told = {"name": manifest.name, "version": manifest.version, "files": len(manifest.files),
            "bytes": size, "contents": manifest.contents, "audit": manifest.audit}  # fmt: skip
    echo_fact(
        told,
        f"{manifest.name} {manifest.version} is sound: {len(manifest.files)} files, "
        f"{size / 1e6:.1f} MB, {manifest.contents['trials']} trials\n"
        f"audit: {audit_line(manifest.audit)}",
        as_json=as_json,
    )


@app.command("page")
def write_page(
    path: Path = typer.Argument(help="The folder of a release's version."),
    output: Path = typer.Option(..., "--output", "-o", help="The page to write, HTML."),
) -> None:
    """Write all that there is to know of a release as one page that needs no network.

    Example: nepsbench release page warehouse/releases/nepsbench101-digits/1.0.0 -o card.html
    """
    from nepsbench.files import write_text
    from nepsbench.release.page import release_page

    write_text(output, release_page(path))
    typer.echo(output)


@app.command("list")
def list_all(as_json: bool = JSON, home: Path | None = _HOME) -> None:
    """List the releases in a data home, newest version last.

    Example: nepsbench release list --home warehouse
    """
    from nepsbench.client.locate import list_releases
    from nepsbench.home import data_home

    found = list_releases(data_home(home))
    rows = [{"release": name, "versions": versions} for name, versions in found.items()]
    echo_rows(rows, as_json=as_json)
