"""Everything that is drawn of a course, read from the image store once and kept while there is room."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Self

from isoguide.errors import IsoguideError, MissingEvidenceError
from isoguide.records import Records, StoredCourse
from isoguide.records.image_store import ImageStore
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.open_fraction import protocol_of
from isoguide.workflow.clinic.pictures.day_scene import image_of, read_day_scene
from isoguide.workflow.clinic.pictures.open_image import OpenImage
from isoguide.workflow.clinic.pictures.picture_cache import PictureCache
from isoguide.workflow.clinic.pictures.plan_scene import PlanScene, plan_key, read_plan_scene
from isoguide.workflow.clinic.pictures.planned_dose import PlannedDose
from isoguide.workflow.clinic.pictures.structure_distance import DrawnStructure, drawn_structures
from isoguide.workflow.clinic.pictures.ultrasound_voxels import UltrasoundVoxels
from isoguide.workflow.clinic.pictures.voxel_bytes import VoxelBytes, as_int16

_LOG: Final = logging.getLogger(__name__)
LIMIT_BYTES: Final = 3 << 30
"""Room for a few open fractions: each takes some 200 MB of images and 300 MB of what is made of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """The pictures of a department; one for all users, safe for any number of threads.

    Parameters
    ----------
    records, store
        Of the department.
    cache
        Where what was read is kept.
    readers
        Threads that read ahead.
    """

    records: Records
    store: ImageStore
    cache: PictureCache
    readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "pictures"))

    @classmethod
    def of(cls, desk: Desk, limit_bytes: int = LIMIT_BYTES) -> Self:
        """Return the gallery of a department, with nothing read yet."""
        return cls(desk.records, desk.store, PictureCache(limit_bytes))

    def close(self) -> None:
        """Read nothing ahead any more; what is being read is finished."""
        self.readers.shutdown(wait=True, cancel_futures=True)

    def plan(self, course_id: str) -> PlanScene:
        """Return the plan of a course.

        Raises
        ------
        InputError
            If there is no such course, or its planning files cannot be used as they were registered.
        """
        return self._plan(self.records.course(course_id))

    def planning_voxels(self, course_id: str) -> VoxelBytes:
        """Return the planning CT in Hounsfield units; errors as for :meth:`plan`."""
        plan = self.plan(course_id)
        volume = plan.planning.volume
        return self.cache.get(
            ("planning voxels", plan.key), lambda: VoxelBytes.of(volume.grid, as_int16(volume))
        )

    def reference_voxels(self, course_id: str) -> UltrasoundVoxels:
        """Return the ultrasound of the simulation.

        Raises
        ------
        MissingEvidenceError
            If the simulation took none.
        InputError
            As for :meth:`plan`.
        """
        plan = self.plan(course_id)
        reference = plan.reference
        if reference is None:
            msg = f"the simulation of course {course_id} took no ultrasound: load the page again"
            raise MissingEvidenceError(msg)
        return self.cache.get(("reference voxels", plan.key), lambda: UltrasoundVoxels.of(reference.volume))

    def structures(self, course_id: str) -> tuple[tuple[DrawnStructure, ...], tuple[str, ...]]:
        """Return the structures that are drawn, and why others are not; errors as for :meth:`plan`."""
        return self._structures(self.plan(course_id))

    def structure(self, course_id: str, number: int) -> DrawnStructure:
        """Return one structure by its ROINumber.

        Raises
        ------
        MissingEvidenceError
            If none that is drawn has it.
        InputError
            As for :meth:`plan`.
        """
        drawn, _ = self.structures(course_id)
        found = next((one for one in drawn if one.structure.number == number), None)
        if found is None:
            known = ", ".join(f"{one.structure.number} ({one.structure.name})" for one in drawn) or "none"
            msg = f"course {course_id} has no structure {number} that is drawn; it has {known}"
            raise MissingEvidenceError(msg)
        return found

    def dose(self, course_id: str) -> PlannedDose:
        """Return the planned dose.

        Raises
        ------
        MissingEvidenceError
            If none is drawn; the message says why.
        InputError
            As for :meth:`plan`.
        """
        plan = self.plan(course_id)
        if plan.dose is None:
            raise MissingEvidenceError(plan.no_dose_because)
        return plan.dose

    def image(self, course_id: str, number: int, uid: str) -> OpenImage:
        """Return an image of a fraction.

        Raises
        ------
        InputError
            If there is none, or it cannot be read as it was matched; errors as for :meth:`plan`.
        """
        course = self.records.course(course_id)
        stored = self.records.fraction(course_id, number)
        record = image_of(stored, uid)
        key = f"{plan_key(course)} {uid} {' '.join(record.sha256)}"
        protocol = protocol_of(course)
        day = self.cache.get(
            ("day", key), lambda: read_day_scene(self.store, lambda: self._plan(course), protocol, record)
        )
        return OpenImage(key, day, stored, self.cache, lambda: self._structures(day.plan)[0])

    def prefetch(self, course_id: str, number: int) -> None:
        """Begin to read the images of a fraction that will be drawn: at once, in the background.

        Nothing else is made ahead: it would take the time of who waits for the first picture. What goes wrong
        is said when somebody asks for it.
        """
        self.readers.submit(self._ahead, course_id, number, self._read_plan)
        self.readers.submit(self._ahead, course_id, number, self._read_newest_image)

    def _plan(self, course: StoredCourse) -> PlanScene:
        return self.cache.get(("plan", plan_key(course)), lambda: read_plan_scene(self.store, course))

    def _structures(self, plan: PlanScene) -> tuple[tuple[DrawnStructure, ...], tuple[str, ...]]:
        grid = plan.planning.volume.grid
        return self.cache.get(("structures", plan.key), lambda: drawn_structures(plan.structures, grid))

    def _read_plan(self, course_id: str, _number: int) -> None:
        self.planning_voxels(course_id)
        if self.plan(course_id).reference is not None:
            self.reference_voxels(course_id)

    def _read_newest_image(self, course_id: str, number: int) -> None:
        images = self.records.fraction(course_id, number).images
        if images:
            self.image(course_id, number, images[-1].uid).read_shown()

    def _ahead(self, course_id: str, number: int, read: Callable[[str, int], None]) -> None:
        try:
            read(course_id, number)
        except IsoguideError as error:
            _LOG.info("not read ahead for fraction %s of course %s: %s", number, course_id, error)
