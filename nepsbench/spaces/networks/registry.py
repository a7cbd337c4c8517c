"""Networks by the name of their space."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol

from torch import nn

from nepsbench.errors import SpecError
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem, check_problem

_MODULES = (
    {
        name: f"nepsbench.spaces.networks.{name}"
        for name in (
            "nepsbench101",
            "nasbench101",
            "nasbench201",
            "nats_size",
            "nashpobench2",
            "nasbench360_backbone",
            "darts",
            "densenas",
            "autodeeplab",
            "amber",
            "perceiver_io",
        )
    }
    | {
        "nds_nas_cell": "nepsbench.spaces.networks.nds_cell",
        "nds_residual_bottleneck": "nepsbench.spaces.networks.nds_stages",
        "nds_residual_basic": "nepsbench.spaces.networks.nds_stages",
        "nds_vanilla": "nepsbench.spaces.networks.nds_stages",
    }
    # By name alone: searches stand above spaces.
    | {
        f"oneshot_{searched}": f"nepsbench.search.oneshot.{searched}"
        for searched in (
            "nasbench201",
            "darts",
            "densenas",
            "autodeeplab",
            "amber",
        )
    }
)


class _Builder(Protocol):
    def __call__(self, configuration: Mapping[str, Scalar], problem: Problem) -> nn.Module: ...


def build_network(
    space_name: str, configuration: Mapping[str, Scalar], problem: Problem
) -> nn.Module:
    """Return the network of a configuration, its weights drawn from torch's global generator.

    Args:
        space_name: Registered name of the space, for example ``nepsbench101``.
        configuration: One value for each of the space's parameters.
        problem: Shapes of input and output.

    Raises:
        SpecError: If the space has no network, or none for such a problem.
        InvalidConfigurationError: If the configuration is not in the space.
    """
    if space_name not in _MODULES:
        raise SpecError(f"space {space_name!r} has no network; there are: {', '.join(_MODULES)}")
    check_problem(space_name, problem)
    builder: _Builder = import_module(_MODULES[space_name]).build
    return builder(configuration, problem)
