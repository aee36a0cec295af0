"""Views files: plain X-ray images with their geometry, patient at the planned position."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from isoguide.errors import GeometryError, InputError, MismatchError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Quantity, Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.volume_files.radiograph_file import read_radiograph_file
from isoguide.workflow.radiographs.strict_json import read_json, schema_text
from isoguide.workflow.radiographs.view_section import ViewSection
from isoguide.workflow.strict_toml import Section

SCHEMA_FILE: Final = "views-1.json"
SAME_ANGLE_DEG: Final = 1.0
"""Two views from closer angles show the same thing twice: one of the entries is a copy."""

NARROW_ANGLE_DEG: Final = 30.0
"""Below this the depth is known at best half as well as the sides (the sine of the angle)."""


class ViewEntry(ViewSection):
    """One image, in planning patient LPS."""

    file: str = Field(min_length=1, description="TIFF, PNG or NRRD; relative to the views file.")


class ViewsFile(Section):
    """X-ray images of a patient and where each was taken from."""

    views: tuple[ViewEntry, ...] = Field(min_length=1)
    quantity: Quantity | None = Field(
        default=None,
        description="What values are: line integrals (bone is bright), which is also what they are taken for "
        "where nothing is said, or intensities (bone is dark).",
    )


def views_schema_text() -> str:
    """Write the schema as the file ``docs/schema/views-1.json`` holds it."""
    return schema_text(ViewsFile)


def load_views(path: Path | str) -> tuple[RadiographView, ...]:
    """Read a views file with its images.

    Parameters
    ----------
    path
        The JSON file; names of images are relative to its folder.

    Returns
    -------
    tuple
        In the order of the file, views in frame PLANNING. Intensities become shares of the brightest pixel.
        A pair of views less than 30° apart is a warning of every view.

    Raises
    ------
    MissingEvidenceError
        If the file or one of its images is not there.
    UnreadableError
        If one of them cannot be read.
    MismatchError
        If an image has another size than its entry says, or two views come from the same angle.
    InputError, GeometryError
        If a key or value is impossible, or the axes of a view are not orthonormal.
    """
    path = Path(path)
    return views_of(read_json(path, ViewsFile, "views file"), path)


def views_of(written: ViewsFile, path: Path) -> tuple[RadiographView, ...]:
    """Return what a views file at ``path`` says, with its images; see :func:`load_views`."""
    views = tuple(_view(entry, path, number) for number, entry in enumerate(written.views, start=1))
    warnings = _check_angles(views, path)
    if written.quantity is None:
        warnings += (f"{path} does not say what the values are: taken for line integrals (bone is bright)",)
    quantity = written.quantity or "line integral"
    return tuple(
        checked_radiograph(path.parent / entry.file, view, quantity, warnings)
        for entry, view in zip(written.views, views, strict=True)
    )


def _view(entry: ViewEntry, path: Path, number: int) -> XrayView:
    try:
        return entry.view(PLANNING)
    except GeometryError as error:
        raise GeometryError(f"{path}, view {number}: {error}") from None


def _check_angles(views: Sequence[XrayView], path: Path) -> tuple[str, ...]:
    warnings: tuple[str, ...] = ()
    for (one, first), (other, second) in combinations(enumerate(views, start=1), 2):
        angle_deg = angle_between_deg(first, second)
        if angle_deg < SAME_ANGLE_DEG:
            msg = f"{path}: views {one} and {other} come from the same angle ({angle_deg:.2f}°); correct one"
            raise MismatchError(msg)
        if angle_deg < NARROW_ANGLE_DEG:
            warnings += (
                f"{path}: views {one} and {other} are only {angle_deg:.0f}° apart: depth is known badly",
            )
    return warnings


def angle_between_deg(one: XrayView, other: XrayView) -> float:
    """Return the angle between the central rays of two views, 0 to 90: opposite views show the same depth."""
    rays = [view.detector_centre_mm - view.source_mm for view in (one, other)]
    across = float(np.linalg.norm(np.cross(rays[0], rays[1])))
    return float(np.rad2deg(np.arctan2(across, abs(float(rays[0] @ rays[1])))))


def checked_radiograph(
    path: Path, view: XrayView, quantity: Quantity, warnings: tuple[str, ...] = ()
) -> RadiographView:
    """Read a plain image for a view; intensities become shares of the brightest pixel.

    Raises
    ------
    MissingEvidenceError, UnreadableError
        If it is not there or cannot be read.
    MismatchError
        If it has another size than the view.
    InputError
        If its values are no intensities where they should be.
    """
    read = read_radiograph_file(path)
    rows, columns = read.values.shape
    if (columns, rows) != view.size:
        msg = (
            f"{path} has {columns} columns and {rows} rows, but its view says {view.size[0]} and "
            f"{view.size[1]}; correct the size or the file"
        )
        raise MismatchError(msg)
    values = read.values if quantity == "line integral" else _shares(read.values, path)
    return RadiographView(Radiograph(view, values, quantity), ~read.is_saturated, str(path), warnings)


def _shares(values: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    brightest = float(values.max())
    if brightest <= 0.0 or float(values.min()) < 0.0:
        msg = f"{path} has values from {values.min():g} to {brightest:g}: no intensities; save it again"
        raise InputError(msg)
    return np.asarray(values / np.float32(brightest), dtype=np.float32)
