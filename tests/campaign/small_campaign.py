"""A campaign of four trials and two waves, and the cluster of local processes that runs it."""

import sys

import yaml

from nepsbench.campaign.form import parse_campaign
from nepsbench.cluster import ClusterFile, open_cluster
from nepsbench.warehouse import open_warehouse

CAMPAIGN = parse_campaign({"streams": 2, "samples": 2, "waves": "1,2"})


def cluster_file(root, *, name="here", **limits):
    return ClusterFile(
        name=name,
        kind="local",
        root=str(root),
        python=sys.executable,
        limits={"cpus_per_node": 2, "max_jobs": 1, **limits},
        poll_interval=0.2,
    )


def cluster_at(root, **limits):
    return open_cluster(cluster_file(root, **limits))


def write_cluster(folder, root, *, name="local"):
    """Write a cluster's file into the folder that ``NEPSBENCH_CLUSTERS`` is to name."""
    folder.mkdir(parents=True, exist_ok=True)
    content = cluster_file(root, name=name).model_dump(mode="json", exclude_none=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))


def count(home, table):
    with open_warehouse(home).connect() as connection:
        return connection.sql(f"select count(*) from {table}").fetchall()[0][0]
