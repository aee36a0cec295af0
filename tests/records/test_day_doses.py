"""What the treatment of a day delivered, kept beside its fraction: on both databases."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sample_course import MORNING, SteppingClock, dose, image, step, treat, with_course

from isoguide.errors import InputError, MissingEvidenceError, UnknownNameError, UnreadableError
from isoguide.records import Place, Records, open_records
from isoguide.records.backup import back_up, restore
from isoguide.records.image_store import ImageStore
from isoguide.records.plain import to_plain
from isoguide.treatment.states import Event, State

UNAVAILABLE = {"verdict": "not available", "structures": (), "goals": (), "alerts": (), "fractions_so_far": 0}


def uid(number: int = 1, course_id: str = "C0001") -> str:
    """Of the image that ``treat`` takes in a fraction."""
    return f"1.2.9.{course_id}.{number}"


def test_a_dose_comes_back_after_a_restart_bit_for_bit(place: Place, clock: SteppingClock) -> None:
    with open_records(place, clock=clock) as records:
        course_id = with_course(records)
        treat(records, course_id)
        assert records.keep_dose(course_id, 1, dose(uid()), by="otto") == 1
    with open_records(place, clock=clock) as records:
        stored = records.fraction(course_id, 1)
        ((number, found),) = records.doses(course_id)
    assert number == 1
    assert found == stored.doses[0] == dose(uid())
    assert to_plain(found) == to_plain(dose(uid()))
    assert found.structures[0].d95_gy == 2.8 + 1.0 / 3.0
    assert found.structures[1].accumulated_mean_gy is None


def test_no_dose_is_replaced_and_the_last_one_counts(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id)
    records.keep_dose(course_id, 1, dose(uid(), version="1.0"), by="otto")
    assert records.keep_dose(course_id, 1, dose(uid(), version="1.1"), by="otto") == 2
    assert [one.version for one in records.fraction(course_id, 1).doses] == ["1.0", "1.1"]
    assert [(number, one.version) for number, one in records.doses(course_id)] == [(1, "1.0"), (1, "1.1")]


def test_a_day_without_a_dose_is_kept_without_figures(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id)
    records.keep_dose(course_id, 1, dose(uid(), prescribed_gy=None, **UNAVAILABLE), by="otto")
    ((_, found),) = records.doses(course_id)
    assert (found.structures, found.prescribed_gy, found.is_for_decision) == ((), None, False)


def test_a_dose_belongs_to_an_image_of_its_fraction_and_is_not_older(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id, 1)
    treat(records, course_id, 2)
    head = records.audit_head()
    with pytest.raises(InputError, match="is one of fraction 1, not of fraction 2 of course C0001"):
        records.keep_dose(course_id, 2, dose(uid(1)), by="otto")
    early = dose(uid(), computed_at=MORNING + timedelta(seconds=59))
    with pytest.raises(InputError, match=r"the dose of the image .* is older than the image itself"):
        records.keep_dose(course_id, 1, early, by="otto")
    with pytest.raises(MissingEvidenceError, match="there is no fraction 3 of course C0001 here"):
        records.keep_dose(course_id, 3, dose(uid()), by="otto")
    assert (records.audit_head(), records.doses(course_id)) == (head, ())
    with pytest.raises(UnknownNameError, match="there is no course 'C0815' here"):
        records.doses("C0815")


def test_figures_and_verdict_of_a_dose_agree() -> None:
    with pytest.raises(ValueError, match="has structures exactly when its verdict is not 'not available'"):
        dose(structures=())
    with pytest.raises(ValueError, match="'fine' is not a valid FieldVerdict"):
        dose(verdict="fine")
    with pytest.raises(ValueError, match="accumulated doses of no fraction"):
        dose(fractions_so_far=0)


def test_the_audit_says_who_kept_a_dose_and_what_it_said(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id)
    records.keep_dose(course_id, 1, dose(uid()), by="otto")
    entry = records.audit_entries()[-1]
    assert (entry.actor, entry.action) == ("otto", "compute dose")
    assert entry.subject == "fraction 1 of course C0001"
    ((verb, table, row),) = entry.payload["wrote"]
    assert (verb, table, row["verdict"], row["number"]) == ("insert", "day_doses", "for decision", 1)
    assert records.verify_audit().is_intact


def test_doses_are_in_a_backup_and_come_back(
    embedded: Records, empty_place: Place, tmp_path: Path, clock: SteppingClock
) -> None:
    """From a folder into either database, with the file that holds the dose in the planning anatomy."""
    course_id = with_course(embedded, reference_images=())
    begun = embedded.begin_fraction(course_id, 1, by="anna", memory="{}")
    embedded.add_step(begun.line.key, 1, step(1, State.PREPARED, Event.SET_UP))
    taken = step(1, State.SET_UP, Event.IMAGE)
    embedded.add_step(begun.line.key, 2, replace(taken, image=replace(image(), sha256=())))
    kept = dose(carried_sha256=ImageStore(embedded.place.images).add_bytes(b"a dose"))
    embedded.keep_dose(course_id, 1, dose(), by="otto")
    embedded.keep_dose(course_id, 1, kept, by="otto")
    report = back_up(embedded.place, tmp_path / "backups")
    assert restore(report.folder, empty_place) == report
    with open_records(empty_place, clock=clock) as restored:
        assert restored.doses(course_id) == ((1, dose()), (1, kept))
        assert restored.image_hashes() == {kept.carried_sha256}
        assert restored.verify_audit(report.head).is_intact
    assert ImageStore(empty_place.images).path_of(kept.carried_sha256).read_bytes() == b"a dose"
    embedded.keep_dose(course_id, 1, dose(carried_sha256="0" * 64), by="otto")
    with pytest.raises(UnreadableError, match="is missing: restore it from the backup"):
        back_up(embedded.place, tmp_path / "backups")
