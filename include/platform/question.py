"""Three lines with the client: draws a configuration and asks a release about it, twice."""

from __future__ import annotations

import sys

import nepsbench

EPOCH = 12


def main() -> None:
    """Print one configuration of the release, and what table and surrogate say of it."""
    release = sys.argv[1]
    table = nepsbench.load(release, kind="table")
    surrogate = nepsbench.load(release, kind="surrogate")
    configuration = table.sample(seed=1)
    print(f"question     epoch {EPOCH} of {configuration}")
    print(f"table        {_answer(table(configuration, epoch=EPOCH))}")
    print(f"surrogate    {_answer(surrogate(configuration, epoch=EPOCH))}")


def _answer(result: dict[str, float]) -> str:
    names = ("valid_acc", "test_acc", "train_loss", "runtime")
    return ", ".join(f"{name} {result[name]:.4g}" for name in names if result.get(name) is not None)


if __name__ == "__main__":
    main()
