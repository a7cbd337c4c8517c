"""The networks of NDS's plain families: a stem and three or four stages of equal blocks.

Numbers of parameters, and FLOPs, are the published ones for small images. The stems for ImageNet
are those of pycls, and could not be compared with published numbers.
Source: Radosavovic et al. (ICCV 2019), section 3.2; facebookresearch/pycls, ``models/anynet.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nepsbench.spaces import nds
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem


class ConvBN(nn.Sequential):
    """Convolution without bias, batch normalisation, and ReLU where it is asked for."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        *,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        relu: bool = True,
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(
                c_in, c_out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
            ),
            nn.BatchNorm2d(c_out),
        ]
        super().__init__(*layers, *([nn.ReLU()] if relu else []))


class Residual(nn.Module):
    """Adds a block's input, projected where the shape changes, to its output."""

    def __init__(self, body: nn.Module, c_in: int, c_out: int, *, stride: int) -> None:
        super().__init__()
        same = c_in == c_out and stride == 1
        self.shortcut = (
            nn.Identity() if same else ConvBN(c_in, c_out, kernel=1, stride=stride, relu=False)
        )
        self.body = body
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, c_in, h, w) to (images, c_out, h / stride, w / stride)."""
        result: Tensor = self.relu(self.shortcut(x) + self.body(x))
        return result


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    family = nds.family_of(configuration)
    values = nds.space_of(family).validate(configuration)
    before = int(values["width_0"])
    layers = _stem(family, str(values["stem"]), problem.channels, before, int(values["stride_0"]))
    for stage in nds.stages_of(values):
        for block in range(int(stage["depth"])):
            stride, width = int(stage["stride"]) if block == 0 else 1, int(stage["width"])
            layers.append(_block(family, stage, before, stride))
            before = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, problem.outputs)]
    return nn.Sequential(*layers)


def _stem(family: str, stem: str, c_in: int, c_out: int, stride: int) -> list[nn.Module]:
    if stem == "cifar":
        return [ConvBN(c_in, c_out, kernel=3, stride=stride)]
    if family == "vanilla":
        return [ConvBN(c_in, c_out, kernel=3, stride=2)]
    return [ConvBN(c_in, c_out, kernel=7, stride=2), nn.MaxPool2d(3, stride=2, padding=1)]


def _block(family: str, stage: Mapping[str, float], c_in: int, stride: int) -> nn.Module:
    width, inner = int(stage["width"]), nds.bottleneck_width(stage)
    if family == "residual_bottleneck":
        body = nn.Sequential(
            ConvBN(c_in, inner, kernel=1),
            ConvBN(inner, inner, kernel=3, stride=stride, groups=int(stage["num_gs"])),
            ConvBN(inner, width, kernel=1, relu=False),
        )
    else:
        body = nn.Sequential(
            ConvBN(c_in, width, kernel=3, stride=stride),
            ConvBN(width, width, kernel=3, relu=family == "vanilla"),
        )
    return body if family == "vanilla" else Residual(body, c_in, width, stride=stride)
