"""Three lines with the client: draws a configuration and asks a release about it, twice."""

from __future__ import annotations

import sys

import nepsbench
from nepsbench.client.table import TableBenchmark
from nepsbench.spaces import Configuration


def main() -> None:
    """Print one configuration of the release, and what table and surrogate say of it."""
    release = sys.argv[1]
    table = nepsbench.load(release, kind="table")
    surrogate = nepsbench.load(release, kind="surrogate")
    configuration, epoch = _trained_to_the_end(table)
    print(f"question     epoch {epoch} of {configuration}")
    print(f"table        {_answer(table(configuration, epoch=epoch))}")
    print(f"surrogate    {_answer(surrogate(configuration, epoch=epoch))}")


def _trained_to_the_end(table: TableBenchmark) -> tuple[Configuration, int]:
    """Return a drawn configuration, and the last epoch that the table has of it.

    A trial that diverged stands in the table too, up to where it did: the next draw is taken.
    """
    for seed in range(len(table)):
        configuration = table.sample(seed)
        if (epoch := max(table.trajectory(configuration))) == table.max_epoch:
            break
    return configuration, epoch


def _answer(result: dict[str, float]) -> str:
    names = ("valid_acc", "test_acc", "train_loss", "runtime")
    return ", ".join(f"{name} {result[name]:.4g}" for name in names if result.get(name) is not None)


if __name__ == "__main__":
    main()
