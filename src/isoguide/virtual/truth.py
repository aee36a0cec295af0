"""What nobody in a hospital can know: where every piece of tissue truly is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import FIXED, Array, frozen_array
from isoguide.geometry.iec61217 import fixed_from_daily, fixed_from_planning
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.plan import PatientPosition
from isoguide.virtual.clock import VirtualClock
from isoguide.virtual.couch_drive import CouchDrive
from isoguide.virtual.displacement import target_points
from isoguide.virtual.moving_points import MovingPoints
from isoguide.virtual.patient_day import PatientDay, PatientMoment
from isoguide.virtual.phantom import Phantom

TARGET_RADIUS_MM = 30.0
"""Half size of the ball about the isocentre that stands for the target of a patient who has none drawn."""
TARGET_TYPES = ("CTV", "GTV", "PTV")
"""What the target is, the first that the patient has: tissue before a margin drawn around it."""
MOST_POINTS = 600
"""Points of the target's outline that are looked at; more say nothing new."""


@dataclass(frozen=True, slots=True, eq=False)
class Residual:
    """Where the target is minus where the plan wants it.

    Parameters
    ----------
    mean_shift_mm
        Mean displacement of the target's points, IEC fixed, (3,).
    mean_mm, p95_mm, largest_mm
        Mean, 95th percentile and largest length of the points' displacements.
    angle_deg
        Angle by which the target is turned about its own axis (best rigid fit where it is deformed).
    """

    mean_shift_mm: Array
    mean_mm: float
    p95_mm: float
    largest_mm: float
    angle_deg: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean_shift_mm", frozen_array(self.mean_shift_mm, (3,), "residual"))


class RoomTruth:
    """The truth of a virtual room at any second since the patient was set up.

    Parameters
    ----------
    patient, day
        Who lies there, and how.
    couch
        Whose true position counts.
    clock
        Gives the present.
    patient_position
        DICOM PatientPosition of the plan.
    """

    def __init__(
        self,
        patient: Phantom,
        day: PatientDay,
        couch: CouchDrive,
        clock: VirtualClock,
        patient_position: PatientPosition,
    ) -> None:
        self.patient = patient
        self.day = day
        self.patient_position = patient_position
        self._couch = couch
        self._clock = clock
        self._asked: tuple[float, PatientMoment] | None = None
        self._target_mm = _points_of_target(patient)
        self._target = MovingPoints(day, self._target_mm)
        # The machine isocentre cancels: any point will do for the daily frame in between.
        daily_mm = np.zeros(3)
        daily_from_planning = day.displacement.planning_from_daily(
            isocentre_mm=patient.isocentre_mm, machine_isocentre_mm=daily_mm
        ).inverse()
        as_set_up = fixed_from_daily(patient_position, daily_mm) @ daily_from_planning
        self._table_top_from_planning = couch.fixed_from_table_top(0.0).inverse() @ as_set_up

    @property
    def target_points_mm(self) -> Array:
        """Points where the residual is judged, (n, 3) planning LPS."""
        return self._target_mm

    @property
    def wanted(self) -> RigidTransform:
        """Fixed from planning as the plan wants it."""
        return fixed_from_planning(self.patient_position, self.patient.isocentre_mm)

    def moment(self, seconds: float) -> PatientMoment:
        """Return the patient at a second of the room; asking for the same second again costs nothing."""
        if self._asked is None or self._asked[0] != seconds:
            self._asked = (seconds, self.day.moment(seconds))
        return self._asked[1]

    def fixed_from_planning(self, seconds: float | None = None) -> RigidTransform:
        """Return the rigid part of where the patient is, now or at a second of the room."""
        at_s = self._clock.seconds if seconds is None else seconds
        return self._couch.fixed_from_table_top(at_s) @ self._table_top_from_planning

    def positions_mm(self, points_mm: Array, seconds: float | None = None) -> Array:
        """Return where tissue of planning positions (n, 3) is, IEC fixed (n, 3) mm."""
        at_s = self._clock.seconds if seconds is None else seconds
        return self.fixed_from_planning(at_s).apply(self.moment(at_s).moved(points_mm))

    def displacement_mm(self, points_mm: Array, seconds: float | None = None) -> Array:
        """Return where tissue of planning positions (n, 3) is minus where it should be, IEC fixed (n, 3)."""
        return self.positions_mm(points_mm, seconds) - self.wanted.apply(np.atleast_2d(points_mm))

    def set_up_error(self, seconds: float = 0.0) -> CouchCorrection:
        """Return the correction that would undo the patient's rigid displacement exactly.

        Six numbers in the convention of the couch correction: a patient 5 mm too far to +X has a lateral of
        -5 mm.
        """
        return CouchCorrection.from_transform(self.wanted @ self.fixed_from_planning(seconds).inverse())

    def needed_correction(self, seconds: float | None = None) -> CouchCorrection:
        """Return the correction that would bring the target best to its place now, deformed or not.

        The rigid motion with the least squared distances of the target's points (Kabsch, Acta Cryst. A32:922,
        1976).
        """
        return self.mean_needed_correction((self._clock.seconds if seconds is None else seconds,))

    def mean_needed_correction(self, seconds: Sequence[float]) -> CouchCorrection:
        """Return the correction for where the target is in the mean over these seconds of the room."""
        wanted_mm = self.wanted.apply(self._target_mm)
        return CouchCorrection.from_transform(_best_rigid(self._mean_positions_mm(seconds), wanted_mm))

    def residual(self, seconds: float | None = None) -> Residual:
        """Return where the target is minus where it should be, now or at a second of the room."""
        return self.mean_residual((self._clock.seconds if seconds is None else seconds,))

    def mean_residual(self, seconds: Sequence[float]) -> Residual:
        """Return where the target is in the mean over these seconds of the room, minus where it should be."""
        present_mm, wanted_mm = self._mean_positions_mm(seconds), self.wanted.apply(self._target_mm)
        off_mm = present_mm - wanted_mm
        lengths = np.linalg.norm(off_mm, axis=1)
        return Residual(
            off_mm.mean(axis=0),
            float(lengths.mean()),
            float(np.percentile(lengths, 95.0)),
            float(lengths.max()),
            rotation_angle_deg(_best_rigid(present_mm, wanted_mm).rotation),
        )

    def _mean_positions_mm(self, seconds: Sequence[float]) -> Array:
        places_mm = [self.fixed_from_planning(at_s).apply(self._target.at(at_s)) for at_s in seconds]
        mean_mm: Array = np.mean(places_mm, axis=0)
        return mean_mm


def _best_rigid(from_mm: Array, to_mm: Array) -> RigidTransform:
    """Rigid motion of FIXED that brings points (n, 3) closest to others."""
    from_centre, to_centre = from_mm.mean(axis=0), to_mm.mean(axis=0)
    u, _, vt = np.linalg.svd((from_mm - from_centre).T @ (to_mm - to_centre))
    keep = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u @ keep @ vt).T
    return RigidTransform.from_parts(FIXED, FIXED, rotation, to_centre - rotation @ from_centre)


def _points_of_target(patient: Phantom) -> Array:
    for wanted in TARGET_TYPES:
        for structure in patient.structures:
            if structure.interpreted_type == wanted and len(structure.points_mm):
                step = -(-len(structure.points_mm) // MOST_POINTS)
                return frozen_array(structure.points_mm[::step], (-1, 3), structure.name)
    return frozen_array(target_points(patient.isocentre_mm, TARGET_RADIUS_MM), (-1, 3), "target points")
