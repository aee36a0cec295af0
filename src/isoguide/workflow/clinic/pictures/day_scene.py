"""An image of the day as the image store holds it, read just as it was matched."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from isoguide.course import ImageRecord, MatchRecord, Protocol
from isoguide.dicom import ImageSeries
from isoguide.errors import GeometryError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph_view import RadiographView
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.images.volume import Volume
from isoguide.records import StoredFraction
from isoguide.records.image_store import ImageStore
from isoguide.registration.day_match import DayContent
from isoguide.treatment.ports import DayImage
from isoguide.workflow.clinic.course_planning import stored_files
from isoguide.workflow.clinic.day_image import TakenImage, read_day_files, taken_image
from isoguide.workflow.clinic.kept_image import KeptImage, kept_image
from isoguide.workflow.clinic.pictures.plan_scene import PlanScene

ContentKind = Literal["volume", "radiographs", "ultrasound"]
MatchedTo = Literal["planning CT", "ultrasound reference"]

FURTHEST_MM = 500.0
"""A pose that moves the isocentre further than this is a mistake: no patient lies so far off."""


@dataclass(frozen=True, slots=True, eq=False)
class DayScene:
    """An image of the day beside its plan.

    Parameters
    ----------
    plan
        What it was matched to.
    image
        As it was matched.
    planned_views
        Of radiographs, in planning axes with the patient as planned; empty otherwise.
    series
        Of a CT or cone-beam CT, what its files say of themselves; None otherwise.
    """

    plan: PlanScene
    image: DayImage
    planned_views: tuple[XrayView, ...]
    series: ImageSeries | None = None

    @property
    def views(self) -> tuple[RadiographView, ...]:
        """The radiographs; none for a CT or ultrasound."""
        return self.image.content if isinstance(self.image.content, tuple) else ()

    @property
    def matched_to(self) -> MatchedTo:
        """What the engine matches the image to."""
        is_ultrasound = kind_of_content(self.image.content) == "ultrasound"
        return "ultrasound reference" if is_ultrasound and self.plan.reference is not None else "planning CT"

    @property
    def uncorrected(self) -> RigidTransform:
        """``planning_from_daily`` of a patient who needs no correction."""
        offset_mm = self.plan.planning.isocentre.xyz_mm - self.image.machine_isocentre_mm
        return RigidTransform.translation(PLANNING, DAILY, offset_mm)

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        if isinstance(self.image.content, Volume):
            return self.image.content.values.nbytes
        if isinstance(self.image.content, UltrasoundVolume):
            return 3 * self.image.content.values.nbytes
        return sum(one.radiograph.values.nbytes + one.counts.nbytes for one in self.views)

    def pose(self, matrix: Array) -> RigidTransform:
        """Take a matrix (4, 4) that a user gives for ``planning_from_daily``.

        Raises
        ------
        GeometryError
            If it is no rigid motion, or moves the isocentre by more than :data:`FURTHEST_MM`.
        """
        pose = RigidTransform(PLANNING, DAILY, matrix)
        isocentre_mm = self.plan.planning.isocentre.xyz_mm
        moved_mm = pose.apply(self.image.machine_isocentre_mm) - isocentre_mm
        away_mm = float((moved_mm @ moved_mm) ** 0.5)
        if away_mm > FURTHEST_MM:
            msg = (
                f"this pose lays the machine isocentre {away_mm:.0f} mm from that of the plan, more than "
                f"{FURTHEST_MM:.0f} mm: go back to the engine's result"
            )
            raise GeometryError(msg)
        return pose


def kind_of_content(content: DayContent) -> ContentKind:
    """Say what an image of the day is: a CT or cone-beam CT, radiographs, or ultrasound."""
    if isinstance(content, Volume):
        return "volume"
    return "ultrasound" if isinstance(content, UltrasoundVolume) else "radiographs"


def image_of(stored: StoredFraction, uid: str) -> ImageRecord:
    """Return the record of an image of a fraction.

    Raises
    ------
    MissingEvidenceError
        If the fraction has none with that UID.
    """
    found = next((image for image in stored.images if image.uid == uid), None)
    if found is None:
        msg = f"{stored.line.key} has no image {uid}: load the fraction again"
        raise MissingEvidenceError(msg)
    return found


def engine_match(stored: StoredFraction, uid: str) -> MatchRecord | None:
    """Return what the engine found in an image; a person may have matched it by hand afterwards."""
    return next((match for match in stored.matches if match.image_uid == uid), None)


def read_day_scene(
    store: ImageStore, plan: Callable[[], PlanScene], protocol: Protocol, image: ImageRecord
) -> DayScene:
    """Read an image of the day.

    Parameters
    ----------
    store
        Has its files.
    plan
        Gives the plan that it was matched to; asked once the image is read, so that both are read at once.
    protocol, image
        As the records hold them.

    Raises
    ------
    MissingEvidenceError
        If its files were not kept.
    UnreadableError
        If a file is missing or was changed, or what is read is not what was matched.
    MismatchError
        If it is of another patient than the plan.
    """
    if not image.sha256:
        msg = (
            f"the files of image {image.uid} were not kept, so it cannot be shown: look at it at the machine"
        )
        raise MissingEvidenceError(msg)
    kept = kept_image(store, image.sha256)
    with stored_files(store, kept.files) as folder:
        files = read_day_files(folder, kept.said, protocol)
        now = image.acquired_at.astimezone().replace(tzinfo=None)
        planning = plan().planning
        taken = taken_image(planning, files, couch=image.couch, now=now, has_reference_file=False)
    series = files.volume.series if files.volume is not None else None
    return DayScene(plan(), _as_matched(taken, kept, image), taken.views, series)


def _as_matched(taken: TakenImage, kept: KeptImage, image: ImageRecord) -> DayImage:
    """Return the image that was read as the one that was matched, in the frame in which it was.

    An image that a room gave lies in its store under other UIDs than the room's; its files are proven by
    their hashes in the record.
    """
    was_read = kept.machine_isocentre_mm is None or bool(kept.content_sha256)
    is_other = taken.image.uid != image.uid or kept.content_sha256 not in ("", taken.content_sha256)
    if was_read and is_other:
        msg = (
            f"what the image store gives for image {image.uid} is not what was matched: do not rely on it, "
            "and restore a backup"
        )
        raise UnreadableError(msg)
    content, isocentre_mm = taken.image.content, taken.image.machine_isocentre_mm
    if kept.machine_isocentre_mm is not None and not isinstance(content, Volume):
        # Radiographs are read into planning axes, ultrasound about the isocentre; a room has axes of its own.
        there = RigidTransform.translation(DAILY, DAILY, kept.machine_isocentre_mm - isocentre_mm)
        content, isocentre_mm = _moved(content, there), kept.machine_isocentre_mm
    return replace(
        taken.image,
        uid=image.uid,
        content=content,
        machine_isocentre_mm=isocentre_mm,
        started_at=image.started_at,
        acquired_at=image.acquired_at,
    )


def _moved(
    content: UltrasoundVolume | tuple[RadiographView, ...], there: RigidTransform
) -> UltrasoundVolume | tuple[RadiographView, ...]:
    if isinstance(content, UltrasoundVolume):
        return content.in_frame(there)
    return tuple(one.in_frame(there) for one in content)
