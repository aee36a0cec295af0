"""Deformable Spatial Registrations (PS3.3 A.39.2): where the tissue of the planning CT is in the day's image.

The standard's direction is that of :class:`DeformableRegistration`: the grid lies in the registered frame of
reference, that of the planning CT, and ``x_day = M_post (M_pre x_planning + d)`` (PS3.3 C.20.3.1.1). So the
vectors are written as they are, M_post takes the planning frame to that of the day, and M_pre is the
identity, which is written because readers look for it. The grid's axes are turned to x, y, z where it has
other ones: not every reader follows ImageOrientationPatient.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import DeformableSpatialRegistrationStorage
from scipy.optimize import linear_sum_assignment

from isoguide.dicom.modules import (
    ReferencedSeries,
    SeriesDetails,
    WrittenObject,
    add_equipment,
    add_frame_of_reference,
    add_instance_references,
    add_patient_and_study,
    add_series,
    code_item,
    image_references,
    new_dataset,
)
from isoguide.dicom.part10 import decimal_strings, save_dataset, shortened
from isoguide.dicom.write_registration import (
    ALIGNED_BY_CONTENT,
    RegistrationDetails,
    add_content_identification,
    check_label,
    frame_notes,
)
from isoguide.errors import OutputError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.displacement_field import DisplacementField
from isoguide.registration.deformable.result import DeformableRegistration

NO_SERIAL_NUMBER: Final = "none: software"
"""DeviceSerialNumber must not be empty (Enhanced General Equipment, PS3.3 C.7.5.2)."""


def write_deformable_registration(
    path: Path,
    found: DeformableRegistration,
    *,
    planning: ReferencedSeries,
    daily: ReferencedSeries,
    details: RegistrationDetails | None = None,
) -> WrittenObject:
    """Write a deformable match into the study of the day's image.

    Parameters
    ----------
    path
        The file; its folder exists.
    found
        The match; its verdict goes into the comment on the transformation.
    planning, daily
        The two image series; both are referred to.
    details
        Label, creator, date, UIDs.

    Returns
    -------
    WrittenObject
        With a note when both series carry the same frame of reference UID: the source has to be named by it,
        so only the references to the images tell which is which.

    Raises
    ------
    OutputError
        If there is no displacement field, the label is not a code string, a series has no instances or no
        frame of reference, or the file cannot be written.
    """
    details = details or RegistrationDetails(description="Tissue of the planning CT found in the daily image")
    if found.field is None:
        msg = "no displacement field was found, so there is no deformable registration to write; leave it out"
        raise OutputError(msg)
    check_label(details.label)
    notes = frame_notes(planning, daily)
    uid = details.sop_instance_uid
    dataset = new_dataset(str(DeformableSpatialRegistrationStorage), uid, created_at=details.created_at)
    add_patient_and_study(dataset, daily)
    series = SeriesDetails(details.series_instance_uid, "REG", details.series_number, details.description)
    add_series(dataset, series)
    # Type 2C: empty says that the side is not known, and a registration is not of one side anyway.
    dataset.Laterality = ""
    add_equipment(dataset)
    dataset.DeviceSerialNumber = NO_SERIAL_NUMBER
    add_frame_of_reference(dataset, planning.frame_of_reference_uid)
    add_content_identification(dataset, details)
    dataset.DeformableRegistrationSequence = [_entry(found, found.field, daily, notes)]
    add_instance_references(dataset, [planning, daily])
    save_dataset(path, dataset)
    return WrittenObject(
        path,
        str(DeformableSpatialRegistrationStorage),
        uid,
        details.series_instance_uid,
        daily.study_instance_uid,
        notes,
    )


def _entry(
    found: DeformableRegistration, field: DisplacementField, daily: ReferencedSeries, notes: tuple[str, ...]
) -> Dataset:
    if not daily.frame_of_reference_uid:
        msg = (
            "the daily image has no frame of reference, so no registration can say what it maps; export the"
            " image with its FrameOfReferenceUID"
        )
        raise OutputError(msg)
    entry = Dataset()
    entry.SourceFrameOfReferenceUID = daily.frame_of_reference_uid
    entry.ReferencedImageSequence = image_references(daily)
    # The verdict comes first: what follows may be cut.
    comment = "; ".join([str(found.verdict), *notes])
    entry.FrameOfReferenceTransformationComment = shortened(comment, 64)
    entry.RegistrationTypeCodeSequence = [code_item(ALIGNED_BY_CONTENT)]
    entry.PreDeformationMatrixRegistrationSequence = [_matrix(np.eye(4))]
    entry.PostDeformationMatrixRegistrationSequence = [_matrix(found.planning_from_daily.inverse().matrix)]
    entry.DeformableRegistrationGridSequence = [_grid(field)]
    return entry


def _matrix(matrix: Array) -> Dataset:
    item = Dataset()
    item.FrameOfReferenceTransformationMatrixType = "RIGID"
    item.FrameOfReferenceTransformationMatrix = decimal_strings(matrix.ravel().tolist())
    return item


def _grid(field: DisplacementField) -> Dataset:
    grid, vectors = axial(field)
    item = Dataset()
    item.ImageOrientationPatient = decimal_strings(grid.direction[:, :2].T.ravel().tolist())
    item.ImagePositionPatient = decimal_strings(grid.origin_mm.tolist())
    item.GridDimensions = list(grid.shape[::-1])
    item.GridResolution = grid.spacing_mm.tolist()
    item.VectorGridData = np.ascontiguousarray(vectors, dtype="<f4").tobytes()
    return item


def axial(field: DisplacementField) -> tuple[Grid, NDArray[np.float32]]:
    """Return the same field on the same nodes, in the order in which i, j, k run along x, y, z.

    An oblique grid keeps its directions and gets the nearest such order. That is right-handed, as the
    standard wants it: left-handed axes have a trace of at most 1, those of the nearest order a larger one.
    """
    grid = field.grid
    order = linear_sum_assignment(-np.abs(grid.direction))[1]
    turned = grid.direction[:, order]
    upwards = np.sign(np.diag(turned))
    # Index axis n (i, j, k) is array axis 2 - n.
    arrays = np.transpose(field.vectors_mm, (*(2 - order[::-1]), 3))
    size = np.array(arrays.shape[2::-1])
    first = np.zeros(3)
    first[order] = np.where(upwards < 0.0, size - 1.0, 0.0)
    flips = tuple(slice(None, None, int(step)) for step in upwards[::-1])
    turned_grid = Grid(
        grid.frame, arrays.shape[:3], grid.spacing_mm[order], grid.xyz(first), turned * upwards
    )
    return turned_grid, arrays[flips]
