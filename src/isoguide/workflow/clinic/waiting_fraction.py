"""The next fraction of a demonstration, brought to where somebody has to look: matched, and not decided."""

from datetime import timedelta

from isoguide.progress import Progress, part_of, silent
from isoguide.records import CourseStatus
from isoguide.treatment import State
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.workflow.clinic.fraction_status import FractionStatus
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.virtual_department import THERAPIST


def prepare_waiting_fraction(
    drive: RoomDrive, *, by: str = THERAPIST.name, progress: Progress = silent
) -> FractionStatus | None:
    """Begin the next fraction of a course in a virtual room, set up, image and match.

    A fraction that goes on is taken over where it is; only one that was not set up or not imaged, or whose
    image has become too old to decide about, is brought as far. Everything happens at the time that it is,
    and takes the time that it takes.

    Parameters
    ----------
    drive
        Of the course, in a room that is ready.
    by
        Who makes the steps.
    progress
        Told what is done.

    Returns
    -------
    FractionStatus or None
        None where the room plays no further fraction of the course.

    Raises
    ------
    DeviceError
        If the room is not ready or fails.
    RefusedError, InputError
        As the steps.
    """
    progress(0.0, "Placing the patient")
    status = drive.take_over() or _begun(drive, by)
    if status is None:
        return None
    if status.state is State.PREPARED:
        status = drive.set_up(by=by)
    wants_image = status.state is State.SET_UP and not status.no_image_because
    if (wants_image or _is_too_old(status)) and status.images_left > 0:
        status = drive.image(by=by, progress=part_of(progress, 0.1, 1.0))
    progress(1.0, "Done")
    return status


def _is_too_old(status: FractionStatus) -> bool:
    """Whether the newest image waits for a decision that may not rest on it any more."""
    images = status.stored.images
    if status.state is not State.ALIGNED or not images:
        return False
    age_s = (status.at - images[-1].acquired_at) / timedelta(seconds=1)
    return age_s > fraction_limits(status.opened.protocol).image_age_s


def _begun(drive: RoomDrive, by: str) -> FractionStatus | None:
    """Begin the next fraction, unless the course or the room has none left."""
    course = drive.desk.records.course(drive.course_id)
    number, planned = len(course.fractions) + 1, course.simulation.fractions_planned
    has_more = course.line.status is CourseStatus.ACTIVE and (planned is None or number <= planned)
    if not has_more or not drive.room.is_for(drive.course_id, number):
        return None
    return drive.desk.begin(drive.course_id, by=by, accessories=course.simulation.accessories)
