from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nepsbench.errors import InvalidConfigurationError, SpecError
from nepsbench.spaces import nds
from nepsbench.spaces.architecture import architecture_id
from nepsbench.spaces.nds_notation import (
    Sweep,
    from_genotype_str,
    from_nni,
    from_sweep,
    sweep_of,
    to_genotype,
    to_genotype_str,
    to_nni,
)
from tests.spaces.nds_published import CELL_SPEC, NETWORKS
from tests.spaces.space_draws import configurations

CELLS = configurations(nds.NAS_CELL)
TRAINING = {"base_lr": 0.1, "weight_decay": 5e-4}
AMOEBA = Sweep("amoeba", "random", "cifar10")

any_family = pytest.mark.parametrize("space", nds.SPACES.values(), ids=nds.SPACES)


@pytest.mark.parametrize(
    ("name", "sweep"),
    [
        ("Amoeba.json", Sweep("amoeba", "random", "cifar10")),
        ("DARTS_lr-wd_in.json", Sweep("darts", "tune_lr_wd", "imagenet")),
        ("PNAS_fix-w-d", Sweep("pnas", "fix_w_d", "cifar10")),
        ("ResNeXt-A_in", Sweep("resnext-a", "random", "imagenet")),
        ("ResNet-B.json", Sweep("resnet-b", "random", "cifar10")),
        ("Vanilla_rng3.json", Sweep("vanilla", "random", "cifar10")),
    ],
)
def test_a_sweeps_name_tells_proposer_generator_and_dataset(name, sweep):
    assert sweep_of(name) == sweep


@pytest.mark.parametrize(
    ("family", "proposer", "model_spec", "cell_spec"), [entry[:4] for entry in NETWORKS]
)
def test_published_networks_survive_nnis_notation(family, proposer, model_spec, cell_spec):
    sweep = Sweep(proposer, "random", "cifar10")
    space, configuration = from_nni(family, model_spec, cell_spec, sweep=sweep, **TRAINING)
    assert space is nds.SPACES[family]
    assert to_nni(space, configuration) == {
        "model_family": family, "model_spec": model_spec, "cell_spec": cell_spec,
        "proposer": proposer, "generator": "random", "dataset": "cifar10", **TRAINING,
    }  # fmt: skip


@any_family
@settings(max_examples=25)
@given(data=st.data())
def test_configurations_survive_nnis_notation(space, data):
    configuration = data.draw(configurations(space))
    row = to_nni(space, configuration)
    sweep = Sweep(row["proposer"], row["generator"], row["dataset"])
    again = from_nni(
        row["model_family"], row["model_spec"], row["cell_spec"], sweep=sweep,
        base_lr=row["base_lr"], weight_decay=row["weight_decay"],
    )  # fmt: skip
    assert again == (space, configuration)


@given(CELLS)
def test_cells_survive_genotypes_printed_or_not(configuration):
    parts = from_genotype_str(to_genotype_str(configuration))
    assert {**configuration, **parts} == configuration
    net = {**configuration, "genotype": to_genotype(configuration)}
    optim = {"base_lr": configuration["base_lr"], "wd": configuration["weight_decay"]}
    dataset = "cifar10" if configuration["stem"] == "cifar" else "imagenet"
    sweep = Sweep(configuration["proposer"], configuration["generator"], dataset)
    assert from_sweep({"net": net, "optim": optim}, sweep) == (nds.NAS_CELL, configuration)


def test_darts_own_print_with_ranges_is_read():
    text = (
        "Genotype(normal=[('sep_conv_3x3', 0), ('none', 1)], normal_concat=range(2, 3), "
        "reduce=[('max_pool_3x3', 0), ('skip_connect', 1)], reduce_concat=[2])"
    )
    values = nds.NAS_CELL.validate({**nds.NAS_CELL.defaults, **from_genotype_str(text)})
    assert nds.nodes_of("normal", values) == nds.nodes_of("reduce", values) == 1
    assert to_genotype_str(values) == text.replace("range(2, 3)", "[2]")


@pytest.mark.parametrize(
    ("block_type", "family"),
    [("res_basic_block", "residual_basic"), ("double_plain_block", "vanilla")],
)
def test_an_entry_of_a_sweep_of_plain_networks(block_type, family):
    net = {
        "block_type": block_type, "ds": [1, 2, 3, 4], "ws": [16, 16, 32, 64], "ss": [1, 1, 2, 2],
        "bot_muls": [], "num_gs": [],
    }  # fmt: skip
    sweep = Sweep(nds.PROPOSERS[family][0], "tune_lr_wd", "cifar10")
    space, configuration = from_sweep({"net": net, "optim": {"base_lr": 0.3, "wd": 1e-4}}, sweep)
    assert space is nds.SPACES[family]
    assert [stage["depth"] for stage in nds.stages_of(configuration)] == [2, 3, 4]
    assert configuration["base_lr"] == 0.3


def test_four_stages_are_told_from_three():
    spec = {"ds": [1, 1, 1, 1, 1], "ss": [1, 1, 2, 2, 2], "ws": [8, 8, 16, 32, 64]}
    sweep = Sweep("resnet", "random", "imagenet")
    space, configuration = from_nni("residual_basic", spec, {}, sweep=sweep, **TRAINING)
    assert len(nds.stages_of(configuration)) == 4
    assert to_nni(space, configuration)["model_spec"] == spec


def test_draws_follow_proposer_and_generator():
    words = np.random.Philox(3).random_raw(300 * nds.NAS_CELL.words_per_draw)
    rows = nds.NAS_CELL.draw(words.reshape(300, -1)).tolist()
    drawn = [nds.NAS_CELL.decode(row) for row in rows]
    for values in drawn:
        tuned = values["generator"] == "tune_lr_wd"
        assert (values["base_lr"] == 0.1) == (values["weight_decay"] == 5e-4) == (not tuned)
        if values["generator"] == "fix_w_d":
            assert (values["depth"], values["width"]) == (8, 16)
        nodes = nds.nodes_of("normal", values)
        assert nodes == (4 if values["proposer"] == "darts" else 5)
        if values["proposer"] in ("darts", "pnas"):
            assert nds.concat_of("normal", values) == list(range(2, 2 + nodes))
        if values["proposer"] == "enas":
            assert values["normal_0_op_x"] in (
                "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3",
            )  # fmt: skip
    assert {values["proposer"] for values in drawn} == set(nds.PROPOSERS["nas_cell"])


def test_an_architecture_is_not_how_it_is_trained_or_who_drew_it():
    for space in nds.SPACES.values():
        base = space.defaults
        proposers = space.parameter("proposer").choices
        other = {**base, "base_lr": 0.7, "generator": "tune_lr_wd", "proposer": proposers[-1]}
        assert architecture_id(space, other) == architecture_id(space, base)
        imagenet = {**base, "stem": "imagenet"}
        assert architecture_id(space, imagenet) != architecture_id(space, base)


@pytest.mark.parametrize(
    ("family", "change", "message"),
    [
        ("nas_cell", {"normal_1_op_x": "absent"}, "the normal cell has nodes with one operation"),
        ("nas_cell", {f"reduce_{k}_op_{s}": "absent" for k in range(5) for s in "xy"},
         "the reduce cell has nodes with one operation"),
        ("nas_cell", {"normal_1_op_x": "absent", "normal_1_op_y": "absent"}, "in front of others"),
        ("nas_cell", {"normal_0_input_x": 2}, "normal_0_input_x=2 is out of range; give a number"),
        ("nas_cell", {"normal_4_op_x": "absent", "normal_4_op_y": "absent"},
         "normal_4_input_y=1 is out of range; give a number from 0 to 0"),
        ("nas_cell", {"normal_4_op_x": "absent", "normal_4_op_y": "absent", "normal_4_input_y": 0},
         "normal_concat='2,3,4,5,6' names a state that is not there; the last is 5"),
        ("vanilla", {"depth_4": 2}, "stage 4 is there in part; give 0 for all of depth_4"),
        ("residual_bottleneck", {"num_gs_1": 64}, "16 channels of a bottleneck make no 64 groups"),
        ("vanilla", {"proposer": "resnet"}, "proposer='resnet' is not a choice"),
        ("vanilla", {"generator": "fix_w_d"}, "generator='fix_w_d' is not a choice"),
        ("vanilla", {"width_1": 12}, "width_1=12 is not a choice"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused(family, change, message):
    space = nds.space_of(family)
    with pytest.raises(InvalidConfigurationError, match=re.escape(message)):
        space.validate({**space.defaults, **change})


@pytest.mark.parametrize(
    ("model_spec", "cell_spec", "message"),
    [
        ({"depth": 8}, {}, "an NNI row of nas_cell lacks 'width'"),
        (NETWORKS[3][2], {}, "an NNI row of nas_cell lacks 'normal_0_op_x'"),
        (NETWORKS[3][2], {**CELL_SPEC, "normal_0_op_x": "conv_9x9"}, "normal_0_op_x='conv_9x9'"),
        ({**NETWORKS[3][2], "num_nodes_normal": 6},
         {**CELL_SPEC, **{f"normal_5_{w}_{s}": v for w, v in (("op", "none"), ("input", 0))
                          for s in "xy"}},
         "the normal cell has 12 operations; give two for each of at most 5 nodes"),
    ],
)  # fmt: skip
def test_an_nni_row_that_is_wrong_is_refused(model_spec, cell_spec, message):
    with pytest.raises(InvalidConfigurationError, match=re.escape(message)):
        from_nni("nas_cell", model_spec, cell_spec, sweep=AMOEBA, **TRAINING)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "an entry of a sweep lacks 'net'"),
        ({"net": {"block_type": "dense", "ds": []}, "optim": {"base_lr": 1, "wd": 1}},
         "unknown block type 'dense'; known ones start with res_bottleneck"),
        ({"net": {"block_type": "res_basic_block", "ds": [1, 2], "ws": [8, 8], "ss": [1, 1]},
          "optim": {"base_lr": 1, "wd": 1}}, "ds, ws, ss have [2] entries and ds starts with 1"),
        ({"net": {"block_type": "res_basic_block", "ds": [2, 2, 2, 2], "ws": [8] * 4,
                  "ss": [1] * 4}, "optim": {"base_lr": 1, "wd": 1}}, "ds starts with 2"),
        ({"net": {"block_type": "res_basic_block", "ds": [1, 2, 2, 2], "ws": [8] * 3,
                  "ss": [1] * 4}, "optim": {"base_lr": 1, "wd": 1}}, "have [3, 4] entries"),
    ],
)  # fmt: skip
def test_an_entry_of_a_sweep_that_is_wrong_is_refused(entry, message):
    with pytest.raises(InvalidConfigurationError, match=re.escape(message)):
        from_sweep(entry, Sweep("resnet", "random", "cifar10"))


@pytest.mark.parametrize(
    "text",
    ["", "Genotype", "Genotype(normal=[])", "Genotype(normal=__import__('os'))", "1 + 1", "f(*x)"],
)
def test_what_is_no_genotype_is_refused_and_never_run(text):
    with pytest.raises(InvalidConfigurationError, match="genotype"):
        from_genotype_str(text)


def test_unknown_families_proposers_and_datasets_are_refused():
    with pytest.raises(SpecError, match="unknown model family 'dense'; there are: nas_cell"):
        nds.space_of("dense")
    with pytest.raises(InvalidConfigurationError, match="proposer='me' is not a choice"):
        nds.family_of({"proposer": "me"})
    spec = NETWORKS[0][2]
    with pytest.raises(InvalidConfigurationError, match="unknown dataset 'mnist'"):
        from_nni("residual_basic", spec, {}, sweep=Sweep("resnet", "random", "mnist"), **TRAINING)
