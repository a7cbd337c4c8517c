import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import InvalidConfigurationError, SpecError
from nepsbench.spaces import Categorical, cells, get_space, nepsbench101
from nepsbench.spaces.configspace import to_configspace
from nepsbench.spaces.parameters import portable_exp2

SPACE = get_space("nepsbench101")


def values(parameter):
    if isinstance(parameter, Categorical):
        return st.sampled_from(parameter.choices)
    return st.floats(parameter.lower, parameter.upper)


CONFIGURATIONS = st.fixed_dictionaries({p.name: values(p) for p in SPACE.parameters})


def test_the_space_has_fourteen_dimensions_and_three_fidelities():
    assert SPACE.names == (
        "N", "W", "Op1", "Op2", "Op3", "Op4", "Op5", "Op6", "Resolution",
        "TrivialAugment", "Activation", "Optimizer", "LearningRate", "WeightDecay",
    )  # fmt: skip
    assert SPACE.fidelities == ("N", "W", "Resolution")
    assert SPACE.words_per_draw == 16


@given(CONFIGURATIONS)
def test_configurations_survive_json_and_encoding(configuration):
    assert SPACE.from_json(SPACE.to_json(configuration)) == configuration
    assert SPACE.decode(SPACE.encode(configuration)) == configuration


@given(CONFIGURATIONS, CONFIGURATIONS)
def test_ids_are_equal_exactly_for_equal_configurations(a, b):
    assert (SPACE.config_id(a) == SPACE.config_id(b)) == (a == b)


def test_the_id_of_the_default_never_changes():
    assert SPACE.config_id(SPACE.defaults) == "b95231316bc22cfc"


def test_ids_of_many_are_the_ids_of_each():
    configurations = [SPACE.defaults, {**SPACE.defaults, "N": 5}]
    codes = np.array([SPACE.encode(c) for c in configurations])
    assert SPACE.config_ids(codes) == [SPACE.config_id(c) for c in configurations]


@given(CONFIGURATIONS)
def test_cells_survive_nas_bench_201_strings(configuration):
    text = nepsbench101.to_arch_str(configuration)
    others = {k: v for k, v in configuration.items() if k not in nepsbench101.OPERATIONS}
    assert nepsbench101.from_arch_str(text, **others) == configuration


def test_the_two_edge_orders_differ_in_the_third_and_fourth_edge():
    operations = dict(zip(nepsbench101.OPERATIONS, (0, 1, 2, 3, 4, 0), strict=True))
    text = nepsbench101.to_arch_str({**SPACE.defaults, **operations})
    assert text == (
        "|skip_connect~0|+|none~0|nor_conv_1x1~1|+|nor_conv_3x3~0|avg_pool_3x3~1|skip_connect~2|"
    )
    assert cells.JAHS_EDGES[2:4] == cells.NATS_EDGES[3:1:-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|none~0|", "is no NAS-Bench-201 string"),
        (
            "|max_pool~0|+|none~0|none~1|+|none~0|none~1|none~2|",
            "unknown operation 'max_pool'",
        ),
    ],
)
def test_a_wrong_arch_string_is_refused(text, message):
    with pytest.raises(InvalidConfigurationError, match=message):
        nepsbench101.from_arch_str(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"N": 2}, "N=2 is not a choice; choose one of 1, 3, 5"),
        ({"N": True}, "N=True is not a choice"),
        ({"TrivialAugment": 1}, "TrivialAugment=1 is not a choice"),
        ({"LearningRate": 0.0}, "LearningRate=0.0 is out of range"),
        ({"LearningRate": math.nan}, "LearningRate=nan is out of range"),
        ({"LearningRate": "0.1"}, "is out of range"),
        ({"LearningRate": None}, "LearningRate=None is out of range; give a number"),
        ({"LearningRate": [1]}, "LearningRate=[1] is out of range; give a number"),
        ({"LearningRate": np.True_}, "is out of range; give a number"),
        ({"LearningRate": np.array([0.1])}, "is out of range; give a number"),
        ({"N": np.True_}, "is not a choice; choose one of 1, 3, 5"),
        ({"N": np.array([1])}, "is not a choice; choose one of 1, 3, 5"),
        ({"N": [1]}, "N=[1] is not a choice"),
        ({"op1": 0}, "no parameter 'op1'; did you mean 'Op1'"),
    ],
)
def test_a_wrong_configuration_says_what_where_and_what_to_do(change, message):
    with pytest.raises(InvalidConfigurationError) as caught:
        SPACE.validate({**SPACE.defaults, **change})
    assert message in str(caught.value)


def test_a_missing_parameter_is_named():
    configuration = SPACE.defaults
    del configuration["W"], configuration["Op3"]
    with pytest.raises(InvalidConfigurationError, match="lacks W, Op3"):
        SPACE.validate(configuration)


@pytest.mark.parametrize("text", ["{", "[1]", "3"])
def test_json_that_is_no_configuration_is_refused(text):
    with pytest.raises(InvalidConfigurationError):
        SPACE.from_json(text)


def test_an_unknown_space_lists_those_that_exist():
    with pytest.raises(SpecError, match="there are: nepsbench101"):
        get_space("nepsbench102")


@given(st.floats(-40, 40))
def test_portable_exp2_is_within_an_ulp_of_the_librarys(exponent):
    ours = float(portable_exp2(np.array([exponent]))[0])
    assert math.isclose(ours, 2.0**exponent, rel_tol=2**-51)


def test_portable_exp2_gives_the_same_bits_for_ever():
    grid = np.array([-16.609640474436812, -9.965784284662087, -3.3219280948873626, -0.5, 0.1])
    assert [x.hex() for x in portable_exp2(grid).tolist()] == [
        "0x1.4f8b588e368eep-17",
        "0x1.0624dd2f1a9fcp-10",
        "0x1.9999999999998p-4",
        "0x1.6a09e667f3bccp-1",
        "0x1.125fbee250664p+0",
    ]


def test_the_configspace_export_has_the_same_names_and_bounds():
    exported = to_configspace(SPACE, seed=1)
    assert set(exported) == set(SPACE.names)
    rate = exported["LearningRate"]
    assert (rate.lower, rate.upper, rate.log) == (1e-3, 1.0, True)


def test_every_sample_of_the_configspace_export_is_valid_as_it_comes():
    for sample in to_configspace(SPACE, seed=1).sample_configuration(200):
        valid = SPACE.validate(sample)
        assert valid == dict(sample)
        assert {type(value) for value in valid.values()} <= {bool, int, float, str}
