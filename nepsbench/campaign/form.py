"""What a person fills in to regenerate a benchmark, checked before anything runs."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator

from nepsbench.boundary import Section, first_problem
from nepsbench.errors import SpecError
from nepsbench.kept import NONE
from nepsbench.sampling.spec import Name, ProfileSpec, parse_spec
from nepsbench.spaces import Scalar, get_space
from nepsbench.spaces.oneshot import PREFIX
from nepsbench.spaces.problem import Problem, check_problem
from nepsbench.training.fit import fitting_recipe, own_recipe
from nepsbench.training.job import KeepWeights
from nepsbench.training.recipe import get_recipe

#: The most waves a campaign can have; the DAG has as many slots.
MAX_WAVES = 5

Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class Campaign(Section):
    """One regeneration of a benchmark.

    Attributes:
        space: Search space.
        dataset: What every trial is trained on.
        recipe: How every trial is trained; empty: the space's own recipe.
        first_stream: Taskid of the first bit-stream.
        streams: Number of bit-streams.
        samples: Draws from each stream.
        waves: Epoch milestones, rising; each wave continues from the one before.
        cluster: Where the jobs run: a file in the clusters' folder.
        seed: One training seed for all trials; empty: each trial draws its own.
        release: Version of the release that is built in the end.
        name: Name of the campaign and its profile; empty: made from the values that decide
            what is trained.
        retry_failed: Train trials again that failed or ran out of memory.
        mlflow_limit: Track at most this many trials of a wave in MLflow; empty: all.
        keep_weights: Which weights workers keep: ``none``, ``last`` (of each wave), ``best`` (by
            the validation metric) or ``every <epochs>``. It may change from wave to wave.
        promote: After each wave but the last, go on with one of so many trials: the best by the
            validation metric (successive halving). Empty: with all.
        portfolio: Explicit configurations, taken in turn instead of drawn ones; the streams then
            give the training seeds alone. What ``nepsbench profile extend`` proposes, for example.
    """

    space: str = "nepsbench101"
    dataset: str = "digits"
    recipe: str = ""
    first_stream: int = Field(default=0, ge=0)
    streams: int = Field(default=4, ge=1)
    samples: int = Field(default=16, ge=1)
    waves: tuple[int, ...] = (3, 12)
    cluster: Name = "local"
    seed: int | None = Field(default=None, ge=0, lt=2**32)
    release: Version = "1.0.0"
    name: Name = ""
    retry_failed: bool = False
    mlflow_limit: int | None = Field(default=None, ge=0)
    keep_weights: KeepWeights = NONE
    promote: int | None = Field(default=None, ge=2)
    portfolio: tuple[dict[str, Scalar], ...] = ()

    @field_validator("waves", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        """Read ``"3, 12"``, as a form has it."""
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("waves")
    @classmethod
    def _rise(cls, waves: tuple[int, ...]) -> tuple[int, ...]:
        rising = all(a < b for a, b in zip((0, *waves), waves, strict=False))
        if not waves or len(waves) > MAX_WAVES or not rising:
            raise ValueError(f"give 1 to {MAX_WAVES} rising numbers of epochs, such as 3, 12")
        return waves

    def model_post_init(self, _: Any) -> None:
        """Fill in the space's own recipe, and a name after what is trained, where none is given."""
        if not self.recipe:
            object.__setattr__(self, "recipe", self.space)
        if not self.name:
            digest = sha256(json.dumps(self._sampled(), sort_keys=True).encode()).hexdigest()
            name = f"{self.space}-{self.dataset}-{digest[:8]}"
            object.__setattr__(self, "name", name)

    def _sampled(self) -> dict[str, Any]:
        """The values that decide what is trained. Waves, cluster and release do not."""
        fields = {"space", "dataset", "first_stream", "streams", "samples", "seed"}
        # The space's own recipe goes without saying: it was once the only one.
        fields |= set() if self.recipe == self.space else {"recipe"}
        fields |= {"portfolio"} if self.portfolio else set()
        return self.model_dump(mode="json", include=fields)

    @property
    def benchmark(self) -> str:
        """The benchmark that the campaign adds to; it names a recipe that is not the space's."""
        own = self.recipe == self.space
        return f"{self.space}-{self.dataset}" + ("" if own else f"-{self.recipe}")

    @property
    def searches(self) -> bool:
        """True if its trials are searches: they find architectures, and make no table."""
        return self.space.startswith(PREFIX)

    def spec(self) -> ProfileSpec:
        """Return the campaign's sampling spec.

        Raises:
            SpecError: If a value does not fit the space.
        """
        content = {
            "profile": self.name,
            "space": self.space,
            "dataset": self.dataset,
            "streams": {"first": self.first_stream, "count": self.streams},
            "samples": self.samples,
            "seeds": "stream" if self.seed is None else [self.seed],
            "portfolio": list(self.portfolio),
        }
        return parse_spec(content, where=f"campaign {self.name}")


def parse_campaign(values: dict[str, Any]) -> Campaign:
    """Check what a form, a file or a DAG run's conf says.

    Raises:
        SpecError: With the first thing that is wrong, in one line.
    """
    given = {key: value for key, value in values.items() if value not in (None, "")}
    if isinstance(given.get("recipe"), str):
        given["recipe"] = get_recipe(given["recipe"]).name
    try:
        campaign = Campaign.model_validate(given)
    except ValidationError as error:
        raise SpecError(f"campaign: {first_problem(error, Campaign)}") from None
    _require_fit(campaign, given.get("recipe"))
    return campaign


def read_form(path: Path) -> dict[str, Any]:
    """Read the values of a form from a JSON file, as ``nepsbench profile extend`` writes it.

    Raises:
        SpecError: If there is no such file, or it is no JSON object.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: cannot be read as a form: {error.strerror}") from None
    except ValueError as error:
        raise SpecError(f"{path}: not JSON: {error}") from None
    if not isinstance(values, dict):
        raise SpecError(f"{path}: a form is one JSON object of fields and values")
    return values


def _require_fit(campaign: Campaign, recipe_given: str | None) -> None:
    """Refuse a space, a dataset and a recipe that are not there, or do not go together."""
    from nepsbench.datasets import about, dataset_names

    space = get_space(campaign.space)
    recipe = recipe_given or own_recipe(space)
    if campaign.dataset not in dataset_names():
        raise SpecError(
            f"campaign: unknown dataset {campaign.dataset!r}; "
            f"there are: {', '.join(dataset_names())}"
        )
    fitting_recipe(recipe, space, campaign.dataset).check_epochs(campaign.waves[-1])
    facts = about(campaign.dataset)
    check_problem(space.name, Problem(facts.shape, facts.task.outputs, facts.task.dense))


def read_campaign(path: Path) -> Campaign:
    """Read the campaign that :func:`nepsbench.campaign.folder.CampaignFolder.save` wrote.

    Raises:
        SpecError: If there is none, or it is damaged.
    """
    try:
        return parse_campaign(json.loads(path.read_text()))
    except FileNotFoundError:
        raise SpecError(f"{path}: no such campaign; create its profile first") from None
    except ValueError as error:
        raise SpecError(f"{path}: not JSON: {error}") from None
