"""An image of the day and everything that is drawn of it, each made when it is asked for first."""

from collections.abc import Callable
from dataclasses import dataclass

from isoguide.course import MatchRecord
from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.progress import Progress, part_of
from isoguide.records import StoredFraction, newest_of
from isoguide.registration import PreparedPlanning
from isoguide.registration.day_match import Prepared
from isoguide.registration.engine import daily_levels, similarity_at
from isoguide.registration.markers import MarkerMatchSettings
from isoguide.workflow.assess.anatomy import (
    AnatomyOfDay,
    DayAnatomy,
    PlannedAnatomy,
    assess_anatomy,
    prepare_anatomy,
)
from isoguide.workflow.assess.chosen import structures_to_assess
from isoguide.workflow.assess.protocol_limits import quality_limits
from isoguide.workflow.clinic.kept_fraction import read_kept
from isoguide.workflow.clinic.pictures.day_scene import (
    ContentKind,
    DayScene,
    engine_match,
    kind_of_content,
)
from isoguide.workflow.clinic.pictures.drawn_anatomy import DrawnAnatomy, draw_anatomy
from isoguide.workflow.clinic.pictures.match_figures import FoundAgain, match_again, prepare_again
from isoguide.workflow.clinic.pictures.picture_cache import PictureCache
from isoguide.workflow.clinic.pictures.plan_shadow import (
    Grey,
    Overlays,
    ShadowMask,
    ShownView,
    overlays,
    shadow_masks,
)
from isoguide.workflow.clinic.pictures.pose_trial import PoseTrial, evaluate_pose
from isoguide.workflow.clinic.pictures.review_picture import (
    PlaneName,
    radiograph_picture,
    ultrasound_picture,
    volume_picture,
)
from isoguide.workflow.clinic.pictures.structure_distance import DrawnStructure
from isoguide.workflow.clinic.pictures.ultrasound_voxels import UltrasoundVoxels
from isoguide.workflow.clinic.pictures.voxel_bytes import VoxelBytes, as_int16
from isoguide.workflow.clinic.pictures.windows import NamedWindow, day_windows, ultrasound_windows
from isoguide.workflow.radiographs.display_drr import ShadowCaster
from isoguide.workflow.shown_markers import ShownMarker
from isoguide.workflow.target import choose_target


@dataclass(frozen=True, slots=True, eq=False)
class OpenImage:
    """An image of a fraction.

    Parameters
    ----------
    key
        Says which files it rests on.
    day
        The image.
    stored
        Its fraction as the records hold it now.
    cache
        Where what is made is kept.
    structures
        Gives the structures of the plan that are drawn.
    """

    key: str
    day: DayScene
    stored: StoredFraction
    cache: PictureCache
    structures: Callable[[], tuple[DrawnStructure, ...]]

    @property
    def kind(self) -> ContentKind:
        """A CT or cone-beam CT, radiographs, or ultrasound."""
        return kind_of_content(self.day.image.content)

    @property
    def is_volume(self) -> bool:
        """Whether it is a CT or cone-beam CT."""
        return self.kind == "volume"

    @property
    def engine(self) -> MatchRecord | None:
        """What the engine found in it."""
        return engine_match(self.stored, self.day.image.uid)

    def voxels(self) -> VoxelBytes:
        """Return the grey values of a CT or cone-beam CT.

        Raises
        ------
        MismatchError
            If it is none.
        InputError
            If they cannot be drawn as whole numbers.
        """
        volume = self.day.image.volume
        return self.cache.get(("voxels", self.key), lambda: VoxelBytes.of(volume.grid, as_int16(volume)))

    def ultrasound(self) -> UltrasoundVoxels:
        """Return brightness, fan and shadow of an ultrasound volume.

        Raises
        ------
        MismatchError
            If it is none.
        """
        volume = self.day.image.ultrasound
        return self.cache.get(("ultrasound", self.key), lambda: UltrasoundVoxels.of(volume))

    def windows(self) -> tuple[NamedWindow, ...]:
        """Return grey values to choose from; none for radiographs, which come with their own."""
        if self.kind == "ultrasound":
            return ultrasound_windows()
        if not self.is_volume:
            return ()
        return self.cache.get(("windows", self.key), lambda: day_windows(self.day))

    def views(self) -> tuple[ShownView, ...]:
        """Return the radiographs as they are shown; none for a volume."""
        return self.cache.get(
            ("views", self.key),
            lambda: tuple(ShownView.of(one, self.day, self._caster()) for one in self.day.views),
        )

    def view(self, index: int) -> ShownView:
        """Return one radiograph.

        Raises
        ------
        MissingEvidenceError
            If there is none with that number.
        """
        shown = self.views()
        if not 0 <= index < len(shown):
            has = f"{len(shown)} radiographs, counted from 0" if shown else "no radiographs"
            msg = f"image {self.day.image.uid} has no view {index}: it has {has}"
            raise MissingEvidenceError(msg)
        return shown[index]

    def drr(self, index: int, planning_from_daily: RigidTransform, *, is_quick: bool = False) -> Grey:
        """Draw the planning CT as a view would see it in a pose, ``[row, column]``; errors as for a view.

        Parameters
        ----------
        index, planning_from_daily
            Which view, and the pose.
        is_quick
            With half the detail in a small part of the time: for a pose that is about to be left.
        """
        shown = self.view(index)
        if is_quick:
            return shown.quick_drr(planning_from_daily, self._quick_caster())
        return shown.drr(planning_from_daily, self._caster())

    def overlays(self, index: int, planning_from_daily: RigidTransform) -> Overlays:
        """Project the plan into a view for a pose; errors as for a view."""
        isocentre_mm = self.day.plan.planning.isocentre.xyz_mm
        markers, were_sought = self._markers()
        return overlays(
            self.view(index),
            planning_from_daily,
            isocentre_mm,
            self._masks(),
            markers,
            were_markers_sought=were_sought,
        )

    def found_again(self) -> FoundAgain:
        """Make the engine's match again, with all its figures.

        Raises
        ------
        MissingEvidenceError
            If the engine did not match it.
        InputError
            If it cannot be matched any more.
        """
        recorded = self.engine
        if recorded is None:
            msg = f"image {self.day.image.uid} was not matched, so there are no figures: match it first"
            raise MissingEvidenceError(msg)
        return self.cache.get(("found", self.key), lambda: match_again(self.day, self._prepared(), recorded))

    def try_pose(self, planning_from_daily: RigidTransform) -> PoseTrial:
        """Say what a pose would mean; nothing is recorded.

        Raises
        ------
        MissingEvidenceError
            If the patient was not set up.
        """
        set_up_pose = read_kept(self.stored.memory, str(self.stored.line.key)).set_up_pose
        if set_up_pose is None:
            msg = f"{self.stored.line.key} has no set-up position: set the patient up"
            raise MissingEvidenceError(msg)
        return evaluate_pose(
            self.day, self._prepared(), planning_from_daily, set_up_pose=set_up_pose, engine=self.engine
        )

    def similarity(self, planning_from_daily: RigidTransform) -> float | None:
        """Return how well a volume agrees with the plan at a pose, -1 to 1: the figure of the match.

        None for radiographs and ultrasound, where markers are matched, and where too little of the region is
        shown.
        """
        prepared, content = self._prepared(), self.day.image.content
        if not (isinstance(prepared, PreparedPlanning) and isinstance(content, Volume)):
            return None
        levels = self.cache.get(
            ("levels", self.key), lambda: daily_levels(prepared, content, self.day.uncorrected)
        )
        return similarity_at(prepared, levels, planning_from_daily)

    def picture(self, plane: PlaneName, *, corrected: bool) -> bytes:
        """Draw plan and image over each other, as PNG.

        Parameters
        ----------
        plane
            Through the isocentre of the plan; of radiographs the one that looks along its normal.
        corrected
            As the match that counts says; else as the patient lay.

        Raises
        ------
        MissingEvidenceError
            If there is no answer to draw, or no radiograph looks that way.
        """
        pose = self.counting_pose() if corrected else self.day.uncorrected
        return self.cache.get(
            ("picture", self.key, plane, pose.matrix.tobytes()), lambda: self._picture(plane, pose)
        )

    def _picture(self, plane: PlaneName, pose: RigidTransform) -> bytes:
        target = choose_target(self.day.plan.structures, self.day.plan.planning.isocentre.xyz_mm)
        named = self.day.plan.course.simulation.target
        target = next((one for one in self.day.plan.structures if one.name == named), target)
        if self.kind == "ultrasound":
            return ultrasound_picture(self.day, target, pose, plane)
        if self.is_volume:
            return volume_picture(self.day, target, pose, plane)
        return radiograph_picture(self.day, self.views(), self._caster(), target, pose, plane)

    def read_shown(self) -> None:
        """Make what is seen first."""
        if self.kind == "ultrasound":
            self.ultrasound()
        elif self.is_volume:
            self.voxels()
            self.windows()
        else:
            self.views()
            self._masks()
            self._markers()
            self._quick_caster()

    def counting_pose(self) -> RigidTransform:
        """Return where the match that counts lays the image.

        Raises
        ------
        MissingEvidenceError
            If it has no answer.
        """
        match = newest_of(self.stored.matches, self.day.image.uid)
        if match is None or match.planning_from_daily is None:
            msg = f"image {self.day.image.uid} has no answer to draw: look at it as the patient lay"
            raise MissingEvidenceError(msg)
        return RigidTransform(PLANNING, DAILY, match.planning_from_daily)

    def assess(self, progress: Progress) -> AnatomyOfDay:
        """Find how the tissue moved since the plan, on the match that counts; kept while there is room.

        Raises
        ------
        MismatchError
            If it is no CT or cone-beam CT.
        MissingEvidenceError
            If its match has no answer.
        InputError
            If it cannot be assessed.
        Cancelled
            If ``progress`` asks to stop.
        """
        day = DayAnatomy(self.day.image.volume, self.counting_pose())

        def made() -> AnatomyOfDay:
            planned = self._planned_anatomy(part_of(progress, 0.0, 0.3))
            limits = quality_limits(self.day.plan.protocol.assessment)
            return assess_anatomy(planned, day, limits=limits, progress=part_of(progress, 0.3, 1.0))

        return self.cache.get(self._anatomy_key("anatomy"), made)

    def known_anatomy(self) -> AnatomyOfDay | None:
        """Return what :meth:`assess` found, None where it is not in memory."""
        return self.cache.known(self._anatomy_key("anatomy"), AnatomyOfDay)

    def drawn_anatomy(self) -> DrawnAnatomy | None:
        """Draw what :meth:`assess` found; None where it is not in memory, or found no field."""
        anatomy = self.known_anatomy()
        if anatomy is None or anatomy.found.field is None:
            return None
        planning, daily = self.day.plan.planning.volume, self.day.image.volume
        return self.cache.get(
            self._anatomy_key("drawn anatomy"),
            lambda: draw_anatomy(anatomy.found, planning, daily.grid, anatomy.carried),
        )

    def _anatomy_key(self, what: str) -> tuple[str, str, bytes]:
        return what, self.key, self.counting_pose().matrix.tobytes()

    def _planned_anatomy(self, progress: Progress) -> PlannedAnatomy:
        plan = self.day.plan
        target = plan.course.simulation.target
        return self.cache.get(
            ("planned anatomy", plan.key),
            lambda: prepare_anatomy(
                plan.planning.volume,
                structures_to_assess(plan.structures, target, plan.protocol.assessment),
                target_name=target or None,
                progress=progress,
            ),
        )

    def _caster(self) -> ShadowCaster:
        plan = self.day.plan
        return self.cache.get(("caster", plan.key), lambda: ShadowCaster.of(plan.planning.volume))

    def _masks(self) -> tuple[ShadowMask, ...]:
        plan = self.day.plan
        return self.cache.get(
            ("masks", plan.key), lambda: shadow_masks(self.structures(), plan.planning.volume)
        )

    def _quick_caster(self) -> ShadowCaster:
        return self.cache.get(("quick caster", self.day.plan.key), lambda: self._caster().quicker())

    def _prepared(self) -> Prepared:
        key = self.key if self.kind == "radiographs" else self.day.plan.key
        return self.cache.get(("prepared", key), lambda: prepare_again(self.day))

    def _markers(self) -> tuple[tuple[ShownMarker, ...], bool]:
        """Return the implanted markers, and whether it is known what a match made of them."""
        if self.day.plan.protocol.markers is not None and self.engine is not None:
            found = self.found_again()
            return found.shown_markers(), not found.differs_because
        tolerance_mm = MarkerMatchSettings().migration_limit_mm
        fiducials = self.day.plan.course.simulation.fiducials
        return tuple(ShownMarker(one.name, one.position_mm, None, tolerance_mm) for one in fiducials), False
