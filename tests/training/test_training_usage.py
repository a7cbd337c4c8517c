"""What an epoch costs beside time: memory, and energy by a made-up tree of counters."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.training.energy import Zone, find_zones, joules_between, read_counters
from nepsbench.training.usage import UsageMeter

SPAN = 262_143_328_850  # of a real package: 2^32 - 1 units of 61 microjoules


def make_zone(root, zone, name, counter=0, *, span=SPAN, watts=None):
    """Write a power zone as the kernel shows it."""
    folder = root / zone
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{span}\n")
    (folder / "energy_uj").write_text(f"{counter}\n")
    for number, each in enumerate(watts or ()):
        (folder / f"constraint_{number}_power_limit_uw").write_text(f"{each * 1_000_000}\n")
    return folder


@pytest.fixture
def node(tmp_path):
    """Two packages, memory, and what counts the same energy again."""
    make_zone(tmp_path, "intel-rapl:0", "package-0", SPAN - 1_000_000, watts=(125, 253))
    make_zone(tmp_path, "intel-rapl:0:0", "core")
    make_zone(tmp_path, "intel-rapl:0:1", "dram", span=65_712_999_613)
    make_zone(tmp_path, "intel-rapl:1", "package-1", 500)
    make_zone(tmp_path, "intel-rapl:2", "psys")
    make_zone(tmp_path, "intel-rapl-mmio:0", "package-0")
    (tmp_path / "intel-rapl").mkdir()
    return tmp_path


def count(node, zone, microjoules):
    file = node / zone / "energy_uj"
    span = int((node / zone / "max_energy_range_uj").read_text())
    file.write_text(f"{(int(file.read_text()) + microjoules) % span}\n")


def test_packages_and_memory_are_added_up_and_nothing_twice(node):
    assert [zone.path.name for zone in find_zones(node)] == [
        "intel-rapl:0", "intel-rapl:0:1", "intel-rapl:1",
    ]  # fmt: skip
    meter = UsageMeter(node)
    for zone in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:2", "intel-rapl-mmio:0"):
        count(node, zone, 5_000_000)  # the first begins again from 0
    count(node, "intel-rapl:0:1", 250_000)
    assert meter.read()["energy"] == pytest.approx(5.25)
    count(node, "intel-rapl:1", 1_000_000)
    assert meter.read()["energy"] == pytest.approx(1.0)


def test_a_node_that_tells_no_energy_leaves_it_out(tmp_path, node):
    assert "energy" not in UsageMeter(tmp_path / "nothing").read()
    meter = UsageMeter(node)
    (node / "intel-rapl:1" / "energy_uj").unlink()
    assert "energy" not in meter.read()


def test_a_span_in_which_a_counter_could_begin_again_twice_tells_nothing(node):
    zones = find_zones(node)
    before = read_counters(zones)
    assert [zone.watts for zone in zones] == [253.0, 1000.0, 1000.0]
    assert joules_between(zones, before, before, seconds=60) == 0
    assert joules_between(zones, before, before, seconds=66) is None  # of the memory's counter


@given(start=st.integers(0, SPAN - 1), spent=st.integers(0, SPAN - 1))
def test_energy_is_what_was_spent_wherever_the_counter_began(tmp_path_factory, start, spent):
    zone = Zone(tmp_path_factory.getbasetemp(), SPAN, watts=100.0)
    after = {zone.path: (start + spent) % SPAN}
    assert joules_between([zone], {zone.path: start}, after, 1.0) == pytest.approx(spent * 1e-6)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_the_peak_of_memory_is_that_since_the_last_reading():
    meter = UsageMeter()
    with mmap.mmap(-1, 100_000_000) as held:  # the allocator may keep what a tensor gives back
        held.write(b"1" * len(held))
    high = meter.read()
    low = meter.read()
    assert high["peak_memory"] >= high["memory_ram"]
    assert high["peak_memory"] - low["peak_memory"] > 60
