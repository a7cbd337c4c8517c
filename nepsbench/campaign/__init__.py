"""The stages of a regeneration, one function for each Airflow task."""
