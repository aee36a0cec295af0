"""Somebody with full rights on the database changes something: the audit has to say what."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sample_course import PROTOCOL, WAY, assessment, dose, history, treat, with_course
from sqlalchemy import Boolean, Connection, Table, create_engine, text

from isoguide.course import Person, Role
from isoguide.records import AuditHead, Place, Records
from isoguide.records.model import AUDIT, AUDITED, FRACTIONS, IMAGES, STEPS
from isoguide.records.plain import Row


@contextmanager
def intruder(place: Place) -> Iterator[Connection]:
    """Give a connection that no foreign key and no lock of isoguide holds back."""
    engine = create_engine(place.url)
    with engine.connect() as connection:
        if place.database_file is None:
            connection.execute(text("SET session_replication_role = replica"))
        yield connection
        connection.commit()
    engine.dispose()


def filled(records: Records) -> None:
    """Put at least two rows into every table."""
    for name, role in (("anna", Role.THERAPIST), ("otto", Role.PHYSICIST)):
        records.add_person(Person(name, role), by="admin")
        records.set_password(name, f"$argon2id${name}", by="admin", is_administrator=name == "otto")
    course_id = with_course(records)
    records.add_protocol(replace(PROTOCOL, version=3), "version = 3", by="otto")
    treat(records, course_id)
    treat(records, course_id, 2, events=WAY[:1])
    for _ in range(2):
        records.keep_assessment(course_id, 1, assessment(f"1.2.9.{course_id}.1"), by="otto")
        records.keep_dose(course_id, 1, dose(f"1.2.9.{course_id}.1"), by="otto")
    records.add_history(history(), source="old system", by="otto")
    assert records.verify_audit().is_intact


def first_row(connection: Connection, table: Table) -> Row:
    row = connection.execute(table.select().order_by(*table.primary_key.columns)).mappings().first()
    assert row is not None
    return {**row}


def where(table: Table, row: Row) -> list[object]:
    return [column == row[column.name] for column in table.primary_key.columns]


def another(table: Table, column: str, value: object) -> object:
    """Return another value that the column takes."""
    if isinstance(table.c[column].type, Boolean):
        return not value
    if isinstance(value, int | float):
        return value + 1000
    if value is None:
        return "x" if table.c[column].type.python_type is str else 7
    return f"{value} "


def findings_of(records: Records, connection: Connection) -> tuple[str, ...]:
    connection.commit()
    return records.verify_audit().findings


def test_a_change_of_any_column_of_any_table_is_found(records: Records) -> None:
    filled(records)
    with intruder(records.place) as connection:
        for table in AUDITED:
            row = first_row(connection, table)
            for column in list(row):
                changed = {**row, column: another(table, column, row[column])}
                connection.execute(table.update().where(*where(table, row)).values(changed))
                findings = findings_of(records, connection)
                assert findings, f"a change of {table.name}.{column} was not found"
                assert all(finding.startswith(f"{table.name}: the row ") for finding in findings)
                connection.execute(table.update().where(*where(table, changed)).values(row))
    assert records.verify_audit().is_intact


def test_a_row_of_any_table_that_was_removed_is_found(records: Records) -> None:
    filled(records)
    with intruder(records.place) as connection:
        for table in AUDITED:
            row = first_row(connection, table)
            connection.execute(table.delete().where(*where(table, row)))
            (finding,) = findings_of(records, connection)
            assert finding.startswith(f"{table.name}: the row ")
            assert finding.endswith("is missing, and the audit says that it was written")
            connection.execute(table.insert().values(row))
    assert records.verify_audit().is_intact


def test_a_row_that_was_put_into_any_table_is_found(records: Records) -> None:
    filled(records)
    with intruder(records.place) as connection:
        for table in AUDITED:
            row = first_row(connection, table)
            key = list(table.primary_key.columns)[-1].name
            forged = {**row, key: another(table, key, row[key])}
            if table is IMAGES:
                forged["uid"] = "1.2.666"
            connection.execute(table.insert().values(forged))
            (finding,) = findings_of(records, connection)
            assert finding.startswith(f"{table.name}: the row ")
            assert finding.endswith("stands in no entry of the audit: it was put in")
            connection.execute(table.delete().where(*where(table, forged)))
    assert records.verify_audit().is_intact


def test_a_finding_names_the_columns_of_how_things_stand(records: Records) -> None:
    filled(records)
    with intruder(records.place) as connection:
        connection.execute(
            FRACTIONS.update()
            .where(FRACTIONS.c.number == 2, FRACTIONS.c.ended_at.is_(None))
            .values(version=3, memory="[]")
        )
    (finding,) = records.verify_audit().findings
    assert finding == (
        "fractions: the row course_id C0001, number 2 is not what the audit says in version, memory: "
        "it was changed"
    )


def test_two_rows_that_changed_places_are_found(records: Records) -> None:
    filled(records)
    with intruder(records.place) as connection:
        for before, after in ((2, 99), (3, 2), (99, 3)):
            connection.execute(
                STEPS.update().where(STEPS.c.step == before, STEPS.c.fraction == 1).values(step=after)
            )
    assert len(records.verify_audit().findings) == 2


def test_a_change_of_any_column_of_the_audit_is_found(records: Records) -> None:
    filled(records)
    with intruder(records.place) as connection:
        row = first_row(connection, AUDIT)
        for column in list(row):
            changed = {**row, column: {"payload": '{"wrote":[]}', "seq": 5000}.get(column, "1" * 64)}
            connection.execute(AUDIT.update().where(*where(AUDIT, row)).values(changed))
            findings = findings_of(records, connection)
            assert any(one.startswith("audit_entries: entry ") for one in findings), column
            connection.execute(AUDIT.update().where(*where(AUDIT, changed)).values(row))
    assert records.verify_audit().is_intact


def test_a_payload_that_tells_nothing_is_a_finding_not_a_failure(embedded: Records) -> None:
    filled(embedded)
    unknown = ('[["insert","none",{}]]', '[["update","people",{"name":"eve"}]]', "[1]")
    for payload in ("", "[]", "{}", *(f'{{"wrote":{wrote}}}' for wrote in unknown)):
        with intruder(embedded.place) as connection:
            connection.execute(AUDIT.update().where(AUDIT.c.seq == 7).values(payload=payload))
        findings = embedded.verify_audit().findings
        assert "audit_entries: entry 7 does not have the hash of what it says: it was changed" in findings
        assert "audit_entries: entry 7 does not tell what was written: its payload was changed" in findings


def test_an_entry_that_was_removed_is_found(records: Records) -> None:
    filled(records)
    with intruder(records.place) as connection:
        connection.execute(AUDIT.delete().where(AUDIT.c.seq == 7))
    findings = records.verify_audit().findings
    assert "audit_entries: entry 8 follows entry 6: entries between them are missing" in findings


def test_entries_that_changed_places_are_found(records: Records) -> None:
    filled(records)
    with intruder(records.place) as connection:
        for before, after in ((7, 5000), (8, 7), (5000, 8)):
            connection.execute(AUDIT.update().where(AUDIT.c.seq == before).values(seq=after))
    findings = records.verify_audit().findings
    for seq in (7, 8):
        assert (
            f"audit_entries: entry {seq} does not have the hash of what it says: it was changed" in findings
        )


def test_an_entry_that_was_put_in_is_found(records: Records) -> None:
    filled(records)
    head = records.audit_head()
    with intruder(records.place) as connection:
        row = first_row(connection, AUDIT)
        connection.execute(AUDIT.insert().values({**row, "seq": head.seq + 1}))
    assert any(f"entry {head.seq + 1} does not continue" in one for one in records.verify_audit().findings)


def test_the_loss_of_the_newest_entries_is_found_because_their_rows_are_left(records: Records) -> None:
    filled(records)
    seq = records.audit_head().seq
    with intruder(records.place) as connection:
        connection.execute(AUDIT.delete().where(AUDIT.c.seq >= seq - 1))
    findings = records.verify_audit().findings
    assert "courses: the row course_id old-1 stands in no entry of the audit: it was put in" in findings


def test_the_loss_of_the_newest_entries_with_all_their_rows_is_found_by_a_head_that_was_kept(
    records: Records,
) -> None:
    filled(records)
    kept = records.audit_head()
    with intruder(records.place) as connection:
        connection.execute(AUDIT.delete().where(AUDIT.c.seq == kept.seq))
        connection.execute(text("DELETE FROM fractions WHERE course_id = 'old-1'"))
        connection.execute(text("DELETE FROM courses WHERE course_id = 'old-1'"))
    assert records.verify_audit().is_intact
    (finding,) = records.verify_audit(kept).findings
    assert finding == f"audit_entries: entry {kept.seq} is missing or another one than the head that was kept"


def test_a_head_that_was_kept_stays_true_while_more_is_recorded(records: Records) -> None:
    nothing = records.audit_head()
    assert nothing == AuditHead(0, "0" * 64)
    filled(records)
    kept = records.audit_head()
    records.add_history(history("old-2"), source="old system", by="otto")
    report = records.verify_audit(kept)
    assert (report.is_intact, report.entries, report.head.seq) == (True, kept.seq + 1, kept.seq + 1)
    assert records.verify_audit(nothing).is_intact
