"""Networks by the name of their space."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol

from torch import nn

from nepsbench.errors import SpecError
from nepsbench.spaces import experts, space_names
from nepsbench.spaces.oneshot import PREFIX
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem, check_problem

#: Modules of networks that are not called after their space.
_MODULES = {
    "nds_nas_cell": "nepsbench.spaces.networks.nds_cell",
    "nds_residual_bottleneck": "nepsbench.spaces.networks.nds_stages",
    "nds_residual_basic": "nepsbench.spaces.networks.nds_stages",
    "nds_vanilla": "nepsbench.spaces.networks.nds_stages",
}


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
    if space_name not in space_names():
        raise SpecError(
            f"space {space_name!r} has no network; there are: {', '.join(space_names())}"
        )
    check_problem(space_name, problem)
    builder: _Builder = import_module(_module_of(space_name)).build
    return builder(configuration, problem)


def _module_of(space_name: str) -> str:
    if space_name.startswith(PREFIX):  # by name alone: searches stand above spaces
        return f"nepsbench.search.oneshot.{space_name.removeprefix(PREFIX)}"
    if space_name.startswith(experts.PREFIX):
        return f"nepsbench.spaces.networks.experts.{space_name.removeprefix(experts.PREFIX)}"
    return _MODULES.get(space_name, f"nepsbench.spaces.networks.{space_name}")
