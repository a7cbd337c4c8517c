"""The tutorials run as they stand, the picture of the rooms is true, and the site is made."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
#: In the order in which they build on each other.
TUTORIALS = ("benchmark-maker", "researcher", "analyst", "reviewer")

sys.path.insert(0, str(ROOT / "docs"))
import rooms_diagram  # noqa: E402


def test_these_are_all_tutorials() -> None:
    pages = {page.stem for page in (ROOT / "docs" / "tutorials").glob("*.md")}
    assert pages == {*TUTORIALS}


@pytest.mark.whole
def test_every_line_of_the_tutorials_runs(tmp_path: Path) -> None:
    """One after another, since the first makes the release that the others ask."""
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters" / "local.yaml").write_text(
        (ROOT / "include" / "clusters" / "local.yaml").read_text()
    )
    environment = {
        **os.environ,
        "NEPSBENCH_HOME": str(tmp_path / "home"),
        "NEPSBENCH_CACHE": str(tmp_path / "cache"),
        "NEPSBENCH_CLUSTERS": str(tmp_path / "clusters"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    for name in TUTORIALS:
        blocks = BLOCK.findall((ROOT / "docs" / "tutorials" / f"{name}.md").read_text())
        assert len(blocks) >= 3
        python = "\n".join(text for kind, text in blocks if kind == "python")
        for command in (
            *(["bash", "-euo", "pipefail", "-c", text] for kind, text in blocks if kind == "bash"),
            [sys.executable, "-c", python],
        ):
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{name}: {command[-1]}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "card.html").exists()
    assert (tmp_path / "metrics.csv").read_text().startswith('"name"')


def test_the_picture_of_the_rooms_is_drawn_from_the_imports() -> None:
    text = rooms_diagram.drawn(rooms_diagram.imports_of_rooms())
    assert (ROOT / "docs" / "pictures" / "rooms.svg").read_text() == text


def test_a_line_that_a_longer_way_says_is_left_out() -> None:
    imports = {"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset()}
    assert rooms_diagram.levels_of(imports) == {"a": 2, "b": 1, "c": 0}
    assert rooms_diagram.drawn(imports).count("<line") == 2


@pytest.mark.whole
def test_the_site_is_made_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "docs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for page in ("index", "tutorials/researcher", "howto/operate", "reference", "explanation"):
        assert (tmp_path / f"{page}.html").exists()
    reference = (tmp_path / "reference.html").read_text()
    assert "nepsbench.load" in reference
    assert 'src="http' not in (tmp_path / "index.html").read_text()
