"""The sampling spec: the YAML file that says what a profile draws."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from nepsbench.boundary import Section, first_problem
from nepsbench.errors import InvalidConfigurationError, SpecError
from nepsbench.spaces import Configuration, Scalar, Space, get_space

#: Names become folders, job names and tags, so they are kept plain.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


#: Numbers of streams and draws stay below: so none can leave the tables' int64.
_END = 2**32


class _Strict(Section, strict=True):
    """A section that takes no text for a number."""


class Streams(_Strict):
    """Which bit-streams, and from which draw on."""

    first: int = Field(default=0, ge=0, lt=_END, description="taskid of the first bit-stream")
    count: int = Field(
        default=1, ge=1, lt=_END, description="bit-streams of each combination of cross"
    )
    offset: int = Field(
        default=0, ge=0, lt=_END, description="draws to skip at the start of each stream"
    )


class Needs(_Strict):
    """What one trial needs: CPUs, memory in MB, and seconds an epoch if known beforehand."""

    cpus: int = Field(default=1, ge=1)
    memory_mb: int = Field(default=1000, ge=1)
    seconds_per_epoch: float | None = Field(default=None, gt=0)


class ProfileSpec(_Strict):
    """A sampling profile before it is drawn.

    Attributes:
        profile: Name of the profile, and of the campaign that runs it.
        space: Search space.
        dataset: What every trial is trained on.
        scheme: Bit-stream scheme. ``legacy-counter`` only shows what overlapping streams do: its
            words are NEPSBench-101's, its configurations are not; see
            :func:`nepsbench.sampling.streams.stream_words`.
        streams: Which bit-streams.
        samples: Draws from each stream.
        fixed: Parameters that every configuration has in common.
        cross: Per-fidelity streams: every combination of these values gets streams of its own.
        per_stream: Parameters fixed in single streams, by taskid.
        portfolio: Explicit configurations instead of drawn ones, taken in turn, for each
            combination of ``cross`` from the first one on. ``fixed``, ``cross`` and
            ``per_stream`` are laid over them.
        seeds: ``stream`` draws a training seed for each trial; a list trains every configuration
            once with each of its seeds.
        needs: What a trial needs.
    """

    profile: Name
    space: str = "nepsbench101"
    dataset: str = "digits"
    scheme: Literal["jump", "legacy-counter"] = "jump"
    streams: Streams = Streams()
    samples: int = Field(ge=1, lt=_END)
    fixed: dict[str, Scalar] = Field(default_factory=dict)
    cross: dict[str, Annotated[list[Scalar], Field(min_length=1)]] = Field(default_factory=dict)
    per_stream: dict[int, dict[str, Scalar]] = Field(default_factory=dict)
    portfolio: list[dict[str, Scalar]] = Field(default_factory=list)
    seeds: Literal["stream"] | list[int] = "stream"
    needs: Needs = Needs()

    @model_validator(mode="after")
    def _values_lie_in_the_space(self) -> ProfileSpec:
        space = get_space(self.space)
        for name, value in itertools.chain(
            self.fixed.items(),
            *(fixed.items() for fixed in self.per_stream.values()),
            ((name, value) for name, values in self.cross.items() for value in values),
        ):
            space.parameter(name).encode(value)
        for configuration in self.portfolio:
            space.validate(configuration)
        unused = set(self.per_stream) - set(self.taskids)
        if unused:
            raise SpecError(
                f"per_stream names stream {min(unused)}, but the spec draws from "
                f"{self.taskids[0]} to {self.taskids[-1]}"
            )
        return self

    @model_validator(mode="after")
    def _seeds_are_seeds(self) -> ProfileSpec:
        if self.seeds == []:
            raise SpecError("seeds is an empty list; give seeds, or write: seeds: stream")
        for seed in self.seeds if isinstance(self.seeds, list) else ():
            if not 0 <= seed < 2**32:
                raise SpecError(f"seeds: {seed} is no seed; give numbers from 0 to {2**32 - 1}")
        return self

    @model_validator(mode="after")
    def _the_portfolio_is_used_up(self) -> ProfileSpec:
        draws = self.streams.count * self.samples
        if draws < len(self.portfolio):
            raise SpecError(
                f"portfolio has {len(self.portfolio)} configurations, but there are {draws} draws "
                "to take them in (streams.count times samples, for each combination of cross); "
                "raise samples, or shorten the portfolio"
            )
        return self

    @property
    def search_space(self) -> Space:
        """The space itself."""
        return get_space(self.space)

    @property
    def combinations(self) -> list[Configuration]:
        """Every combination of the ``cross`` values, one empty one if there are none."""
        values = itertools.product(*self.cross.values())
        return [dict(zip(self.cross, combination, strict=True)) for combination in values]

    @property
    def taskids(self) -> range:
        """All bit-streams of the profile, in order."""
        count = self.streams.count * len(self.combinations)
        return range(self.streams.first, self.streams.first + count)

    def fixed_in(self, taskid: int) -> Configuration:
        """Return the parameters that are fixed in this stream, by falling precedence.

        A stream's own values, then its combination of ``cross``, then ``fixed``.
        """
        combination = self.combinations[(taskid - self.streams.first) // self.streams.count]
        return {**self.fixed, **combination, **self.per_stream.get(taskid, {})}


def read_spec(path: Path) -> ProfileSpec:
    """Read and check a spec file.

    Raises:
        SpecError: If the file is missing, no YAML mapping, or says something impossible.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise SpecError(f"{path}: no such spec file") from None
    except OSError as error:
        raise SpecError(f"{path}: cannot be read as a spec: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path}: not UTF-8 text; save the spec as UTF-8") from None
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return parse_spec(content, where=str(path))


def parse_spec(content: Any, *, where: str) -> ProfileSpec:
    """Check a spec that was read from ``where``.

    Raises:
        SpecError: With the first thing that is wrong, in one line.
    """
    if not isinstance(content, dict):
        raise SpecError(f"{where}: a spec is a mapping of keys to values")
    try:
        return ProfileSpec.model_validate(content)
    except ValidationError as error:
        raise SpecError(f"{where}: {first_problem(error, ProfileSpec)}") from None
    except (SpecError, InvalidConfigurationError) as error:
        raise SpecError(f"{where}: {error}") from None
