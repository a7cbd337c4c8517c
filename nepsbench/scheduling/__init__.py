"""From a profile to worker portfolios and jobs: estimates and planning."""

from nepsbench.scheduling.limits import Limits
from nepsbench.scheduling.plan import Plan, PlannedJob, plan

__all__ = ["Limits", "Plan", "PlannedJob", "plan"]
