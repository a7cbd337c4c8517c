"""``nepsbench datasets``: what a configuration can be trained on."""

from __future__ import annotations

from pathlib import Path

import typer

from nepsbench.cli.rows import JSON, echo_fact, echo_rows

app = typer.Typer(help="List and prepare the datasets that configurations are trained on.")


@app.command("list")
def list_datasets(as_json: bool = JSON) -> None:
    """Print the name of each dataset, the shape of its inputs, its examples, and its metric.

    Example: nepsbench datasets list
    """
    from nepsbench.datasets import about, dataset_names

    rows = []
    for name in dataset_names():
        known = about(name)
        shape = "x".join(str(length) for length in known.shape)
        sizes = "/".join(f"{size:,}" for size in known.sizes)
        row = {"dataset": name, "shape": shape, "train/valid/test": sizes}
        rows.append({**row, "metric": known.task.metric, "title": known.title})
    echo_rows(rows, as_json=as_json)


@app.command()
def show(
    name: str = typer.Argument(help="A dataset, like darcy_flow."), as_json: bool = JSON
) -> None:
    """Say what a dataset is, which files it wants, what is done to them, and what may surprise.

    Example: nepsbench datasets show darcy_flow
    """
    from textwrap import fill

    from nepsbench.datasets import about

    known = about(name)
    facts = known.facts()
    lines = [
        fill(f"{fact}: {text}", 100, initial_indent="  ", subsequent_indent="    ")
        for fact, text in facts.items()
    ]
    told = {"dataset": name, "title": known.title, **facts}
    echo_fact(told, "\n".join([f"{name}: {known.title}", *lines]), as_json=as_json)


@app.command()
def prepare(
    name: str = typer.Argument(help="A dataset, like cifar10."),
    source: Path | None = typer.Option(
        None, help="Folder or archive of the published files. Default: NEPSBENCH_DATA, a download."
    ),
    root: Path | None = typer.Option(
        None, help="Where to prepare it. Default: the folder datasets of the data home."
    ),
    cluster: str | None = typer.Option(
        None, help="Prepare it where the jobs of this cluster look, one of this machine."
    ),
    as_json: bool = JSON,
) -> None:
    """Turn published files into verified arrays; if they are there and sound, change nothing.

    Example: nepsbench datasets prepare digits
    """
    from nepsbench.datasets import prepare as prepare_dataset
    from nepsbench.home import data_home

    folder = root if root is not None else data_home(None) / "datasets"
    if cluster is not None:
        folder = _of_cluster(cluster)
    record = prepare_dataset(name, folder, source=source)
    sizes = ", ".join(f"{size:,} {split}" for split, size in record.sizes.items())
    path = folder / record.name / record.version
    fact = {"dataset": name, "version": record.version, "path": path, "sizes": {**record.sizes}}
    echo_fact(fact, f"{path}: {sizes}", as_json=as_json)


def _of_cluster(name: str) -> Path:
    """Return where jobs of a cluster of this machine look for prepared datasets.

    Raises:
        SpecError: If the cluster is another machine.
    """
    from nepsbench.campaign.folder import RemoteFolder
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.errors import SpecError

    file = load_cluster(name)
    with open_cluster(file) as opened:
        folder = RemoteFolder(opened.path(), "").datasets
    if file.kind != "local":
        raise SpecError(
            f"cluster {name} is another machine; run there: nepsbench datasets prepare ... "
            f"--root {folder}"
        )
    return Path(folder)
