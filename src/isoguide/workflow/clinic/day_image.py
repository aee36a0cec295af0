"""The image that staff took and exported, as the treatment room would have given it."""

from pathlib import Path

from isoguide.errors import MissingEvidenceError
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.ports import DayImage
from isoguide.workflow.inputs import DailyInput
from isoguide.workflow.station_time import at_this_station


def day_image(daily: DailyInput, couch: TableTopPose) -> DayImage:
    """Return the image with the couch as staff read it.

    A time without a zone is one of this work station (PS3.3 C.12.1); an export says when an image was begun.

    Raises
    ------
    MissingEvidenceError
        If it does not say whose it is, when it was taken, or how the patient lay.
    """
    series = daily.series
    if series is None:
        msg = (
            f"{daily.path} is no DICOM image, so whose it is and when it was taken is not known: export DICOM"
        )
        raise MissingEvidenceError(msg)
    if series.acquired_at is None or series.patient_position is None:
        lacks = "when it was taken" if series.acquired_at is None else "how the patient lay"
        msg = f"{daily.path} does not say {lacks}: export it with acquisition date, time and position"
        raise MissingEvidenceError(msg)
    taken_at = at_this_station(series.acquired_at)
    return DayImage(
        uid=series.series_instance_uid,
        content=daily.volume,
        machine_isocentre_mm=daily.isocentre.xyz_mm,
        patient_position=series.patient_position,
        started_at=taken_at,
        acquired_at=taken_at,
        couch=couch,
        model=series.description or series.modality,
        patient_id=series.patient.patient_id,
    )


def files_of(daily: DailyInput) -> tuple[Path, ...]:
    """Return the files of the image."""
    return daily.series.paths if daily.series is not None else ()
