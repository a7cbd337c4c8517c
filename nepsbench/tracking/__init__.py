"""MLflow: one run a trial, written when results are collected; surrogates in its registry."""

from nepsbench.tracking.surrogates import log_surrogate
from nepsbench.tracking.waves import log_wave

__all__ = ["log_surrogate", "log_wave"]
