"""### Audit a benchmark

Trains a seeded sample of a benchmark's trials again, on a cluster, and compares every loss,
accuracy and rate with what the warehouse or a release says, epoch by epoch. The verdicts are kept
in the data home, and the next release carries them. The same form again trains nothing.
"""

from __future__ import annotations

from airflow.sdk import chain, dag

from nepsbench_airflow import audits, forms
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    schedule=None,
    catchup=False,
    params=forms.audit_form(),
    doc_md=__doc__,
    tags=[*TAGS, "audit"],
    default_args=DEFAULT_ARGS,
)
def audit_benchmark() -> None:
    audit = audits.draw()
    chain(audits.prepare(audit), audits.plan(audit), audits.train(audit), audits.judge(audit))


audit_benchmark()
