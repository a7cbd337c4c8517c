"""How long it takes to draw a large sampling profile and write it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figure import Figure

SPEC = """profile: million
space: nepsbench101
streams: {count: 1000}
samples: 1000
"""
CREATE = (
    *("-m", "nepsbench", "profile", "create", "spec.yaml"),
    *("-o", "profile.parquet", "--no-reserve"),
)


def figures() -> list[Figure]:
    return [
        Figure(
            name="sample-1m",
            title="Draw 1,000,000 configurations from 1,000 bit-streams and write them "
            "(`nepsbench profile create`, whole process)",
            command=CREATE,
            target=5.0,
            prepare=write_spec,
        )
    ]


def write_spec(folder: Path) -> None:
    (folder / "spec.yaml").write_text(SPEC)
