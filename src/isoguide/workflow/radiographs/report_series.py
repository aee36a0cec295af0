"""DICOM radiographs of the day as the one image series to which a registration and a report refer."""

from collections.abc import Sequence
from dataclasses import dataclass

from isoguide.dicom import PatientIdentity
from isoguide.dicom.identity import StudyContext
from isoguide.dicom.radiograph_header import RadiographHeader


@dataclass(frozen=True, slots=True)
class ReferencedImages:
    """What it takes to refer to images, as :class:`isoguide.dicom.ReferencedSeries` asks for it."""

    patient: PatientIdentity
    study: StudyContext
    study_instance_uid: str
    series_instance_uid: str
    frame_of_reference_uid: str
    sop_class_uid: str
    instance_uids: tuple[str, ...]


def referenced_radiographs(headers: Sequence[RadiographHeader]) -> ReferencedImages | None:
    """Return DICOM radiographs as one series; None where there are none, or not one series in one frame.

    A registration says which coordinates it maps by a frame of reference, which radiographs need not have.
    """
    series = {
        (one.study_instance_uid, one.series_instance_uid, one.frame_of_reference_uid, one.sop_class_uid)
        for one in headers
    }
    if len(series) != 1:
        return None
    study_uid, series_uid, frame_uid, sop_class_uid = series.pop()
    if not frame_uid:
        return None
    return ReferencedImages(
        headers[0].patient,
        headers[0].study,
        study_uid,
        series_uid,
        frame_uid,
        sop_class_uid,
        tuple(header.sop_instance_uid for header in headers),
    )
