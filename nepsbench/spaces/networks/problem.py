"""What a network is built for: the shape of its input and of its output."""

from __future__ import annotations

from dataclasses import dataclass

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
