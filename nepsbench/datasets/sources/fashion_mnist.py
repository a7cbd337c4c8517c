"""``fashion_mnist``: 70,000 articles of clothing, 28x28, grey, in four IDX files.

Source: Xiao, Rasul and Vollgraf, Fashion-MNIST (arXiv:1708.07747).
"""

from __future__ import annotations

import gzip
import zlib
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.about import About
from nepsbench.datasets.download import download
from nepsbench.datasets.examples import Examples, Splits, check_images
from nepsbench.datasets.splits import apply_split, stored_split
from nepsbench.datasets.task import classification
from nepsbench.errors import DatasetError

#: Where Debian's package ``dataset-fashion-mnist`` puts the files.
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"

#: SHA-256 of each file's content, decompressed: the gzip headers differ between distributors.
CONTENT = {
    "train-images-idx3-ubyte.gz": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "train-labels-idx1-ubyte.gz": (
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
}
CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_UNSIGNED_BYTE = 8
TASK = classification(CLASSES)

ABOUT = About(
    title="articles of clothing",
    shape=(1, 28, 28),
    task=TASK,
    sizes=(54_000, 6_000, 10_000),
    files=", ".join(f"`{name}`" for name in CONTENT),
    steps="normalised by channel",
    split="the published test images; of the others a tenth, stratified, is valid (ours)",
    publication="Xiao, Rasul and Vollgraf, arXiv:1708.07747",
    licence="MIT",
    trap="JAHS-Bench-201 trains on 63,000 of all 70,000 images and tests on 7,000",
    address=ADDRESS,
)


def read(source: Path | None) -> Splits:
    """Return the published 10,000 test images, and the 60,000 split into 54,000 and 6,000.

    Raises:
        DatasetError: If a file is missing, truncated, or not the published one.
    """
    if source is None and DEBIAN_FOLDER.is_dir():
        source = DEBIAN_FOLDER
    contents = {name: _content(name, source) for name in CONTENT}
    pool, test = (
        _images(contents, prefix=prefix, size=size)
        for prefix, size in (("train", 60_000), ("t10k", 10_000))
    )
    parts = apply_split(pool, stored_split("fashion_mnist", len(pool)))
    return Splits.of({**parts, "test": test}, TASK)


def parse_idx(content: bytes, *, origin: str) -> NDArray[np.uint8]:
    """Return the array of an IDX file of unsigned bytes.

    The format: two zero bytes, a type byte, the number of dimensions, each dimension as a
    big-endian 32-bit word, the values row by row.

    Raises:
        DatasetError: If it is another format, or its length is not what its header says.
    """
    if len(content) < 4 or content[:3] != bytes((0, 0, _UNSIGNED_BYTE)):
        raise DatasetError(f"{origin}: no IDX file of unsigned bytes; get the published file")
    start = 4 + 4 * content[3]
    shape = tuple(int(n) for n in np.frombuffer(content[4:start], dtype=">u4"))
    if len(shape) != content[3] or len(content) - start != np.prod(shape, dtype=np.int64):
        raise DatasetError(f"{origin}: truncated; get the published file again")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _content(name: str, source: Path | None) -> bytes:
    """Return one file's decompressed, verified content."""
    path = source / name if source else None
    origin = str(path) if path else f"{ADDRESS}/{name}"
    if path is not None and not path.is_file():
        raise DatasetError(
            f"{path}: no such file; put the four files of Fashion-MNIST into that folder, or "
            "install Debian's package dataset-fashion-mnist"
        )
    packed = path.read_bytes() if path else download(origin)
    try:
        content = gzip.decompress(packed)
    except (EOFError, OSError, zlib.error):
        raise DatasetError(f"{origin}: truncated or no gzip file; get it again") from None
    if sha256(content).hexdigest() != CONTENT[name]:
        raise DatasetError(f"{origin}: not the published file (its checksum differs); get it again")
    return content


def _images(contents: dict[str, bytes], *, prefix: str, size: int) -> Examples:
    images, labels = f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz"
    pixels = parse_idx(contents[images], origin=images)
    found = Examples(pixels[:, None], parse_idx(contents[labels], origin=labels).astype(np.int64))
    check_images(found, shape=(size, 1, 28, 28), classes=len(CLASSES), origin=images)
    return found
