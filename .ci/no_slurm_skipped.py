"""Fail if the test report holds no test that uses a real SLURM, or one that was skipped."""

from __future__ import annotations

import sys
from xml.etree import ElementTree


def main() -> int:
    """Read the JUnit file of the first argument; return the exit code."""
    ran, skipped = 0, []
    for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        reason = case.find("skipped")
        if ".integration.test_slurm_" not in name and ".faults." not in name:
            continue
        if reason is None:
            ran += 1
        else:
            skipped.append(f"{name}: {reason.get('message')}")
    for line in skipped:
        print(f"error: skipped: {line}", file=sys.stderr)
    if not ran:
        print("error: no test of SLURM ran", file=sys.stderr)
    print(f"{ran} tests of SLURM ran, {len(skipped)} were skipped")
    return 1 if skipped or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
