"""The mapping file: what the columns of somebody's table mean. Described in ``docs/imports.md``."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from nepsbench.boundary import Section, first_problem
from nepsbench.errors import SpecError
from nepsbench.sampling.spec import Name
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.spaces import Categorical, Space, get_space
from nepsbench.spaces.declared import space_from
from nepsbench.warehouse.importers.units import check_unit

_SHIPPED = files("nepsbench.warehouse.importers").joinpath("mappings")


class FromColumn(Section):
    """A value that stands in a column; ``names`` says what its values are called here.

    A value that ``names`` maps to nothing is passed over, with its row.
    """

    column: str
    names: dict[str, Name | None] | None = None


class Values(Section):
    """The values of a metric.

    Attributes:
        column: Where they stand.
        columns: Or the columns that they stand in, one after another.
        each: What the columns, or the entries of a list in one column, are.
        unit: Theirs; by default the metric's own.
        divide: They stand for this many times the metric, which a sum over epochs does.
    """

    column: str | None = None
    columns: tuple[str, ...] = ()
    each: Literal["seed", "epoch"] | None = None
    unit: str | None = None
    divide: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _one_place(self) -> Values:
        if (self.column is None) == (not self.columns):
            raise ValueError("give column, or columns")
        if self.columns and self.each is None:
            raise ValueError("say what each of the columns is: seed or epoch")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that it needs."""
        return self.columns or (str(self.column),)


def _as_values(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _as_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


class Trials(Section):
    """One training, or one a seed, in every row: whose it is, and what is told of it.

    Attributes:
        dataset: A name, or the column that it stands in.
        horizon: Epochs of the learning-rate schedule.
        epoch: Of the values that are told: a number, or the column that it stands in; by default
            the last one of the horizon.
        first_epoch: What the published table calls the first epoch: 1, or 0.
        seed: Training seed: a number, the column that it stands in, or one for ``each: seed``.
        metrics: By names of the metric dictionary.
    """

    dataset: Name | FromColumn
    horizon: int = Field(ge=0)
    epoch: int | FromColumn | None = None
    first_epoch: Literal[0, 1] = 1
    seed: int | FromColumn | tuple[int, ...] | None = None
    metrics: dict[str, Annotated[Values, BeforeValidator(_as_values)]] = Field(min_length=1)

    @field_validator("metrics")
    @classmethod
    def _known(cls, metrics: dict[str, Values]) -> dict[str, Values]:
        for name, values in metrics.items():
            if name not in METRICS_BY_NAME:
                raise ValueError(f"{name!r} is no metric; there are: {', '.join(METRICS_BY_NAME)}")
            check_unit(METRICS_BY_NAME[name], values.unit)
            if METRICS_BY_NAME[name].table == "trials" and values.each == "epoch":
                raise ValueError(f"{name} is told of a trial, not of each epoch")
        return metrics

    @model_validator(mode="after")
    def _fits(self) -> Trials:
        kinds = {values.each for values in self.metrics.values()}
        if {"seed", "epoch"} <= kinds:
            raise ValueError("values of each seed and of each epoch cannot stand in one row")
        if "epoch" in kinds and self.epoch is not None:
            raise ValueError("epoch and each: epoch exclude each other")
        if isinstance(self.seed, tuple) and "seed" not in kinds:
            raise ValueError("a list of seeds needs a metric with each: seed")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that it needs."""
        whole = [values for value in self.metrics.values() for values in value.names]
        labels = (self.dataset, self.epoch, self.seed)
        return (*whole, *(label.column for label in labels if isinstance(label, FromColumn)))

    @property
    def is_long(self) -> bool:
        """Whether a trial has a row for each epoch."""
        return isinstance(self.epoch, FromColumn)


class ConfigurationOf(Section):
    """Where the configuration of a row stands.

    Attributes:
        notation: The column, or the columns, of a notation that the space reads.
        digits: The column of a text with one digit a parameter: the number of its choice.
        parameters: The column of each parameter, where it has another name.
    """

    notation: str | tuple[str, ...] | None = None
    digits: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_way(self) -> ConfigurationOf:
        if sum(map(bool, (self.notation, self.digits, self.parameters))) > 1:
            raise ValueError("give one of notation, digits and parameters")
        return self


class FileForm(Section):
    """How the file is written.

    Attributes:
        delimiter: Between the values of a line.
        missing: What stands for a missing value, besides nothing at all.
        key: The column that the keys of a JSON object, whose values are rows, are taken for.
    """

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    missing: tuple[str, ...] = ("NA", "N/A", "NaN", "nan", "None", "null")
    key: str | None = None


class TableMapping(Section):
    """A mapping file.

    Attributes:
        title: What the table is, in a line.
        citation: Whom to cite.
        licence: Of the published file.
        url: Where it is published.
        notes: What its users should know.
        recipe: A name for the pipeline that trained.
        space: A space of nepsbench's own by name, or the description of another.
        file: How the file is written.
        configuration: Where the configuration of a row stands.
        number: The column of the configuration's number in the published table; by default the
            space's own number, or where it has none, configurations are counted.
        trials: What a row tells.
    """

    title: str
    citation: str | None = None
    licence: str | None = None
    url: str | None = None
    notes: tuple[str, ...] = ()
    recipe: str
    space: str | dict[str, Any]
    file: FileForm = FileForm()
    configuration: ConfigurationOf = ConfigurationOf()
    number: str | None = None
    trials: tuple[Trials, ...] = Field(min_length=1)

    def the_space(self) -> Space:
        """Return the space.

        Raises:
            SpecError: If there is none of that name, or the description is none.
        """
        return get_space(self.space) if isinstance(self.space, str) else space_from(self.space)

    def about(self) -> dict[str, str]:
        """Return what the publisher says."""
        said = {key: getattr(self, key) for key in ("title", "citation", "licence", "url")}
        notes = {"notes": " ".join(self.notes)} if self.notes else {}
        return {key: value for key, value in (said | notes).items() if value}

    def parameter_columns(self, space: Space) -> dict[str, str]:
        """Return the column of each parameter of the space."""
        given = self.configuration.parameters
        return {name: given.get(name, name) for name in space.names}

    def configuration_columns(self, space: Space) -> tuple[str, ...]:
        """Return the columns that the configuration stands in."""
        where = self.configuration
        if where.notation:
            return (where.notation,) if isinstance(where.notation, str) else where.notation
        if where.digits:
            return (where.digits,)
        return tuple(self.parameter_columns(space).values())

    def columns(self, space: Space) -> tuple[str, ...]:
        """Return every column that is needed, once."""
        number = (self.number,) if self.number else ()
        told = [name for trials in self.trials for name in trials.names]
        return tuple(dict.fromkeys((*self.configuration_columns(space), *number, *told)))


def mapping_path(text: str) -> Path:
    """Return the file that ``text`` names: a path, or the name of one that nepsbench ships.

    Raises:
        SpecError: If there is neither.
    """
    path = Path(text).expanduser()
    if path.is_file():
        return path
    shipped = shipped_mappings()
    if text not in shipped:
        raise SpecError(
            f"{text}: no such mapping file; give a path, or one of these: {', '.join(shipped)}"
        )
    return shipped[text]


def shipped_mappings() -> dict[str, Path]:
    """Return the mapping files that come with nepsbench, by name."""
    paths = [Path(str(item)) for item in _SHIPPED.iterdir() if item.name.endswith(".yaml")]
    return {path.stem: path for path in sorted(paths)}


def read_mapping(path: Path) -> TableMapping:
    """Read a mapping file.

    Raises:
        SpecError: With the first thing that is wrong, in one line.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        words = " ".join(str(error).split())
        raise SpecError(f"{path}: no YAML: {words}") from None
    try:
        mapping = TableMapping.model_validate(content)
    except ValidationError as error:
        raise SpecError(f"{path}: {first_problem(error, TableMapping)}") from None
    try:
        _check_space(mapping)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None
    return mapping


def _check_space(mapping: TableMapping) -> None:
    space = mapping.the_space()
    for name in mapping.configuration.parameters:
        if name not in space.names:
            raise SpecError(
                f"configuration.parameters: space {space.name} has no parameter {name!r}; it has "
                f"{', '.join(space.names)}"
            )
    if mapping.configuration.digits and any(
        not isinstance(p, Categorical) or len(p.choices) > len("0123456789")
        for p in space.parameters
    ):
        raise SpecError("configuration.digits: a digit is one of at most ten choices")
