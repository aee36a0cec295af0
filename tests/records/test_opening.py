import re
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sample_course import SteppingClock, treat, with_course
from sqlalchemy import text

from isoguide.course import Person, Role
from isoguide.errors import InputError, IsoguideError, MissingEvidenceError, OutputError, UnreadableError
from isoguide.records import Place, Records, create_records, open_records, schema, upgrade
from isoguide.records.connection import Database
from isoguide.records.model import Base
from isoguide.records.schema import MIGRATIONS, VERSION_TABLE, VERSIONS

NEXT = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "0006", "0005"
def upgrade():
    op.add_column("people", sa.Column("phone", sa.Text()))
"""


def refused(place: Place) -> IsoguideError:
    with pytest.raises(IsoguideError) as error:
        open_records(place, clock=SteppingClock())
    return error.value


def test_the_migrations_make_the_tables_of_the_model(place: Place) -> None:
    database = Database(place)
    with database.reading() as connection:
        options = {"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []
    database.close()


def test_the_newest_migration_is_the_version_that_is_asked_for() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    assert [one.revision for one in script.walk_revisions()] == list(reversed(VERSIONS))


def test_where_there_are_no_records_one_is_told_how_to_make_them(empty_place: Place) -> None:
    error = refused(empty_place)
    assert isinstance(error, MissingEvidenceError)
    assert "make them with isoguide db upgrade" in str(error)
    if empty_place.database_file is not None:
        assert not empty_place.database_file.parent.exists()


def test_records_are_made_once(empty_place: Place) -> None:
    with create_records(empty_place, clock=SteppingClock()) as records:
        assert records.courses() == ()
        assert records.place == empty_place
    with pytest.raises(InputError, match="there is a database in"):
        create_records(empty_place, clock=SteppingClock())


def test_an_upgrade_of_what_is_current_changes_nothing(place: Place) -> None:
    with open_records(place, clock=SteppingClock()) as records:
        treat(records, with_course(records))
        head = records.audit_head()
    upgrade(place)
    with open_records(place, clock=SteppingClock()) as records:
        assert records.audit_head() == head
        assert records.verify_audit().is_intact


def test_records_of_an_older_isoguide_ask_for_an_upgrade_and_get_it(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, later, ignore=shutil.ignore_patterns("__pycache__"))
    (later / "versions" / "v0006_phone.py").write_text(NEXT)
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    monkeypatch.setattr(schema, "VERSIONS", (*VERSIONS, "0006"))
    error = refused(place)
    assert isinstance(error, InputError)
    assert "of an older isoguide (version 0005 of the tables, not 0006)" in str(error)
    assert "isoguide db upgrade" in str(error)
    upgrade(place)
    open_records(place, clock=SteppingClock()).close()


def test_a_failed_upgrade_leaves_everything_as_it_was(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, later, ignore=shutil.ignore_patterns("__pycache__"))
    (later / "versions" / "v0005_phone.py").write_text(f"{NEXT}    raise RuntimeError('power is lost')\n")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", later)
        with pytest.raises(RuntimeError, match="power is lost"):
            upgrade(place)
    with open_records(place, clock=SteppingClock()) as records:
        records.add_person(Person("anna", Role.THERAPIST), by="otto")


def test_records_of_a_newer_isoguide_are_left_alone(place: Place) -> None:
    database = Database(place)
    with database.changing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0099'"))  # noqa: S608 - a constant
    database.close()
    error = refused(place)
    assert isinstance(error, InputError)
    assert "of a newer isoguide (version 0099 of the tables)" in str(error)
    with pytest.raises(InputError, match="of a newer isoguide"):
        upgrade(place)


def test_a_database_of_something_else_is_left_alone(empty_place: Place) -> None:
    if empty_place.database_file is not None:
        empty_place.database_file.parent.mkdir()
    database = Database(empty_place)
    with database.changing() as connection:
        connection.execute(text("CREATE TABLE people (phone TEXT)"))
    database.close()
    assert isinstance(refused(empty_place), MissingEvidenceError) or empty_place.database_file
    with pytest.raises(UnreadableError, match="holds tables that are not isoguide's"):
        upgrade(empty_place)


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04 not a database" * 99, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_file_that_is_no_database_is_named_as_damaged(tmp_path: Path, content: bytes) -> None:
    place = Place.embedded(tmp_path)
    assert place.database_file is not None
    place.database_file.write_bytes(content)
    error = refused(place)
    assert isinstance(error, UnreadableError)
    assert "restore a backup" in str(error)
    assert place.database_file.read_bytes() == content


def test_a_damaged_page_is_found_when_the_records_are_opened(embedded: Records) -> None:
    treat(embedded, with_course(embedded))
    place = embedded.place
    embedded.close()
    assert place.database_file is not None
    with place.database_file.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    error = refused(place)
    assert isinstance(error, UnreadableError)
    assert f"{place} is damaged" in str(error)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be made"):
        create_records(Place.embedded(tmp_path / "file" / "records"), clock=SteppingClock())


def test_nothing_remains_of_records_that_could_not_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", tmp_path / "nowhere")
    place = Place.embedded(tmp_path / "records")
    with pytest.raises(Exception, match="nowhere"):
        create_records(place, clock=SteppingClock())
    assert list((tmp_path / "records").iterdir()) == []


def test_an_embedded_database_survives_loss_of_power(embedded: Records) -> None:
    with embedded._database.reading() as connection:
        said = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous")
        }
    assert said == {"journal_mode": "wal", "synchronous": 2}  # 2 is FULL: a commit waits for the disk


def test_an_unfinished_transaction_is_gone_after_a_restart(embedded: Records) -> None:
    course_id = with_course(embedded)
    file = embedded.place.database_file
    assert file is not None
    other = sqlite3.connect(file)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM courses")
    other.close()
    assert embedded.course(course_id).line.course_id == course_id


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pg8000")
    nowhere = Place(f"postgresql+pg8000://isoguide@/records?unix_sock={tmp_path / 'none'}", tmp_path)
    error = refused(nowhere)
    assert isinstance(error, OutputError)
    assert f"{nowhere} does not answer or does not let isoguide in" in str(error)


def test_a_database_that_the_server_does_not_have_is_named(postgresql: Path, tmp_path: Path) -> None:
    error = refused(Place(f"postgresql+pg8000://isoguide@/none?unix_sock={postgresql}", tmp_path))
    assert isinstance(error, OutputError)
    # The server says so and hangs up; the driver may notice the second first.
    assert re.search(
        r"database .none. does not exist|does not answer or does not let isoguide in", str(error)
    )


def test_a_missing_driver_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pg8000", None)
    error = refused(Place("postgresql://db/records", tmp_path))
    assert isinstance(error, MissingEvidenceError)
    assert "needs a driver that is not installed: install isoguide[postgresql]" in str(error)


def test_only_the_records_load_the_driver_of_a_server() -> None:
    source = Path(schema.__file__).parents[1]
    users = {
        path.relative_to(source).parts[0] for path in source.rglob("*.py") if "pg8000" in path.read_text()
    }
    assert users == {"records"}
