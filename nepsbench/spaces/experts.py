"""Spaces of the experts: for each task of NAS-Bench-360 the architecture of its own field.

The defaults are the published sizes; smaller ones are for small machines. Source: Tu et al.,
NAS-Bench-360 (NeurIPS 2022), which names the architectures; each network's module names its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from nepsbench.spaces.parameters import Categorical, Float, Scalar
from nepsbench.spaces.space import Space

#: What names of these spaces begin with; behind it stands the architecture's.
PREFIX = "expert_"

#: The expert of each task, by dataset.
EXPERTS = {
    "cifar100": "expert_densenet_bc",
    "spherical_cifar100": "expert_s2cnn",
    "darcy_flow": "expert_fno",
    "psicov": "expert_deepcon",
    "cosmic": "expert_deepcr",
    "ninapro_db5": "expert_emg_attention",
    "fsd50k": "expert_vgg",
    "ecg": "expert_resnet1d",
    "satellite": "expert_rocket",
    "deepsea": "expert_deepsea",
}


#: Parameters that make an architecture, its name among them; Dropout is of its training.
ARCHITECTURE = ("Network", "Growth", "Depth", "Modes", "Width", "Kernels")


def _expert(name: str, *sizes: Categorical | Float) -> Space:
    return Space(
        name=PREFIX + name,
        version=1,
        parameters=(Categorical("Network", (name,), name), *sizes),
        fidelities=tuple(size.name for size in sizes if size.name in ARCHITECTURE),
    )


def _share() -> Categorical:
    """Return the parameter that multiplies all published widths."""
    return Categorical("Width", (0.125, 0.25, 0.5, 1.0), 1.0)


DENSENET_BC = _expert(
    "densenet_bc",
    Categorical("Growth", (4, 8, 12, 24, 40), 40),
    Categorical("Depth", (10, 16, 22, 40, 100, 190, 250), 190),
)
S2CNN = _expert("s2cnn", Categorical("Width", (5, 10, 20), 20))
FNO = _expert("fno", Categorical("Modes", (4, 8, 12), 12), Categorical("Width", (8, 16, 32), 32))
DEEPCON = _expert(
    "deepcon",
    Categorical("Width", (4, 8, 16, 32, 64), 64),
    Categorical("Depth", (1, 2, 4, 8, 16, 32, 64, 128), 128),
    Float("Dropout", 0.0, 0.5, 0.3),
)
DEEPCR = _expert("deepcr", Categorical("Width", (4, 8, 16, 32), 32))
EMG_ATTENTION = _expert("emg_attention", _share(), Float("Dropout", 0.0, 0.5, 0.36))
VGG = _expert("vgg", _share())
RESNET1D = _expert(
    "resnet1d",
    _share(),
    Categorical("Depth", (4, 8, 16, 24, 48), 48),
    Float("Dropout", 0.0, 0.5, 0.5),
)
ROCKET = _expert("rocket", Categorical("Kernels", (100, 500, 1000, 5000, 10000), 10000))
DEEPSEA = _expert("deepsea", _share())


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of an architecture."""
    return "expert:" + ",".join(
        str(configuration[name]) for name in ARCHITECTURE if name in configuration
    )
