"""``nepsbench train``: train configurations now, without a release and without a cluster."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

if TYPE_CHECKING:
    from nepsbench.client.batch import Order, Terms, Trained
    from nepsbench.spaces import Space


def train(
    configurations: list[str] | None = typer.Argument(
        None, help="JSON, a number, or any notation of the space: a string, a hash."
    ),
    space: str = typer.Option("nepsbench101", help="Search space."),
    dataset: str = typer.Option("digits", help="What to train on."),
    recipe: str | None = typer.Option(None, help="How to train. Default: the space's own recipe."),
    epochs: int = typer.Option(..., min=1, help="The last epoch."),
    seed: int = typer.Option(0, min=0, help="Training seed, where a file names none."),
    sample: list[int] = typer.Option(
        [], min=0, help="Train what bench.sample(SEED) gives; may be repeated."
    ),
    file: Path | None = typer.Option(
        None, help="More of them: JSON lines, CSV or Parquet, a column a parameter, and seed."
    ),
    processes: int = typer.Option(1, min=1, help="Train so many at a time."),
    datasets: Path | None = typer.Option(
        None, help="Folder of prepared datasets. Default: one in the user's cache."
    ),
    checkpoints: Path | None = typer.Option(
        None, help="Folder that remembers trials: later, they go on to more epochs."
    ),
    output: Path | None = typer.Option(
        None, "--output", "-o", help="Write a JSON line for each trial as soon as it has ended."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON lines instead of a table."),
) -> None:
    """Train configurations to the numbers that a worker on a cluster would give.

    Example: nepsbench train --space nasbench201 --recipe nasbench201-12 --epochs 3 123
    """
    from nepsbench.client.batch import train_orders
    from nepsbench.client.training import terms_of

    terms = terms_of(space, dataset, recipe, datasets=datasets, checkpoints=checkpoints)
    orders = _orders(space, configurations or [], sample, file, seed)
    found: dict[int, Trained] = {}
    with _appending(output) as lines:
        for place, trained in train_orders(
            orders, terms, epochs=epochs, processes=processes, progress=True
        ):
            found[place] = trained
            if lines:
                lines.write(_line(trained, terms) + "\n")
                lines.flush()
    ended = [found[place] for place in range(len(orders))]
    if as_json:
        for each in ended:
            typer.echo(_line(each, terms))
    else:
        _print_table(ended)
    if any(each.status in ("failed", "oom") for each in ended):
        raise typer.Exit(1)


def _orders(
    space: str, words: list[str], samples: list[int], file: Path | None, seed: int
) -> list[Order]:
    """Return all that is to be trained; what is wrong is told before anything is."""
    from nepsbench.client.batch import Order
    from nepsbench.client.batch_files import read_orders
    from nepsbench.client.benchmark import sample_of
    from nepsbench.client.notations import configuration_of, query_of_text
    from nepsbench.errors import SpecError
    from nepsbench.spaces import get_space

    known: Space = get_space(space)
    orders = [Order(configuration_of(known, query_of_text(known, word)), seed) for word in words]
    orders += [Order(sample_of(known, each), seed) for each in samples]
    if file is not None:
        orders += read_orders(file, known, seed=seed)
    if not orders:
        raise SpecError("nothing to train: give a configuration, --sample or --file")
    return orders


@contextmanager
def _appending(path: Path | None) -> Iterator[TextIO | None]:
    """Open the file of results; what stands in it stays."""
    from nepsbench.files import storage_errors

    with ExitStack() as stack:
        file = None
        if path is not None:
            stack.enter_context(storage_errors(path))
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("a", encoding="utf-8"))
        yield file


def _line(trained: Trained, terms: Terms) -> str:
    """Return a trial as one JSON object: what it is, how it ended, and its curve."""
    about: dict[str, Any] = {
        "space": terms.space,
        "dataset": terms.dataset,
        "recipe": terms.recipe,
        "config_id": trained.config_id,
        "configuration": trained.configuration,
        "seed": trained.seed,
        "status": trained.status,
        "reason": trained.reason,
    }
    rows = [{"epoch": epoch, **row} for epoch, row in trained.curve.items()]
    return json.dumps({**about, "curve": rows})


def _shown() -> list[str]:
    """Return what the table tells of the last epoch, where a trial has it.

    That is the training loss, what the dataset is judged by, and the time.
    """
    from nepsbench.schema import TASK_METRICS, TRAINED_METRICS

    judged = [
        metric.name
        for metric in (*TRAINED_METRICS, *TASK_METRICS)
        if metric.split in ("valid", "test")
        and metric.reproducible
        and not metric.name.endswith("_loss")
    ]
    return ["train_loss", *judged, "runtime"]


def _print_table(ended: list[Trained]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    names = [name for name in _shown() if any(name in each.last for each in ended)]
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("config_id", "seed", "status", "epoch", *names):
        table.add_column(name, justify="left" if name in ("config_id", "status") else "right")
    for each in ended:
        values = (f"{each.last[n]:.6g}" if n in each.last else "" for n in names)
        epoch = max(each.curve, default=0)
        table.add_row(each.config_id, str(each.seed), each.status, str(epoch), *values)
    Console(width=None if sys.stdout.isatty() else 240).print(table)
    for each in ended:
        if each.reason:
            typer.echo(f"{each.config_id}: {each.status}: {each.reason}")
