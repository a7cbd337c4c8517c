"""The DAG of imports runs as Airflow runs it, with a database of its own and no server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]
RUN = """
import json, sys
sys.path[:0] = ["dags", "plugins"]
import import_benchmark
made = import_benchmark.import_benchmark()
made.fileloc = "dags/import_benchmark.py"
run = made.test(run_conf=json.loads(sys.argv[1]))
states = {f"{ti.task_id}[{ti.map_index}]": str(ti.state) for ti in run.get_task_instances()}
print("STATES", json.dumps({"run": str(run.state), "tasks": states}))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An Airflow home with a migrated database."""
    folder = tmp_path_factory.mktemp("airflow")
    environment = os.environ | {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
            [
                {
                    "name": "dags-folder",
                    "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                    "kwargs": {"path": str(ROOT / "dags")},
                }
            ]
        ),
        "NEPSBENCH_HOME": str(folder / "home"),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
    }
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=environment, check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    return environment


def run(environment, **form):
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(form)],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    [line] = [line for line in done.stdout.splitlines() if line.startswith("STATES ")] or [None]
    assert line is not None, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(line.removeprefix("STATES ")), done.stdout + done.stderr


def test_a_form_becomes_an_import_and_its_releases(environment, tmp_path):
    path = tmp_path / "nas-bench-macro_cifar10.json"
    path.write_text(json.dumps({"01201201": {"test_acc": [8, 9], "params": 10, "flops": 20}}))
    form = {"kind": "table", "path": str(path), "mapping": "nasbench_macro", "release": "1.0.0"}

    states, _ = run(environment, **form)

    assert states == {
        "run": "success",
        "tasks": {
            "check[-1]": "success", "import_table[-1]": "success", "build_release[0]": "success",
        },
    }  # fmt: skip
    release = Path(environment["NEPSBENCH_HOME"]) / "releases/nasbench_macro-cifar10/1.0.0"
    assert (release / "manifest.json").is_file()


def test_a_table_that_is_not_there_fails_for_good_in_one_line(environment, tmp_path):
    states, log = run(environment, kind="nds", path=str(tmp_path / "absent"))

    assert states["run"] == "failed"
    assert states["tasks"]["check[-1]"] == "failed"
    assert "no sweep of NDS; give a folder of them or one" in log
