"""Records on both databases: every test that asks for ``records`` or ``place`` runs once on each."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pg8000.native
import pytest
from postgresql_server import NoServerError, server
from sample_course import SteppingClock

from isoguide.records import Place, Records, create_records, open_records, upgrade

DATABASES = ("sqlite", "postgresql")
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Path]:
    """Socket of a private server that has an empty set of tables in the database "template"."""
    try:
        running = server()
        socket = running.__enter__()
    except NoServerError as error:
        pytest.skip(f"no PostgreSQL here: {error}")
    try:
        order(socket, "CREATE DATABASE template")
        upgrade(served(socket, "template", Path("unused")))
        yield socket
    finally:
        running.__exit__(None, None, None)


def served(socket: Path, database: str, images: Path) -> Place:
    return Place(f"postgresql+pg8000://isoguide@/{database}?unix_sock={socket}", images)


def order(socket: Path, sql: str) -> None:
    with closing(pg8000.native.Connection("isoguide", unix_sock=str(socket), database="postgres")) as admin:
        admin.run(sql)


@pytest.fixture(params=DATABASES)
def empty_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where there are no records yet."""
    if request.param == "sqlite":
        yield Place.embedded(tmp_path / "records")
        return
    socket: Path = request.getfixturevalue("postgresql")
    name = f"empty_{next(_NUMBERS)}"
    order(socket, f"CREATE DATABASE {name}")
    yield served(socket, name, tmp_path / "images")
    order(socket, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=DATABASES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where there are records with nothing in them."""
    if request.param == "sqlite":
        embedded = Place.embedded(tmp_path / "records")
        upgrade(embedded)
        yield embedded
        return
    socket: Path = request.getfixturevalue("postgresql")
    name = f"records_{next(_NUMBERS)}"
    order(socket, f"CREATE DATABASE {name} TEMPLATE template")
    yield served(socket, name, tmp_path / "images")
    order(socket, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def records(place: Place, clock: SteppingClock) -> Iterator[Records]:
    with open_records(place, clock=clock) as opened:
        yield opened


@pytest.fixture
def embedded(tmp_path: Path, clock: SteppingClock) -> Iterator[Records]:
    """Records in a folder, for what only SQLite can do."""
    with create_records(Place.embedded(tmp_path / "embedded"), clock=clock) as opened:
        yield opened
