"""docs/datasets.md says of every dataset what its source module says."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepsbench.datasets import about, dataset_names
from nepsbench.schema import METRICS_BY_NAME

PAGE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text()


def overview_row(name: str) -> str:
    known = about(name)
    shape = "x".join(map(str, known.shape))
    outputs = f"{known.task.outputs}{' a place' if known.task.dense else ''}"
    sizes = " / ".join(f"{size:,}" for size in known.sizes)
    metric = METRICS_BY_NAME[f"valid_{known.task.metric}"]
    cells = (f"[`{name}`](#{name})", shape, outputs, sizes, f"`{known.task.loss}`",
             f"`{known.task.metric}` {metric.direction}")  # fmt: skip
    return f"| {' | '.join(cells)} |"


def section(name: str) -> str:
    facts = "\n".join(f"- **{fact}**: {text}" for fact, text in about(name).facts().items())
    return f"### {name}\n\n{about(name).title[0].upper()}{about(name).title[1:]}.\n\n{facts}\n"


@pytest.mark.parametrize("name", dataset_names())
def test_the_page_says_what_the_source_module_says(name):
    assert overview_row(name) in PAGE
    assert section(name) in PAGE


def test_the_page_has_no_dataset_that_is_not_there():
    assert PAGE.count("\n### ") == len(dataset_names())
