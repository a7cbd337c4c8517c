"""Search spaces by name. A space is imported when it is asked for, never before."""

from __future__ import annotations

from importlib import import_module

from nepsbench.errors import SpecError
from nepsbench.spaces.finite import FiniteSpace
from nepsbench.spaces.parameters import Categorical, Float, LogFloat, Parameter, Scalar
from nepsbench.spaces.space import Configuration, Space

__all__ = [
    "Categorical",
    "Configuration",
    "FiniteSpace",
    "Float",
    "LogFloat",
    "Parameter",
    "Scalar",
    "Space",
    "get_space",
    "module_name",
    "space_names",
]

#: Module and name of each space.
_SPACES = {
    "nepsbench101": ("nepsbench101", "SPACE"),
    "nasbench101": ("nasbench101", "SPACE"),
    "nasbench201": ("nasbench201", "SPACE"),
    "nats_size": ("nats_size", "SPACE"),
    "nashpobench2": ("nashpobench2", "SPACE"),
    "nasbench360_backbone": ("nasbench360_backbone", "SPACE"),
    "nds_nas_cell": ("nds", "NAS_CELL"),
    "nds_residual_bottleneck": ("nds", "RESIDUAL_BOTTLENECK"),
    "nds_residual_basic": ("nds", "RESIDUAL_BASIC"),
    "nds_vanilla": ("nds", "VANILLA"),
    "darts": ("darts", "SPACE"),
    "densenas": ("densenas", "SPACE"),
    "autodeeplab": ("autodeeplab", "SPACE"),
    "amber": ("amber", "SPACE"),
    "perceiver_io": ("perceiver_io", "SPACE"),
    "xgboost": ("xgboost", "SPACE"),
    "expert_densenet_bc": ("experts", "DENSENET_BC"),
    "expert_s2cnn": ("experts", "S2CNN"),
    "expert_fno": ("experts", "FNO"),
    "expert_deepcon": ("experts", "DEEPCON"),
    "expert_deepcr": ("experts", "DEEPCR"),
    "expert_emg_attention": ("experts", "EMG_ATTENTION"),
    "expert_vgg": ("experts", "VGG"),
    "expert_resnet1d": ("experts", "RESNET1D"),
    "expert_rocket": ("experts", "ROCKET"),
    "expert_deepsea": ("experts", "DEEPSEA"),
    "oneshot_nasbench201": ("oneshot", "NASBENCH201"),
    "oneshot_darts": ("oneshot", "DARTS"),
    "oneshot_densenas": ("oneshot", "DENSENAS"),
    "oneshot_autodeeplab": ("oneshot", "AUTODEEPLAB"),
    "oneshot_amber": ("oneshot", "AMBER"),
}


def space_names() -> tuple[str, ...]:
    """Return the names of all spaces."""
    return tuple(_SPACES)


def module_name(space: Space) -> str | None:
    """Return the module of a space; None if it is none of nepsbench's own."""
    if space.name not in _SPACES:
        return None
    return f"nepsbench.spaces.{_SPACES[space.name][0]}"


def get_space(name: str) -> Space:
    """Return the space called ``name``.

    Raises:
        SpecError: If there is no such space.
    """
    if name not in _SPACES:
        raise SpecError(f"unknown space {name!r}; there are: {', '.join(_SPACES)}")
    module, attribute = _SPACES[name]
    space: Space = getattr(import_module(f"nepsbench.spaces.{module}"), attribute)
    return space
