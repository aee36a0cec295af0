"""What passwords are compared with: kept, changed, audited by its hash only, and there after an upgrade."""

import hashlib
import shutil
from pathlib import Path

import pytest
from sample_course import WAY, SteppingClock, treat, with_course

from isoguide.course import Person, Role
from isoguide.errors import InputError, MissingEvidenceError, UnknownNameError
from isoguide.records import Place, Records, create_records, fractions, open_records, schema, upgrade
from isoguide.records.backup import back_up, restore
from isoguide.records.model import ASSESSMENTS, DAY_DOSES, MOTIONS
from isoguide.records.schema import MIGRATIONS

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$aGFzaA"


@pytest.fixture
def staffed(records: Records) -> Records:
    for name in ("anna", "otto"):
        records.add_person(Person(name, Role.PHYSICIST), by="admin")
    return records


def test_a_password_is_kept_and_changed(staffed: Records) -> None:
    assert staffed.password_of("anna") is None
    staffed.set_password("anna", HASH, by="admin")
    first = staffed.password_of("anna")
    assert first is not None
    assert (first.name, first.password_hash, first.is_administrator) == ("anna", HASH, False)
    staffed.set_password("anna", "another", by="anna", is_administrator=True)
    second = staffed.password_of("anna")
    assert second is not None
    assert (second.password_hash, second.is_administrator) == ("another", True)
    assert second.changed_at > first.changed_at
    staffed.set_password("anna", HASH, by="anna")
    assert [(one.name, one.is_administrator) for one in staffed.passwords()] == [("anna", True)]
    assert staffed.verify_audit().is_intact


def test_the_audit_holds_the_sha_256_and_not_what_passwords_could_be_tried_on(staffed: Records) -> None:
    staffed.set_password("anna", HASH, by="otto")
    entry = staffed.audit_entries()[-1]
    assert (entry.actor, entry.action, entry.subject) == ("otto", "set password", "person anna")
    ((verb, table, row),) = entry.payload["wrote"]
    assert (verb, table) == ("insert", "passwords")
    assert row["password_hash"] == hashlib.sha256(HASH.encode()).hexdigest()
    assert HASH not in repr(staffed.audit_entries())


def test_nobody_and_whose_right_has_ended_get_no_password(staffed: Records) -> None:
    with pytest.raises(UnknownNameError, match="nobody here has the user name 'eve'"):
        staffed.set_password("eve", HASH, by="otto")
    staffed.set_active("anna", is_active=False, by="otto", reason="left")
    with pytest.raises(MissingEvidenceError, match="not active any more"):
        staffed.set_password("anna", HASH, by="otto")
    assert staffed.passwords() == ()


def test_a_note_writes_no_row_and_stands_in_the_chain(staffed: Records) -> None:
    rows = staffed.verify_audit().rows
    staffed.note("sign in", "person anna", by="anna", address="192.0.2.7", wait_s=2.0)
    entry = staffed.audit_entries()[-1]
    assert (entry.actor, entry.action, entry.subject) == ("anna", "sign in", "person anna")
    assert entry.payload == {"address": "192.0.2.7", "wait_s": 2.0, "wrote": []}
    report = staffed.verify_audit()
    assert (report.is_intact, report.rows, report.head.seq) == (True, rows, entry.seq)
    with pytest.raises(InputError, match="who writes is not named"):
        staffed.note("sign in", "person anna", by=" ")


def test_a_backup_brings_the_passwords_back(staffed: Records, tmp_path: Path) -> None:
    staffed.set_password("anna", HASH, by="otto", is_administrator=True)
    report = back_up(staffed.place, tmp_path / "backups")
    restored = Place.embedded(tmp_path / "restored")
    restore(report.folder, restored)
    with open_records(restored, clock=SteppingClock()) as records:
        assert records.passwords() == staffed.passwords()
        assert records.verify_audit(staffed.audit_head()).is_intact


def of_the_first_version(read):
    """Read the parts of a fraction as the first version did: no motion, no assessments, no doses."""
    later = (MOTIONS, ASSESSMENTS, DAY_DOSES)
    return lambda connection, table, key: () if table in later else read(connection, table, key)


def test_records_of_the_first_version_are_upgraded_and_their_audit_stays_whole(
    empty_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tmp_path / "first"
    shutil.copytree(
        MIGRATIONS,
        first,
        ignore=shutil.ignore_patterns("__pycache__", "v0002*", "v0003*", "v0004*", "v0005*"),
    )
    clock = SteppingClock()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", first)
        patch.setattr(schema, "VERSIONS", ("0001",))
        patch.setattr(fractions, "_parts", of_the_first_version(fractions._parts))
        with create_records(empty_place, clock=clock) as records:
            records.add_person(Person("anna", Role.THERAPIST), by="admin")
            treat(records, with_course(records), events=WAY[:7])
            head, histories = records.audit_head(), records.histories()
    with pytest.raises(InputError, match=r"of an older isoguide \(version 0001 of the tables, not 0005\)"):
        open_records(empty_place, clock=clock)
    upgrade(empty_place)
    with open_records(empty_place, clock=clock) as records:
        report = records.verify_audit(head)
        assert (report.findings, report.head) == ((), head)
        assert [one.course_id for one in records.histories()] == [one.course_id for one in histories]
        assert records.passwords() == ()
        records.set_password("anna", HASH, by="admin", is_administrator=True)
        assert records.verify_audit(head).is_intact
