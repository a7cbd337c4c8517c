"""Notations of NDS's networks: NNI's dictionaries, the entries of the sweeps, and genotypes."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces import nds
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.space import Configuration, Space

_DATASETS = {"cifar10": "cifar", "imagenet": "imagenet"}
_BLOCKS = {
    "res_bottleneck": "residual_bottleneck",
    "res_basic": "residual_basic",
    "double_plain": "vanilla",
}
_LISTS = {
    "ds": "depth", "ws": "width", "ss": "stride", "bot_muls": "bot_mul", "num_gs": "num_gs",
}  # fmt: skip
_BOTTLENECK = ("bot_muls", "num_gs")
_MODEL_SPEC = ("depth", "width", "aux", "drop_prob")


@dataclass(frozen=True)
class Sweep:
    """What a sweep's file name says of its networks.

    Attributes:
        proposer: Who proposed the design space, as NNI writes it.
        generator: Which values were fixed.
        dataset: ``cifar10`` or ``imagenet``.
    """

    proposer: str
    generator: str
    dataset: str


def sweep_of(name: str) -> Sweep:
    """Return what the name of a sweep says, for example of ``DARTS_lr-wd_in``."""
    stem = name.removesuffix(".json")
    generator = "fix_w_d" if "fix-w-d" in stem else "tune_lr_wd" if "lr-wd" in stem else "random"
    dataset = "imagenet" if stem.endswith("_in") else "cifar10"
    return Sweep(stem.partition("_")[0].lower(), generator, dataset)


def from_sweep(entry: Mapping[str, Any], sweep: Sweep) -> tuple[Space, Configuration]:
    """Return the space and configuration of an entry of a sweep's file.

    Args:
        entry: With ``net`` and ``optim``, as in the published files.
        sweep: What the file's name says.

    Raises:
        InvalidConfigurationError: If something is missing, unknown or out of range.
    """
    try:
        net, optim = entry["net"], entry["optim"]
        training = {"base_lr": optim["base_lr"], "weight_decay": optim["wd"]}
        if "genotype" in net:
            family, values = "nas_cell", {name: net[name] for name in _MODEL_SPEC}
            values |= from_genotype(net["genotype"])
        else:
            family, values = _family_of(net["block_type"]), _stages_from_lists(net)
    except KeyError as error:
        raise InvalidConfigurationError(f"an entry of a sweep lacks {error}") from None
    return _validated(family, values, sweep, training)


def from_nni(
    model_family: str,
    model_spec: Mapping[str, Any],
    cell_spec: Mapping[str, Any],
    *,
    sweep: Sweep,
    base_lr: float,
    weight_decay: float,
) -> tuple[Space, Configuration]:
    """Return the space and configuration of a row of NNI's table.

    Raises:
        InvalidConfigurationError: If something is missing, unknown or out of range.
        SpecError: If there is no such family.
    """
    nds.space_of(model_family)
    try:
        if model_family == "nas_cell":
            values: dict[str, Any] = {name: model_spec[name] for name in _MODEL_SPEC}
            values |= from_genotype(_genotype_of_nni(model_spec, cell_spec))
        else:
            values = _stages_from_lists(model_spec)
    except KeyError as error:
        raise InvalidConfigurationError(f"an NNI row of {model_family} lacks {error}") from None
    training = {"base_lr": base_lr, "weight_decay": weight_decay}
    return _validated(model_family, values, sweep, training)


def to_nni(space: Space, configuration: Mapping[str, Scalar]) -> dict[str, Any]:
    """Return NNI's row: family, both specs, proposer, generator, dataset, lr and weight decay."""
    values = space.validate(configuration)
    family = space.name.removeprefix("nds_")
    model_spec: dict[str, Any]
    cell_spec: dict[str, Any] = {}
    if family == "nas_cell":
        model_spec = {
            f"num_nodes_{cell}": nds.nodes_of(cell, values) for cell in nds.CELL_TYPES
        } | {name: values[name] for name in _MODEL_SPEC}
        for cell in nds.CELL_TYPES:
            for node in range(nds.nodes_of(cell, values)):
                for side in "xy":
                    for what in ("op", "input"):
                        key = f"{cell}_{node}_{what}_{side}"
                        cell_spec[key] = values[key]
            cell_spec[f"{cell}_concat"] = nds.concat_of(cell, values)
    else:
        model_spec = _lists_of_stages(values)
    return {
        "model_family": family,
        "model_spec": model_spec,
        "cell_spec": cell_spec,
        "proposer": values["proposer"],
        "generator": values["generator"],
        "dataset": next(name for name, stem in _DATASETS.items() if stem == values["stem"]),
        "base_lr": values["base_lr"],
        "weight_decay": values["weight_decay"],
    }


def to_genotype(configuration: Mapping[str, Scalar]) -> dict[str, list[Any]]:
    """Return DARTS's genotype: pairs (operation, state) and concatenated states of both cells."""
    values = nds.NAS_CELL.validate(configuration)
    genotype: dict[str, list[Any]] = {}
    for cell in nds.CELL_TYPES:
        genotype[cell] = [
            (values[f"{cell}_{node}_op_{side}"], values[f"{cell}_{node}_input_{side}"])
            for node in range(nds.nodes_of(cell, values))
            for side in "xy"
        ]
        genotype[f"{cell}_concat"] = nds.concat_of(cell, values)
    return genotype


def from_genotype(genotype: Mapping[str, Any]) -> Configuration:
    """Return the parameters of both cells: a part of a configuration, not checked yet.

    Raises:
        InvalidConfigurationError: If a part of the genotype is missing or has another form.
    """
    values: Configuration = {}
    for cell in nds.CELL_TYPES:
        try:
            pairs = [(str(name), int(state)) for name, state in genotype[cell]]
            concat = [int(state) for state in genotype[f"{cell}_concat"]]
        except (KeyError, TypeError, ValueError):
            raise InvalidConfigurationError(
                f"a genotype has pairs (operation, state) as {cell!r} and states as "
                f"'{cell}_concat'; here they are missing or of another form"
            ) from None
        if len(pairs) % 2 or len(pairs) > 2 * nds.NODES:
            raise InvalidConfigurationError(
                f"the {cell} cell has {len(pairs)} operations; give two for each of at most "
                f"{nds.NODES} nodes"
            )
        pairs += [(nds.ABSENT, 0)] * (2 * nds.NODES - len(pairs))
        for place, (name, state) in enumerate(pairs):
            node, side = place // 2, "xy"[place % 2]
            values[f"{cell}_{node}_op_{side}"] = name
            values[f"{cell}_{node}_input_{side}"] = state
        values[f"{cell}_concat"] = ",".join(map(str, sorted(concat)))
    return values


def to_genotype_str(configuration: Mapping[str, Scalar]) -> str:
    """Return the genotype as DARTS prints it: ``Genotype(normal=[...], ...)``."""
    genotype = to_genotype(configuration)
    order = ("normal", "normal_concat", "reduce", "reduce_concat")
    return f"Genotype({', '.join(f'{part}={genotype[part]!r}' for part in order)})"


def from_genotype_str(text: str) -> Configuration:
    """Return the parameters of both cells of a printed genotype; no code in it is run.

    Raises:
        InvalidConfigurationError: If ``text`` is no genotype.
    """
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call):
            raise ValueError
        parts = {str(part.arg): _literal(part.value) for part in call.keywords}
    except (SyntaxError, ValueError, TypeError):
        raise InvalidConfigurationError(
            f"{text[:60]!r} is no genotype; its form is Genotype(normal=[...], "
            "normal_concat=[...], reduce=[...], reduce_concat=[...])"
        ) from None
    return from_genotype(parts)


def _literal(node: ast.expr) -> Any:
    """Return a literal's value; ``range`` of literals, which DARTS prints, is one."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return list(range(*(ast.literal_eval(argument) for argument in node.args)))
    return ast.literal_eval(node)


def _genotype_of_nni(
    model_spec: Mapping[str, Any], cell_spec: Mapping[str, Any]
) -> dict[str, list[Any]]:
    genotype: dict[str, list[Any]] = {}
    for cell in nds.CELL_TYPES:
        genotype[cell] = [
            (cell_spec[f"{cell}_{node}_op_{side}"], cell_spec[f"{cell}_{node}_input_{side}"])
            for node in range(int(model_spec[f"num_nodes_{cell}"]))
            for side in "xy"
        ]
        genotype[f"{cell}_concat"] = list(cell_spec[f"{cell}_concat"])
    return genotype


def _family_of(block_type: str) -> str:
    for start, family in _BLOCKS.items():
        if block_type.startswith(start):
            return family
    raise InvalidConfigurationError(
        f"unknown block type {block_type!r}; known ones start with {', '.join(_BLOCKS)}"
    )


def _stages_from_lists(lists: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of all stages from one list a property, whose first entry is the stem.

    Raises:
        InvalidConfigurationError: If the lists do not fit each other.
    """
    given: dict[str, Sequence[Any]] = {
        name: lists[name] for name in _LISTS if name not in _BOTTLENECK or lists.get(name)
    }
    lengths = {len(entries) for entries in given.values()}
    if not lengths <= {nds.STAGES, nds.STAGES + 1} or len(lengths) != 1 or given["ds"][0] != 1:
        raise InvalidConfigurationError(
            f"{', '.join(given)} have {sorted(lengths)} entries and ds starts with "
            f"{given['ds'][0] if given['ds'] else 'nothing'}; give one entry for a stem of depth 1 "
            f"and one for each of {nds.STAGES - 1} or {nds.STAGES} stages"
        )
    values: dict[str, Any] = {"width_0": given["ws"][0], "stride_0": given["ss"][0]}
    for name, entries in given.items():
        for stage in range(1, nds.STAGES + 1):
            there = stage < len(entries)
            values[f"{_LISTS[name]}_{stage}"] = entries[stage] if there else 0
    return values


def _lists_of_stages(values: Mapping[str, Scalar]) -> dict[str, list[Any]]:
    count = sum(bool(values[f"depth_{stage}"]) for stage in range(1, nds.STAGES + 1))
    stem = {
        "ds": 1, "ws": values["width_0"], "ss": values["stride_0"], "bot_muls": 0.0, "num_gs": 1,
    }  # fmt: skip
    return {
        name: [stem[name], *(values[f"{field}_{stage}"] for stage in range(1, count + 1))]
        for name, field in _LISTS.items()
        if f"{field}_1" in values
    }


def _validated(
    family: str, values: Mapping[str, Any], sweep: Sweep, training: Mapping[str, Any]
) -> tuple[Space, Configuration]:
    if sweep.dataset not in _DATASETS:
        raise InvalidConfigurationError(
            f"unknown dataset {sweep.dataset!r}; choose one of {', '.join(_DATASETS)}"
        )
    space = nds.space_of(family)
    who = {"proposer": sweep.proposer, "generator": sweep.generator}
    stem = {"stem": _DATASETS[sweep.dataset]}
    return space, space.validate({**values, **who, **stem, **training})
