"""What a network is built for: the shape of its input and of its output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from nepsbench.errors import SpecError


@dataclass(frozen=True)
class Problem:
    """Shapes of a network's input and output.

    Attributes:
        shape: Of one input: channels and places, (channels, height, width) of an image.
        outputs: Channels of the output: classes, labels, or channels of a map.
        dense: True if there is an output for each place of the input, False for one an example.
    """

    shape: tuple[int, ...]
    outputs: int
    dense: bool = False

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return self.shape[0]

    @property
    def is_sequence(self) -> bool:
        """True for inputs with one dimension of places; an image of one row is such, too."""
        return len(self.shape) == 2 or (len(self.shape) == 3 and self.shape[1] == 1)

    def require_plane(self, network: str) -> None:
        """Let through two-dimensional inputs, with one output an example or for each place.

        Raises:
            SpecError: If ``network``, which is named in the error, cannot take the problem.
        """
        if len(self.shape) != 3:
            raise SpecError(
                f"{network}: takes inputs (channels, height, width); the dataset's have the shape "
                f"{self.shape}; choose another space or dataset"
            )

    def require_any(self, network: str) -> None:
        """Let through sequences with one output an example, and all two-dimensional inputs.

        Raises:
            SpecError: If ``network``, which is named in the error, cannot take the problem.
        """
        if self.dense or not self.is_sequence:
            self.require_plane(network)

    def require_map(self, network: str) -> None:
        """Let through two-dimensional inputs with an output for each place.

        Raises:
            SpecError: If ``network``, which is named in the error, cannot take the problem.
        """
        if len(self.shape) != 3 or not self.dense:
            raise SpecError(
                f"{network}: gives an output for each place of inputs (channels, height, width); "
                f"the dataset's inputs have the shape {self.shape}"
                f"{'' if self.dense else ' and need one output an example'}; "
                "choose another space or dataset"
            )

    def require_sequence(self, network: str, *, places: int = 1) -> None:
        """Let through sequences of so many places or more, with one output an example.

        Raises:
            SpecError: If ``network``, which is named in the error, cannot take the problem.
        """
        if self.dense or not self.is_sequence or self.shape[-1] < places:
            long = f" of at least {places} places" if places > 1 else ""
            raise SpecError(
                f"{network}: takes sequences{long}, with one output an example; the dataset's "
                f"inputs have the shape {self.shape}"
                f"{' and need an output for each place' * self.dense}; "
                "choose another space or dataset"
            )

    def require_sphere(self, network: str) -> None:
        """Let through images on a sphere's grid, as high as wide, with one output an example.

        Raises:
            SpecError: If ``network``, which is named in the error, cannot take the problem.
        """
        self.require_image(network)
        if self.shape[1] != self.shape[2] or self.shape[1] % 2 or self.shape[1] < 4:
            raise SpecError(
                f"{network}: takes spheres as grids of 2 b polar angles by 2 b azimuths; the "
                f"dataset's inputs have the shape {self.shape}; choose another space or dataset"
            )

    def require_image(self, network: str) -> None:
        """Let through two-dimensional inputs with one output an example.

        Raises:
            SpecError: If ``network``, which is named in the error, cannot take the problem.
        """
        if len(self.shape) != 3 or self.dense:
            wanted = "an output for each place" if self.dense else "one output an example"
            raise SpecError(
                f"{network}: takes inputs (channels, height, width) and gives one output an "
                f"example; the dataset's inputs have the shape {self.shape} and need {wanted}; "
                "choose another space or dataset"
            )


#: What a space's network asks of a problem, where that is not an image with one output.
_REQUIREMENTS: dict[str, Callable[[Problem, str], None]] = {
    "nasbench201": Problem.require_plane,
    "oneshot_nasbench201": Problem.require_plane,
    "darts": Problem.require_any,
    "oneshot_darts": Problem.require_any,
    "densenas": Problem.require_any,
    "oneshot_densenas": Problem.require_any,
    "autodeeplab": Problem.require_map,
    "oneshot_autodeeplab": Problem.require_map,
    "perceiver_io": Problem.require_any,
    "xgboost": Problem.require_any,
    "amber": Problem.require_sequence,
    "oneshot_amber": Problem.require_sequence,
    "nasbench360_backbone": Problem.require_any,
    "expert_s2cnn": Problem.require_sphere,
    "expert_fno": Problem.require_map,
    "expert_deepcon": Problem.require_map,
    "expert_deepcr": Problem.require_map,
    "expert_resnet1d": Problem.require_sequence,
    "expert_rocket": partial(Problem.require_sequence, places=8),
    "expert_deepsea": partial(Problem.require_sequence, places=163),
}


def check_problem(space_name: str, problem: Problem) -> None:
    """Refuse a problem that the networks of a space cannot be built for.

    Raises:
        SpecError: If they cannot.
    """
    _REQUIREMENTS.get(space_name, Problem.require_image)(problem, f"space {space_name}")
