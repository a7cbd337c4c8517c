"""A whole audit from one process, without Airflow: the stages of the DAG ``audit_benchmark``."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from pathlib import Path

from nepsbench.audit.environment import accept_environment, environment_job
from nepsbench.audit.form import AuditForm
from nepsbench.audit.judging import judge
from nepsbench.audit.record import AuditRecord
from nepsbench.audit.retraining import audit_jobs, fetch_audit, is_trained, plan_audit
from nepsbench.audit.sample import draw_sample
from nepsbench.campaign.run import run_jobs
from nepsbench.cluster import Cluster

Say = Callable[[str], None]


def run_audit(
    form: AuditForm, home: Path, cluster: Cluster, *, by: str | None = None, say: Say = print
) -> AuditRecord:
    """Draw the sample, train it again and compare; what was trained again before is only compared.

    Args:
        form: What to audit.
        home: The data home.
        cluster: Where to train again.
        by: Who asks; this user on this machine by default.
        say: Is told how it goes on, a line each.

    Raises:
        NepsbenchError: If a stage failed; calling again goes on from there.
    """
    audit = draw_sample(form, home)
    drawn = f"{audit.sample.num_rows} of {audit.about['population']} trials"
    say(f"{audit.id}: {drawn} of {audit.about['benchmark']} ({audit.about['source']})")
    if is_trained(audit):
        say("they were trained again before; another seed draws others")
    else:
        run_jobs(cluster, [environment_job(audit, cluster)], home)
        found = accept_environment(audit, cluster)
        say(f"trains on {found['host']}, dataset {found['dataset']} {found['dataset_version']}")
        for warning in plan_audit(audit, cluster.file):
            say(f"warning: {warning}")
        run_jobs(cluster, audit_jobs(audit, cluster), home)
        fetch_audit(audit, cluster)
    return judge(audit, by=by or _this_user())


def _this_user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"user {os.getuid()}"  # a container's user may have no name
    return f"{name} on {os.uname().nodename}"
