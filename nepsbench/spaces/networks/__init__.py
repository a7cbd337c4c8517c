"""The network half of the spaces; the only modules of ``spaces`` that import torch."""
