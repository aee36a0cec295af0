"""What a fraction remembers survives as text, so that another process can go on with it."""

import json
import sys
from pathlib import Path

import pytest

from isoguide.course import Person, Role
from isoguide.errors import UnreadableError
from isoguide.geometry.correction import CouchCorrection
from isoguide.registration import Verdict
from isoguide.treatment import (
    AUTOMATIC,
    Approver,
    Entry,
    Event,
    Fraction,
    FractionLimits,
    FractionMemory,
    State,
    treat,
)
from isoguide.workflow.clinic.kept_fraction import KeptFraction, kept_text, read_kept

sys.path.append(str(Path(__file__).parents[1] / "treatment"))
from fake_room import SET_UP_POSE, FakeRoom

LIMITS = FractionLimits(verify_with_image=True)
OFFLINE = CouchCorrection(1.0, -2.0, 0.5)


class Texts:
    """Keeps every memory as text."""

    def __init__(self) -> None:
        self.journal: list[Entry] = []
        self.texts: list[str] = []

    def __call__(self, entry: Entry, memory: FractionMemory) -> None:
        self.journal.append(entry)
        self.texts.append(kept_text(KeptFraction("", OFFLINE, SET_UP_POSE, memory)))


def treated(room: FakeRoom) -> Texts:
    texts = Texts()
    assert treat(room.fraction(LIMITS, sink=texts)).state is State.CLOSED
    return texts


def room_with_two_images() -> FakeRoom:
    room = FakeRoom(CouchCorrection(3.0, -2.0, 4.0, 0.5, -0.5, 1.0))
    room.verdicts = [Verdict.NOT_AVAILABLE]
    return room


def test_every_moment_of_a_fraction_is_read_back_as_it_was_written() -> None:
    for text in treated(room_with_two_images()).texts:
        assert kept_text(read_kept(text, "fraction 1")) == text


def test_a_fraction_goes_on_from_text_to_its_end() -> None:
    count = len(treated(room_with_two_images()).texts)
    for cut in range(1, count):
        room, texts = room_with_two_images(), Texts()
        whole = treated(room)
        again = room_with_two_images()
        fraction = again.fraction(LIMITS, sink=texts)
        while len(texts.texts) < cut and not fraction.state.is_final:
            step(fraction)
        if fraction.state in (State.BEAM_ON, State.IMAGED) or fraction.state.is_final:
            continue
        resumed = again.fraction(LIMITS, sink=texts)
        resumed.resume_from(read_kept(texts.texts[-1], "fraction 1").memory, texts.journal)
        assert treat(resumed).state is State.CLOSED, cut
        events = [entry.event for entry in texts.journal]
        assert events == [entry.event for entry in whole.journal], cut


def step(fraction: Fraction) -> None:
    """Make the next step of the automatic driver by hand."""
    show = fraction.image if fraction.needs_image_of_position else fraction.turn_beam_on
    steps = {
        State.PREPARED: fraction.set_up,
        State.SET_UP: fraction.image,
        State.IMAGED: fraction.align,
        State.ALIGNED: lambda: act(fraction),
        State.APPROVED: lambda: fraction.move_couch(fraction.order.token),
        State.COUCH_MOVED: fraction.verify,
        State.VERIFIED: show,
        State.BEAM_ON: fraction.watch,
        State.DELIVERED: fraction.close,
    }
    steps[fraction.state]()


def act(fraction: Fraction) -> None:
    answer = fraction.matches[-1].proposal
    if answer is None:
        fraction.image()
    elif answer.is_within_tolerance(fraction.limits):
        fraction.confirm(AUTOMATIC)
    else:
        fraction.approve(AUTOMATIC)


def test_a_fraction_that_was_only_prepared_is_kept_too() -> None:
    kept = read_kept(kept_text(KeptFraction("fraction 4 of NAL", OFFLINE)), "fraction 4")
    assert kept.no_image_because == "fraction 4 of NAL"
    assert kept.offline == OFFLINE
    assert kept.set_up_pose is None
    assert kept.memory is None


def test_a_match_by_hand_is_read_back_and_gone_on_with() -> None:
    room, texts = FakeRoom(CouchCorrection(3.0, -2.0, 4.0, 0.5, -0.5, 1.0)), Texts()
    fraction = room.fraction(LIMITS, sink=texts)
    for make in (fraction.set_up, fraction.image, fraction.align):
        make()
    made = fraction.match_by_hand(room.truth_of(fraction.images[-1], 1.0), Person("anna", Role.THERAPIST))
    assert kept_text(read_kept(texts.texts[-1], "fraction 1")) == texts.texts[-1]
    again = room.fraction(LIMITS)
    again.resume_from(read_kept(texts.texts[-1], "fraction 1").memory, texts.journal)
    assert again.matches[-1].by_hand == made.by_hand
    assert again.matches[-1].proposal.pose == made.proposal.pose
    signed = Approver("anna", is_person=True, reason="looked at by berg (physicist)")
    assert again.approve(signed).correction == made.correction


def test_what_an_older_isoguide_kept_is_read_without_what_it_did_not_keep() -> None:
    kept = json.loads(treated(room_with_two_images()).texts[-1])
    del kept["target_points_mm"]
    for image in kept["memory"]["images"]:
        del image["machine_isocentre_mm"]
    for match in kept["memory"]["matches"]:
        del match["by_hand"]
    read = read_kept(json.dumps(kept), "fraction 1")
    assert read.target_points_mm is None
    assert [image.machine_isocentre_mm for image in read.memory.images] == [None, None, None]
    assert [match.by_hand for match in read.memory.matches] == [None, None, None]


def test_a_used_order_is_still_used_after_the_text() -> None:
    texts = treated(room_with_two_images())
    moved = next(
        text
        for entry, text in zip(texts.journal, texts.texts, strict=True)
        if entry.event is Event.MOVE_COUCH
    )
    memory = read_kept(moved, "fraction 1").memory
    assert [order.token for order in memory.orders.carried_out] == [memory.orders.newest.token]


@pytest.mark.parametrize("text", ["{}", '{"format": 1}', "[]", "not JSON"])
def test_a_damaged_memory_is_refused_by_name(text: str) -> None:
    with pytest.raises(UnreadableError, match="fraction 3 of course C0001 cannot be read"):
        read_kept(text, "fraction 3 of course C0001")
