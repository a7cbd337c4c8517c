"""What all DAGs have in common."""

from __future__ import annotations

from datetime import timedelta

#: Waves that a campaign can have; a test compares it with ``nepsbench.campaign.form.MAX_WAVES``.
WAVE_SLOTS = 5

TAGS = ("nepsbench",)

DEFAULT_ARGS = {
    "owner": "nepsbench",
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=30),
}
