import subprocess

import pytest

from benchmarks.bench_planning import scan_greedily
from benchmarks.figure import Figure, measure
from benchmarks.results import record, row

REPORTS = "import json; print('noise'); print(json.dumps({'seconds': 0.25, 'quality': 1.5}))"


def test_a_command_that_reports_its_own_seconds_is_believed():
    result = measure(Figure("own", "Own seconds", ("-c", REPORTS), target=1.0))
    assert result.seconds == (0.25, 0.25, 0.25)
    assert result.reported == {"quality": 1.5}
    assert result.is_met


def test_a_whole_process_is_timed_and_weighed():
    hungry = "import time; data = bytearray(80_000_000); time.sleep(0.05)"
    result = measure(Figure("whole", "Whole process", ("-c", hungry), runs=1))
    assert 0.05 < result.median < 10
    assert 80_000_000 / 2**20 < result.memory_mb < 80_000_000 / 2**20 + 30


@pytest.mark.parametrize(("target", "bounds"), [(0.1, {}), (None, {"quality": 1.01})])
def test_a_missed_target_is_told(target, bounds):
    figure = Figure("slow", "Slow", ("-c", REPORTS), target=target, bounds=bounds, runs=1)
    result = measure(figure)
    assert not result.is_met
    assert "**missed**" in row(result)
    assert "python -m benchmarks slow" in row(result)


def test_a_command_that_fails_is_no_figure():
    with pytest.raises(subprocess.CalledProcessError):
        measure(Figure("broken", "Broken", ("-c", "raise SystemExit(3)")))


def test_the_reference_is_the_longest_first_greedy():
    assert sorted(scan_greedily([2.0, 3.0, 4.0, 5.0], 2)) == [7.0, 7.0]


def test_a_figure_replaces_its_own_row_and_leaves_the_others(tmp_path):
    page, names = tmp_path / "RESULTS.md", ["first", "second"]
    for name, title in (("second", "Two"), ("first", "One"), ("second", "Two again")):
        command = ("-c", 'print(\'{"seconds": 1, "by": {"ours": 2.5, "how": "x"}}\')')
        record(page, names, measure(Figure(name, title, command, runs=1)))
    rows = [line for line in page.read_text().splitlines() if line.endswith("` |")]
    assert [row.split(" | ")[0] for row in rows] == ["| One", "| Two again"]
    assert "by ours: 2.5; how: x" in rows[0]
