"""The assets that link one stage's DAG to the next: the way of the data."""

from __future__ import annotations

from airflow.sdk import Asset

PROFILES = Asset(name="profiles", uri="nepsbench://profiles", group="nepsbench")
CAMPAIGNS = Asset(name="initialized campaigns", uri="nepsbench://campaigns", group="nepsbench")
WAVES = Asset(name="trained waves", uri="nepsbench://waves", group="nepsbench")
TABLES = Asset(name="warehouse tables", uri="nepsbench://tables", group="nepsbench")
SURROGATES = Asset(name="surrogates", uri="nepsbench://surrogates", group="nepsbench")
RELEASES = Asset(name="releases", uri="nepsbench://releases", group="nepsbench")
