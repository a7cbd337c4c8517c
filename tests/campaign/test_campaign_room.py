"""The guard of the disks, asked before jobs are sent."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from small_campaign import CAMPAIGN, cluster_at

from nepsbench.campaign import room, wave
from nepsbench.campaign.folder import RemoteFolder
from nepsbench.errors import StorageError

pytestmark = pytest.mark.whole
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def planned(whole: Path):
    with cluster_at(whole / "cluster") as cluster:
        remote = RemoteFolder(cluster.path(), CAMPAIGN.name)
        yield wave.current_plan(CAMPAIGN, 2, whole), remote, whole, cluster


def test_a_wave_with_room_goes_on(planned) -> None:
    room.require_room(*planned)


def test_a_full_disk_here_is_told_before_anything_is_sent(planned, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 9, 10**6))
    with pytest.raises(StorageError, match=r"wave 2 of .*: needs about 500 MB in .*, where 1 MB"):
        room.require_room(*planned)


def test_what_is_measured_on_the_cluster_is_what_lies_there(planned) -> None:
    _, remote, home, cluster = planned
    free, used, files = room._measured(remote, cluster)
    folder = Path(remote.path) / "checkpoints"
    assert files == sum(path.is_file() for path in folder.rglob("*")) > 0
    assert used >= sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert free == pytest.approx(shutil.disk_usage(home).free, rel=0.1)


def test_a_cluster_without_room_for_checkpoints_is_told(planned, monkeypatch) -> None:
    monkeypatch.setattr(room, "_measured", lambda *_: (10**9, 4 * 10**9, 4))
    with pytest.raises(StorageError, match=r"needs about 8,500 MB below .* on the cluster"):
        room.require_room(*planned)


def test_the_guard_stands_before_the_jobs_of_a_wave(planned, monkeypatch) -> None:
    plan, _, home, cluster = planned
    (plan.path / "settled").unlink()
    monkeypatch.setattr(room, "MARGIN", 10**18)
    with pytest.raises(StorageError, match="free space there"):
        wave.wave_jobs(CAMPAIGN, plan, home, cluster)
