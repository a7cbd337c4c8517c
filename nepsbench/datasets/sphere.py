"""Images on a sphere: seen from near its north pole, turned at random, read off a grid of angles.

The projection is that of the published generator of spherical MNIST (Cohen et al., Spherical CNNs,
ICLR 2018; ``s2cnn/examples/mnist/gendata.py``): stereographic, from a point 0.001 above the pole of
a unit sphere, onto the plane below it, of which the square from -1.5 to 1.5 is the image; a
Driscoll-Healy grid of ``2 b`` by ``2 b`` angles; one rotation for each 500 images; brightness
stretched to 0..255 by image (and by channel, where there are three).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.splits import drawn_numbers

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FloatArray = NDArray[np.float64]

#: Half the number of angles in each direction: images become 60x60.
BANDWIDTH = 30
#: Images that share a rotation.
CHUNK = 500
_ORIGIN = 2 + 1e-3
_HALF_WIDTH = 1.5


def grid_of_angles(bandwidth: int = BANDWIDTH) -> FloatArray:
    """Return points of a Driscoll-Healy grid, shape (3, 2 b, 2 b): polar angle, then azimuth."""
    count = np.arange(2 * bandwidth)
    polar, azimuth = np.meshgrid(
        count * np.pi / (2 * bandwidth), count * np.pi / bandwidth, indexing="ij"
    )
    return np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)]
    )


def rotation(numbers: FloatArray) -> FloatArray:
    """Return a rotation matrix, uniform over all of them if ``numbers`` are in 0..1.

    Source: Arvo, Fast Random Rotation Matrices (Graphics Gems III).
    """
    turn, direction, height = numbers * (2 * np.pi, 2 * np.pi, 2.0)
    pole = np.array(
        [np.sin(direction) * height**0.5, np.cos(direction) * height**0.5, (2 - height) ** 0.5]
    )
    cosine, sine = np.cos(turn), np.sin(turn)
    around = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    matrix: FloatArray = (np.outer(pole, pole) - np.eye(3)) @ around
    return matrix


def sampling_weights(points: FloatArray, height: int, width: int) -> csr_array:
    """Return how the values at ``points`` come from an image's pixels, a sparse matrix.

    Args:
        points: On the unit sphere, shape (3, ...).
        height: Of the image.
        width: Of the image.

    Returns:
        Shape (points, height * width). As published, the four pixels of a value are two apart, and
        the weights add up to 4; the stretch that follows undoes it.
    """
    from scipy.sparse import csr_array

    x, y, z = points.reshape(3, -1)
    growth = 1 - (z + 1) / (z + 1 - _ORIGIN)
    rows = (x * growth + _HALF_WIDTH) / (2 * _HALF_WIDTH) * height
    columns = (y * growth + _HALF_WIDTH) / (2 * _HALF_WIDTH) * width
    row, column = rows.astype(int), columns.astype(int)
    parts: list[Any] = []
    for down, row_weight in ((-1, row + 1 - rows), (1, rows - row + 1)):
        for right, column_weight in ((-1, column + 1 - columns), (1, columns - column + 1)):
            i, j = row + down, column + right
            inside = np.flatnonzero((i >= 0) & (i < height) & (j >= 0) & (j < width))
            weight = (row_weight * column_weight)[inside]
            parts.append((weight, inside, (i * width + j)[inside]))
    weights, places, pixels = (np.concatenate(values) for values in zip(*parts, strict=True))
    return csr_array((weights, (places, pixels)), shape=(len(x), height * width))


def project(
    images: NDArray[np.uint8], *, name: str, bandwidth: int = BANDWIDTH, chunk: int = CHUNK
) -> NDArray[np.uint8]:
    """Return images on the sphere, uint8, shape (images, channels, 2 b, 2 b).

    Args:
        images: Shape (images, channels, height, width).
        name: The rotations are drawn from it, so that they are the same everywhere.
        bandwidth: ``b``.
        chunk: Images that share a rotation.
    """
    count, channels, height, width = images.shape
    side = 2 * bandwidth
    grid = grid_of_angles(bandwidth)
    projected = np.empty((count, channels, side, side), np.uint8)
    for number, start in enumerate(range(0, count, chunk)):
        part = images[start : start + chunk]
        turned = np.einsum("ij,jab->iab", rotation(drawn_numbers(f"{name}/{number}", 3)), grid)
        weights = sampling_weights(turned, height, width)
        flat = part.reshape(-1, height * width).T.astype(np.float64)
        values = _stretched(weights @ flat).T
        projected[start : start + chunk] = values.reshape(len(part), channels, side, side)
    return projected


def _stretched(values: FloatArray) -> NDArray[np.uint8]:
    """Return each column stretched to 0..255; a column of one value becomes 0."""
    low, high = values.min(0), values.max(0)
    span = np.where(high > low, high - low, 1.0)
    scaled: NDArray[np.uint8] = ((values - low) / span * 255).astype(np.uint8)
    return scaled
