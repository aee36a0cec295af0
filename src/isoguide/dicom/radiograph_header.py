"""What a radiograph says of itself: whose, by which device, when, and what may tell where it was taken."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from pydicom.uid import RTImageStorage

from isoguide.dicom.identity import PatientIdentity, StudyContext, patient_of, study_of
from isoguide.dicom.item import Item, exposed_at, tolerating_odd_values
from isoguide.dicom.rtimage import (
    SHOW_NO_PATIENT,
    gantry_angle_deg,
    gantry_is_source,
    image_kind,
    rt_image_view,
)
from isoguide.dicom.scan import DicomFile
from isoguide.errors import MissingEvidenceError, UnreadableError

COMPUTED: Final = "DRR"
_NAMING: Final = (
    "DetectorID",
    "SeriesDescription",
    "ProtocolName",
    "StationName",
    "AcquisitionDeviceProcessingDescription",
)
"""Attributes in which a system with several tubes may name the view."""


@dataclass(frozen=True, slots=True)
class RadiographHeader:
    """A radiograph by its header; texts are empty where the file does not state them.

    Parameters
    ----------
    path, modality, sop_class_uid, sop_instance_uid, series_instance_uid, study_instance_uid
        As in the file.
    frame_of_reference_uid
        As in the file; two radiographs with the same one need not show the patient in the same place.
    patient, study
        Whose it is, and the examination it is part of.
    serial_number
        DeviceSerialNumber.
    acquired_at
        When it was exposed, by the clock of the room; None where the file does not say.
    kind
        Value 3 of ImageType of an RT Image: PORTAL, RADIOGRAPH, SIMULATOR, DRR; empty for others.
    gantry_deg
        GantryAngle (300A,011E), None where the file has none. PositionerPrimaryAngle is not one: it refers to
        the patient.
    gantry_is_source
        True where that is the angle of the source by right: in the treatment beam.
    couch_deg
        PatientSupportAngle (300A,0122), None where it is not stated.
    patient_position
        PatientPosition as written.
    orientation
        PatientOrientation: where in the patient columns and rows run to, such as ("L", "F"), or empty.
    naming
        What may be the name of the view, in the words of the file.
    plan_uid
        SOPInstanceUID of the plan that it was taken for.
    """

    path: Path
    modality: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    frame_of_reference_uid: str
    patient: PatientIdentity
    serial_number: str
    acquired_at: datetime | None
    study: StudyContext = field(default_factory=StudyContext)
    kind: str = ""
    gantry_deg: float | None = None
    gantry_is_source: bool = False
    couch_deg: float | None = None
    patient_position: str = ""
    orientation: tuple[str, ...] = ()
    naming: tuple[str, ...] = ()
    plan_uid: str = ""

    @property
    def is_rt_image(self) -> bool:
        """True where the image has room geometry of its own."""
        return self.sop_class_uid == RTImageStorage

    @property
    def when(self) -> str:
        """When it was taken, for messages."""
        return "at an unknown time" if self.acquired_at is None else f"at {self.acquired_at}"


@tolerating_odd_values
def radiograph_header(file: DicomFile) -> RadiographHeader:
    """Read what a radiograph says of itself.

    Raises
    ------
    UnreadableError
        If a number is none.
    GeometryError
        If an RT Image states two gantry angles.
    """
    item = file.item
    is_rt_image = file.sop_class_uid == RTImageStorage
    reference = item.first("ReferencedRTPlanSequence")
    return RadiographHeader(
        path=file.path,
        modality=item.text("Modality"),
        sop_class_uid=file.sop_class_uid,
        sop_instance_uid=file.sop_instance_uid,
        series_instance_uid=file.series_instance_uid,
        study_instance_uid=item.text("StudyInstanceUID"),
        frame_of_reference_uid=item.text("FrameOfReferenceUID"),
        patient=patient_of(item),
        serial_number=item.text("DeviceSerialNumber"),
        acquired_at=exposed_at(item),
        study=study_of(item),
        kind=image_kind(item) if is_rt_image else "",
        gantry_deg=_gantry_deg(item),
        gantry_is_source=is_rt_image and gantry_is_source(item),
        couch_deg=item.number("PatientSupportAngle"),
        patient_position=item.text("PatientPosition"),
        orientation=item.texts("PatientOrientation"),
        plan_uid=reference.text("ReferencedSOPInstanceUID") if reference is not None else "",
        naming=tuple(dict.fromkeys(text for name in _NAMING if (text := item.text(name)))),
    )


def _gantry_deg(item: Item) -> float | None:
    try:
        return gantry_angle_deg(item)
    except MissingEvidenceError:
        return None


@tolerating_odd_values
def describe_radiograph(file: DicomFile) -> str:
    """Say in one sentence what a radiograph is and what it takes to place it in the room.

    Raises
    ------
    UnreadableError, MissingEvidenceError, GeometryError
        If it cannot be placed at all.
    """
    header = radiograph_header(file)
    when = "at an unknown time" if header.acquired_at is None else f"{header.acquired_at:%Y-%m-%d %H:%M:%S}"
    device = f"device '{header.serial_number}'" if header.serial_number else "a device without serial number"
    by = f"{when} by {device}"
    if not header.is_rt_image:
        return f"taken {by}: only the imager file of that device says where in the room"
    if header.kind in SHOW_NO_PATIENT:
        msg = f"an RT Image of the kind {header.kind} shows no patient"
        raise UnreadableError(msg)
    gantry_deg = gantry_angle_deg(file.item)
    rt_image_view(file.item, gantry_deg)
    what = f"{header.kind or 'RT Image'} at gantry {gantry_deg:.1f}°"
    if header.kind == COMPUTED:
        return f"{what}: computed from a CT, no image of the day"
    if header.gantry_is_source:
        return f"{what}, taken {by}: it says itself where in the room"
    return (
        f"{what}, taken {by}: it says where in the room once the angle from gantry to source is known "
        "(--source-from-gantry, or the imager file of the device)"
    )
