"""The Parquet tables and their DuckDB views: ingest, checks, releases."""
