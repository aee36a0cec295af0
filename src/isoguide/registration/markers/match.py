"""Where the patient is by implanted markers: transform, covariance, what each marker did, and a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np

from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import PLANNING, Array, frozen_array
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import Fiducial
from isoguide.registration.markers.correspond import Correspondence
from isoguide.registration.markers.declared import MeasuredMarker
from isoguide.registration.markers.migration import consistent_subsets, excludes_migration
from isoguide.registration.markers.pose import (
    FREE_TURN_RAD,
    UNKNOWN_TURN_RAD,
    Constellation,
    LeftOut,
    Pose,
    leave_one_out,
    solve_pose,
)
from isoguide.registration.result import CHI_95_PER_AXIS, Uncertainty, Verdict
from isoguide.registration.verdict import HIGH_UNCERTAINTY_MM, LARGEST_UNCERTAINTY_MM

ALGORITHM: Final = "implanted markers 1"
LEAST_SPREAD_MM: Final = 2.0
"""Root mean square distance of the markers from the line that fits them best: below it they are in a line."""


class MarkerState(StrEnum):
    """What one marker did."""

    USED = "used"
    MIGRATED = "migrated"
    NOT_FOUND = "not found"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, eq=False)
class MarkerOutcome:
    """One planned marker after the match.

    ``residual_mm`` (3,) is where it lies less where it was planned, planning LPS, after the match; None where
    it was not found or there is no match. ``left_out`` says the same for a used marker by the others alone.
    """

    name: str
    state: MarkerState
    residual_mm: Array | None = None
    left_out: LeftOut | None = None


@dataclass(frozen=True, slots=True)
class MarkerMatchSettings:
    """What a match by markers assumes.

    Parameters
    ----------
    planning_sigma_mm
        Error per axis of the markers' centres in the planning CT: a tenth of a voxel of 1 to 2 mm, and what
        breathing left in the scan.
    migration_limit_mm
        A marker that moved further has to be noticed; 2 mm by the usual action level.
    rotation_sigma_deg
        How far the constellation may have turned from the expected rotation, standard deviation per axis,
        where that is known; None: not known. Only with it can three markers exclude a migration.

    Raises
    ------
    GeometryError
        If a value is not positive.
    """

    planning_sigma_mm: float = 0.15
    migration_limit_mm: float = 2.0
    rotation_sigma_deg: float | None = None

    def __post_init__(self) -> None:
        values = [self.planning_sigma_mm, self.migration_limit_mm]
        values += [] if self.rotation_sigma_deg is None else [self.rotation_sigma_deg]
        if not all(0.0 < value < np.inf for value in values):
            msg = f"the settings of a match by markers must be positive, not {asdict(self)}; check them"
            raise GeometryError(msg)

    @property
    def turn_sigma_rad(self) -> float:
        """How far the rotation may be from the expected one, radians."""
        return (
            UNKNOWN_TURN_RAD
            if self.rotation_sigma_deg is None
            else float(np.deg2rad(self.rotation_sigma_deg))
        )


@dataclass(frozen=True, slots=True, eq=False)
class MarkerMatch:
    """The answer of :func:`match_markers`.

    ``planning_from_measured`` maps the image's frame to planning LPS; it is None exactly when the verdict is
    "not available". With 3 degrees of freedom the rotation was held at the expected one, not measured, and
    has no covariance. ``fre_mm`` is the root mean square residual of the used markers.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    planning_from_measured: RigidTransform | None
    degrees_of_freedom: int
    uncertainty: Uncertainty | None
    fre_mm: float | None
    markers: tuple[MarkerOutcome, ...]
    settings: MarkerMatchSettings
    algorithm: str = field(default=ALGORITHM)

    def __post_init__(self) -> None:
        if (self.planning_from_measured is not None) == (self.verdict is Verdict.NOT_AVAILABLE):
            msg = "a match has a transform exactly when its verdict is not 'not available'"
            raise ValueError(msg)


def match_markers(
    planned: Sequence[Fiducial],
    measured: Mapping[str, MeasuredMarker] | Correspondence,
    *,
    expected: RigidTransform,
    targets_mm: Array,
    settings: MarkerMatchSettings | None = None,
    common_covariance_mm2: Array | None = None,
) -> MarkerMatch:
    """Return where the patient lies by the markers that agree with the plan.

    Parameters
    ----------
    planned
        All implanted markers, as they lie in the planning CT.
    measured
        Those that were found, by name, in ``expected.from_frame``; a correspondence also says of which it is
        not clear where they are, and why.
    expected
        Planning LPS from the image's frame, as the set-up says; its rotation is kept where none is measured.
    targets_mm
        Points (n, 3) of planning LPS at which the uncertainty counts: the surface of the target.
    settings
        What the match assumes.
    common_covariance_mm2
        Of an error that all measured markers share, such as the calibration of the imager, (3, 3), in
        ``expected.from_frame``.

    Raises
    ------
    MissingEvidenceError
        If nothing was planned, names repeat, or a measured marker was not planned.
    GeometryError
        If ``expected`` does not lead to planning LPS.
    """
    used_settings = settings or MarkerMatchSettings()
    told = measured if isinstance(measured, Correspondence) else Correspondence(dict(measured), is_clear=True)
    measured = told.measured
    _check(planned, measured, expected)
    markers = _constellation(planned, measured, used_settings)
    subsets = consistent_subsets(
        markers,
        expected.rotation,
        limit_mm=used_settings.migration_limit_mm,
        turn_sigma_rad=used_settings.turn_sigma_rad,
    )
    if len(subsets) != 1:
        return _no_match(planned, told, subsets, used_settings)
    chosen = list(subsets[0])
    common = np.zeros((3, 3)) if common_covariance_mm2 is None else np.asarray(common_covariance_mm2)
    pose, free = _pose(markers.of(chosen), expected)
    pose = _with_common_error(pose, common)
    outcomes = _outcomes(planned, told, markers, chosen, pose, expected, used_settings)
    uncertainty = _uncertainty(pose, targets_mm)
    verdict, reasons = _judge(outcomes, told, free, uncertainty, used_settings)
    available = verdict is not Verdict.NOT_AVAILABLE
    transform = RigidTransform.from_parts(PLANNING, expected.from_frame, pose.rotation, pose.translation_mm)
    residuals = [o.residual_mm for o in outcomes if o.state is MarkerState.USED and o.residual_mm is not None]
    fre_mm = float(np.sqrt(np.mean([r @ r for r in residuals])))
    return MarkerMatch(
        verdict,
        reasons,
        transform if available else None,
        free if available else 0,
        uncertainty if available else None,
        fre_mm,
        outcomes,
        used_settings,
    )


def _check(
    planned: Sequence[Fiducial], measured: Mapping[str, MeasuredMarker], expected: RigidTransform
) -> None:
    names = [marker.name for marker in planned]
    if not names or len(set(names)) != len(names):
        msg = f"a match by markers needs planned markers of different names, not {names}; name them"
        raise MissingEvidenceError(msg)
    unknown = sorted(set(measured) - set(names))
    if unknown:
        msg = (
            f"the measured marker '{unknown[0]}' is not among the planned ones ({_listed(names)}); rename it"
        )
        raise MissingEvidenceError(msg)
    if expected.to_frame != PLANNING:
        msg = f"the expected transform must lead to '{PLANNING}', not '{expected.to_frame}'; give its inverse"
        raise GeometryError(msg)


def _constellation(
    planned: Sequence[Fiducial], measured: Mapping[str, MeasuredMarker], settings: MarkerMatchSettings
) -> Constellation:
    seen = [marker for marker in planned if marker.name in measured]
    count = len(seen)
    return Constellation(
        np.array([marker.position_mm for marker in seen]).reshape(count, 3),
        np.array([measured[marker.name].position_mm for marker in seen]).reshape(count, 3),
        np.tile(settings.planning_sigma_mm**2 * np.eye(3), (count, 1, 1)),
        np.array([measured[marker.name].covariance_mm2 for marker in seen]).reshape(count, 3, 3),
    )


def _pose(markers: Constellation, expected: RigidTransform) -> tuple[Pose, int]:
    centred = markers.planned_mm - markers.planned_mm.mean(axis=0)
    values = np.linalg.svd(centred, compute_uv=False)
    in_line = len(values) < 3 or float(np.hypot(values[1], values[2])) < LEAST_SPREAD_MM * np.sqrt(
        len(centred)
    )
    if in_line:
        return solve_pose(markers, expected.rotation, turn_sigma_rad=0.0), 3
    return solve_pose(markers, expected.rotation, turn_sigma_rad=FREE_TURN_RAD), 6


def _with_common_error(pose: Pose, common_mm2: Array) -> Pose:
    covariance = pose.covariance.copy()
    covariance[:3, :3] += pose.rotation @ common_mm2 @ pose.rotation.T
    return Pose(pose.rotation, pose.translation_mm, pose.centre_mm, covariance)


def _uncertainty(pose: Pose, targets_mm: Array) -> Uncertainty:
    points = frozen_array(np.atleast_2d(targets_mm), (-1, 3), "the points of the target")
    largest = max(float(np.linalg.eigvalsh(pose.covariance_at(point))[-1]) for point in points)
    return Uncertainty(pose.centre_mm, pose.covariance, CHI_95_PER_AXIS * float(np.sqrt(largest)))


def _outcomes(
    planned: Sequence[Fiducial],
    told: Correspondence,
    markers: Constellation,
    chosen: list[int],
    pose: Pose,
    expected: RigidTransform,
    settings: MarkerMatchSettings,
) -> tuple[MarkerOutcome, ...]:
    names = [marker.name for marker in planned if marker.name in told.measured]
    residuals = pose.of_points(markers.measured_mm) - markers.planned_mm
    subset = markers.of(chosen)
    outcomes = []
    for marker in planned:
        if marker.name not in names:
            outcomes.append(MarkerOutcome(marker.name, _absent(marker.name, told)))
            continue
        n = names.index(marker.name)
        if n not in chosen:
            outcomes.append(MarkerOutcome(marker.name, MarkerState.MIGRATED, residuals[n]))
            continue
        left = None
        if len(chosen) > 1:
            left = leave_one_out(
                subset, chosen.index(n), expected.rotation, turn_sigma_rad=settings.turn_sigma_rad
            )
        outcomes.append(MarkerOutcome(marker.name, MarkerState.USED, residuals[n], left))
    return tuple(outcomes)


def _absent(name: str, told: Correspondence) -> MarkerState:
    return MarkerState.UNCLEAR if name in told.unclear else MarkerState.NOT_FOUND


def _no_match(
    planned: Sequence[Fiducial],
    told: Correspondence,
    subsets: list[tuple[int, ...]],
    settings: MarkerMatchSettings,
) -> MarkerMatch:
    names = [marker.name for marker in planned if marker.name in told.measured]
    if not names:
        reason = told.reason or f"none of the {len(planned)} markers was found{_why(planned, told)}"
    elif subsets:
        suspects = sorted({n for n in range(len(names)) if not all(n in subset for subset in subsets)})
        who = _listed([names[n] for n in suspects])
        reason = f"the markers no longer lie as planned, and which of {who} moved cannot be told"
    else:
        reason = (
            f"no more than half of the markers {_listed(names)} lie to each other as planned: "
            "check that they are this patient's"
        )
    outcomes = tuple(
        MarkerOutcome(m.name, MarkerState.UNCLEAR if m.name in names else _absent(m.name, told))
        for m in planned
    )
    return MarkerMatch(Verdict.NOT_AVAILABLE, (reason,), None, 0, None, None, outcomes, settings)


def _why(planned: Sequence[Fiducial], told: Correspondence) -> str:
    unclear = [marker.name for marker in planned if marker.name in told.unclear]
    return f": {_listed(unclear[:1])} {told.unclear[unclear[0]]}" if unclear else ""


def _judge(
    outcomes: tuple[MarkerOutcome, ...],
    told: Correspondence,
    free: int,
    uncertainty: Uncertainty,
    settings: MarkerMatchSettings,
) -> tuple[Verdict, tuple[str, ...]]:
    sigma_mm = uncertainty.largest_at_target_mm
    if not sigma_mm <= LARGEST_UNCERTAINTY_MM:
        reason = (
            f"the markers leave {sigma_mm:.1f} mm open at the target ({LARGEST_UNCERTAINTY_MM:.0f} at most)"
        )
        return Verdict.NOT_AVAILABLE, (reason,)
    doubts = [
        f"marker '{o.name}' lies {float(np.linalg.norm(o.residual_mm)):.1f} mm from its place: "
        "it migrated or something else was taken for it, and it was left out"
        for o in outcomes
        if o.state is MarkerState.MIGRATED and o.residual_mm is not None
    ]
    doubts += [told.reason] if told.reason else []
    doubts += [
        f"marker '{o.name}' {told.unclear[o.name]}: it was left out"
        for o in outcomes
        if o.state is MarkerState.UNCLEAR
    ]
    doubts += [
        f"marker '{o.name}' was not found: check whether it was lost"
        for o in outcomes
        if o.state is MarkerState.NOT_FOUND
    ]
    doubts += _not_excluded(outcomes, settings.migration_limit_mm)
    if free == 3:
        doubts.append("rotation was not measured: it takes three markers that agree and are not in a line")
    if sigma_mm > HIGH_UNCERTAINTY_MM:
        doubts.append(f"the answer is uncertain by {sigma_mm:.1f} mm at the target")
    if doubts:
        return Verdict.REVIEW, tuple(doubts)
    count = sum(o.state is MarkerState.USED for o in outcomes)
    reason = (
        f"all {count} markers lie as planned, none moved by {settings.migration_limit_mm:g} mm, "
        f"uncertainty at the target {sigma_mm:.2f} mm"
    )
    return Verdict.ACCEPT, (reason,)


def _not_excluded(outcomes: tuple[MarkerOutcome, ...], limit_mm: float) -> list[str]:
    used = [o for o in outcomes if o.state is MarkerState.USED]
    if len(used) == 1:
        return [f"marker '{used[0].name}' is the only one: nothing shows whether it migrated"]
    open_ones = [
        o.name for o in used if o.left_out is not None and not excludes_migration(o.left_out, limit_mm)
    ]
    if not open_ones:
        return []
    cause = (
        ": three markers look the same when one migrates about the line through the others "
        "and when the patient turns"
        if len(used) == 3
        else ""
    )
    return [f"that {_listed(open_ones)} moved by more than {limit_mm:g} mm cannot be excluded{cause}"]


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
