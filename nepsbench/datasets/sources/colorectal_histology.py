"""``colorectal_histology``: 5,000 pieces of tissue under the microscope, in eight classes, 32x32.

Source: Kather et al., Multi-class texture analysis in colorectal cancer histology (2016); its use:
JAHS-Bench-201.
"""

from __future__ import annotations

from pathlib import Path

from nepsbench.datasets.about import About
from nepsbench.datasets.examples import Splits, check_images
from nepsbench.datasets.labelled_zip import read_labelled_zip
from nepsbench.datasets.published import published_content
from nepsbench.datasets.splits import apply_split, stored_split
from nepsbench.datasets.task import classification

FILE = "Kather_texture_2016_image_tiles_5000.zip"
ADDRESS = f"https://zenodo.org/record/53169/files/{FILE}"
#: As OpenFL's tutorial checks it.
CHECKSUM = (
    "sha384:7d86abe1d04e68b77c055820c2a4c582a1d25d2983e38ab7"
    "24eac75affce8b7cb2cbf5ba68848dcfd9d84005d87d6790"
)
CLASSES = (
    "01_TUMOR", "02_STROMA", "03_COMPLEX", "04_LYMPHO",
    "05_DEBRIS", "06_MUCOSA", "07_ADIPOSE", "08_EMPTY",
)  # fmt: skip
_SIZE, _SIDE = 5_000, 32
TASK = classification(CLASSES)

ABOUT = About(
    title="tissue of colorectal cancer under the microscope",
    shape=(3, _SIDE, _SIDE),
    task=TASK,
    sizes=(4_054, 450, 496),
    files=f"`{FILE}` (150x150)",
    steps="shrunk to 32x32, each pixel the mean of its area; normalised by channel",
    split="ours, stratified, of JAHS-Bench-201's sizes: 496 are test, a tenth of the rest is valid",
    publication="Kather et al., Scientific Reports 6, 2016",
    licence="CC BY 4.0",
    trap="JAHS-Bench-201's own indices, and how it shrank the images, are not published",
    address=ADDRESS,
)


def read(source: Path | None) -> Splits:
    """Return the images.

    Raises:
        DatasetError: If the zip is missing, truncated, or not the published one.
    """
    content, origin = published_content(
        source, FILE, dataset="colorectal_histology", checksum=CHECKSUM, address=ADDRESS
    )
    pool = read_labelled_zip(content, classes=CLASSES, side=_SIDE, origin=origin)
    check_images(pool, shape=(_SIZE, 3, _SIDE, _SIDE), classes=len(CLASSES), origin=origin)
    return Splits.of(apply_split(pool, stored_split("colorectal_histology", _SIZE)), TASK)
