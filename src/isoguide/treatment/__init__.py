"""One fraction: set up, image, align, approve, move, verify, treat; the ports to the devices of the room."""

from isoguide.treatment.drive import Decision, FractionOutcome, decide_by_limits, treat
from isoguide.treatment.fraction import Fraction
from isoguide.treatment.journal import Entry
from isoguide.treatment.limits import BeamLimits, CouchLimits, FractionLimits
from isoguide.treatment.match import Match, PlannedPosition
from isoguide.treatment.memory import FractionMemory
from isoguide.treatment.orders import AUTOMATIC, Approver, CouchOrder
from isoguide.treatment.states import TABLE, Event, State

__all__ = [
    "AUTOMATIC",
    "TABLE",
    "Approver",
    "BeamLimits",
    "CouchLimits",
    "CouchOrder",
    "Decision",
    "Entry",
    "Event",
    "Fraction",
    "FractionLimits",
    "FractionMemory",
    "FractionOutcome",
    "Match",
    "PlannedPosition",
    "State",
    "decide_by_limits",
    "treat",
]
