from __future__ import annotations

import subprocess
import sys

from nepsbench.notes import all_notes, find_note, note_of
from nepsbench.spaces import space_names
from nepsbench.warehouse.importers import KINDS
from nepsbench.warehouse.importers.mapping import read_mapping, shipped_mappings


def test_every_note_says_what_its_users_need() -> None:
    for note in all_notes().values():
        assert note.benchmarks, note.name
        assert all((note.title, note.what, note.citation, note.licence, note.splits, note.errata))
        assert set(note.kinds) <= set(KINDS), f"{note.name}: no such kind"
        assert "\n" not in note.what


def test_every_kind_and_every_space_has_a_note() -> None:
    told = {kind for note in all_notes().values() for kind in note.kinds}
    assert set(KINDS) <= told
    for space in space_names():
        assert note_of(f"{space}-cifar10") is not None, space


def test_every_shipped_mapping_has_a_note() -> None:
    for path in shipped_mappings().values():
        mapping = read_mapping(path)
        for trials in mapping.trials:
            names = [trials.dataset] if isinstance(trials.dataset, str) else trials.dataset.names
            for dataset in names or ():
                known = note_of(f"{mapping.the_space().name}-{dataset}") or (
                    isinstance(trials.dataset, str)
                    or note_of(f"nasbench201-{(trials.dataset.names or {})[dataset]}")
                )
                assert known, dataset


def test_the_closest_pattern_counts() -> None:
    assert note_of("nasbench201-ninapro").name == "nasbench360"  # type: ignore[union-attr]
    assert note_of("nepsbench101-cifar10").name == "jahs"  # type: ignore[union-attr]
    assert note_of("nepsbench101-digits").name == "nepsbench101"  # type: ignore[union-attr]
    assert note_of("nds_vanilla-imagenet").name == "nds"  # type: ignore[union-attr]
    assert note_of("somebody-else") is None
    assert find_note("nats_size") is find_note("nats_size-cifar100")


def test_notes_are_read_without_pyarrow_or_pydantic() -> None:
    program = (
        "import sys; from nepsbench.notes import all_notes; all_notes(); "
        "sys.exit(bool({'pyarrow', 'pydantic', 'duckdb', 'yaml', 'numpy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
