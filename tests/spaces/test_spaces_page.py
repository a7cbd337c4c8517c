"""The page about spaces says what is so: its Python runs, and its table is complete."""

import re
from pathlib import Path

from nepsbench.spaces import FiniteSpace, get_space, space_names

PAGE = (Path(__file__).parents[2] / "docs" / "spaces.md").read_text()


def test_the_python_on_the_page_runs(capsys):
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 5
    exec("\n".join(blocks), {})  # as a reader runs it: top to bottom
    printed = capsys.readouterr().out
    assert "15625 {'edge_0_1': 'avg_pool_3x3'" in printed
    assert "423624" in printed


def test_every_space_is_on_the_page_with_its_size():
    for name in space_names():
        space = get_space(name)
        size = f"{space.size:,}" if isinstance(space, FiniteSpace) else "real-valued"
        assert re.search(rf"^\|.*`{name}`.*\| {size} \|", PAGE, flags=re.MULTILINE), name
