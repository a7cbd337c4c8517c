"""The network half of the spaces; the only modules of ``spaces`` that import torch."""

from nepsbench.spaces.networks.registry import build_network
from nepsbench.spaces.networks.size import count_flops, count_params
from nepsbench.spaces.problem import Problem

__all__ = ["Problem", "build_network", "count_flops", "count_params"]
