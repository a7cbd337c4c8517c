"""What every space keeps, whatever it is made of."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nepsbench.errors import InvalidConfigurationError, SpecError
from nepsbench.spaces import Categorical, FiniteSpace, get_space, space_names
from nepsbench.spaces.architecture import architecture_id, architecture_ids
from nepsbench.spaces.configspace import to_configspace
from tests.spaces.space_draws import configurations

#: Configuration and architecture ids of the defaults. Tables hold such ids: they never change.
DEFAULT_IDS = {
    "nepsbench101": ("b95231316bc22cfc", "8a8a24127951ef39"),
    "nasbench101": ("bb6fd4943d6d454d", "093ae8a98d6c5ce6"),
    "nasbench201": ("605570fd92765be8", "8a8a24127951ef39"),
    "nats_size": ("722b1ef60e9dc765", "2c364c848b472adb"),
    "nashpobench2": ("846dd82fcb0f3502", "8a8a24127951ef39"),
    "nasbench360_backbone": ("baf2afcb100b033b", "b898d36ceab75431"),
    "nds_nas_cell": ("0089bb36bd546b7d", "7990a5c32105702d"),
    "nds_residual_bottleneck": ("0833a616d4a9be60", "a294cfa023190797"),
    "nds_residual_basic": ("fb0469399102cfc0", "fa74795a4952612d"),
    "nds_vanilla": ("cc51bbbaec42e414", "68fc40066e6e3fa5"),
    "darts": ("74a5fe63381a876f", "f5ff344977810f44"),
    "densenas": ("907a4ef74af84531", "358015baa7c8073c"),
    "autodeeplab": ("3378d33cbb8f1c37", "e4da3c54f4161a88"),
    "amber": ("6d035e24be473740", "7a39223d2b366c9a"),
    "perceiver_io": ("aa12014cffdfad43", "a4ddac57f8e38804"),
    "xgboost": ("3cfaa1ad62716cf4", "54b1ffbc29254415"),
    "expert_densenet_bc": ("f408b05df528b8fe", "2422a9904e89cca0"),
    "expert_s2cnn": ("b45fcbf4cbf99abb", "7c8437388a66e4be"),
    "expert_fno": ("8949dd9af527fa19", "920c75c8bed0a9be"),
    "expert_deepcon": ("5dce93148c69687d", "c28c8acc15fc2583"),
    "expert_deepcr": ("6c5738e72801b191", "466a2eedbea31a6c"),
    "expert_emg_attention": ("6090f75cf347d42e", "91a67534b91f8b6a"),
    "expert_vgg": ("b4bc7c027c24a7cb", "ebce06c08b520327"),
    "expert_resnet1d": ("b997621a9dbd377a", "660bc281cc5f5f98"),
    "expert_rocket": ("d11d9c4fb9573943", "aca3edd65676ab82"),
    "expert_deepsea": ("96a1156729a34f51", "369e862c60501b09"),
    "oneshot_nasbench201": ("958fc96b2ea215c1", "f967ca714e6e93d2"),
    "oneshot_darts": ("23df885904a2ed27", "a4794108dabc9e8f"),
    "oneshot_densenas": ("f2c3fc2711f0bf96", "34de7319553cf68a"),
    "oneshot_autodeeplab": ("a3f9980f0ed1f03c", "d90be2b15066c2ab"),
    "oneshot_amber": ("5d2dfd0814eed484", "e9c0fe0906fa7719"),
}
FINITE = [name for name in space_names() if isinstance(get_space(name), FiniteSpace)]

any_space = pytest.mark.parametrize("name", space_names())


def draws(space, count, seed=1):
    words = np.random.Philox(seed).random_raw(count * space.words_per_draw)
    return space.draw(words.reshape(count, -1))


def test_the_spaces_are_these():
    assert space_names() == tuple(DEFAULT_IDS)


@any_space
def test_ids_of_the_defaults_never_change(name):
    space = get_space(name)
    found = (space.config_id(space.defaults), architecture_id(space, space.defaults))
    assert found == DEFAULT_IDS[name]


@any_space
def test_every_draw_is_valid_and_its_own_canonical_form(name):
    space = get_space(name)
    for row in draws(space, 200).tolist():
        configuration = space.decode(row)
        assert space.encode(configuration) == tuple(row)
        assert space.validate(configuration) == configuration


@any_space
def test_a_longer_run_of_draws_starts_with_the_shorter(name):
    space = get_space(name)
    assert np.array_equal(draws(space, 50)[:20], draws(space, 20))


@any_space
@settings(max_examples=25)
@given(data=st.data())
def test_configurations_survive_json_and_encoding(name, data):
    space = get_space(name)
    configuration = data.draw(configurations(space))
    assert space.from_json(space.to_json(configuration)) == configuration
    assert space.decode(space.encode(configuration)) == configuration


@any_space
def test_the_configspace_export_has_the_same_names(name):
    space = get_space(name)
    assert set(to_configspace(space)) == set(space.names)


@any_space
def test_architecture_ids_of_many_are_those_of_each(name):
    space = get_space(name)
    codes = draws(space, 30)
    one_by_one = [architecture_id(space, space.decode(row.tolist())) for row in codes]
    assert architecture_ids(space, codes) == one_by_one


@any_space
def test_parameters_do_not_take_the_names_of_other_columns(name):
    from nepsbench.schema import EPOCH_COLUMNS, TRIAL_COLUMNS

    taken = {column.name for column in (*TRIAL_COLUMNS, *EPOCH_COLUMNS)}
    assert not taken & set(get_space(name).names)


@pytest.mark.parametrize("name", FINITE)
@settings(max_examples=25)
@given(data=st.data())
def test_numbers_and_configurations_are_one_to_one(name, data):
    space = get_space(name)
    number = data.draw(st.integers(0, space.size - 1))
    configuration = space.at(number)
    assert space.index(configuration) == number
    assert space.validate(configuration) == configuration
    codes = space.codes_at(np.array([number]))[0]
    assert list(space.decode(codes.tolist()).items()) == list(configuration.items())
    assert space.at(np.int64(number)) == configuration


@pytest.mark.parametrize("name", FINITE)
@settings(max_examples=25)
@given(data=st.data())
def test_a_configuration_dressed_otherwise_has_the_same_number(name, data):
    space = get_space(name)
    number = data.draw(st.integers(0, space.size - 1))
    plain = space.at(number)
    turned = dict(reversed(plain.items()))
    dressed = {key: np.array([value])[0] for key, value in plain.items()}  # NumPy's scalars
    floats = {k: float(v) if type(v) is int else v for k, v in plain.items()}
    assert [space.index(each) for each in (plain, turned, dressed, floats)] == [number] * 4
    first = space.names[0]
    for wrong in ({**plain, first: True}, {**plain, first: [1]}, {**plain, "more": 1}):
        with pytest.raises(InvalidConfigurationError):
            space.index(wrong)
    with pytest.raises(InvalidConfigurationError):
        space.index({key: value for key, value in plain.items() if key != first})


@pytest.mark.parametrize("name", FINITE)
def test_every_choice_is_reached_by_some_number(name):
    space = get_space(name)
    numbers = np.arange(0, space.size, space.size // 30_000 | 1)  # odd: no radix divides it
    codes = space.codes_at(numbers)
    assert np.array_equal(space.indices_of(codes), numbers)
    for column, parameter in enumerate(space.parameters):
        assert isinstance(parameter, Categorical)
        assert set(codes[:, column]) == set(map(float, range(len(parameter.choices))))


@pytest.mark.parametrize("name", FINITE)
@pytest.mark.parametrize("number", [-1, None, True, 1.5, "7", 10**9])
def test_a_number_that_is_none_is_refused(name, number):
    with pytest.raises(InvalidConfigurationError, match="give a whole number from 0 to"):
        get_space(name).at(number)


def test_a_space_without_architectures_is_refused():
    strange = FiniteSpace("strange", 1, (Categorical("a", (1, 2), 1),), ())
    with pytest.raises(SpecError, match="'strange' has no architectures; these have: nepsbench101"):
        architecture_id(strange, {"a": 1})


def test_spaces_import_nothing_heavy():
    code = (
        "import sys; from nepsbench.spaces import get_space, space_names; "
        "import nepsbench.spaces.encodings, nepsbench.spaces.nds_notation; "
        "[get_space(name) for name in space_names()]; "
        "print({'torch', 'pandas', 'pyarrow', 'mlflow', 'catboost', 'duckdb'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
