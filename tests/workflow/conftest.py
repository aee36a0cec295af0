"""One small patient, one alignment and one course of treatment for all tests of the workflow."""

from dataclasses import replace

import pytest
from small_course import coarse_room, small_course, small_patient
from small_patient import SmallPatient, write_small_patient

from isoguide.registration.result import Registration, Verdict
from isoguide.workflow import simulate
from isoguide.workflow.align import align
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.course import Course
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.simulate import VirtualPatient


@pytest.fixture(scope="session")
def patient(tmp_path_factory: pytest.TempPathFactory) -> SmallPatient:
    return write_small_patient(tmp_path_factory.mktemp("patient"))


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
