"""What the pages say exists: links, commands, and Python that runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from nepsbench.cli.main import app
from nepsbench.release import build_release
from nepsbench.surrogate import fit
from nepsbench.surrogate.fitting import Boosting
from tests.tiny_benchmark import INFO, NAME, plain_tables

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "include/**/*.md", "benchmarks/*.md", "warehouse/*.md")
    for path in ROOT.glob(pattern)
)
# A fence may stand in a list, so it may be indented.
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", flags=re.MULTILINE | re.DOTALL)
RUN = re.compile(r"^<!-- run -->\n```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`((?:nepsbench|make) [^`]+)`")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
RUNNABLE = [page for page in PAGES if RUN.search(page.read_text())]


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _links(page: Path) -> Iterator[tuple[Path, str]]:
    """The file and the anchor of each link to another place in the repository."""
    for link in LINK.findall(BLOCK.sub("", page.read_text())):
        if "://" not in link:
            path, _, anchor = link.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text()), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _block_lines(page: Path) -> list[str]:
    blocks = (body for _, language, body in BLOCK.findall(page.read_text()) if not language)
    return [line.strip() for body in blocks for line in body.splitlines()]


def _commands(lines: list[str], program: str) -> list[list[str]]:
    """The arguments of every line that calls ``program``."""
    return [shlex.split(x, comments=True)[1:] for x in lines if x.startswith(f"{program} ")]


def _resolve(words: list[str]) -> tuple[object, list[str]]:
    """The command that ``nepsbench <words>`` calls, and what is left of the words."""
    command, left = get_command(app), list(words)
    while left and not left[0].startswith("-") and hasattr(command, "commands"):
        assert left[0] in command.commands, f"there is no command: nepsbench {' '.join(words)}"
        command = command.commands[left.pop(0)]
    return command, left


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target, anchor in _links(page):
        assert target.exists(), f"{_name(page)}: {target} is not there"
        if anchor:
            assert anchor in _anchors(target), f"{_name(page)}: {target} has no #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_nepsbench_command_in_a_block_can_be_parsed(page: Path) -> None:
    for words in _commands(_block_lines(page), "nepsbench"):
        command, left = _resolve(words)
        assert not hasattr(command, "commands"), f"nepsbench {words} is no whole command"
        command.make_context("nepsbench", left)  # a usage error is raised here


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_in_the_text_exists(page: Path) -> None:
    text = INLINE.findall(BLOCK.sub("", page.read_text()))
    for words in _commands(text, "nepsbench"):
        command, left = _resolve(words)
        known = {
            option for param in command.params for option in (*param.opts, *param.secondary_opts)
        } | {"--help"}
        asked = {word for word in left if word.startswith("-")}
        assert asked <= known, f"{_name(page)}: nepsbench {words}: no option {asked - known}"
    for words in _commands([*text, *_block_lines(page)], "make"):
        asked = {word for word in words if "=" not in word}
        assert asked <= TARGETS, f"{_name(page)}: there is no make {asked - TARGETS}"


def test_the_readme_names_every_command_and_every_target() -> None:
    text = (ROOT / "README.md").read_text()
    for target in TARGETS - {"help"}:
        assert f"`make {target}`" in text, f"the README lacks make {target}"
    for name, command in get_command(app).commands.items():
        row = next((r for r in text.splitlines() if r.startswith(f"| `nepsbench {name}")), None)
        assert row is not None, f"the README lacks nepsbench {name}"
        for sub in getattr(command, "commands", {}).values():
            assert sub.hidden or re.search(rf"\b{sub.name}`", row), f"{row} lacks {sub.name}"


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    listed = {target for target, _ in _links(index)}
    assert set((ROOT / "docs").rglob("*.md")) - {index} <= listed


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data home with a small benchmark under the demo's name."""
    home = tmp_path_factory.mktemp("docs")
    trials, epochs = plain_tables(12, epochs=12)
    build_release(
        name=NAME,
        version="1.0.0",
        benchmark_info=INFO,
        trials=trials,
        epochs=epochs,
        surrogate=fit(trials, epochs, space="nepsbench101", boosting=Boosting(iterations=20)),
        card=None,
        target=home / "releases",
    )
    return home


def test_there_are_pages_with_python_to_run() -> None:
    assert [_name(page) for page in RUNNABLE] == ["README.md", "docs/researcher.md"]


@pytest.mark.parametrize("page", RUNNABLE, ids=_name)
def test_the_python_of_a_page_runs_from_top_to_bottom(
    page: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEPSBENCH_HOME", str(home))
    monkeypatch.setenv("NEPSBENCH_CACHE", str(home / "cache"))
    names: dict[str, object] = {}
    for block in RUN.findall(page.read_text()):
        exec(compile(block, _name(page), "exec"), names)
        printed = capsys.readouterr().out
        assert ("print(" in block) == bool(printed), f"{_name(page)} printed nothing:\n{block}"
