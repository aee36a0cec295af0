"""Twenty workstations write at the same time: nothing is lost, and whoever was too late is told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

from sample_course import PROTOCOL, PROTOCOL_TEXT, simulation, summary

from isoguide.records import ConflictError, FractionKey, FractionStep, Place, Records, open_records
from isoguide.treatment.states import State

WRITERS = 20
OWN_STEPS, SHARED_STEPS = 2, 1


def now() -> datetime:
    return datetime.now(UTC)


def note(number: int, writer: int, turn: int) -> FractionStep:
    return FractionStep(f'{{"by": [{writer}, {turn}]}}', summary(number, State.PREPARED), f"writer {writer}")


def write(records: Records, writer: int, shared: FractionKey, together: Barrier) -> int:
    """Add steps to a fraction of one's own and to the shared one; return how often one was too late."""
    name, conflicts = f"writer {writer}", 0
    course_id = records.add_course(
        simulation(f"1.2.{writer}"), protocol_name="prostate", protocol_version=2, by=name
    )
    own = records.begin_fraction(course_id, 1, by=name, memory="{}")
    for turn in range(OWN_STEPS):
        assert records.add_step(own.line.key, own.version + turn, note(1, writer, turn)) == turn + 2
    seen = records.fraction(shared.course_id, shared.number).version
    together.wait()
    turn = 0
    while turn < SHARED_STEPS:
        try:
            seen, turn = records.add_step(shared, seen, note(1, writer, turn)), turn + 1
        except ConflictError:
            conflicts += 1
            seen = records.fraction(shared.course_id, shared.number).version
    return conflicts


def test_twenty_writers_lose_nothing(place: Place) -> None:
    with open_records(place, clock=now, patience_s=120.0) as records:
        records.add_protocol(PROTOCOL, PROTOCOL_TEXT, by="otto")
        course_id = records.add_course(
            simulation("1.2.shared"), protocol_name="prostate", protocol_version=2, by="otto"
        )
        shared = records.begin_fraction(course_id, 1, by="otto", memory="{}").line.key
        together = Barrier(WRITERS)
        with ThreadPoolExecutor(WRITERS) as pool:
            turns = [pool.submit(write, records, writer, shared, together) for writer in range(WRITERS)]
            conflicts = [turn.result() for turn in turns]
        # All saw the same version before the first of them wrote: nineteen were too late at least once.
        assert sum(1 for count in conflicts if count) >= WRITERS - 1
        require_everything(records, shared)


def require_everything(records: Records, shared: FractionKey) -> None:
    assert records.fraction(shared.course_id, 1).version == 1 + WRITERS * SHARED_STEPS
    lines = records.courses()
    assert len({line.plan_uid for line in lines}) == len(lines) == WRITERS + 1
    assert [line.version for line in records.unfinished_fractions() if line.key != shared] == [
        1 + OWN_STEPS
    ] * WRITERS
    entries = records.audit_entries()
    assert len(entries) == 3 + WRITERS * (2 + OWN_STEPS + SHARED_STEPS)
    for writer in range(WRITERS):
        written = [
            entry for entry in entries if entry.subject == str(shared) and entry.actor == f"writer {writer}"
        ]
        assert len(written) == SHARED_STEPS
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert records.verify_audit().is_intact
