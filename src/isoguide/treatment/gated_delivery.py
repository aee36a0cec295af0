"""A delivery that a gate permits from moment to moment: what the gate says goes to the machine, and is told.

Nothing here is trusted to go well. Who watches the fraction holds the beam when anything raises, and a
permission ends by itself where nobody gives another one.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from isoguide.errors import DeviceError
from isoguide.motion.gating import Gate, GateDecision, GateState
from isoguide.treatment.beam_guard import BeamGuard
from isoguide.treatment.journal import Timeline
from isoguide.treatment.limits import BeamLimits
from isoguide.treatment.refusals import RefusedError

Hear = Callable[[GateDecision], None]
"""Is told each decision, after the machine: a recording, a console. One that raises holds the beam."""


def hear_nothing(_decision: GateDecision) -> None:
    """Let the decision go."""


class GatedDelivery:
    """One delivery of a fraction under a gate, from the order to turn it on to its end or the next hold.

    Parameters
    ----------
    gate
        Says whether beam may pass.
    hear
        Is told what it said.
    beam, timeline, limits
        Of the fraction.

    Raises
    ------
    RefusedError
        If the machine cannot be gated, or the gate is too slow to be a guard: it has to be asked more often
        than the beam is watched at the least, and a permission has to last from one look to the next and end
        within the heartbeat.
    """

    def __init__(
        self, gate: Gate, hear: Hear, beam: BeamGuard, timeline: Timeline, limits: BeamLimits
    ) -> None:
        self._gate, self._hear, self._beam, self._timeline = gate, hear, beam, timeline
        self._has_ended = False
        beam.require_gated()
        if not 0.0 < gate.period_s < gate.permit_s <= limits.heartbeat_s:
            msg = (
                f"the gate wants to be asked every {gate.period_s:g} s and permits beam for "
                f"{gate.permit_s:g} s: that has to be longer, and at most {limits.heartbeat_s:g} s"
            )
            raise RefusedError(msg)

    @property
    def period_s(self) -> float:
        """Time between two looks."""
        return self._gate.period_s

    def arm(self) -> None:
        """Begin to watch the target.

        Raises
        ------
        IsoguideError
            If the gate cannot.
        """
        self._gate.arm()

    def look(self) -> GateDecision:
        """Ask the gate once, and permit or withhold radiation as it says.

        Raises
        ------
        DeviceError
            If the machine does not answer, or the gate answers with something old.
        """
        decision = self._gate.look(self._timeline.now())
        age_s = (self._timeline.now() - decision.at) / timedelta(seconds=1)
        if abs(age_s) >= self._gate.permit_s:
            limit_s = self._gate.permit_s
            msg = f"the gate's decision is {age_s:.2f} s old, not within {limit_s:g} s: it does not follow"
            raise DeviceError(msg)
        if decision.permits_beam:
            self._beam.permit(self._gate.permit_s - max(age_s, 0.0))
        else:
            self._beam.withhold(decision.reason or decision.state)
        self._hear(decision)
        return decision

    def end(self) -> None:
        """Stop watching the target. Never raises: the beam is off by now, and nothing hangs on it."""
        if not self._has_ended:
            self._has_ended = True
            with suppress(Exception):
                self._gate.end()


def realign_words(decision: GateDecision) -> str:
    """Return why the gate asks for a new alignment, and where the target has been in the last seconds."""
    if decision.proposal_mm is None:
        return f"{decision.reason}: take a new image"
    lateral_mm, longitudinal_mm, vertical_mm = decision.proposal_mm
    return (
        f"{decision.reason}: the target was last at lateral {lateral_mm:+.1f}, longitudinal "
        f"{longitudinal_mm:+.1f}, vertical {vertical_mm:+.1f} mm from its place; take a new image"
    )


def ends_delivery(decision: GateDecision) -> bool:
    """Tell whether the beam has to be held for it, rather than wait."""
    return decision.state in (GateState.REALIGN, GateState.STOPPED)
