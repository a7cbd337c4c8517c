"""MLflow: one run a trial, written when results are collected."""
