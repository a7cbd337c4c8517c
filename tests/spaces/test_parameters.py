"""Which values are which choice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces.parameters import Categorical, Scalar

_VALUES: list[Scalar] = [0, 1, 2, 16, False, True, 0.0, -0.0, 1.0, 0.5, 16.0, "1", "", "relu"]
_VALUES.append(float("nan"))


def _is(value: Scalar, choice: Scalar) -> bool:
    """As people compare, but True is not 1."""
    return isinstance(value, bool) == isinstance(choice, bool) and value == choice


@given(
    choices=st.lists(st.sampled_from(_VALUES), min_size=1, max_size=6),
    value=st.sampled_from(_VALUES),
    numpy=st.booleans(),
)
def test_a_value_is_the_first_choice_that_it_equals(
    choices: list[Scalar], value: Scalar, numpy: bool
) -> None:
    parameter = Categorical("a", tuple(choices), choices[0])
    asked = np.array([value])[0] if numpy else value
    equal = [index for index, choice in enumerate(choices) if _is(value, choice)]
    if equal:
        assert parameter.encode(asked) == equal[0]
    else:
        with pytest.raises(InvalidConfigurationError, match="is not a choice; choose one of"):
            parameter.encode(asked)


@pytest.mark.parametrize("value", [[1], {}, None, np.array([1]), (1,), object])
def test_what_is_no_value_is_no_choice(value: object) -> None:
    with pytest.raises(InvalidConfigurationError, match="is not a choice"):
        Categorical("a", (1, 2), 1).encode(value)  # type: ignore[arg-type]
