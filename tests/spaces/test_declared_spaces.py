from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import SpecError, VersionMismatchError
from nepsbench.spaces import FiniteSpace, Space, get_space, space_names
from nepsbench.spaces.configspace import to_configspace
from nepsbench.spaces.declared import describe_space, space_from

MIXED = {
    "name": "somebody",
    "version": 2,
    "fidelities": ["depth"],
    "parameters": {
        "depth": {"choices": [1, 2, 4], "default": 2},
        "rate": {"lower": 1e-4, "upper": 1.0, "log": True, "default": 0.1},
        "dropout": {"lower": 0.0, "upper": 0.5, "log": False, "default": 0.25},
        "act": {"choices": ["relu", "mish"], "default": "relu"},
        "bias": {"choices": [False, True], "default": True},
    },
}

names = st.text("abcdefgh_", min_size=1, max_size=8).map("p_{}".format)
scalars = st.one_of(
    st.lists(st.integers(-9, 99), min_size=1, max_size=5, unique=True),
    st.lists(st.text(max_size=5), min_size=1, max_size=5, unique=True),
    st.just([False, True]),
)


@st.composite
def descriptions(draw: st.DrawFn) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name in draw(st.lists(names, min_size=1, max_size=5, unique=True)):
        if draw(st.booleans()):
            choices = draw(scalars)
            parameters[name] = {"choices": choices, "default": draw(st.sampled_from(choices))}
        else:
            lower = draw(st.floats(0.001, 10))
            upper = lower + draw(st.floats(0.1, 10))
            log = draw(st.booleans())
            parameters[name] = {"lower": lower, "upper": upper, "log": log, "default": lower}
    return {"name": "any", "version": 1, "fidelities": [], "parameters": parameters}


@given(descriptions())
def test_a_description_gives_the_space_that_gives_the_description(
    description: dict[str, Any],
) -> None:
    space = space_from(json.loads(json.dumps(description)))
    assert describe_space(space) == description
    assert space_from(describe_space(space)) == space
    drawn = space.draw(np.random.Philox(1).random_raw(5 * space.words_per_draw).reshape(5, -1))
    for row in drawn.tolist():
        assert space.encode(space.decode(row)) == tuple(row)


@pytest.mark.parametrize("name", space_names())
def test_a_space_of_our_own_is_itself_after_json(name: str) -> None:
    space = get_space(name)
    assert space_from(json.loads(json.dumps(describe_space(space)))) is space
    assert space_from({"name": name}) is space


def test_another_version_of_a_space_of_our_own_is_refused() -> None:
    description = describe_space(get_space("nasbench201")) | {"version": 9}
    with pytest.raises(VersionMismatchError, match="space nasbench201: version is not that of"):
        space_from(description)


def test_a_space_of_choices_has_numbers_and_one_with_real_parameters_has_none() -> None:
    space = space_from(MIXED)
    assert type(space) is Space
    assert space.fidelities == ("depth",)
    exported = to_configspace(space)
    assert (exported["rate"].log, exported["dropout"].log) == (True, False)
    digits = {f"layer_{k}": {"choices": ["a", "b", "c"]} for k in range(1, 4)}
    finite = space_from({"name": "digits", "parameters": digits})
    assert isinstance(finite, FiniteSpace)
    assert finite.at(5) == {"layer_1": "a", "layer_2": "b", "layer_3": "c"}


def test_a_linear_parameter_is_drawn_evenly() -> None:
    dropout = space_from(MIXED).parameter("dropout")
    assert dropout.from_uniform(np.array([0.0, 0.5, 1 - 2.0**-53])).tolist()[:2] == [0.0, 0.25]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parameters": {}}, "give its parameters by name"),
        ({"parameters": {"a": {"choices": []}}}, "parameter a: choices is a list"),
        ({"parameters": {"a": {"choices": [1, "x"]}}}, "all text, all numbers"),
        ({"parameters": {"a": {"choices": [1, 1]}}}, "a choice stands twice"),
        ({"parameters": {"a": {"choices": [[1]]}}}, r"the choice \[1\] is no text"),
        ({"parameters": {"a": {"choices": [1], "default": 2}}}, "default 2 is none"),
        ({"parameters": {"a": {"lower": 0}}}, "parameter a: upper is missing"),
        ({"parameters": {"a": {"lower": 2, "upper": 1}}}, "lower must be below upper"),
        ({"parameters": {"a": {"lower": 0, "upper": 1, "log": True}}}, "above 0 for a logarithm"),
        ({"parameters": {"a": {"lower": 0, "upper": 1, "default": 2}}}, "default 2 is out of"),
        ({"parameters": {"a": {"lower": "0", "upper": 1}}}, "lower is a number, not '0'"),
        ({"parameters": {"Seed": {"choices": [1]}}}, "a column of that name"),
        ({"parameters": {"a": 3}}, "give choices, or lower and upper"),
        ({"fidelities": ["width"]}, "'width' is none of its parameters"),
        ({"version": "1"}, "version is a whole number"),
    ],
)
def test_a_bad_description_is_one_line(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        space_from(MIXED | change)
    assert "\n" not in str(caught.value)
