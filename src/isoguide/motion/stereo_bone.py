"""Where the target is by the bone around it, in stereoscopic pairs that are exposed while the beam is on.

Each pair is matched from where the pair before was found. A pose that is doubtful is never the start of the
next match; where tracking loses its way the whole image is searched, once, and the sample says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError, InputError, MismatchError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import DAILY, PLANNING, Array, frozen_array
from isoguide.geometry.iec61217 import angles_iec, fixed_from_daily, fixed_from_planning
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.motion.sample import Sighting, TargetSample, Unseen
from isoguide.registration import (
    PreparedRadiographs,
    RadiographRegistration,
    Verdict,
    register_radiographs,
)
from isoguide.registration.day_match import SAME_PLACE_MM, view_distance_mm
from isoguide.registration.radiographs.follow import warm_up
from isoguide.registration.radiographs.result import RadiographQuality
from isoguide.registration.radiographs.verdict import (
    CLEAR_LOG_ODDS,
    HIGH_BEND_MM,
    HIGH_DISAGREEMENT_MM,
    LEAST_SIMILARITY,
    LOW_SIMILARITY,
)
from isoguide.registration.result import Uncertainty

LEAST_VIEWS: Final = 2
Images = Sequence[Radiograph | RadiographView]


@dataclass(frozen=True, slots=True)
class StereoBoneSettings:
    """How bone is followed.

    Parameters
    ----------
    capture_mm, capture_deg
        A target that would have moved by more since it was last followed is searched for instead. In
        virtual patients tracking finds its way from 5 mm and 1.5°, and from 3 mm and 1° where the anatomy
        around the target has bent; from further off it finds nothing rather than another place.
    search_every_s
        Between two searches lies at least so long: a search takes as long as several pairs, and makes all of
        them late.
    source
        What watches, in words.

    Raises
    ------
    InputError
        If a number is not positive, or the source has no name.
    """

    capture_mm: float = 4.0
    capture_deg: float = 1.5
    search_every_s: float = 2.0
    source: str = "bone, stereo pair"

    def __post_init__(self) -> None:
        for name in ("capture_mm", "capture_deg", "search_every_s"):
            value = getattr(self, name)
            if not 0.0 < value < np.inf:
                msg = f"{name} of the tracking of bone must be positive, not {value}"
                raise InputError(msg)
        if not self.source.strip():
            msg = "the tracking of bone needs a source: say what watches"
            raise InputError(msg)


def pose_after_correction(
    planning_from_daily: RigidTransform,
    correction: CouchCorrection,
    *,
    plan_isocentre_mm: Array,
    machine_isocentre_mm: Array,
    patient_position: str,
) -> RigidTransform:
    """Return the pose that tracking starts from: of the set-up match, after the couch has moved.

    Parameters
    ----------
    planning_from_daily
        The set-up match.
    correction
        What the couch did since that image; zeros where it did not move.
    plan_isocentre_mm, machine_isocentre_mm, patient_position
        As for :func:`isoguide.geometry.correction.couch_correction`.

    Returns
    -------
    RigidTransform
        Planning from daily, daily being where tissue now is in planning axes: identity after a correction
        that brought the patient to where the plan wants him.

    Raises
    ------
    GeometryError
        If the frames, the position or the isocentres do not fit.
    """
    wanted = fixed_from_planning(patient_position, plan_isocentre_mm)
    present = fixed_from_daily(patient_position, machine_isocentre_mm) @ planning_from_daily.inverse()
    there = wanted.inverse() @ correction.fixed_from_fixed @ present
    return RigidTransform(DAILY, PLANNING, there.matrix).inverse()


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """A match that has one; ``doubts`` are the reasons of a review."""

    pose: RigidTransform
    uncertainty: Uncertainty
    quality: RadiographQuality
    doubts: str


def _answer_of(found: RadiographRegistration) -> _Answer | None:
    pose, uncertainty, quality = found.planning_from_daily, found.uncertainty, found.quality
    if pose is None or uncertainty is None or quality is None:
        return None
    doubts = "" if found.verdict is Verdict.ACCEPT else f"; {'; '.join(found.reasons)}"
    return _Answer(pose, uncertainty, quality, doubts)


class StereoBoneTracker:
    """Follows the bone around the target from pair to pair.

    Parameters
    ----------
    prepared
        Of the plan and the pair's geometry, with the patient as planned; its centre is the plan isocentre.
        What the couch can correct plays no part: tracking sees all six motions.
    patient_position
        DICOM PatientPosition of the plan, couch at 0°.
    start
        Where the patient lies now, as :func:`pose_after_correction` says it.
    target_mm
        The point whose place is said, (3,) planning LPS; the middle of the prepared target points when not
        given.
    settings
        How bone is followed.

    Raises
    ------
    InputError
        If fewer than two views are prepared: one shows no depth.
    GeometryError
        If the start is between other frames, the position is unknown, or the target is no point.
    """

    def __init__(
        self,
        prepared: PreparedRadiographs,
        *,
        patient_position: str,
        start: RigidTransform,
        target_mm: Array | None = None,
        settings: StereoBoneSettings | None = None,
    ) -> None:
        if len(prepared.views) < LEAST_VIEWS:
            msg = "tracking of bone needs a pair of views, for one shows no depth: prepare both"
            raise InputError(msg)
        if (start.to_frame, start.from_frame) != (PLANNING, DAILY):
            frames = f"'{start.to_frame} from {start.from_frame}'"
            msg = f"tracking starts from a pose '{PLANNING} from {DAILY}', not {frames}"
            raise GeometryError(msg)
        self._settings = settings or StereoBoneSettings()
        self._prepared = replace(prepared, settings=replace(prepared.settings, degrees_of_freedom=6))
        middle_mm = prepared.target_points_mm.mean(axis=0) if target_mm is None else target_mm
        self._target_mm = frozen_array(middle_mm, (3,), "the target point")
        self._wanted = fixed_from_planning(patient_position, prepared.centre_mm)
        self._views = tuple(view.in_frame(self._wanted) for view in prepared.views)
        self._pose = start
        self._newest: tuple[int, datetime] | None = None
        self._values: tuple[NDArray[np.float32], ...] = ()
        self._searched: datetime | None = None
        warm_up(prepared.following, start.inverse().matrix, prepared.centre_mm)

    @property
    def source(self) -> str:
        """What watches, in words."""
        return self._settings.source

    def see(self, images: Images, *, at: datetime, number: int) -> Sighting:
        """Say where the target is in a pair.

        Parameters
        ----------
        images
            One for each prepared view, in the same order, their views in FIXED. Pixels that do not count
            take no part.
        at
            Time of the exposure, aware UTC.
        number
            Of the frame; grows from exposure to exposure.

        Raises
        ------
        MismatchError
            If the images were taken with another geometry than prepared, or both are one image: that does
            not mend itself.
        GeometryError
            If a view is not in FIXED.
        InputError
            If the time has no zone.
        """
        self._check(images)
        stale = self._stale(images, at, number)
        if stale:
            return Unseen(at, number, self.source, stale)
        try:
            return self._sighting(images, at, number)
        except (GeometryError, MismatchError):
            raise
        except InputError as error:
            return Unseen(at, number, self.source, str(error))

    def _check(self, images: Images) -> None:
        if len(images) != len(self._views):
            msg = f"{len(images)} images do not fit {len(self._views)} prepared views: give one for each"
            raise MismatchError(msg)
        for n, (image, view) in enumerate(zip(images, self._views, strict=True), start=1):
            if image.view.frame != view.frame:
                msg = f"view {n} is in '{image.view.frame}': tracking takes images in '{view.frame}'"
                raise GeometryError(msg)
            apart_mm = view_distance_mm(image.view, view)
            if not apart_mm <= SAME_PLACE_MM:
                msg = (
                    f"view {n} was taken {apart_mm:.1f} mm from where it was prepared for: check the place "
                    "of the imager and the patient position"
                )
                raise MismatchError(msg)

    def _stale(self, images: Images, at: datetime, number: int) -> str | None:
        """Return why a pair tells nothing new; else take note of it."""
        if at.tzinfo is None:
            msg = (
                f"frame {number} has the time {at} without a time zone: imagers must state aware times (UTC)"
            )
            raise InputError(msg)
        if self._newest is not None and (number <= self._newest[0] or at <= self._newest[1]):
            return f"frame {number} is not newer than frame {self._newest[0]}: it came twice or too late"
        self._newest = (number, at)
        values = tuple(_radiograph(image).values for image in images)
        # Quantum noise makes every exposure another one: equal pixels are one exposure that came again.
        same = [
            n for n, pair in enumerate(zip(values, self._values, strict=False), 1) if np.array_equal(*pair)
        ]
        self._values = values
        if same:
            return f"view {same[0]} shows the exposure before once more: its imager stands still"
        return None

    def _sighting(self, images: Images, at: datetime, number: int) -> Sighting:
        found = register_radiographs(self._prepared, images, initial=self._pose, tracking=True)
        answer = _answer_of(found)
        lost = "; ".join(found.reasons) if answer is None else self._doubt(answer)
        if answer is not None and lost is None:
            if _may_be_followed(answer.quality):
                self._pose = answer.pose
            return self._sample(answer, at, number, "")
        if self._may_search(at):
            self._searched = at
            found = register_radiographs(self._prepared, images, initial=self._pose)
            answer = _answer_of(found)
            if answer is not None and _may_be_followed(answer.quality):
                self._pose = answer.pose
                return self._sample(answer, at, number, "found by searching the whole image: ")
            lost = f"{lost}; searched for in the whole image: {'; '.join(found.reasons)}"
        return Unseen(at, number, self.source, str(lost))

    def _may_search(self, at: datetime) -> bool:
        last = self._searched
        return last is None or (at - last).total_seconds() >= self._settings.search_every_s

    def _doubt(self, answer: _Answer) -> str | None:
        """Return why an answer of tracking is not believed."""
        apart_mm = _apart_mm(answer.quality)
        if apart_mm > HIGH_DISAGREEMENT_MM:
            return f"the two views taken alone differ by {apart_mm:.1f} mm in what both see"
        moved = self._pose @ answer.pose.inverse()
        jump_mm = float(np.linalg.norm(moved.apply(self._target_mm) - self._target_mm))
        jump_deg = rotation_angle_deg(moved.rotation)
        if jump_mm > self._settings.capture_mm or jump_deg > self._settings.capture_deg:
            return (
                f"the target would have moved by {jump_mm:.1f} mm and {jump_deg:.1f}° since it was last "
                "followed, further than tracking follows"
            )
        return None

    def _sample(self, answer: _Answer, at: datetime, number: int, how: str) -> TargetSample:
        to_room, pose = self._wanted.rotation, answer.pose
        # The truth is exp(xi) @ pose: the target is off by xi's motion, turned back into the day's axes.
        into_room = to_room @ pose.rotation.T
        covariance = into_room @ answer.uncertainty.about(self._target_mm)[:3, :3] @ into_room.T
        yaw_deg, pitch_deg, roll_deg = angles_iec(into_room @ to_room.T)
        seen = " and ".join(f"{view.similarity:.2f}" for view in answer.quality.views)
        return TargetSample(
            position_mm=to_room @ (pose.inverse().apply(self._target_mm) - self._target_mm),
            covariance_mm2=(covariance + covariance.T) / 2.0,
            at=at,
            number=number,
            source=self.source,
            quality=_share(answer.quality),
            words=f"{how}bone agrees with the plan by {seen}{answer.doubts}",
            rotation_deg=np.array([pitch_deg, roll_deg, yaw_deg]),
        )


def _radiograph(image: Radiograph | RadiographView) -> Radiograph:
    return image.radiograph if isinstance(image, RadiographView) else image


def _apart_mm(quality: RadiographQuality) -> float:
    return quality.disagreement.shift_mm if quality.disagreement is not None else 0.0


def _may_be_followed(quality: RadiographQuality) -> bool:
    """Tell whether nothing is doubtful but how large the error is, which the covariance says.

    Tracking looks at no other vertebra and no part of the body: these count where the image was searched.
    """
    others = [one.log_odds for one in quality.alternatives]
    return (
        min(view.similarity for view in quality.views) >= LOW_SIMILARITY
        and _apart_mm(quality) <= HIGH_DISAGREEMENT_MM
        and min(others, default=CLEAR_LOG_ODDS) >= CLEAR_LOG_ODDS
        and quality.bend_at_target_mm <= HIGH_BEND_MM
    )


def _share(quality: RadiographQuality) -> float:
    """Return the share that was seen and agrees, in the worse view.

    Agreement is 0 where the match gives up, a half where it asks for a review, and 1 where bone and plan are
    alike.
    """
    agreed = [
        min(view.shown_fraction, 1.0) * (view.similarity - LEAST_SIMILARITY) / (1.0 - LEAST_SIMILARITY)
        for view in quality.views
    ]
    return float(np.clip(min(agreed), 0.0, 1.0))
