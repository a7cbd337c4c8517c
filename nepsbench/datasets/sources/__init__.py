"""Readers of published datasets, one a module: each returns the three splits."""
