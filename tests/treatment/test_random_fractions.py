"""Random steps, faults and hands on the couch: the beam is never on where it must not be."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
from fake_room import HEARTBEAT_S, FakeBeam, FakeRoom
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule
from protocol_cases import THERAPIST

from isoguide.errors import ImageLostError, IsoguideError, LinkLostError
from isoguide.geometry.correction import CouchCorrection
from isoguide.registration import Verdict
from isoguide.treatment import AUTOMATIC, TABLE, Approver, Event, FractionLimits, State
from isoguide.treatment.couch_check import out_of_place

LIMITS = FractionLimits(images=30, corrections=30)
PERSON = Approver("Dr. A", is_person=True, reason="seen")
FAILURES = st.sampled_from([LinkLostError("no answer"), ImageLostError("no image"), OSError("a bug")])
STALE = [
    lambda image: replace(image, patient_id="P-2"),
    lambda image: replace(image, uid="image-0"),
    lambda image: replace(image, started_at=image.started_at - timedelta(days=1)),
    lambda image: replace(image, acquired_at=image.acquired_at + timedelta(seconds=9)),
    lambda image: replace(image, couch=replace(image.couch, roll_deg=1.0)),
]


class WatchedBeam(FakeBeam):
    """Asks, whenever it is turned on, whether it may be."""

    def turn_on(self) -> None:
        self.ask()
        super().turn_on()


class RandomFraction(RuleBasedStateMachine):
    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.room = FakeRoom(CouchCorrection(3.0, -2.0, 4.0, 0.5, -0.5, 1.0))
        self.room.beam = WatchedBeam(self.room.clock)
        self.room.beam.ask = self.beam_may_come_on
        self.room.room = replace(self.room.room, beam=self.room.beam)
        self.fraction = self.room.fraction(LIMITS, known_uids=["image-0"])
        self.used: set[str] = set()
        self.went_back = False

    def beam_may_come_on(self) -> None:
        fraction, room = self.fraction, self.room
        assert fraction.state is State.BEAM_ON
        assert out_of_place(fraction.place.pose, room.couch.pose, LIMITS.couch) == ()
        entry = fraction.journal[-1]
        if entry.event is Event.TURN_ON:
            age = room.clock.at - fraction.images[-1].acquired_at
            assert timedelta(0) <= age <= timedelta(seconds=LIMITS.image_age_s)
        else:
            assert entry.event is Event.RESUME
            assert not fraction.held_by_fault
        # The truth: within what tolerance of the image and of the couch can add up to.
        assert np.linalg.norm(room.needed_now().shift_mm) < 2.0

    def attempt(self, step, *arguments) -> object:
        """Make a step of the fraction as a user would who tries anything at any time."""
        try:
            return step(*arguments)
        except (IsoguideError, OSError):
            return None

    # Steps

    @rule()
    def set_up(self) -> None:
        self.attempt(self.fraction.set_up)

    @rule()
    def reposition(self) -> None:
        self.attempt(self.fraction.reposition, "the patient moved")

    @rule(stale=st.sampled_from([None, None, None, *STALE]))
    def image(self, stale) -> None:
        self.room.imager.edit = stale or (lambda image: image)
        taken = self.attempt(self.fraction.image)
        assert not (taken and stale)

    @rule(verdict=st.sampled_from([Verdict.ACCEPT] * 3 + [Verdict.REVIEW, Verdict.NOT_AVAILABLE]))
    def align(self, verdict: Verdict) -> None:
        self.room.verdicts = [verdict]
        self.attempt(self.fraction.align)

    @rule(target=tokens, by=st.sampled_from([AUTOMATIC, PERSON]))
    def approve(self, by: Approver) -> str:
        order = self.attempt(self.fraction.approve, by)
        return order.token if order else "no such token"

    @rule(off_mm=st.floats(-0.4, 0.4))
    def match_by_hand(self, off_mm: float) -> None:
        """A person sees where the patient lies, about as well as the couch is read."""
        if self.fraction.images:
            truth = self.room.truth_of(self.fraction.images[-1], off_mm)
            self.attempt(self.fraction.match_by_hand, truth, THERAPIST)

    @rule(mm=st.floats(6.0, 60.0))
    def match_by_hand_without_looking(self, mm: float) -> None:
        """What is far from the engine's answer is acted on by nobody without a reason."""
        fraction = self.fraction
        if not fraction.images:
            return
        wrong = self.room.truth_of(fraction.images[-1], mm)
        if self.attempt(fraction.match_by_hand, wrong, THERAPIST):
            assert self.attempt(fraction.approve, AUTOMATIC) is None
            assert self.attempt(fraction.confirm, AUTOMATIC) is None
            assert fraction.state in (State.ALIGNED, State.STOPPED)
            self.attempt(fraction.match_by_engine, THERAPIST)
            if fraction.matches[-1].by_hand is not None:
                fraction.stop("a wrong match stands, and nobody could go back")

    @rule()
    def match_by_engine(self) -> None:
        self.attempt(self.fraction.match_by_engine, THERAPIST)

    @rule(by=st.sampled_from([AUTOMATIC, PERSON]))
    def confirm(self, by: Approver) -> None:
        self.attempt(self.fraction.confirm, by)

    @rule(token=tokens)
    def move_couch(self, token: str) -> None:
        moves = self.room.couch.calls.count("move_to")
        self.attempt(self.fraction.move_couch, token)
        if self.room.couch.calls.count("move_to") > moves:
            assert token not in self.used
            self.used.add(token)

    @rule()
    def verify(self) -> None:
        self.attempt(self.fraction.verify)

    @rule()
    def turn_beam_on(self) -> None:
        self.attempt(self.fraction.turn_beam_on)

    @rule()
    def go_all_the_way(self) -> None:
        """Reach the beam more often than chance would."""
        fraction = self.fraction
        self.room.imager.edit = lambda image: image
        for step in (fraction.set_up, fraction.image, fraction.align):
            self.attempt(step)
        order = self.attempt(fraction.approve, PERSON)
        if order:
            self.move_couch(order.token)
        self.attempt(fraction.verify)
        self.attempt(fraction.turn_beam_on)

    @rule(seconds=st.floats(0.0, 6.0))
    def watch(self, seconds: float) -> None:
        self.attempt(self.fraction.watch, seconds)

    @rule(reason=st.sampled_from(["cough", "gate"]))
    def hold(self, reason: str) -> None:
        self.attempt(self.fraction.hold, reason)

    @rule()
    def resume(self) -> None:
        self.attempt(self.fraction.resume)

    @rule()
    def close(self) -> None:
        self.attempt(self.fraction.close)

    @precondition(lambda self: len(self.fraction.journal) > 15)
    @rule()
    def stop(self) -> None:
        self.fraction.stop("enough")

    # What goes wrong

    @rule(device=st.sampled_from(["imager", "couch", "beam"]), failure=FAILURES, times=st.integers(1, 12))
    def device_fails(self, device: str, failure: Exception, times: int) -> None:
        methods = {
            "imager": ("acquire",),
            "couch": ("read", "move_to"),
            "beam": ("status", "hold", "turned on"),
        }
        fails = getattr(self.room, device).fails
        for method in methods[device]:
            fails[method] = [failure] * times
        self.attempt(self.fraction.watch, 0.5)

    @rule()
    def devices_recover(self) -> None:
        for device in (self.room.imager, self.room.couch, self.room.beam):
            device.fails.clear()
        self.room.couch.short = lambda pose: pose

    @rule(short_mm=st.floats(0.6, 20.0))
    def couch_stops_short(self, short_mm: float) -> None:
        self.room.couch.short = lambda pose: replace(pose, vertical_mm=pose.vertical_mm - short_mm)

    @rule(mm=st.floats(1.1, 30.0))
    def somebody_moves_the_couch(self, mm: float) -> None:
        pose = self.room.couch.pose
        self.room.couch.pose = replace(pose, lateral_mm=pose.lateral_mm + mm)
        if self.fraction.state is State.BEAM_ON:
            self.fraction.watch(0.5)
            assert self.fraction.state is not State.BEAM_ON
            assert not self.room.beam.truth()

    @rule(seconds=st.sampled_from([0.2, 3.0, 61.0, 400.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.room.clock.wait(seconds)

    @precondition(lambda self: not self.went_back and len(self.fraction.journal) > 8)
    @rule(seconds=st.floats(0.001, 100.0))
    def clock_goes_back(self, seconds: float) -> None:
        self.went_back = True
        was_final = self.fraction.state.is_final
        self.room.clock.at = self.fraction._timeline.latest - timedelta(seconds=seconds)
        if self.fraction.state is State.BEAM_ON:
            self.fraction.watch()
        elif self.fraction.state is State.PREPARED:
            self.attempt(self.fraction.set_up)
        else:
            self.attempt(self.fraction.image)
        assert was_final or self.fraction.state in (State.STOPPED, State.DELIVERED)

    # What is always true

    @invariant()
    def the_beam_is_on_only_in_its_state(self) -> None:
        assert self.fraction.state is State.BEAM_ON or not self.room.beam.truth()

    @invariant()
    def a_beam_that_may_be_on_is_never_forgotten(self) -> None:
        if self.room.beam.truth():
            assert self.fraction.beam_may_be_on

    @invariant()
    def the_end_is_safe_and_has_a_reason(self) -> None:
        if self.fraction.state.is_final:
            assert self.fraction.reason
            assert not self.room.beam.truth()
            if self.fraction.beam_may_be_on:
                assert "emergency stop" in self.fraction.reason

    @invariant()
    def the_journal_follows_the_table(self) -> None:
        state = State.PREPARED
        for entry in self.fraction.journal:
            assert entry.state_before is state
            state = TABLE[state, entry.event]
            assert entry.state_after is state
        assert state is self.fraction.state

    @invariant()
    def a_hand_is_never_accepted_by_itself(self) -> None:
        for match in self.fraction.matches:
            assert match.by_hand is None or match.registration.verdict is Verdict.REVIEW

    @invariant()
    def every_image_has_one_match_of_the_engine_before_any_by_hand(self) -> None:
        seen: set[str] = set()
        for match in self.fraction.matches:
            assert match.by_hand is None or match.image_uid in seen
            seen.add(match.image_uid)

    @invariant()
    def times_only_go_forwards(self) -> None:
        times = [entry.at for entry in self.fraction.journal]
        assert times == sorted(times)

    def teardown(self) -> None:
        """Whatever was left on: the machine holds by itself when nobody asks any more."""
        self.room.clock.wait(HEARTBEAT_S + 200.0)
        assert not self.room.beam.truth()


TestRandomFractions = RandomFraction.TestCase
TestRandomFractions.settings = settings(max_examples=50, stateful_step_count=40)
