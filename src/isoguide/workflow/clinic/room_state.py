"""What a console shows of a connected room: one value for the whole of one moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import numpy as np

from isoguide.course import Protocol
from isoguide.course.monitoring import DEVICE_WORDS
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.motion.sample import Sighting, TargetSample
from isoguide.records import FractionKey
from isoguide.treatment import FractionMemory, State
from isoguide.treatment.couch_check import AXES_DEG, AXES_MM, out_of_place
from isoguide.treatment.limits import CouchLimits
from isoguide.treatment.ports import BeamStatus, CouchReading
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.units import wrap_deg
from isoguide.workflow.clinic.connected_room import RoomLook
from isoguide.workflow.clinic.gate_shown import GateShown
from isoguide.workflow.clinic.open_fraction import OpenFraction

BeamWord = Literal["off", "on", "travelling", "waiting", "held", "unknown"]


@dataclass(frozen=True, slots=True)
class AxisDifference:
    """One axis of the couch: where it should be and where it is, in ``unit``."""

    axis: str
    expected: float
    read: float
    unit: Literal["mm", "°"]
    is_in_tolerance: bool


@dataclass(frozen=True, slots=True, eq=False)
class RoomState:
    """A connected room now.

    Parameters
    ----------
    sequence
        Counts the states from 1: one that is missing was lost on the way.
    at
        Moment of what the room shows, aware UTC.
    room
        Its name.
    key, version, state, reason
        The fraction, where one goes on: its version in the records, where it is, and why, in words.
    couch, expected_couch, differences, is_couch_in_place
        Where the couch is, where it has to stand now (None while that is not known), the two axis by axis,
        and whether all of it together is within the limits.
    beam, delivered_mu, planned_mu
        What the machine shows of its beam; "waiting" while the gate withholds it, "unknown" where it does
        not answer, or may be on.
    sighting, gate_mm, is_in_gate
        The newest look at the target, how far it may be from its place by the protocol, and whether it is
        within; None where nothing watches it, it was not seen, or the protocol has no such limit.
    monitoring
        What the protocol watches the target with while the beam is on, in words; empty where with nothing.
    gate
        What the gate says, or said last; None where none has worked.
    hold_reason
        Why the beam was held last, while it is.
    watched_by
        Who turned the beam on; empty while it is off.
    """

    sequence: int
    at: datetime
    room: str
    key: FractionKey | None = None
    version: int | None = None
    state: str = ""
    reason: str = ""
    couch: CouchReading | None = None
    expected_couch: TableTopPose | None = None
    differences: tuple[AxisDifference, ...] = ()
    is_couch_in_place: bool | None = None
    beam: BeamWord = "unknown"
    delivered_mu: float = 0.0
    planned_mu: float = 0.0
    sighting: Sighting | None = None
    gate_mm: float | None = None
    is_in_gate: bool | None = None
    monitoring: str = ""
    gate: GateShown | None = None
    hold_reason: str = ""
    watched_by: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ShownFraction:
    """What is shown of a fraction beside what its room shows.

    Parameters
    ----------
    key, version, reason
        Which one, its version in the records, and why it is where it is.
    memory
        All that it remembers; None before its set-up.
    protocol
        That it is treated by.
    planned_mu, delivered_mu
        By the records.
    """

    key: FractionKey
    version: int
    reason: str
    memory: FractionMemory | None
    protocol: Protocol
    planned_mu: float
    delivered_mu: float

    @classmethod
    def of(cls, opened: OpenFraction) -> "ShownFraction":
        """Return what is shown of a fraction of the records."""
        stored = opened.stored
        return cls(
            stored.line.key,
            stored.version,
            stored.steps[-1].entry.detail if stored.steps else "",
            opened.kept.memory,
            opened.protocol,
            opened.planned_mu,
            stored.summary.delivered_mu,
        )

    @property
    def state(self) -> State:
        """Where it is."""
        return self.memory.state if self.memory is not None else State.PREPARED

    @property
    def expected_couch(self) -> TableTopPose | None:
        """Where the couch has to stand now; None before set-up and after the end."""
        memory = self.memory
        if memory is None or memory.state is State.PREPARED or memory.state.is_final:
            return None
        return memory.place.pose if memory.place is not None else memory.destination

    def gate_of(self, gate: GateShown | None) -> GateShown | None:
        """Return what is shown of the gate of its newest delivery: nothing once a later step overtook it."""
        return gate if self.state in (State.BEAM_ON, State.HELD) else None


_NO_ANSWER: Final[BeamWord] = "unknown"
FRESH: Final = timedelta(seconds=1)
"""A look at the target that is older does not tell whether it is inside the gate now."""


def room_state(
    name: str,
    sequence: int,
    look: RoomLook,
    shown: ShownFraction | None,
    *,
    watched_by: str = "",
    gate: GateShown | None = None,
) -> RoomState:
    """Put together what a room shows and what is known of its fraction.

    Parameters
    ----------
    name
        Of the room.
    sequence
        Of the state.
    look
        What the room shows.
    shown
        The fraction, None where none was begun.
    watched_by
        Who turned the beam on.
    gate
        What the gate of its newest delivery says, or said last.
    """
    if shown is None:
        return RoomState(
            sequence,
            look.at,
            name,
            couch=look.couch,
            beam=_beam_word(look.beam, None),
            sighting=look.sighting,
            planned_mu=look.beam.planned_mu if look.beam is not None else 0.0,
        )
    limits, gate = fraction_limits(shown.protocol).couch, shown.gate_of(gate)
    sighting = _sighting(look, shown.protocol, gate)
    expected, gate_mm = shown.expected_couch, shown.protocol.intrafraction.shift_mm
    in_place = None
    if expected is not None and look.couch is not None:
        in_place = not out_of_place(expected, look.couch.pose, limits)
    memory = shown.memory
    return RoomState(
        sequence,
        look.at,
        name,
        key=shown.key,
        version=shown.version,
        state=str(shown.state),
        reason=shown.reason,
        couch=look.couch,
        expected_couch=expected,
        differences=_differences(expected, look.couch, limits),
        is_couch_in_place=in_place,
        beam=_beam_word(look.beam, memory),
        delivered_mu=look.beam.delivered_mu if look.beam is not None else shown.delivered_mu,
        planned_mu=shown.planned_mu,
        sighting=sighting,
        gate_mm=gate_mm,
        is_in_gate=_is_in_gate(sighting, gate_mm, look.at),
        monitoring=_monitoring_words(shown.protocol),
        gate=gate,
        hold_reason=memory.hold_reason if memory is not None and memory.state is State.HELD else "",
        watched_by=watched_by,
    )


def _beam_word(beam: BeamStatus | None, memory: FractionMemory | None) -> BeamWord:
    """Return what the machine shows; where it shows no beam, what the fraction knows of it."""
    if beam is None:
        return _NO_ANSWER
    if beam.is_on:
        return "on"
    if beam.travelling:
        return "travelling"
    if beam.waiting:
        return "waiting"
    if memory is None:
        return "off"
    if memory.beam.may_be_on and memory.state is not State.BEAM_ON:
        return _NO_ANSWER
    return "held" if memory.state is State.HELD else "off"


def _differences(
    expected: TableTopPose | None, couch: CouchReading | None, limits: CouchLimits
) -> tuple[AxisDifference, ...]:
    if expected is None or couch is None:
        return ()
    found = []
    for axis in AXES_MM:
        wanted, read = getattr(expected, axis), getattr(couch.pose, axis)
        found.append(AxisDifference(axis, wanted, read, "mm", abs(read - wanted) <= limits.tolerance_mm))
    for axis in AXES_DEG:
        wanted, read = getattr(expected, axis), getattr(couch.pose, axis)
        is_near = abs(wrap_deg(read - wanted)) <= limits.tolerance_deg
        found.append(AxisDifference(axis, wanted, read, "°", is_near))
    return tuple(found)


def _monitoring_words(protocol: Protocol) -> str:
    return DEVICE_WORDS[protocol.monitoring.device] if protocol.monitoring is not None else ""


def _sighting(look: RoomLook, protocol: Protocol, gate: GateShown | None) -> Sighting | None:
    """Return the newest look at the target; a target that a gate watches is shown as the gate sees it."""
    if gate is not None:
        return gate.decision.sighting
    return look.sighting if protocol.monitoring is None else None


def _is_in_gate(sighting: Sighting | None, gate_mm: float | None, now: datetime) -> bool | None:
    if not isinstance(sighting, TargetSample) or gate_mm is None or abs(now - sighting.at) > FRESH:
        return None
    return bool(np.linalg.norm(sighting.position_mm) <= gate_mm)
