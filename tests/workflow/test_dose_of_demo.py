"""The demonstration keeps the dose of its last day, made by what the console makes it with."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from isoguide.errors import MissingEvidenceError
from isoguide.workflow.clinic import virtual_department
from isoguide.workflow.clinic.virtual_department import VirtualDepartment
from isoguide.workflow.demo_course import WATCHED, way_of
from isoguide.workflow.protocol_file import load_protocol


class Console:
    """Remembers in which order it was asked for what."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.refuses = ""

    def __call__(self, *_: object) -> "Console":
        return self

    def assess(self, key: object, uid: str, *, by: str, **_: object) -> None:
        self.asked.append(("assess", str(key), uid, by))

    def compute(self, key: object, uid: str, how: object, *, by: str, **_: object) -> None:
        if self.refuses:
            raise MissingEvidenceError(self.refuses)
        self.asked.append(("dose", str(key), uid, how, by))


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console()
    gallery = SimpleNamespace(of=lambda _desk: SimpleNamespace(close=lambda: None))
    for name, stand_in in (("AnatomyDesk", console), ("DoseDesk", console), ("Gallery", gallery)):
        monkeypatch.setattr(virtual_department, name, stand_in)
    return console


def department(*images: str) -> VirtualDepartment:
    """Return a department that knows the matches of its one fraction only."""
    matches = tuple(SimpleNamespace(image_uid=uid) for uid in images)
    records = SimpleNamespace(fraction=lambda _course, _number: SimpleNamespace(matches=matches))
    desk: Any = SimpleNamespace(records=records)
    course: Any = SimpleNamespace(course_id="C0001")
    nothing: Any = None
    return VirtualDepartment(desk, course, nothing, nothing, nothing, nothing, nothing)


def test_the_anatomy_is_assessed_first_and_the_generic_machine_named(console: Console) -> None:
    department("first", "verification").keep_dose(5)
    key = "fraction 5 of course C0001"
    assert console.asked == [
        ("assess", key, "first", "virtual-physicist"),
        ("dose", key, "first", virtual_department.BEAM_DATA, "virtual-physicist"),
    ]
    assert virtual_department.BEAM_DATA.beam_data == "generic-6mv"


def test_a_day_without_a_match_has_no_dose(console: Console) -> None:
    department().keep_dose(5)
    assert console.asked == []


def test_a_dose_that_cannot_be_computed_does_not_lose_the_demonstration(
    console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    console.refuses = "no deformation was found"
    with caplog.at_level(logging.WARNING):
        department("first").keep_dose(5)
    assert "has no dose: no deformation was found" in caplog.text


@pytest.mark.parametrize("protocol", ["demonstration", *(way.protocol for way in WATCHED.values())])
def test_protocols_that_assess_the_anatomy_say_how_its_dose_is_judged(protocol: str) -> None:
    said = load_protocol(protocol).protocol
    assert said.assessment is not None
    assert said.dose is not None
    assert said.dose.goals
    assert way_of("prostate", "cone-beam").protocol == "demonstration-arm"
