"""What a recipe is made of: optimisers, schedules, augmentation, and the constants around them.

A value is given, or named as ``$Parameter``: then the configuration of each trial holds it.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from nepsbench.boundary import Section

#: The name of a parameter of the configuration, behind a dollar sign.
Reference = Annotated[str, Field(pattern=r"^\$\w+$")]

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]


class SGDSettings(Section):
    """Settings of stochastic gradient descent; without momentum, Nesterov's changes nothing."""

    kind: Literal["sgd"]
    momentum: Share | Reference
    nesterov: bool


class AdamSettings(Section):
    """Settings of Adam, whose decay is part of the gradient, or of AdamW, where it is not."""

    kind: Literal["adam", "adamw"]
    betas: tuple[float, float]
    eps: Positive


class RMSPropSettings(Section):
    """Settings of RMSProp as PyTorch defines it (``rmsprop``), or TensorFlow (``rmsprop_tf``).

    ``decay`` is of the mean of squares: PyTorch's ``alpha``, TensorFlow's ``decay``.
    """

    kind: Literal["rmsprop", "rmsprop_tf"]
    decay: Share
    momentum: Share
    eps: Positive


OptimizerSettings = Annotated[
    SGDSettings | AdamSettings | RMSPropSettings, Field(discriminator="kind")
]


class CosineSchedule(Section):
    """Half a cosine from the base rate down to ``floor`` at the horizon.

    ``by``: the rate changes with every epoch, or with every step. ``idle_first_step``: the very
    first step has the rate 0.
    """

    kind: Literal["cosine"]
    floor: float = Field(ge=0)
    by: Literal["epoch", "step"] = "epoch"
    idle_first_step: bool = False

    def rate(self, base: float, done: float, horizon: int) -> float:
        """Return the rate after ``done`` epochs of ``horizon``."""
        if self.idle_first_step and done == 0:
            return 0.0
        cosine = (1 + math.cos(math.pi * done / horizon)) / 2
        return self.floor + (base - self.floor) * cosine


class StepSchedule(Section):
    """The base rate, multiplied by ``factor`` after each of the epochs ``after``."""

    kind: Literal["steps"]
    factor: Share
    after: tuple[Annotated[int, Field(gt=0)], ...]
    by: Literal["epoch"] = "epoch"

    def rate(self, base: float, done: float, horizon: int) -> float:
        """Return the rate after ``done`` epochs of ``horizon``."""
        del horizon
        return base * self.factor ** sum(done >= epoch for epoch in self.after)


class ConstantSchedule(Section):
    """The base rate, always."""

    kind: Literal["constant"]
    by: Literal["epoch"] = "epoch"

    def rate(self, base: float, done: float, horizon: int) -> float:
        """Return the base rate."""
        del done, horizon
        return base


Schedule = Annotated[CosineSchedule | StepSchedule | ConstantSchedule, Field(discriminator="kind")]


class Masks(Section):
    """SpecAugment: stripes of some spectrograms are masked; see ``masking``.

    Attributes:
        share: Of the inputs that are masked.
        most: Masks of one input; at least one.
        bands: The widest stripe of bands, as a share of all.
        times: The widest stripe of times, likewise.
    """

    share: float = Field(gt=0, le=1)
    most: int = Field(gt=0)
    bands: Share
    times: Share


class Augmentation(Section):
    """What is done to training inputs, in the order of the fields.

    Attributes:
        trivial_augment: One random operation of TrivialAugment for each image.
        background: Least and most of the multiples of its background that are added to an input
            that is no image; None for nothing.
        masks: Of spectrograms; None for none.
        flip: Mirror half of the images.
        crop_padding: Pixels around an image before it is cropped, at Resolution 1.
        cutout: Side of the square that is cut out of each image, in pixels at Resolution 1.
        valid: Change the validation inputs, too, in each epoch anew.
    """

    trivial_augment: bool | Reference = False
    background: tuple[float, float] | None = None
    masks: Masks | None = None
    flip: bool = False
    crop_padding: int = Field(default=0, ge=0)
    cutout: int = Field(default=0, ge=0)
    valid: bool = False

    @property
    def needs_images(self) -> bool:
        """True if something is done that has a meaning for images alone."""
        return bool(self.trivial_augment or self.flip or self.crop_padding or self.cutout)


class ArchitectureSettings(Section):
    """How a network that is searched learns its architecture from validation data.

    Attributes:
        kind: Adam, or exponentiated gradient, whose parameters are on the simplex.
        rate: Of its steps.
        betas: Adam's.
        decay: Adam's, of the parameters.
        warm_up: The part of the schedule in which only the weights move.
    """

    kind: Literal["adam", "exponentiated_gradient"]
    rate: Positive | Reference
    betas: tuple[float, float] = (0.9, 0.999)
    decay: float = Field(default=0.0, ge=0)
    warm_up: Share = 0.0


class Normalisation(Section):
    """Mean and standard deviation by channel, of pixels 0..255, in place of the dataset's own."""

    mean: tuple[float, ...]
    std: tuple[Positive, ...]

    @model_validator(mode="after")
    def _as_many(self) -> Normalisation:
        if len(self.mean) != len(self.std):
            raise ValueError("give as many standard deviations as means")
        return self


class BatchNorm(Section):
    """Constants of batch normalisation as PyTorch means them, in place of the network's own.

    ``momentum`` is the weight of a new batch in the running averages.
    """

    momentum: float = Field(gt=0, le=1)
    eps: Positive
