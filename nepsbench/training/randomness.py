"""Random numbers that depend on nothing but (seed, purpose, epoch).

So a resumed trial needs no saved generator states: the next epoch's number says everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import torch


def derived_seed(seed: int, purpose: str, epoch: int = 0) -> int:
    """Return 63 bits that are independent for each (seed, purpose, epoch)."""
    digest = sha256(f"{seed}/{purpose}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, epoch: int = 0) -> torch.Generator:
    """Return a fresh CPU generator for this use and no other."""
    return torch.Generator().manual_seed(derived_seed(seed, purpose, epoch))


@contextmanager
def global_generator(seed: int, purpose: str, epoch: int = 0) -> Iterator[None]:
    """Within, torch's global generator is one for this use; after, it is as before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, purpose, epoch))
        yield
