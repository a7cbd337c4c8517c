"""The assets that link one stage's DAG to the next: the way of the data.

Each has a partition for each campaign, so that two campaigns that reach a stage at the same time
are two runs of the next.
"""

from __future__ import annotations

from airflow.sdk import Asset

PROFILES = Asset(name="profiles", uri="nepsbench://profiles", group="nepsbench")
CAMPAIGNS = Asset(name="initialized campaigns", uri="nepsbench://campaigns", group="nepsbench")
WAVES = Asset(name="trained waves", uri="nepsbench://waves", group="nepsbench")
TABLES = Asset(name="warehouse tables", uri="nepsbench://tables", group="nepsbench")
SURROGATES = Asset(name="surrogates", uri="nepsbench://surrogates", group="nepsbench")
RELEASES = Asset(name="releases", uri="nepsbench://releases", group="nepsbench")
