"""Runs Airflow and MLflow on this machine for one user: start, watch, stop, and the demo."""
