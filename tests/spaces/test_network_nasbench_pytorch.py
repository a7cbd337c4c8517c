"""Our network of NAS-Bench-101 gives what NASBench-PyTorch 1.3.1 gives, with the same weights.

What is documented to differ is set aside: 36 parameters of its placeholders that compute nothing,
and the momentum of batch normalisation, which evaluation does not use.
"""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from nepsbench.spaces import nasbench101
from nepsbench.spaces.networks import count_params
from tests.spaces.nasbench_pytorch_port import (
    GOLDEN,
    GOLDEN_CELLS,
    our_network,
    outputs,
    their_network,
)

HUNDRED = np.random.default_rng(1).integers(nasbench101.SPACE.size, size=100).tolist()
where_it_is = pytest.mark.skipif(
    find_spec("nasbench_pytorch") is None, reason="needs nasbench-pytorch; pip installs it"
)


@pytest.mark.parametrize("number", GOLDEN_CELLS)
def test_outputs_are_those_that_nasbench_pytorch_gave(number):
    golden = torch.tensor(json.loads(GOLDEN.read_text())[str(number)])
    torch.testing.assert_close(outputs(our_network(number)), golden, rtol=1e-4, atol=1e-4)


@where_it_is
@pytest.mark.parametrize("number", HUNDRED)
def test_outputs_are_nasbench_pytorchs(number):
    ours = our_network(number)
    theirs = their_network(number, ours)
    torch.testing.assert_close(outputs(ours), outputs(theirs), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(outputs(ours.train()), outputs(theirs.train()), rtol=1e-3, atol=1e-3)


@where_it_is
def test_the_port_counts_36_parameters_that_compute_nothing():
    number = nasbench101.SPACE.index(
        nasbench101.parse("28cfc7874f6d200472e1a9dcd8650aa0")  # its readme's cell
    )
    ours = our_network(number)
    assert round(count_params(ours) * 1e6) == 2_694_282
    counted = sum(p.numel() for p in their_network(number, ours).parameters())
    assert counted == 2_694_282 + 36
