"""What is to know of a dataset before it is prepared: the same facts for the docs and the CLI."""

from __future__ import annotations

from dataclasses import dataclass

from nepsbench.datasets.task import Task
from nepsbench.schema import METRICS_BY_NAME


@dataclass(frozen=True)
class About:
    """A dataset as its source module describes it.

    Attributes:
        title: What the examples are.
        shape: Of an input: channels and places.
        task: What is learned; without the names of classes that only the files tell.
        sizes: Examples in train, valid and test of the published files.
        files: What ``source`` must hold.
        steps: What is done to the files' numbers.
        split: Whose the splits are.
        publication: Where it was published.
        licence: The publisher's.
        trap: What may surprise, and what differs from the published use.
        address: Where it is downloaded from if no source is given; empty if it never is.
        also: Another, simpler form of source, for a fragment or data of your own.
    """

    title: str
    shape: tuple[int, ...]
    task: Task
    sizes: tuple[int, int, int]
    files: str
    steps: str
    split: str
    publication: str
    licence: str
    trap: str
    address: str = ""
    also: str = ""

    def facts(self) -> dict[str, str]:
        """Return what the docs and the CLI say, in their order, by what it is."""
        sizes = ", ".join(f"{size:,}" for size in self.sizes)
        place = " for each place" if self.task.dense else ""
        direction = METRICS_BY_NAME[f"valid_{self.task.metric}"].direction
        named = {
            "input": " x ".join(str(length) for length in self.shape),
            "outputs": f"{self.task.outputs}{place}",
            "train, valid, test": sizes,
            "files": self.files,
            "or": self.also,
            "download": self.address,
            "steps": self.steps,
            "split": self.split,
            "loss": f"`{self.task.loss}`",
            "metric": f"`{self.task.metric}`, {direction}",
            "source": self.publication,
            "licence": self.licence,
            "trap": self.trap,
        }
        return {fact: text for fact, text in named.items() if text}
