"""The dose of one fraction in the planning anatomy, kept as a file for later fractions to be added to it.

A file holds the dose, its deviation, where the voxels are and what was assumed, as NumPy arrays without any
Python object. It lies in the image store under its SHA-256, and so is checked whenever it is read.
"""

import io
import json
import zipfile
import zlib
from typing import Final

import numpy as np

from isoguide.dose.accumulate import AccumulatedDose
from isoguide.dose.result import DoseVolume
from isoguide.errors import GeometryError, UnreadableError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.records.image_store import ImageStore

_FORM: Final = "a dose in the planning anatomy 1"
_DAMAGE: Final = (
    OSError, EOFError, ValueError, KeyError, TypeError, GeometryError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def keep_carried(store: ImageStore, carried: AccumulatedDose) -> str:
    """Keep the dose of one fraction, and return the SHA-256 of its file.

    Raises
    ------
    OutputError
        If the store cannot be written.
    """
    grid, content = carried.dose.grid, io.BytesIO()
    np.savez_compressed(
        content,
        form=np.array(_FORM),
        dose_gy=carried.dose.dose_gy,
        sigma_gy=carried.sigma_gy,
        spacing_mm=grid.spacing_mm,
        origin_mm=grid.origin_mm,
        direction=grid.direction,
        approximations=np.array(json.dumps(carried.approximations)),
    )
    return store.add_bytes(content.getvalue())


def kept_carried(store: ImageStore, sha256: str) -> AccumulatedDose:
    """Read the dose of one fraction.

    Raises
    ------
    UnreadableError
        If the file is missing, was changed or is no such dose; the message names it.
    """
    path = store.path_of(sha256)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["form"]) != _FORM:
                raise ValueError(str(kept["form"]))
            dose = np.asarray(kept["dose_gy"], np.float32)
            _, _, _ = dose.shape
            grid = Grid(PLANNING, dose.shape, kept["spacing_mm"], kept["origin_mm"], kept["direction"])
            sigma = DoseVolume(grid, kept["sigma_gy"]).dose_gy
            told = tuple(map(str, json.loads(str(kept["approximations"]))))
            return AccumulatedDose(DoseVolume(grid, dose), sigma, 1, told)
    except _DAMAGE as error:
        msg = f"the file {path} holds no dose in the planning anatomy ({error}): compute that dose again"
        raise UnreadableError(msg) from error
