"""The moving parts of the linac: gantry, collimator and leaves, with speed and position."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.plan import Beam, ControlPoint, Plan
from isoguide.units import wrap_deg
from isoguide.virtual.room_settings import BeamSettings, MachineSettings

ARC_CONTROL_POINTS = 91
"""Of the arc that a room without a plan delivers: one every 4°."""
SECONDS_PER_MIN = 60.0


class Machine:
    """Where gantry and collimator are. Neither turns through 180°, where the cables end."""

    def __init__(
        self, settings: MachineSettings, gantry_deg: float = 0.0, collimator_deg: float = 0.0
    ) -> None:
        self.settings = settings
        self._gantry_deg = wrap_deg(gantry_deg)
        self._collimator_deg = wrap_deg(collimator_deg)

    @property
    def gantry_deg(self) -> float:
        """IEC gantry angle in (-180°, 180°]."""
        return self._gantry_deg

    @property
    def collimator_deg(self) -> float:
        """IEC collimator angle in (-180°, 180°]."""
        return self._collimator_deg

    @property
    def kv_source_deg(self) -> float:
        """Where the source of the kV arm stands on the circle of the gantry."""
        return wrap_deg(self._gantry_deg + self.settings.kv_arm_deg)

    def turn_kv_source_to(self, source_deg: float) -> float:
        """Turn the gantry until the kV source stands there; return how many seconds that takes."""
        return self.turn_gantry_to(source_deg - self.settings.kv_arm_deg)

    def turn_kv_source_by(self, arc_deg: float) -> None:
        """Note that the kV source was turned through a scan, which has a speed of its own."""
        self._gantry_deg = wrap_deg(self._gantry_deg + arc_deg)

    def turn_gantry_to(self, gantry_deg: float) -> float:
        """Turn the gantry; return how many seconds that takes."""
        goal_deg = wrap_deg(gantry_deg)
        travel_deg = abs(goal_deg - self._gantry_deg)
        self._gantry_deg = goal_deg
        return travel_deg / self.settings.gantry_deg_s

    def place(self, gantry_deg: float, collimator_deg: float) -> None:
        """Note where the delivery of the beam has brought gantry and collimator."""
        self._gantry_deg, self._collimator_deg = wrap_deg(gantry_deg), wrap_deg(collimator_deg)


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """How the treatment beams are delivered when nothing interrupts them.

    Between two beams the machine drives on by itself, without meterset: the beam is off and needs no new
    order.

    Parameters
    ----------
    seconds
        Time since the first beam started, at every control point, (n,), never decreasing.
    delivered_mu
        Meterset given by then, (n,).
    gantry_deg, collimator_deg
        Angles by then, (n,), continuous (they may leave ±180°).
    """

    seconds: Array
    delivered_mu: Array
    gantry_deg: Array
    collimator_deg: Array

    def __post_init__(self) -> None:
        for name in self.__slots__:
            object.__setattr__(self, name, frozen_array(getattr(self, name), (-1,), name))

    @property
    def duration_s(self) -> float:
        """Time from the first to the last control point."""
        return float(self.seconds[-1])

    @property
    def planned_mu(self) -> float:
        """Meterset of the fraction."""
        return float(self.delivered_mu[-1])

    def with_meterset(self, first_s: float, last_s: float) -> list[tuple[float, float]]:
        """Return when there is radiation between two times of the delivery: begin and end of each part."""
        edges = np.clip(self.seconds, first_s, last_s).tolist()
        given = (np.diff(self.delivered_mu) > 0.0).tolist()
        parts = zip(pairwise(edges), given, strict=True)
        return [(begin, end) for (begin, end), has_beam in parts if has_beam and end > begin]

    def is_pause(self, seconds: float) -> bool:
        """Tell whether the machine is between two beams after so many seconds of delivery."""
        part = min(int(np.searchsorted(self.seconds, seconds, side="right")), len(self.seconds) - 1)
        return bool(self.delivered_mu[part] <= self.delivered_mu[max(part - 1, 0)])

    def stretch_end_s(self, seconds: float) -> float:
        """Return when the pause, or the radiation, ends in which the delivery is after so many seconds."""
        part = int(np.searchsorted(self.seconds, seconds, side="right"))
        given = np.diff(self.delivered_mu[max(part - 1, 0) :]) > 0.0
        others = np.flatnonzero(given != given[0]) if len(given) else given
        return float(self.seconds[max(part - 1, 0) + int(others[0])]) if len(others) else self.duration_s

    def mu_at(self, seconds: float) -> float:
        """Meterset given after so many seconds of delivery."""
        return float(np.interp(seconds, self.seconds, self.delivered_mu))

    def seconds_at(self, delivered_mu: float) -> float:
        """Seconds of delivery after which so much was given; before a pause, where there is one."""
        if delivered_mu <= 0.0:
            return 0.0
        after = int(np.searchsorted(self.delivered_mu, delivered_mu, side="left"))
        pieces = slice(max(after - 1, 0), after + 1)
        return float(np.interp(delivered_mu, self.delivered_mu[pieces], self.seconds[pieces]))

    def angles_at(self, seconds: float) -> tuple[float, float]:
        """Gantry and collimator after so many seconds of delivery."""
        return (
            float(np.interp(seconds, self.seconds, self.gantry_deg)),
            float(np.interp(seconds, self.seconds, self.collimator_deg)),
        )


def plan_delivery(plan: Plan | None, beam: BeamSettings, machine: MachineSettings) -> Delivery:
    """Work out how the machine delivers a plan: each part as fast as its slowest participant allows.

    Parameters
    ----------
    plan
        Its treatment beams are delivered in order; None delivers one arc of ``beam.planned_mu``.
    beam, machine
        Dose rate and speeds.

    Raises
    ------
    InputError
        If a treatment beam has no meterset or no control points, or the plan has no treatment beam.
    """
    steps = _arc(beam.planned_mu) if plan is None else _steps(plan)
    seconds, mu = [0.0], [0.0]
    gantry, collimator = [steps[0].point.gantry_deg], [steps[0].point.collimator_deg]
    for before, after in pairwise(steps):
        turn_deg = wrap_deg(after.point.gantry_deg - before.point.gantry_deg)
        twist_deg = wrap_deg(after.point.collimator_deg - before.point.collimator_deg)
        needed_s = (
            after.given_mu * SECONDS_PER_MIN / beam.dose_rate_mu_min,
            abs(turn_deg) / machine.gantry_deg_s,
            abs(twist_deg) / machine.collimator_deg_s,
            _leaf_travel_mm(before.point, after.point) / machine.leaf_mm_s,
        )
        seconds.append(seconds[-1] + max(needed_s))
        mu.append(mu[-1] + after.given_mu)
        gantry.append(gantry[-1] + turn_deg)
        collimator.append(collimator[-1] + twist_deg)
    return Delivery(np.array(seconds), np.array(mu), np.array(gantry), np.array(collimator))


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """A control point, and the meterset given on the way to it."""

    point: ControlPoint
    given_mu: float


def _steps(plan: Plan) -> list[_Step]:
    # Set-up fields are often labelled as treatment; what tells them is that they have no meterset.
    beams = [beam for beam in plan.beams if beam.is_treatment and beam.meterset_mu is not None]
    if not beams:
        msg = f"plan '{plan.label}' has no treatment beam with a meterset, so there is nothing to deliver"
        raise InputError(msg)
    return [step for beam in beams for step in _beam_steps(plan, beam)]


def _beam_steps(plan: Plan, beam: Beam) -> list[_Step]:
    given_mu = beam.interval_mu
    if not sum(given_mu) > 0.0:
        msg = (
            f"beam {beam.number} of plan '{plan.label}' has no meterset or no control points that give it, "
            "so it cannot be delivered"
        )
        raise InputError(msg)
    return [_Step(point, mu) for point, mu in zip(beam.control_points, (0.0, *given_mu), strict=True)]


def _arc(planned_mu: float) -> list[_Step]:
    """One arc from one end of the gantry to the other, without leaves."""
    angles = np.linspace(-179.0, 179.0, ARC_CONTROL_POINTS).tolist()
    given_mu = planned_mu / (ARC_CONTROL_POINTS - 1)
    return [
        _Step(ControlPoint(angle, 0.0, 0.0, 0.0), given_mu if n else 0.0) for n, angle in enumerate(angles)
    ]


def _leaf_travel_mm(before: ControlPoint, after: ControlPoint) -> float:
    """Longest way of a leaf; 0 where the plan has no leaves."""
    if before.leaf_positions_mm is None or after.leaf_positions_mm is None:
        return 0.0
    if before.leaf_positions_mm.shape != after.leaf_positions_mm.shape:
        return 0.0
    return float(np.abs(after.leaf_positions_mm - before.leaf_positions_mm).max())
