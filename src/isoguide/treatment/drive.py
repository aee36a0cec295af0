"""The automatic driver: one fraction from set-up to its end without a person.

It does what the limits allow and nothing else. Where a person would have to look there is none, so it takes
another image as long as there is one, and stops with the reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from isoguide.course import ProtocolAction
from isoguide.errors import DeviceError, InputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.motion.gating import Gate
from isoguide.registration import Registration, Verdict
from isoguide.treatment.fraction import Fraction, Monitor
from isoguide.treatment.gated_delivery import Hear, hear_nothing
from isoguide.treatment.journal import Entry
from isoguide.treatment.match import Match
from isoguide.treatment.orders import AUTOMATIC, Approver
from isoguide.treatment.ports import DayImage
from isoguide.treatment.refusals import PositionError, StaleImageError
from isoguide.treatment.states import State
from isoguide.treatment.words import in_words


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about a match, who says so and why: ``reason`` is the rule or the words of a person."""

    action: ProtocolAction
    reason: str = ""
    by: Approver = AUTOMATIC


Decide = Callable[[Fraction], Decision]
"""Decides about the newest match of a fraction: a protocol, or a person at a console."""


def decide_by_limits(fraction: Fraction) -> Decision:
    """Decide as the limits say, without a person.

    No answer or a doubtful one: image again. Too large, out of the couch's reach or too much left at the
    target: stop, because another image would only say the same. Within the tolerance: no correction.
    Otherwise: correct.
    """
    match = fraction.matches[-1]
    proposal = match.proposal
    if proposal is None or match.registration.verdict is not Verdict.ACCEPT:
        return Decision(ProtocolAction.REIMAGE, "; ".join(match.registration.reasons))
    if proposal.needs_person or proposal.out_of_reach:
        return Decision(ProtocolAction.STOP, "; ".join((*proposal.needs_person, *proposal.out_of_reach)))
    in_place = proposal.is_within_tolerance(fraction.limits)
    return Decision(ProtocolAction.NO_CORRECTION if in_place else ProtocolAction.CORRECT)


@dataclass(frozen=True, slots=True, eq=False)
class FractionOutcome:
    """How a fraction ended.

    Parameters
    ----------
    state
        "closed" or "stopped".
    reason
        Why: the last line of the journal.
    journal
        Everything that happened.
    corrections
        The corrections that the couch was sent to make.
    images, matches
        The images that were valid when taken, and what they said.
    delivered_mu
        As the machine last said; after a lost link it may be more.
    beam_is_off
        False where the machine did not say so: somebody has to look.
    error
        What ended the fraction, if it was an error.
    """

    state: State
    reason: str
    journal: tuple[Entry, ...]
    corrections: tuple[CouchCorrection, ...]
    images: tuple[DayImage, ...]
    matches: tuple[Match, ...]
    delivered_mu: float
    beam_is_off: bool
    error: Exception | None = None

    @property
    def registration(self) -> Registration | None:
        """The last one, None where no image was matched."""
        return self.matches[-1].registration if self.matches else None


def treat(
    fraction: Fraction,
    *,
    decide: Decide = decide_by_limits,
    monitors: Sequence[Monitor] = (),
    gate: Gate | None = None,
    hear: Hear = hear_nothing,
) -> FractionOutcome:
    """Treat one fraction to its end. Whatever happens, it ends "closed" or "stopped", with a reason.

    Parameters
    ----------
    fraction
        As prepared, or in any state from where it is to go on.
    decide
        What to do about each match.
    monitors
        Watch the patient during the beam.
    gate, hear
        Permits radiation from moment to moment, and who is told what it says. Where it asks for a new
        alignment the patient is imaged again, and the image says what is done.
    """
    error: Exception | None = None
    try:
        _Driver(fraction, decide, monitors, gate, hear).run()
    except Exception as caught:  # noqa: BLE001 - any failure ends the fraction safely
        error = caught
        fraction.stop(in_words(caught))
    except BaseException as caught:
        fraction.stop(f"the driver was interrupted ({type(caught).__name__})")
        raise
    return FractionOutcome(
        state=fraction.state,
        reason=fraction.reason,
        journal=fraction.journal,
        corrections=fraction.corrections,
        images=fraction.images,
        matches=fraction.matches,
        delivered_mu=fraction.delivered_mu,
        beam_is_off=not fraction.beam_may_be_on,
        error=error,
    )


class _Driver:
    """Makes the next step of the table until the fraction has ended."""

    def __init__(
        self,
        fraction: Fraction,
        decide: Decide,
        monitors: Sequence[Monitor],
        gate: Gate | None,
        hear: Hear,
    ) -> None:
        self._fraction, self._decide, self._monitors = fraction, decide, monitors
        self._gate, self._hear = gate, hear
        self._doubt = ""
        self._couch_failures = 0

    def run(self) -> None:
        fraction = self._fraction
        steps: dict[State, Callable[[], object]] = {
            State.PREPARED: fraction.set_up,
            State.SET_UP: self._image_if_due,
            State.IMAGED: fraction.align,
            State.ALIGNED: self._act_on_match,
            State.APPROVED: self._move,
            State.COUCH_MOVED: fraction.verify,
            State.VERIFIED: self._turn_on,
            State.BEAM_ON: lambda: fraction.watch(monitors=self._monitors),
            State.HELD: self._go_on_or_stop,
            State.DELIVERED: fraction.close,
        }
        while not fraction.state.is_final:
            before = fraction.state
            try:
                steps[before]()
            except StaleImageError as error:
                self._image_because(str(error))
            except PositionError as error:
                self._couch_failures += 1
                if before is State.PREPARED or self._couch_failures > fraction.limits.couch_failures:
                    raise
                self._image_because(str(error))

    def _image_if_due(self) -> None:
        if self._fraction.no_image_because and not self._doubt:
            self._fraction.treat_without_image()
        else:
            self._image()

    def _image_because(self, doubt: str) -> None:
        self._doubt = doubt
        self._image()

    def _image(self) -> None:
        """Take an image; one that fails leaves "set up", from where the next is taken while any is left."""
        fraction = self._fraction
        if fraction.images_left <= 0:
            fraction.stop(f"{self._doubt}; no image is left of {fraction.limits.images}")
            return
        try:
            fraction.image()
        except (StaleImageError, DeviceError, InputError) as error:
            self._doubt = str(error)

    def _act_on_match(self) -> None:
        fraction = self._fraction
        decision = self._decide(fraction)
        match decision.action:
            case ProtocolAction.CORRECT:
                fraction.approve(decision.by)
            case ProtocolAction.NO_CORRECTION:
                fraction.confirm(decision.by)
            case ProtocolAction.REIMAGE:
                self._image_because(decision.reason)
            case ProtocolAction.STOP:
                fraction.stop(decision.reason)
            case _:  # a second look, a new set-up: nobody is there to do it
                fraction.stop(f"{decision.reason}; this needs a person: {decision.action}")

    def _move(self) -> None:
        order = self._fraction.order
        self._fraction.move_couch(order.token if order is not None else "")

    def _turn_on(self) -> None:
        fraction = self._fraction
        if fraction.needs_image_of_position:
            self._image_because("the limits ask for an image of the corrected position")
        else:
            fraction.turn_beam_on(self._gate, self._hear)

    def _go_on_or_stop(self) -> None:
        fraction = self._fraction
        if fraction.held_by_fault:
            fraction.stop(fraction.reason)
        elif fraction.held_to_realign:
            self._image_because(fraction.reason)
        elif fraction.wait_until_quiet(self._monitors):
            fraction.resume(self._gate, self._hear)
        else:
            self._image_because(f"the beam was held for too long: {fraction.reason}")
