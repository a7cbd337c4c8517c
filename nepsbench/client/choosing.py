"""Which trials of a configuration answer: all complete ones, those of a seed, or of a drawn one."""

from __future__ import annotations

from collections.abc import Sequence

from nepsbench.client.answering import COMPLETE
from nepsbench.client.places import Places, as_number
from nepsbench.errors import NepsbenchError, NotInTableError
from nepsbench.release.lookup import Block

_MASK = (1 << 64) - 1
#: What SplitMix64 counts by.
_GAMMA = 0x9E3779B97F4A7C15


class Chooser:
    """Chooses trials of a table.

    Args:
        name: Of the table, for errors.
        places: Its configurations.
    """

    def __init__(self, name: str, places: Places) -> None:
        self._name, self._places = name, places
        self._keys = places.lookup.keys

    def trials(
        self, block: Block, place: int, seed: int | None = None, draw: int | None = None
    ) -> Sequence[int]:
        """Return the trials that answer for a configuration, ascending.

        Raises:
            NotInTableError: If it has none, or none of the seed.
        """
        trials: Sequence[int] = block.trials_of(place)
        if not trials:
            raise NotInTableError(
                f"configuration {self._places.number(place)} was not trained with horizon "
                f"{block.horizon} in {self._name}"
            )
        if seed is not None:
            trials = self._of_seed(block, place, trials, seed)
        if not block.all_complete:
            status = block.statuses.at
            trials = [trial for trial in trials if status(trial) == COMPLETE] or trials
        if draw is None or len(trials) == 1:
            return trials
        return self._drawn(block, place, trials, draw)

    def _of_seed(self, block: Block, place: int, trials: Sequence[int], seed: int) -> Sequence[int]:
        seed_of = block.seeds.at
        chosen = [trial for trial in trials if seed_of(trial) == seed]
        if chosen:
            return chosen
        seeds = sorted({seed_of(trial) for trial in trials})
        raise NotInTableError(
            f"configuration {self._places.number(place)} was not trained with seed {seed}; "
            f"its seeds are {', '.join(map(str, seeds))}"
        )

    def _drawn(self, block: Block, place: int, trials: Sequence[int], draw: int) -> Sequence[int]:
        """Return the trials of one seed; the same draw and configuration give the same one."""
        seed_of = block.seeds.at
        of_each = [seed_of(trial) for trial in trials]
        seeds = sorted(set(of_each))
        # What names a configuration in every release: its number, or its key.
        identity = self._places.number(place) if self._keys is None else self._keys[place]
        if (number := as_number(draw)) is None:
            raise NepsbenchError(f"draw={draw!r} chooses no seed; give a whole number")
        # From the word of the draw's own stream that its horizon counts to.
        word = mixed(mixed(number + block.horizon * _GAMMA) ^ identity)
        seed = seeds[word * len(seeds) >> 64]
        return [trial for trial, own in zip(trials, of_each, strict=True) if own == seed]


def mixed(word: int) -> int:
    """Return a 64-bit word whose bits all depend on all bits of another; no two give the same.

    Source: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators (OOPSLA 2014),
    SplitMix64 with Stafford's thirteenth mixer.
    """
    word = (word + _GAMMA) & _MASK
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    word = (word ^ word >> 27) * 0x94D049BB133111EB & _MASK
    return word ^ word >> 31
