"""Cameras of a stereo X-ray system and their images, written down as a views file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isoguide.errors import GeometryError, MismatchError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Quantity
from isoguide.images.radiograph_view import RadiographView
from isoguide.workflow.radiographs.camera_file import CALIBRATION, load_camera, load_matrix
from isoguide.workflow.radiographs.strict_json import write_new_json
from isoguide.workflow.radiographs.views_file import ViewEntry, ViewsFile, views_of


@dataclass(frozen=True, slots=True)
class CameraImport:
    """What is asked for.

    Parameters
    ----------
    cameras
        MayaCam 2.0 files.
    images
        One for each camera, in the same order, undistorted.
    placement
        File with the 4 × 4 matrix that takes mm of the calibration object to planning coordinates, with the
        patient at the planned position.
    unit_mm
        Length of the unit in which the camera files state the translation.
    source_detector_mm
        Where to put the detectors: anywhere beyond the patient.
    quantity
        What the values of the images are.
    """

    cameras: tuple[Path, ...]
    images: tuple[Path, ...]
    placement: Path
    unit_mm: float
    source_detector_mm: float
    quantity: Quantity


def import_cameras(request: CameraImport, out: Path) -> tuple[RadiographView, ...]:
    """Write a views file, complete or not at all, and return what it says; an existing one stays.

    Raises
    ------
    MismatchError
        If there is not one image per camera, an image has another size than its camera, or two cameras look
        from the same angle.
    MissingEvidenceError, UnreadableError, GeometryError, InputError
        If a file is missing or cannot be used.
    OutputError
        If there is such a views file, or the place cannot be written.
    """
    if len(request.images) != len(request.cameras):
        msg = (
            f"{len(request.images)} images do not fit {len(request.cameras)} cameras; give one image for "
            "each camera, in the same order"
        )
        raise MismatchError(msg)
    placed = _placement(request.placement)
    entries = tuple(
        _entry(image, _view(camera, request).in_frame(placed), out)
        for camera, image in zip(request.cameras, request.images, strict=True)
    )
    written = ViewsFile(views=entries, quantity=request.quantity)
    views = views_of(written, out)
    write_new_json(written, out, "views file")
    return views


def camera_lines(views: Sequence[RadiographView]) -> tuple[str, ...]:
    """Say of each view where its source is and how large its pixels are; then the warnings."""
    lines = [
        f"{one.source}: source at {', '.join(f'{mm:.1f}' for mm in one.view.source_mm)} mm in planning "
        f"coordinates, pixels of {' × '.join(f'{mm:.4f}' for mm in one.view.pixel_spacing_mm)} mm"
        for one in views
    ]
    return (*lines, *dict.fromkeys(words for one in views for words in one.warnings))


def _placement(path: Path) -> RigidTransform:
    try:
        return RigidTransform(PLANNING, CALIBRATION, load_matrix(path))
    except GeometryError as error:
        raise GeometryError(f"{path}: {error}") from None


def _view(camera: Path, request: CameraImport) -> XrayView:
    return load_camera(camera).view(unit_mm=request.unit_mm, source_detector_mm=request.source_detector_mm)


def _entry(image: Path, view: XrayView, out: Path) -> ViewEntry:
    points = (view.source_mm, view.detector_centre_mm, view.row_direction, view.column_direction)
    source, centre, along_row, along_column = ((float(x), float(y), float(z)) for x, y, z in points)
    return ViewEntry(
        file=Path(os.path.relpath(image.resolve(), out.resolve().parent)).as_posix(),
        source_mm=source,
        detector_centre_mm=centre,
        row_direction=along_row,
        column_direction=along_column,
        pixel_spacing_mm=view.pixel_spacing_mm,
        size=view.size,
    )
