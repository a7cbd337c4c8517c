from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nepsbench.spaces import Categorical, Float, LogFloat, Space, get_space, space_names
from nepsbench.spaces.architecture import cell_text
from nepsbench.spaces.cells import NATS_OPERATIONS, all_cells, to_nats
from nepsbench.surrogate.features import feature_map
from nepsbench.surrogate.features.cells import cell_table

OF_EDGES = ("edge_", "path_", "all_", "into_", "out_of_", "alive_")


def drawn(space: Space, count: int) -> np.ndarray:
    words = np.random.Philox(1).random_raw(count * space.words_per_draw)
    return space.draw(words.reshape(count, -1))


@pytest.mark.parametrize("name", space_names())
def test_every_space_has_finite_features_with_names_of_their_own(name: str) -> None:
    space = get_space(name)
    encoder = feature_map(space)
    features = encoder.features(drawn(space, 20), np.arange(1.0, 21.0))
    assert features.shape == (20, len(encoder.names))
    assert features.dtype == np.float32
    assert len(set(encoder.names)) == len(encoder.names)
    assert np.isfinite(features).all()
    assert features[:, -1].tolist() == list(range(1, 21))


@pytest.mark.parametrize("name", space_names())
def test_a_row_has_the_same_features_alone_and_among_others(name: str) -> None:
    space = get_space(name)
    encoder, codes = feature_map(space), drawn(space, 5)
    together = encoder.features(codes, np.ones(5))
    alone = np.vstack([encoder.features(codes[[row]], np.ones(1)) for row in range(5)])
    assert (together == alone).all()


def test_a_described_space_has_features_of_its_parameters() -> None:
    space = Space(
        "described",
        1,
        (
            Categorical("layers", (2, 4, 8), 2),
            Categorical("kind", ("a", "b", "c"), "a"),
            Categorical("flag", (False, True), False),
            Float("rate", 0.0, 1.0, 0.5),
            LogFloat("lr", 1e-4, 1.0, 0.1),
        ),
        (),
    )
    encoder = feature_map(space)
    row = encoder.features(np.array([[2.0, 1.0, 1.0, 0.25, 0.01]]), np.array([3.0]))[0]
    found = dict(zip(encoder.names, row.tolist(), strict=True))
    assert found == {
        "layers": 8, "layers=2": 0, "layers=4": 0, "layers=8": 1, "kind=a": 0, "kind=b": 1,
        "kind=c": 0, "flag": 1, "rate": 0.25, "lr": pytest.approx(-2), "epoch": 3,
    }  # fmt: skip


def test_isomorphic_cells_have_the_same_features_of_what_they_compute() -> None:
    names, table = cell_table()
    invariant = [k for k, name in enumerate(names) if not name.startswith(OF_EDGES)]
    of_text: dict[str, int] = {}
    pairs = []
    # Every seventh cell: isomorphic ones are met often enough.
    for cell in all_cells()[::7]:
        text = cell_text(cell)
        number = int("".join(str(NATS_OPERATIONS.index(name)) for name in to_nats(cell)), 5)
        # Cells that are equal but for dead edges have other numbers of skips on their paths.
        pairs.append((of_text.setdefault(text, number), number))
    twins = np.array([pair for pair in pairs if pair[0] != pair[1]])
    assert len(twins) > 200
    kept = [k for k in invariant if not names[k].startswith(("skip_", "paths"))]
    sequences = [k for k in kept if names[k].startswith("sequence_")]
    assert len(sequences) == 40
    different = (table[kept][:, twins[:, 0]] != table[kept][:, twins[:, 1]]).any(axis=1)
    assert {names[kept[k]] for k in np.flatnonzero(different)} <= MAY_DIFFER


#: Pooling of a sum is the sum of poolings: such twins have paths that are bundled otherwise.
MAY_DIFFER: set[str] = set()


def test_dead_edges_change_nothing_that_is_alive() -> None:
    names, table = cell_table()
    # Only edge 0 to 3 is alive; 0 to 1 leads nowhere.
    first, second = int("000300", 5), int("300300", 5)
    same = [k for k, name in enumerate(names) if not name.startswith("all_")]
    assert (table[same, first] == table[same, second]).all()
    counts = dict(zip(names, table[:, second].tolist(), strict=True))
    assert (counts["all_conv3"], counts["alive_conv3"], counts["paths"]) == (2, 1, 1)


def test_weights_of_graphs_are_those_of_the_networks() -> None:
    torch = pytest.importorskip("torch")
    from torch import nn

    from nepsbench.spaces.networks import Problem
    from nepsbench.spaces.networks.nasbench101 import GraphCell
    from nepsbench.spaces.networks.registry import build_network

    space = get_space("nasbench101")
    codes = drawn(space, 5)
    names = feature_map(space).names
    features = feature_map(space).features(codes, np.ones(5))
    problem = Problem((3, 32, 32), 10)
    for row, code in enumerate(codes):
        with torch.device("meta"):  # counted, not made
            network = build_network(space.name, space.decode(code.tolist()), problem)
        cells = [module for module in network.modules() if isinstance(module, GraphCell)]
        weights = sum(
            layer.weight.numel()
            for cell in cells
            for layer in cell.modules()
            if isinstance(layer, nn.Conv2d)
        )
        assert 10 ** float(features[row, names.index("log_weights")]) == pytest.approx(
            weights, rel=1e-4
        )


def test_features_need_neither_torch_nor_pandas_nor_catboost() -> None:
    script = (
        "import sys, numpy as np\n"
        "from nepsbench.spaces import get_space\n"
        "from nepsbench.surrogate.features import feature_map\n"
        "s = get_space('nepsbench101')\n"
        "feature_map(s).features(np.array([s.encode(s.defaults)]), np.ones(1))\n"
        "heavy = {'torch', 'pandas', 'catboost', 'mlflow', 'pyarrow', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
