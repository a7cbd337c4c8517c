import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/dags.json"

STRUCTURE = """
import importlib, json, sys
from airflow.sdk import DAG
sys.path[:0] = ["dags", "plugins"]
from pathlib import Path
found, plain = {}, []
for path in sorted(Path("dags").glob("*.py")):
    module = importlib.import_module(path.stem)
    dag = getattr(module, path.stem)()
    found[dag.dag_id] = {
        "tasks": {t.task_id: sorted(t.downstream_task_ids) for t in dag.tasks},
        "outlets": {t.task_id: [a.name for a in t.outlets] for t in dag.tasks if t.outlets},
        "trigger_rules": {t.task_id: str(t.trigger_rule) for t in dag.tasks},
        "params": sorted(dag.params),
        "tags": sorted(dag.tags),
        "owner": dag.owner,
        "retries": sorted({t.retries for t in dag.tasks}),
        "documented": len(dag.doc_md) > 40,
    }
    plain += [t.task_id for t in dag.tasks if t.operator_name != "ClusterJobsOperator"
              and not t.doc_md]
heavy = ["torch", "pandas", "mlflow", "duckdb", "pyarrow", "catboost", "nepsbench"]
loaded = [m for m in heavy if m in sys.modules]
json.dump({"dags": found, "loaded": loaded, "plain": plain}, sys.stdout)
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    done = subprocess.run(
        [sys.executable, "-c", STRUCTURE],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index('{"dags"') :])


def test_parsing_the_dags_loads_nothing_heavy(parsed):
    assert parsed["loaded"] == []


def test_the_dags_are_those_that_were_agreed_on(parsed):
    assert parsed["dags"] == json.loads(GOLDEN.read_text())


def test_every_dag_is_documented_owned_and_retried(parsed):
    for dag_id, dag in parsed["dags"].items():
        assert dag["documented"], dag_id
        assert dag["owner"] == "nepsbench"
        assert dag["retries"] == [2]
    assert parsed["plain"] == [], "tasks without a docstring"


def test_dag_files_are_wiring_only():
    for path in (ROOT / "dags").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 80, path
