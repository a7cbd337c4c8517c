"""The SQL checks, one file each: a severity, a title, and a query for the rows that offend."""
