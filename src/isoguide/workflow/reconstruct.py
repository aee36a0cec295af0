"""From the projections of a cone-beam scan to a DICOM series that ``isoguide align`` takes."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dicom import (
    CtAcquisition,
    PatientIdentity,
    SeriesUids,
    StructureSetDetails,
    write_ct_series,
    write_structure_set,
)
from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import DAILY
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.plan import PatientPosition
from isoguide.progress import Progress, part_of, silent
from isoguide.projection.projection_set import ProjectionSet
from isoguide.projection.read_projections import WATER_PER_MM, find_projections, read_projections
from isoguide.projection.reconstruct import ReconstructionSettings, reconstruct
from isoguide.projection.scan_geometry import check_arc, source_angles_deg
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.simulation_session import ISOCENTRE_POINT

SERIES_FOLDER: Final = "CBCT"
"""What a reconstruction adds to the output folder: images and the in-room structure set."""


@dataclass(frozen=True, slots=True)
class ReconstructRequest:
    """What to reconstruct, and whose image it is.

    Parameters
    ----------
    projections
        Folder with the projections and geometry of one scan.
    patient_position
        How the patient lay: no projection says it, and it decides left and right.
    patient
        Whose image it becomes; empty fields stay empty.
    settings
        Voxels, extent and filter.
    water_attenuation_per_mm
        What the projections give to water.
    acquired_at
        Time of the scan; None takes that of the latest projection file.
    """

    projections: Path
    patient_position: PatientPosition | None
    patient: PatientIdentity = field(default_factory=PatientIdentity)
    settings: ReconstructionSettings = field(default_factory=ReconstructionSettings)
    water_attenuation_per_mm: float = WATER_PER_MM
    acquired_at: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """What was made: the image, where it lies on disk, and of how many projections over which arc."""

    volume: Volume
    folder: Path
    projections: int
    arc_deg: float
    acquired_at: datetime


def reconstruct_into(
    target: Path,
    request: ReconstructRequest,
    *,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Reconstruction:
    """Reconstruct a scan and write it to ``target/CBCT``, with the machine isocentre as a point.

    The machine isocentre is the origin of the scan's geometry.

    Raises
    ------
    MissingEvidenceError
        If the patient position is not given, or projections, geometry or RTK are missing.
    InputError
        If the scan cannot be used: unreadable files, an arc that is too short.
    OutputError
        If the folder cannot be written or holds a reconstruction and ``overwrite`` is not set.
    """
    position = stated_position(request)
    with published_folder(target, (SERIES_FOLDER,), overwrite=overwrite) as staging:
        projections, acquired_at = read_scan(request, part_of(progress, 0.0, 0.4))
        volume = reconstruct(projections, position, request.settings, progress=part_of(progress, 0.4, 0.9))
        progress(0.9, "writing images")
        uids = SeriesUids.from_seed(scan_seed(projections, request))
        write_image(
            staging / SERIES_FOLDER, volume, request, CtAcquisition(acquired_at, description="CBCT"), uids
        )
    return Reconstruction(
        volume, target / SERIES_FOLDER, len(projections.views), arc_deg(projections), acquired_at
    )


def stated_position(request: ReconstructRequest) -> str:
    """Return how the patient lay.

    Raises
    ------
    MissingEvidenceError
        If it is not given.
    """
    if request.patient_position is None:
        msg = (
            "projections do not say how the patient lay, which decides left and right: "
            "give --patient-position"
        )
        raise MissingEvidenceError(msg)
    return str(request.patient_position)


def read_scan(request: ReconstructRequest, progress: Progress) -> tuple[ProjectionSet, datetime]:
    """Read the projections, and say when the scan was.

    Raises
    ------
    MissingEvidenceError
        If projections, geometry or RTK are missing.
    InputError
        If the scan cannot be used: unreadable files, an arc that is too short.
    """
    _, paths, _ = find_projections(request.projections)
    latest = datetime.fromtimestamp(max(path.stat().st_mtime for path in paths)).astimezone()
    projections = read_projections(
        request.projections, water_attenuation_per_mm=request.water_attenuation_per_mm, progress=progress
    )
    check_arc(projections.views)
    return projections, request.acquired_at or latest


def write_image(
    folder: Path, volume: Volume, request: ReconstructRequest, acquisition: CtAcquisition, uids: SeriesUids
) -> None:
    """Write a series with its in-room structure set; what no projection says is left open."""
    series = write_ct_series(
        folder,
        volume,
        patient=request.patient,
        patient_position=str(request.patient_position),
        uids=uids,
        acquisition=replace(acquisition, model="isoguide reconstruction", body_part="", kilovoltage=None),
    )
    point = Contour("POINT", np.zeros((1, 3)))
    write_structure_set(
        folder / "RS.dcm",
        [Structure(ISOCENTRE_POINT, 1, DAILY, (point,), "ISOCENTER")],
        image=series,
        details=StructureSetDetails(label="IN ROOM", created_at=acquisition.acquired_at),
    )


def scan_seed(projections: ProjectionSet, request: ReconstructRequest) -> str:
    """Return what the UIDs follow from: the same scan, patient and settings have the same ones."""
    digest = hashlib.sha256(projections.values.tobytes())
    for view in projections.views:
        digest.update(view.pixel_from_xyz.tobytes())
    digest.update(repr((request.settings, request.water_attenuation_per_mm)).encode())
    digest.update(repr((request.patient, request.patient_position)).encode())
    return digest.hexdigest()


def arc_deg(projections: ProjectionSet) -> float:
    """Return how much of a turn the scan covers, degrees."""
    angles = np.sort(source_angles_deg(projections.views))
    gaps = np.diff(np.append(angles, angles[0] + 360.0))
    # One gap belongs to each projection: a full turn has no end.
    return float(min(360.0 - gaps.max() + np.median(gaps), 360.0))
