"""The Parquet tables and their DuckDB views: ingest, checks, collect."""

from nepsbench.warehouse.merge import IngestReport
from nepsbench.warehouse.store import Warehouse, open_warehouse

__all__ = ["IngestReport", "Warehouse", "open_warehouse"]
