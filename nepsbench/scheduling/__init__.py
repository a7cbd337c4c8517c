"""From a profile to worker portfolios and jobs: estimates and planning."""
