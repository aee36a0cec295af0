"""RT Dose grids (PS3.3 C.8.8.3): where each plane lies depends on how the frame offsets are meant."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import RTDoseStorage

from isoguide.dicom.identity import PatientIdentity
from isoguide.dicom.item import Item, tolerating_odd_values
from isoguide.dicom.pixels import read_stored
from isoguide.dicom.scan import DicomFile, open_dicom
from isoguide.dicom.slices import DUPLICATE_MM, POSITION_TOLERANCE_MM, orthonormal_direction
from isoguide.dose.result import DoseVolume
from isoguide.errors import GeometryError, UnreadableError
from isoguide.geometry.frames import PLANNING, Array, Frame
from isoguide.geometry.grid import Grid

_DOSE_TYPES: Final = ("PHYSICAL", "EFFECTIVE")


@dataclass(frozen=True, slots=True, eq=False)
class DoseGrid:
    """A dose distribution as it was read.

    Parameters
    ----------
    dose
        The dose; k runs along row × column direction, whatever the order in the file.
    dose_type, summation_type
        PHYSICAL or EFFECTIVE; PLAN, BEAM, FRACTION_SESSION ... (3004,000A).
    plan_uid, structure_set_uid
        SOPInstanceUID of the plan and of the structure set it belongs to, empty where not stated.
    sop_instance_uid, frame_of_reference_uid, patient, path
        Which one it is and whose.
    """

    dose: DoseVolume
    dose_type: str
    summation_type: str
    plan_uid: str
    structure_set_uid: str
    sop_instance_uid: str
    frame_of_reference_uid: str
    patient: PatientIdentity
    path: Path

    @property
    def grid(self) -> Grid:
        """Where the voxels are."""
        return self.dose.grid

    @property
    def dose_gy(self) -> NDArray[np.float32]:
        """Gy, ``[k, j, i]``, read-only."""
        return self.dose.dose_gy


@tolerating_odd_values
def read_dose(source: DicomFile | Path | str, frame: Frame = PLANNING) -> DoseGrid:
    """Read a dose grid in Gy.

    Raises
    ------
    UnreadableError
        If it is not an RT Dose in Gy, holds negative values, or is damaged.
    GeometryError
        If its planes do not form one regular grid.
    """
    file = source if isinstance(source, DicomFile) else open_dicom(source)
    item = file.item
    if file.sop_class_uid != RTDoseStorage:
        msg = f"{file.path} is {file.class_name}, not an RT Dose; give another file"
        raise UnreadableError(msg)
    units, dose_type = item.text("DoseUnits"), item.text("DoseType")
    if units != "GY" or dose_type not in _DOSE_TYPES:
        msg = f"{file.path} holds a dose of type '{dose_type}' in '{units}'; export a physical dose in GY"
        raise UnreadableError(msg)
    grid, order = dose_geometry(item, frame)
    scaling = item.need_number("DoseGridScaling")
    if scaling <= 0.0:
        msg = f"{file.path} has the DoseGridScaling {scaling:g}; export it again"
        raise UnreadableError(msg)
    dose_gy = (read_stored(file).values[order] * scaling).astype(np.float32)
    if dose_gy.min() < 0.0:
        msg = f"{file.path} holds a dose of {dose_gy.min():g} Gy: a difference is no dose, export another one"
        raise UnreadableError(msg)
    dose_gy.flags.writeable = False
    plan, structures = item.first("ReferencedRTPlanSequence"), item.first("ReferencedStructureSetSequence")
    return DoseGrid(
        dose=DoseVolume(grid, dose_gy),
        dose_type=dose_type,
        summation_type=item.text("DoseSummationType"),
        plan_uid=plan.text("ReferencedSOPInstanceUID") if plan else "",
        structure_set_uid=structures.text("ReferencedSOPInstanceUID") if structures else "",
        sop_instance_uid=file.sop_instance_uid,
        frame_of_reference_uid=item.text("FrameOfReferenceUID"),
        patient=file.patient,
        path=file.path,
    )


def dose_geometry(item: Item, frame: Frame) -> tuple[Grid, NDArray[np.intp]]:
    """Return the grid of a dose and the order of its frames along k.

    Plane f lies at ImagePositionPatient + offset × normal when the first offset is 0; otherwise the offsets
    are patient z coordinates, which only makes sense for axial planes (C.8.8.3.2). The normal is row × column
    direction, so that it points to the feet for feet-first grids.

    Raises
    ------
    GeometryError
        If the offsets are uneven, repeated, or absolute for planes that are not axial.
    UnreadableError
        If a needed value is absent.
    """
    direction = orthonormal_direction(
        item.need_numbers("ImageOrientationPatient", 6).reshape(2, 3), item.source
    )
    position = item.need_numbers("ImagePositionPatient", 3)
    row_mm, column_mm = item.need_numbers("PixelSpacing", 2)
    frames = item.integer("NumberOfFrames") or 1
    offsets_mm = item.need_numbers("GridFrameOffsetVector", frames)
    if frames < 2:
        msg = (
            f"{item.source} is a single dose plane, which has no thickness; export the dose in three "
            "dimensions"
        )
        raise GeometryError(msg)
    if offsets_mm[0] != 0.0:
        offsets_mm = _relative(offsets_mm, float(position[2]), float(direction[2, 2]), item.source)
    order = np.argsort(offsets_mm, kind="stable")
    step_mm = _even_step(offsets_mm[order], item.source)
    shape = (frames, item.need_integer("Rows"), item.need_integer("Columns"))
    origin = position + offsets_mm[order[0]] * direction[:, 2]
    return Grid(frame, shape, np.array([column_mm, row_mm, step_mm]), origin, direction), order


def _relative(offsets_mm: Array, z_mm: float, normal_z: float, source: str) -> Array:
    if abs(abs(normal_z) - 1.0) > 1e-4:
        msg = (
            f"{source} has absolute GridFrameOffsetVector values for planes that are not axial; export it "
            "again"
        )
        raise GeometryError(msg)
    if abs(offsets_mm[0] - z_mm) > POSITION_TOLERANCE_MM:
        msg = (
            f"{source} starts its GridFrameOffsetVector at {offsets_mm[0]:g} mm but its ImagePositionPatient "
            f"has z = {z_mm:g} mm; export it again"
        )
        raise GeometryError(msg)
    relative_mm: Array = (offsets_mm - z_mm) * np.sign(normal_z)
    return relative_mm


def _even_step(offsets_mm: Array, source: str) -> float:
    step_mm = float(offsets_mm[-1] - offsets_mm[0]) / (len(offsets_mm) - 1)
    ideal_mm = offsets_mm[0] + step_mm * np.arange(len(offsets_mm))
    if step_mm < DUPLICATE_MM or np.abs(offsets_mm - ideal_mm).max() > POSITION_TOLERANCE_MM:
        msg = (
            f"{source} has dose planes that are unevenly spaced or repeated; export the dose on a regular "
            "grid"
        )
        raise GeometryError(msg)
    return step_mm
