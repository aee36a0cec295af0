"""One small patient, one alignment and one course of treatment for all tests of the workflow."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from connected_department import ConnectedDepartment, OpenRoom, cached, connected_department, station_file
from known_matches import known_matches
from prostate_to_the_left import quick_assessment, request_of
from small_course import coarse_room, small_course, small_patient
from small_department import PROTOCOL, Department, copied, imaged_records, opened
from small_patient import SmallPatient

from isoguide.course import SimulationRecord
from isoguide.dose.density import DensityMethod
from isoguide.registration.result import Registration, Verdict
from isoguide.workflow import simulate
from isoguide.workflow.align import align
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.assess.assess import Assessment
from isoguide.workflow.assess.write_results import assess_into
from isoguide.workflow.clinic import desk as desk_module
from isoguide.workflow.clinic import virtual_station
from isoguide.workflow.course import Course
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.simulate import VirtualPatient
from isoguide.workflow.virtual_patient import virtual_patient


@pytest.fixture(scope="module", autouse=True)
def _matched_once() -> Iterator[None]:
    with known_matches():
        yield


@pytest.fixture(scope="session")
def alignment(patient: SmallPatient) -> Alignment:
    return align(AlignRequest(patient.planning, patient.daily))


@pytest.fixture(scope="session")
def couch_of_three(patient: SmallPatient) -> Alignment:
    return align(AlignRequest(patient.planning, patient.daily, degrees_of_freedom=3))


@pytest.fixture
def unavailable(alignment: Alignment) -> Alignment:
    """The same images with an engine that found no answer."""
    matched = alignment.registration
    reasons = ("the day's image shows another part of the body",)
    refused = Registration(
        verdict=Verdict.NOT_AVAILABLE,
        reasons=reasons,
        planning_from_daily=None,
        unconstrained=None,
        degrees_of_freedom=6,
        centre_mm=matched.centre_mm,
        content=matched.content,
        uncertainty=None,
        quality=None,
        algorithm=matched.algorithm,
        settings=matched.settings,
    )
    return replace(
        alignment,
        registration=refused,
        verdict=Verdict.NOT_AVAILABLE,
        reasons=reasons,
        planning_from_daily=None,
        correction=None,
        covariance=None,
    )


@pytest.fixture(scope="session")
def virtual() -> VirtualPatient:
    return small_patient()


@pytest.fixture(scope="session")
def course(virtual: VirtualPatient) -> Course:
    """Two fractions of it, with everything that a report shows."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(simulate, "room_settings", coarse_room)
        return small_course(virtual, first="fractions = 2\n", report=True)


@pytest.fixture
def department(tmp_path: Path, patient: SmallPatient, quick: None, simulated: tuple) -> Iterator[Department]:
    with opened(tmp_path, patient, simulated, PROTOCOL) as department:
        yield department


@pytest.fixture(scope="session")
def imaged_once(
    tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, simulated: tuple
) -> tuple[Path, datetime]:
    """The records of a department whose image was matched, and the time of its clock: to be copied."""
    return imaged_records(tmp_path_factory.mktemp("imaged"), patient, simulated, PROTOCOL)


@pytest.fixture
def matched(
    tmp_path: Path, patient: SmallPatient, imaged_once: tuple[Path, datetime]
) -> Iterator[Department]:
    """A department in which the engine has matched today's image, and the protocol says "correct"."""
    with copied(imaged_once, tmp_path, patient) as department:
        yield department


@pytest.fixture(scope="session")
def patient_in_room() -> VirtualPatient:
    return virtual_patient(station_file().scenario)


@pytest.fixture(scope="session")
def prepared_in_room() -> dict[str, object]:
    return {}


@pytest.fixture
def open_room(
    tmp_path: Path,
    simulated: tuple[Path, SimulationRecord],
    patient_in_room: VirtualPatient,
    prepared_in_room: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> OpenRoom:
    """Opens departments; the patient is built and his planning image prepared once for all of them."""
    monkeypatch.setattr(virtual_station, "virtual_patient", lambda *_: patient_in_room)
    monkeypatch.setattr(virtual_station, "room_settings", coarse_room)
    for name in ("planning_of", "prepared_for"):
        monkeypatch.setattr(desk_module, name, cached(prepared_in_room, name, getattr(desk_module, name)))

    @contextmanager
    def opened(**said: object) -> Iterator[ConnectedDepartment]:
        with connected_department(tmp_path, simulated, **said) as department:
            yield department

    return opened


@pytest.fixture(scope="session")
def assessed(
    tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, alignment: Alignment
) -> tuple[Path, Assessment]:
    """What an assessment of the small patient left behind, density for dose included, and its answer."""
    folder = tmp_path_factory.mktemp("assessed") / "result"
    with quick_assessment(patient, alignment):
        request = request_of(patient, density=DensityMethod.VIRTUAL_CT)
        return folder, assess_into(request, folder)
