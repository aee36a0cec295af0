"""An image of the virtual room as the DICOM files that an imager would export."""

from datetime import datetime
from pathlib import Path

from isoguide.dicom import PatientIdentity
from isoguide.dicom.write_ultrasound import write_ultrasound_volume
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.images.volume import Volume
from isoguide.treatment.ports import DayImage
from isoguide.workflow.clinic.day_image import ImageSaid
from isoguide.workflow.request import RadiographChoice
from isoguide.workflow.simulation_session import write_daily_export, write_daily_radiographs


def said_of_export(*, has_radiographs: bool) -> ImageSaid:
    """Return what has to be said of such an export: its radiographs name the angle of their source."""
    if not has_radiographs:
        return ImageSaid()
    return ImageSaid(radiographs=RadiographChoice(source_from_gantry_deg=0.0))


def write_day_image(
    folder: Path, image: DayImage, *, patient: PatientIdentity, seed: str, fraction: int, taken_at: datetime
) -> tuple[Path, ...]:
    """Write a CT, ultrasound or radiographs; return the files of the image.

    Parameters
    ----------
    folder
        Gets the files; made when absent.
    image
        As the imager made it.
    patient
        Whose it is.
    seed
        Makes the UIDs, so another image needs another one.
    fraction
        Of which fraction.
    taken_at
        What the export of a CT or ultrasound says of its time, aware; radiographs say when each was exposed.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    if isinstance(image.content, Volume):
        return write_daily_export(
            folder,
            image.content,
            image.machine_isocentre_mm,
            patient=patient,
            seed=seed,
            fraction=fraction,
            acquired_at=taken_at,
        ).paths
    if isinstance(image.content, UltrasoundVolume):
        return (_write_ultrasound(folder, image.content, image, patient, taken_at),)
    return write_daily_radiographs(
        folder,
        [one.radiograph for one in image.content],
        image.machine_isocentre_mm,
        patient=patient,
        seed=seed,
        fraction=fraction,
        moments=(image.started_at, image.acquired_at),
    ).paths


def _write_ultrasound(
    folder: Path, content: UltrasoundVolume, image: DayImage, patient: PatientIdentity, taken_at: datetime
) -> Path:
    """Write a volume with its place in the room, which is all that a day's volume may rest on."""
    folder.mkdir(parents=True, exist_ok=True)
    fixed = fixed_from_daily(image.patient_position, image.machine_isocentre_mm)
    written = write_ultrasound_volume(
        folder / "US.dcm",
        content.in_frame(fixed),
        patient,
        acquired_at=taken_at,
        patient_position=image.patient_position,
    )
    return written.path
