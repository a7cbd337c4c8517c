"""How much of a lookup a process holds in memory: what answers come from, up to a limit."""

from __future__ import annotations

from collections.abc import Iterable

from nepsbench.release.coding import Arrays, Column
from nepsbench.release.lookup import Block

#: So many bytes of a lookup may stay in the process's memory. Once answers come from more, they are
#: read by calls of the system: slower, but a page fault brings in hundreds of kB each time.
_KEPT = 64 << 20


class Residence:
    """Counts the columns that answers are read from.

    Attributes:
        is_mapped: True as long as they may stay in memory.
    """

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        self._seen: set[tuple[int, int]] = set()
        self._bytes = 0
        self.is_mapped = True

    def note(self, block: Block, metrics: Iterable[str], position: int) -> bool:
        """Note metrics that are read from now on at the epoch with a position in the block's list.

        Returns:
            True if that was too much: what reads mapped columns is to be made anew.
        """
        for metric in metrics:
            column, base, size = _read_of(block, metric, position)
            if (id(column), base) not in self._seen:
                self._seen.add((id(column), base))
                self._bytes += size
        if not self.is_mapped or self._bytes <= _KEPT:
            return False
        self.is_mapped = False
        self.rest()
        return True

    def rest(self) -> None:
        """Give the lookup's pages back: the process stays small, the page cache keeps them."""
        if len(self._arrays) > _KEPT:
            self._arrays.give_back()


def _read_of(block: Block, metric: str, position: int) -> tuple[Column, int, int]:
    """Return a metric's column at an epoch, where the epoch begins in it, and its bytes."""
    found = block.metrics[metric]
    if found.of_trial or block.epochs is None:
        return found.columns[0], 0, found.columns[0].nbytes
    column, base = block.located(metric, position)
    return column, base, column.nbytes // (1 if len(found.columns) > 1 else len(block.epochs))
