from __future__ import annotations

import random

import pytest

from nepsbench.errors import SpecError
from nepsbench.release.versions import newest, next_free, precedence


def test_versions_are_ordered_as_semver_orders_them() -> None:
    ordered = ["0.9.10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-rc.2",
               "1.0.0-rc.10", "1.0.0", "1.2.0", "1.10.0", "2.0.0"]  # fmt: skip
    shuffled = random.Random(1).sample(ordered, len(ordered))
    assert sorted(shuffled, key=precedence) == ordered
    assert newest(shuffled) == "2.0.0"
    assert next_free(ordered[:-1]) == "1.10.1"


@pytest.mark.parametrize("text", ["1", "1.0", "v1.0.0", "1.0.0 ", "1.0.0-", "latest"])
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="no release version"):
        precedence(text)
