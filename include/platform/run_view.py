"""Shows a DAG run while it runs: a live table on a terminal, a line a change elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from include.platform.airflow_api import TaskState

#: Says how far the training is, in a few words; empty if there is nothing to say.
Progress = Callable[[], str]

MARKS = {
    "success": "[green]done[/]",
    "running": "[yellow]running[/]",
    "deferred": "[yellow]on the cluster[/]",
    "failed": "[red]failed[/]",
    "upstream_failed": "[red]not reached[/]",
    "up_for_retry": "[red]to be retried[/]",
    "skipped": "[dim]not needed[/]",
}
#: Seconds between two lines of progress away from a terminal.
QUIET = 15.0
FINAL = ("success", "failed", "skipped", "upstream_failed", "removed")


class RunView:
    """Draws the tasks of one run, again and again; a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._begun = time.monotonic()
        self._seen: dict[str, str] = {}
        self._said = ""
        self._said_at = -math.inf

    def __enter__(self) -> RunView:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, tasks: list[TaskState], progress: str) -> None:
        """Draw the tasks, and ``progress`` with them."""
        if self._live:
            self._live.update(self._table(tasks, progress), refresh=True)
        else:
            self._lines(tasks, progress)

    def _table(self, tasks: list[TaskState], progress: str) -> Table:
        table = Table(box=None, pad_edge=False, title_justify="left", caption_justify="left")
        for heading in ("stage", "state", "time"):
            table.add_column(heading)
        for task in tasks:
            if task.state != "skipped":
                mark = MARKS.get(task.state or "", f"[dim]{task.state or 'waits'}[/]")
                table.add_row(task.label, mark, _seconds(task.duration))
        elapsed = time.monotonic() - self._begun
        table.caption = " · ".join(filter(None, (f"{elapsed:.0f} s", progress)))
        return table

    def _lines(self, tasks: list[TaskState], progress: str) -> None:
        elapsed = f"{time.monotonic() - self._begun:5.0f} s"
        for task in tasks:
            state = task.state or ""
            before = self._seen.get(task.label)
            self._seen[task.label] = state
            if state != before and state in MARKS and state != "skipped":
                took = f" in {_seconds(task.duration)}" if state in FINAL else ""
                self._console.print(f"{elapsed}  {task.label}: {MARKS[state]}{took}")
        due = time.monotonic() - self._said_at >= QUIET
        if progress and progress != self._said and due:
            self._said, self._said_at = progress, time.monotonic()
            self._console.print(f"{elapsed}  {progress}")


def _seconds(duration: float | None) -> str:
    return "" if duration is None else f"{duration:.1f} s"
