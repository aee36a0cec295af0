"""A service for each test, and the small patient of the workflow's tests in one."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from clinic_service import ClinicService, clinic_service_in, furnish
from known_matches import known_matches
from signed_in_client import Service, make_staffed, service_on
from small_department import ACCESSORIES, PROTOCOL, SET_UP
from small_patient import SmallPatient


@pytest.fixture(scope="module", autouse=True)
def _matched_once() -> Iterator[None]:
    with known_matches():
        yield


@pytest.fixture(scope="session")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records in which the staff has its passwords."""
    folder = tmp_path_factory.mktemp("staffed") / "records"
    make_staffed(folder)
    return folder


@pytest.fixture
def open_service(staffed: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Open a service with these settings."""
    with ExitStack() as opened:

        def service(**settings: object) -> Service:
            shutil.copytree(staffed, tmp_path / "records")
            return opened.enter_context(service_on(tmp_path / "records", **settings))

        yield service


@pytest.fixture
def service(open_service: Callable[..., Service]) -> Service:
    """A service without a page, its staff with their passwords, and a clock that tests set."""
    return open_service()


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, simulated: tuple) -> Path:
    """A department in which nothing has happened yet."""
    folder = tmp_path_factory.mktemp("furnished")
    furnish(folder, patient, simulated, PROTOCOL)
    return folder


def matched_in(folder: Path, patient: SmallPatient) -> Path:
    """Bring the first fraction to where somebody has to decide about its match."""
    with clinic_service_in(folder, patient) as opened:
        desk, course = opened.department.desk, opened.department.course
        desk.begin(course, by="anna", accessories=ACCESSORIES)
        desk.set_up(course, by="anna", couch=SET_UP)
        desk.image(course, opened.department.export_image("one"), by="anna", couch=SET_UP)
    return folder


@pytest.fixture(scope="session")
def matched_once(tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, furnished: Path) -> Path:
    folder = tmp_path_factory.mktemp("matched") / "clinic"
    shutil.copytree(furnished, folder)
    return matched_in(folder, patient)


@pytest.fixture(scope="session")
def doubtful_once(tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, simulated: tuple) -> Path:
    folder = tmp_path_factory.mktemp("doubtful")
    furnish(folder, patient, simulated, PROTOCOL.replace("shift_mm = 20.0", "shift_mm = 1.5"))
    return matched_in(folder, patient)


@contextmanager
def copied(source: Path, folder: Path, patient: SmallPatient) -> Iterator[ClinicService]:
    shutil.copytree(source, folder / "clinic")
    with clinic_service_in(folder / "clinic", patient) as opened:
        yield opened


@pytest.fixture
def clinic(tmp_path: Path, patient: SmallPatient, furnished: Path, quick: None) -> Iterator[ClinicService]:
    """A service with the small patient as course C0001."""
    with copied(furnished, tmp_path, patient) as opened:
        yield opened


@pytest.fixture
def matched(tmp_path: Path, patient: SmallPatient, matched_once: Path) -> Iterator[ClinicService]:
    """The same with a match that waits for a decision."""
    with copied(matched_once, tmp_path, patient) as opened:
        yield opened


@pytest.fixture
def doubtful(tmp_path: Path, patient: SmallPatient, doubtful_once: Path) -> Iterator[ClinicService]:
    """The same with a protocol that asks for a second look at it."""
    with copied(doubtful_once, tmp_path, patient) as opened:
        yield opened
