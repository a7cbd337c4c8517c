"""``nepsbench datasets``: what a configuration can be trained on."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(help="List and prepare the datasets that configurations are trained on.")


@app.command("list")
def list_datasets() -> None:
    """Print the name of each dataset, the shape of its inputs, its examples, and its metric."""
    from nepsbench.datasets import about, dataset_names

    for name in dataset_names():
        known = about(name)
        shape = "x".join(str(length) for length in known.shape)
        sizes = "/".join(f"{size:,}" for size in known.sizes)
        typer.echo(f"{name:<22}{shape:<14}{sizes:<24}{known.task.metric:<13}{known.title}")


@app.command()
def show(name: str = typer.Argument(help="A dataset, like darcy_flow.")) -> None:
    """Say what a dataset is, which files it wants, what is done to them, and what may surprise.

    Example: nepsbench datasets show darcy_flow
    """
    from textwrap import fill

    from nepsbench.datasets import about

    known = about(name)
    typer.echo(f"{name}: {known.title}")
    for fact, text in known.facts().items():
        typer.echo(fill(f"{fact}: {text}", 100, initial_indent="  ", subsequent_indent="    "))


@app.command()
def prepare(
    name: str = typer.Argument(help="A dataset, like cifar10."),
    source: Path | None = typer.Option(
        None, help="Folder or archive of the published files. Default: NEPSBENCH_DATA, a download."
    ),
    root: Path | None = typer.Option(
        None, help="Where to prepare it. Default: the folder datasets of the data home."
    ),
) -> None:
    """Turn published files into verified arrays; if they are there and sound, change nothing.

    Example: nepsbench datasets prepare digits
    """
    from nepsbench.datasets import prepare as prepare_dataset
    from nepsbench.home import data_home

    folder = root if root is not None else data_home(None) / "datasets"
    record = prepare_dataset(name, folder, source=source)
    sizes = ", ".join(f"{size:,} {split}" for split, size in record.sizes.items())
    typer.echo(f"{folder / record.name / record.version}: {sizes}")
