"""``uc_merced``: 2,100 photographs of land from above, in 21 classes, 32x32.

Source: Yang and Newsam, Bag-of-visual-words and spatial extensions for land-use classification
(2010); its use: JAHS-Bench-201.
"""

from __future__ import annotations

from pathlib import Path

from nepsbench.datasets.about import About
from nepsbench.datasets.examples import Splits, check_images
from nepsbench.datasets.labelled_zip import read_labelled_zip
from nepsbench.datasets.published import published_files
from nepsbench.datasets.splits import apply_split, stored_split
from nepsbench.datasets.task import classification

FILE = "UCMerced_LandUse.zip"
CLASSES = (
    "agricultural", "airplane", "baseballdiamond", "beach", "buildings", "chaparral",
    "denseresidential", "forest", "freeway", "golfcourse", "harbor", "intersection",
    "mediumresidential", "mobilehomepark", "overpass", "parkinglot", "river", "runway",
    "sparseresidential", "storagetanks", "tenniscourt",
)  # fmt: skip
_SIZE, _SIDE = 2_100, 32
TASK = classification(CLASSES)

ABOUT = About(
    title="land use, from the air",
    shape=(3, _SIDE, _SIDE),
    task=TASK,
    sizes=(1_701, 189, 210),
    files=f"`{FILE}` (256x256, `Images/<class>/*.tif`)",
    steps="shrunk to 32x32, each pixel the mean of its area; normalised by channel",
    split="ours, stratified, of JAHS-Bench-201's sizes: 210 are test, a tenth of the rest is valid",
    publication="Yang and Newsam, ACM SIGSPATIAL 2010",
    licence="public domain (USGS)",
    trap="JAHS-Bench-201's own indices, and how it shrank the images, are not published",
)


def read(source: Path | None) -> Splits:
    """Return the images.

    Raises:
        DatasetError: If the zip is missing, truncated, or not of the published size.
    """
    (path,) = published_files(source, (FILE,), dataset="uc_merced")
    pool = read_labelled_zip(path.read_bytes(), classes=CLASSES, side=_SIDE, origin=str(path))
    check_images(pool, shape=(_SIZE, 3, _SIDE, _SIDE), classes=len(CLASSES), origin=str(path))
    return Splits.of(apply_split(pool, stored_split("uc_merced", _SIZE)), TASK)
