"""Export of a space to the ConfigSpace library, for optimisers that speak it (extra: search)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nepsbench.errors import NepsbenchError
from nepsbench.spaces.parameters import Categorical
from nepsbench.spaces.space import Space

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


def to_configspace(space: Space, *, seed: int | None = None) -> ConfigurationSpace:
    """Return ``space`` as a ``ConfigSpace.ConfigurationSpace`` with the same names and bounds.

    Raises:
        NepsbenchError: If the ConfigSpace library is not installed.
    """
    try:
        import ConfigSpace as cs  # noqa: N813
    except ImportError:
        raise NepsbenchError(
            "the ConfigSpace library is not installed; run: pip install 'nepsbench[search]'"
        ) from None
    exported = cs.ConfigurationSpace(name=space.name, seed=seed)
    for parameter in space.parameters:
        if isinstance(parameter, Categorical):
            exported.add(
                cs.CategoricalHyperparameter(
                    parameter.name, parameter.choices, default_value=parameter.default
                )
            )
        else:
            exported.add(
                cs.UniformFloatHyperparameter(
                    parameter.name,
                    parameter.lower,
                    parameter.upper,
                    default_value=parameter.default,
                    log=parameter.log,
                )
            )
    return exported
