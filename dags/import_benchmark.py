"""### Import a published benchmark

Reads a table that others published into the warehouse, whole or not at all, and builds a release of
every benchmark that it fills, if a version is given. The same files again change nothing. The path
is one that the worker sees.
"""

from __future__ import annotations

from airflow.sdk import chain, dag

from nepsbench_airflow import forms, imports
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    schedule=None,
    catchup=False,
    params=forms.import_form(),
    doc_md=__doc__,
    tags=[*TAGS, "import"],
    default_args=DEFAULT_ARGS,
)
def import_benchmark() -> None:
    imported = imports.import_table()
    chain(imports.check(), imported)
    imports.build_release.expand(benchmark=imported)


import_benchmark()
