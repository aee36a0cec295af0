"""CT series, single-frame or enhanced multi-frame, as one volume with its identity."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dicom.identity import PatientIdentity, StudyContext, patient_of, study_of
from isoguide.dicom.item import Item, moment_of, tolerating_odd_values
from isoguide.dicom.pixels import read_values
from isoguide.dicom.scan import FoundSeries
from isoguide.dicom.slices import Slice, slices_of, stack, without_localizers
from isoguide.errors import GeometryError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.plan import PatientPosition

LINAC_SOURCE_TO_AXIS_MM: Final = 900.0
"""A source this far from the axis is on a treatment machine (1000 mm); diagnostic CT stays below 700 mm."""
CONE_BEAM_WORDS: Final = (
    "CBCT",
    "CONE BEAM",
    "CONEBEAM",
    "CONE-BEAM",
    "XVI",
    "ON-BOARD IMAGER",
    "VOLUMEVIEW",
)
"""Words in ImageType, SeriesDescription, ProtocolName or ManufacturerModelName that say cone beam."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageSeries:
    """An image series: the volume and what DICOM says about it.

    Parameters
    ----------
    volume
        Values and grid, in the frame it was read for.
    patient, study
        Whose it is and the examination it is part of.
    patient_position
        PatientPosition (0018,5100) of the images, None where they do not state one of a lying patient.
    modality, series_instance_uid, study_instance_uid, frame_of_reference_uid, sop_class_uid
        As in the files.
    instance_uids
        SOPInstanceUID of the files in the order of k (one for a multi-frame file).
    acquired_at
        When the images were acquired, by the clock of the scanner; None where the files do not say.
    content_sha256
        Hash of geometry and values: the same image gives the same hash, however it is stored or named.
    phase_percent
        NominalPercentageOfRespiratoryPhase (0020,9245), 0 is end of inspiration; None where not stated.
    equipment_from_patient, equipment_system
        ImageToEquipmentMappingMatrix (0028,9520), 4×4 in mm, and EquipmentCoordinateSystemIdentification.
    warnings
        What the user should know before relying on the images.
    """

    volume: Volume
    patient: PatientIdentity
    series_instance_uid: str
    study_instance_uid: str
    frame_of_reference_uid: str
    sop_class_uid: str
    instance_uids: tuple[str, ...]
    patient_position: PatientPosition | None = None
    modality: str = "CT"
    study: StudyContext = field(default_factory=StudyContext)
    description: str = ""
    manufacturer: str = ""
    model: str = ""
    device_serial: str = ""
    acquired_at: datetime | None = None
    phase_percent: float | None = None
    content_sha256: str = ""
    equipment_from_patient: Array | None = None
    equipment_system: str = ""
    paths: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What messages call the series."""
        named = f" '{self.description}'" if self.description else ""
        return f"{self.modality} series{named} (UID {self.series_instance_uid})"


@tolerating_odd_values
def read_ct_series(series: FoundSeries, frame: Frame, *, needs_hounsfield: bool) -> ImageSeries:
    """Read a series into a volume.

    Parameters
    ----------
    series
        What a scan found.
    frame
        The frame to put the volume in: patient LPS of planning or of the day.
    needs_hounsfield
        True for the planning CT: images without rescale are refused. Without it they are accepted with a
        warning, because grey values suffice to find the position.

    Raises
    ------
    UnreadableError
        If a file of the series is damaged, or a needed value is absent.
    GeometryError
        If the slices do not form one regular grid.
    MismatchError
        If the series mixes patients or frames of reference.
    MissingEvidenceError
        If the values are needed as Hounsfield units and the files do not say how to get them.
    """
    grid, planes, warnings = series_geometry(series, frame)
    item = planes[0].file.item
    warnings += _rescale_warnings(planes, needs_hounsfield=needs_hounsfield)
    cone_beam = cone_beam_evidence(item)
    if needs_hounsfield and cone_beam:
        warnings += (
            f"the planning series looks like cone-beam CT ({cone_beam}): its numbers are not calibrated",
        )
    values = read_values(planes)
    position, position_warnings = _patient_position(item)
    is_hounsfield = not (cone_beam or any(plane.rescale is None for plane in planes) or _odd_units(planes))
    volume = Volume(grid, values, is_hounsfield=is_hounsfield, source=series.label)
    return ImageSeries(
        volume=volume,
        patient=patient_of(item),
        series_instance_uid=series.series_instance_uid,
        study_instance_uid=item.text("StudyInstanceUID"),
        frame_of_reference_uid=item.text("FrameOfReferenceUID"),
        sop_class_uid=planes[0].file.sop_class_uid,
        instance_uids=tuple(dict.fromkeys(plane.file.sop_instance_uid for plane in planes)),
        patient_position=position,
        modality=item.text("Modality") or "CT",
        study=study_of(item),
        description=item.text("SeriesDescription"),
        manufacturer=item.text("Manufacturer"),
        model=item.text("ManufacturerModelName"),
        device_serial=item.text("DeviceSerialNumber"),
        acquired_at=acquired_at(item),
        phase_percent=item.number("NominalPercentageOfRespiratoryPhase"),
        content_sha256=content_hash(volume),
        equipment_from_patient=_equipment_matrix(item),
        equipment_system=item.text("EquipmentCoordinateSystemIdentification"),
        paths=tuple(dict.fromkeys(plane.file.path for plane in planes)),
        warnings=warnings + position_warnings + _compression_warnings(item),
    )


def series_geometry(series: FoundSeries, frame: Frame) -> tuple[Grid, tuple[Slice, ...], tuple[str, ...]]:
    """Return the grid of a series, its planes in the order of k and what was left out; pixels stay unread.

    Raises
    ------
    UnreadableError, GeometryError, MismatchError
        As :func:`read_ct_series`.
    """
    planes, warnings = without_localizers(slices_of(series))
    for keyword in ("PatientID", "FrameOfReferenceUID", "PatientPosition"):
        _check_one(planes, keyword)
    grid, planes = stack(planes, frame)
    return grid, planes, warnings


def content_hash(volume: Volume) -> str:
    """SHA-256 over grid and values of a volume, in hexadecimal; independent of how it is stored."""
    digest = hashlib.sha256()
    for part in (volume.grid.spacing_mm, volume.grid.origin_mm, volume.grid.direction):
        digest.update(np.ascontiguousarray(np.round(part, 6) + 0.0).astype("<f8").tobytes())
    digest.update(repr((volume.grid.shape, volume.values.dtype.str)).encode())
    digest.update(np.ascontiguousarray(volume.values).data)
    return digest.hexdigest()


def cone_beam_evidence(item: Item) -> str:
    """Say why an image is taken for cone-beam CT, empty when nothing says so.

    The modality is CT for both. Geometry decides first: a source 1 m from the axis is on a linac. Nothing in
    the registration depends on the answer; it only keeps the numbers from being called Hounsfield units.
    """
    distance_mm = item.number("DistanceSourceToPatient")
    if distance_mm is not None and distance_mm >= LINAC_SOURCE_TO_AXIS_MM:
        return f"the source is {distance_mm:g} mm from the axis"
    for keyword in ("ImageType", "SeriesDescription", "ProtocolName", "ManufacturerModelName"):
        value = item.text(keyword)
        words = value.upper().replace("_", " ")
        if any(word in words for word in CONE_BEAM_WORDS):
            return f"{keyword} is '{value}'"
    return ""


def acquired_at(item: Item) -> datetime | None:
    """Return when the image was acquired, from the most specific date that is one."""
    stamped = moment_of(item.text("AcquisitionDateTime")[:14])
    if stamped is not None:
        return stamped
    for name in ("Acquisition", "Content", "Series", "Study"):
        moment = item.moment(f"{name}Date", f"{name}Time")
        if moment is not None:
            return moment
    return None


def _check_one(planes: Sequence[Slice], keyword: str) -> None:
    counts = Counter(plane.file.item.text(keyword) for plane in planes)
    if len(counts) == 1:
        return
    usual = counts.most_common(1)[0][0]
    odd = next(plane for plane in planes if plane.file.item.text(keyword) != usual)
    msg = (
        f"{odd.source} has the {keyword} '{odd.file.item.text(keyword)}' while the series has '{usual}'; "
        "remove the file that does not belong"
    )
    raise MismatchError(msg)


def _rescale_warnings(planes: Sequence[Slice], *, needs_hounsfield: bool) -> tuple[str, ...]:
    bare = next((plane for plane in planes if plane.rescale is None), None)
    if bare is not None and needs_hounsfield:
        msg = (
            f"{bare.source} has no RescaleSlope and RescaleIntercept, so its values are not CT numbers; "
            "export the planning CT with them"
        )
        raise MissingEvidenceError(msg)
    if bare is not None and any(plane.rescale is not None for plane in planes):
        msg = (
            f"{bare.source} has no RescaleSlope and RescaleIntercept while others have; export the series "
            "again"
        )
        raise GeometryError(msg)
    if bare is not None:
        return (f"{bare.source} has no rescale: its values are used as grey values, not as CT numbers",)
    # Cone-beam values are seldom Hounsfield units and the match does not need them: warning of the usual case
    # every day would teach people to read past warnings.
    units = _odd_units(planes) if needs_hounsfield else ""
    return (f"the CT values are in '{units}', not in Hounsfield units",) if units else ()


def _odd_units(planes: Sequence[Slice]) -> str:
    return next((plane.rescale_type for plane in planes if plane.rescale_type not in ("", "HU")), "")


def _patient_position(item: Item) -> tuple[PatientPosition | None, tuple[str, ...]]:
    text = item.text("PatientPosition")
    if text in PatientPosition.__members__:
        return PatientPosition(text), ()
    if not text:
        return None, (f"{item.source} does not state the patient position",)
    msg = (
        f"{item.source} has the PatientPosition '{text}', which is not one of a lying patient; it "
        "cannot be used"
    )
    raise GeometryError(msg)


def _equipment_matrix(item: Item) -> Array | None:
    values = item.numbers("ImageToEquipmentMappingMatrix", 16)
    return None if values is None else values.reshape(4, 4)


def _compression_warnings(item: Item) -> tuple[str, ...]:
    if item.text("LossyImageCompression") == "01":
        return (f"{item.source} was compressed with loss of detail",)
    return ()
