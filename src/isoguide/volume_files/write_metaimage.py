"""Volumes as MetaImage, for other programs."""

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import OutputError
from isoguide.geometry.grid import Grid


def write_metaimage(path: Path | str, grid: Grid, values: NDArray[np.uint8]) -> None:
    """Write 8-bit values on a grid as a compressed ``.mha`` file; an existing one is replaced.

    MetaImage does not say which frame its coordinates are in: say it in the name of the file.

    Parameters
    ----------
    path
        Where to.
    grid, values
        Where the voxels are, and what they hold, [k, j, i].

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    packed = zlib.compress(np.ascontiguousarray(values, dtype=np.uint8).tobytes(), level=4)
    numbers = {
        # The matrix lists the direction of each voxel axis in turn.
        "TransformMatrix": grid.direction.T.ravel(),
        "Offset": grid.origin_mm,
        "CenterOfRotation": np.zeros(3),
        "ElementSpacing": grid.spacing_mm,
    }
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        f"CompressedDataSize = {len(packed)}",
        *(f"{name} = {' '.join(repr(float(value)) for value in row)}" for name, row in numbers.items()),
        f"DimSize = {' '.join(str(size) for size in grid.shape[::-1])}",
        "AnatomicalOrientation = RAI",
        "ElementType = MET_UCHAR",
        "ElementDataFile = LOCAL",
    ]
    try:
        Path(path).write_bytes("".join(f"{line}\n" for line in lines).encode("ascii") + packed)
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}); check the folder and the space on the disk"
        raise OutputError(msg) from error
