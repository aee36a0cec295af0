"""What one process writes, another reads: whole, or not at all."""

import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
from gate_cases import at, sample, unseen
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.motion.gating import GateDecision, GateState
from isoguide.motion.sample import Sighting, TargetSample, Unseen
from isoguide.motion.shared_records import (
    GarbledMemoryError,
    Order,
    OrderKind,
    SharedRecords,
    WrittenDecision,
)


def shared() -> tuple[SharedRecords, SharedRecords, memoryview]:
    """Both ends, and the memory between them."""
    memory = multiprocessing.get_context("spawn").RawArray("c", SharedRecords.size())
    return SharedRecords(memory), SharedRecords(memory), memoryview(memory).cast("B")


def same(one: Sighting, other: Sighting) -> bool:
    if isinstance(one, Unseen):
        return one == other
    assert isinstance(other, TargetSample)
    arrays = all(
        np.array_equal(a, b)
        for a, b in (
            (one.position_mm, other.position_mm),
            (one.covariance_mm2, other.covariance_mm2),
            (one.rotation_deg is None, other.rotation_deg is None),
        )
    )
    rest = ("at", "number", "source", "quality", "words")
    return arrays and all(getattr(one, name) == getattr(other, name) for name in rest)


@settings(max_examples=40)
@given(
    place=st.tuples(*[st.floats(-100.0, 100.0)] * 3),
    seconds=st.floats(0.0, 1e6),
    number=st.integers(-(2**40), 2**40),
    quality=st.floats(0.0, 1.0),
    words=st.text(max_size=60),
)
def test_any_sample_arrives_as_it_was(
    place: tuple, seconds: float, number: int, quality: float, words: str
) -> None:
    writer, reader, _ = shared()
    words = words.replace("\0", "")
    sent = replace(sample(1, seconds, place, quality=quality, words=words), number=number)
    assert writer.push(sent)
    (found,) = reader.take()
    assert same(sent, found)


def test_frames_arrive_in_their_order_with_all_that_they_say() -> None:
    writer, reader, _ = shared()
    turned = sample(2, 0.2, rotation_deg=[1.0, -2.0, 3.0])
    sent = [sample(1, 0.1), turned, unseen(3, 0.3, "hinter dem Schenkelhals (größer)")]
    assert all(writer.push(frame) for frame in sent)
    found = reader.take()
    assert all(same(a, b) for a, b in zip(sent, found, strict=True))
    assert isinstance(found[1], TargetSample)
    np.testing.assert_array_equal(found[1].rotation_deg, [1.0, -2.0, 3.0])
    assert reader.take() == []


def test_long_texts_are_cut_between_letters() -> None:
    writer, reader, _ = shared()
    writer.push(unseen(1, 0.1, "ä" * 1000))
    (found,) = reader.take()
    assert isinstance(found, Unseen)
    assert set(found.reason) == {"ä"}


def test_a_full_ring_takes_no_more_and_loses_nothing() -> None:
    writer, reader, _ = shared()
    taken = [writer.push(sample(n, 0.1 * n)) for n in range(SharedRecords.FRAMES + 1)]
    assert taken == [True] * SharedRecords.FRAMES + [False]
    assert [frame.number for frame in reader.take()] == list(range(SharedRecords.FRAMES))
    assert writer.push(sample(999, 999.0))


@pytest.mark.parametrize(
    "decision",
    [
        GateDecision(
            at(1.0), GateState.BEAM_ON, "", 0.93, np.array([0.1, -0.2, 0.3]), sample(7, 0.9), 0.1, None, 2
        ),
        GateDecision(
            at(2.0),
            GateState.HOLD,
            "target not seen: behind the femur",
            sighting=unseen(8, 1.9),
            latency_s=0.1,
        ),
        GateDecision(
            at(3.0), GateState.REALIGN, "no beam for 15 s", proposal_mm=np.array([0.0, 4.8, 0.0]), holds=3
        ),
        GateDecision(at(4.0), GateState.STOPPED, "monitoring has ended"),
    ],
)
def test_a_decision_arrives_as_it_was(decision: GateDecision) -> None:
    writer, reader, _ = shared()
    writer.write_decision(WrittenDecision(decision, 12.5, 12.8, 4))
    written = reader.read_decision()
    found = written.decision
    assert (written.written_s, written.permit_until_s, written.order) == (12.5, 12.8, 4)
    for name in ("at", "state", "reason", "probability", "latency_s", "holds"):
        assert getattr(found, name) == getattr(decision, name)
    for name in ("position_mm", "proposal_mm"):
        wanted, got = getattr(decision, name), getattr(found, name)
        assert (wanted is None) == (got is None)
        assert wanted is None or np.array_equal(wanted, got)
    assert (decision.sighting is None) == (found.sighting is None)
    assert decision.sighting is None or same(decision.sighting, found.sighting)


def test_an_order_says_what_time_it_is_in_the_room() -> None:
    writer, reader, _ = shared()
    number = writer.write_order(Order(OrderKind.ARM, at(10.0), 100.0, 2.0))
    assert reader.newest_order() == number == 1
    order = reader.read_order()
    assert order.kind is OrderKind.ARM
    assert order.room_time_at(103.0) == at(16.0)


def test_memory_without_a_decision_holds_none() -> None:
    _, reader, _ = shared()
    assert not reader.has_decision()
    with pytest.raises(GarbledMemoryError):
        reader.read_decision()


@pytest.mark.parametrize("seed", range(20))
def test_rubbish_in_the_memory_is_never_a_decision(seed: int) -> None:
    writer, reader, memory = shared()
    for n in range(6):
        writer.write_decision(WrittenDecision(GateDecision(at(n), GateState.BEAM_ON), n, n + 0.3, 1))
    rng = np.random.default_rng(seed)
    memory[16:] = rng.integers(0, 256, len(memory) - 16, dtype=np.uint8).tobytes()
    with pytest.raises(GarbledMemoryError):
        reader.read_decision()
    with pytest.raises(GarbledMemoryError):
        reader.take()


@pytest.mark.parametrize("seed", range(20))
def test_one_wrong_bit_is_noticed(seed: int) -> None:
    writer, reader, memory = shared()
    writer.write_decision(WrittenDecision(GateDecision(at(0), GateState.HOLD, "gap"), 1.0, 0.0, 1))
    writer.push(sample(1, 0.1))
    rng = np.random.default_rng(seed)
    for kind, read in ((b"gap", reader.read_decision), (b"all markers seen", reader.take)):
        place = bytes(memory).index(kind) - int(rng.integers(0, 60))
        memory[place] ^= 1 << int(rng.integers(0, 8))
        with pytest.raises(GarbledMemoryError):
            read()


def test_a_decision_that_is_half_overwritten_is_not_taken_for_one() -> None:
    writer, reader, memory = shared()
    writer.write_decision(WrittenDecision(GateDecision(at(0), GateState.BEAM_ON), 1.0, 1.3, 1))
    whole = bytes(memory)
    writer.write_decision(WrittenDecision(GateDecision(at(1), GateState.HOLD, "gap"), 2.0, 0.0, 1))
    # The number of the new one stands there already, its second half is still the old memory.
    start = bytes(memory).index(b"gap")
    memory[start : start + 3] = whole[start : start + 3]
    with pytest.raises(GarbledMemoryError):
        reader.read_decision()
