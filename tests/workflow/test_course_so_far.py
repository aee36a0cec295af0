"""What a course has delivered so far is the sum of every fraction that was treated, or it is not told."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from dosed_days import dosed
from test_dose_so_far import PLAN, cube

from isoguide.course import DecisionRecord, DeliveryRecord, DoseRecord, FractionSummary, MatchRecord
from isoguide.dose.accumulate import AccumulatedDose, CarriedDose, nothing_yet
from isoguide.dose.result import DoseVolume
from isoguide.errors import GeometryError, UnreadableError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.grid import Grid
from isoguide.records import FractionKey, FractionLine, StoredFraction
from isoguide.records.image_store import ImageStore
from isoguide.registration import Verdict
from isoguide.treatment.states import State
from isoguide.workflow.clinic.course_so_far import CourseSoFar
from isoguide.workflow.clinic.kept_dose import keep_carried, kept_carried
from isoguide.workflow.review.course_sums import EXPECTED, NOT_TOLD, Given, given, sums_as_they_stand

BEGAN = datetime(2026, 3, 2, 8, tzinfo=UTC)
OTHER = Grid(PLAN.frame, PLAN.shape, PLAN.spacing_mm, PLAN.origin_mm + 1.0, PLAN.direction)
Change = Callable[["Course"], object]


def carried(dose_gy: float, number: int = 1, onto: Grid = PLAN) -> AccumulatedDose:
    """Return a fraction that gives the same everywhere, known to 0.1 Gy."""
    everywhere = np.full(PLAN.shape, dose_gy, np.float32)
    told = (f"fraction {number} is made up",)
    one = CarriedDose(everywhere, np.ones(PLAN.shape), np.full(PLAN.shape, 0.1, np.float32), told)
    return nothing_yet(onto).plus(one)


def fraction(number: int, state: State = State.CLOSED) -> StoredFraction:
    """Return a fraction that was matched, decided about and delivered in full, without a dose."""
    uid, at = f"1.2.{number}", BEGAN + timedelta(days=number)
    match = MatchRecord(
        uid, Verdict.ACCEPT, (), np.eye(4), CouchCorrection(1.0, 2.0, 3.0), None, None, 0.5, (), "rigid",
        "1.0", "e" * 64,
    )  # fmt: skip
    decision = DecisionRecord("correct", "1 mm", "correct", "anna", "physicist", "otto", False, "", uid)
    return StoredFraction(
        FractionLine(FractionKey("C0001", number), state, at, at if state.is_final else None, 9),
        "{}",
        FractionSummary(number, at, str(state), delivered_mu=300.0 if state is State.CLOSED else 0.0),
        (),
        (),
        (match,),
        (decision,),
        (DeliveryRecord(1, "arc 1", 300.0, 300.0),) if state is State.CLOSED else (),
    )


def day(number: int, **changes: Any) -> DoseRecord:
    """Return the dose of a fraction before anything was added up."""
    bare = dosed(fraction=number)
    nothing = {
        "accumulated_mean_gy": None,
        "accumulated_d95_gy": None,
        "accumulated_d2_gy": None,
        "accumulated_sigma_gy": None,
    }
    structures = tuple(replace(one, **nothing) for one in bare.structures)
    return replace(bare, structures=structures, fractions_so_far=0, **changes)


@dataclass
class Course:
    """Two fractions that were treated and dosed, and a third one that is on the table."""

    store: ImageStore
    stored: dict[int, StoredFraction] = field(default_factory=dict)

    @property
    def fractions(self) -> tuple[FractionLine, ...]:
        return tuple(one.line for one in self.stored.values())

    def course(self, course_id: str) -> "Course":
        assert course_id == "C0001"
        return self

    def fraction(self, course_id: str, number: int) -> StoredFraction:
        assert course_id == "C0001"
        return self.stored[number]

    def keep(self, number: int, record: DoseRecord) -> None:
        self.stored[number] = replace(self.stored[number], doses=(*self.stored[number].doses, record))

    def told(self, number: int, dose_gy: float = 2.0, **changes: Any) -> DoseRecord:
        own = carried(dose_gy, number)
        record, structures = day(number, **changes), [cube("PTV"), cube("Rectum")]
        return self.so_far.told(self.stored[number], record, own, structures)

    def change(self, number: int, **changes: Any) -> None:
        self.stored[number] = replace(self.stored[number], **changes)

    def dosed_as(self, number: int, **changes: Any) -> None:
        self.keep(number, replace(self.stored[number].doses[-1], **changes))

    @property
    def so_far(self) -> CourseSoFar:
        return CourseSoFar(cast("Any", self), self.store)

    @property
    def kept_file(self) -> Path:
        return self.store.path_of(self.stored[2].doses[-1].carried_sha256)

    def as_it_stands(self, record: DoseRecord) -> DoseRecord:
        return self.so_far.as_they_stand(self.stored[3], record)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    made = Course(ImageStore(tmp_path / "images"))
    for number in (1, 2):
        made.stored[number] = fraction(number)
        made.keep(number, made.told(number, 2.0 + 0.1 * number))
    made.stored[3] = fraction(3, State.APPROVED)
    return made


def test_three_fractions_add_up(course: Course) -> None:
    record = course.told(3, 1.9)
    target = next(one for one in record.structures if one.is_target)
    assert record.fractions_so_far == 3
    assert target.accumulated_mean_gy == pytest.approx(2.1 + 2.2 + 1.9, abs=1e-4)
    assert target.accumulated_sigma_gy == pytest.approx(0.3, abs=1e-4)
    assert {f"fraction {number} is made up" for number in (1, 2, 3)} <= set(record.approximations)
    assert not any(NOT_TOLD in one for one in record.approximations)
    assert EXPECTED in record.approximations
    assert course.as_it_stands(record) == record
    assert [one.doses[-1].fractions_so_far for one in list(course.stored.values())[:2]] == [1, 2]
    assert EXPECTED not in course.stored[2].doses[-1].approximations


def test_a_fraction_in_which_nothing_was_delivered_is_not_missed(course: Course) -> None:
    course.stored[2] = fraction(2, State.STOPPED)
    record = course.told(3)
    assert record.fractions_so_far == 2
    assert any(one.accumulated_mean_gy == pytest.approx(4.1, abs=1e-4) for one in record.structures)


MISSING: list[tuple[Change, str]] = [
    (lambda c: c.change(2, doses=()), "fraction 2 was treated and has no dose of its day"),
    (
        lambda c: c.change(2, matches=(replace(c.stored[2].matches[0], correction=None),)),
        "has no match with an answer",
    ),
    (lambda c: c.change(2, decisions=()), "the dose of fraction 2 is that of an image by which nothing was"),
    (
        lambda c: c.dosed_as(2, approximations=("the couch is taken to move after the image by 9 mm",)),
        "the dose of fraction 2 does not hold any more (the couch goes elsewhere",
    ),
    (lambda c: c.dosed_as(2, carried_sha256=""), "the dose of fraction 2 was not kept in the planning"),
    (lambda c: c.dosed_as(2, beam_data_sha256="c" * 64), "the dose of fraction 2 was computed by other beam"),
    (
        lambda c: c.dosed_as(2, verdict="not available", structures=(), fractions_so_far=0),
        "the dose of fraction 2 is not available",
    ),
    (
        lambda c: c.change(2, deliveries=(DeliveryRecord(1, "arc 1", 300.0, 120.0, "OPERATOR"),)),
        "fraction 2 was stopped or a beam of it fell short",
    ),
    (lambda c: c.stored.update({2: fraction(2, State.HELD)}), "fraction 2 has not ended"),
    (
        lambda c: c.dosed_as(2, carried_sha256=keep_carried(c.store, carried(2.0, 2, OTHER))),
        "the doses of earlier fractions lie on another grid",
    ),
]


@pytest.mark.parametrize(("change", "said"), MISSING)
def test_without_every_treated_fraction_no_sum_is_told_but_why(
    course: Course, change: Change, said: str
) -> None:
    change(course)
    record = course.told(3)
    assert record.fractions_so_far == 0
    assert all(one.accumulated_mean_gy is None for one in record.structures)
    (told,) = [one for one in record.approximations if one.startswith(NOT_TOLD)]
    assert said in told
    assert record.carried_sha256  # it can be added to others once the missing dose is there


def test_a_damaged_file_is_refused_by_its_name(course: Course) -> None:
    path, name = course.kept_file, course.stored[2].doses[-1].carried_sha256
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UnreadableError, match=f"{name[2:]} was changed"):
        kept_carried(course.store, name)
    (told,) = [one for one in course.told(3).approximations if one.startswith(NOT_TOLD)]
    assert f"file {name} with the dose of fraction 2 is missing or damaged" in told
    assert str(path.parent) not in told


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_what_is_no_dose_is_not_read_as_one(course: Course, content: bytes) -> None:
    name = course.store.add_bytes(content)
    with pytest.raises(UnreadableError, match=f"{name[2:]} holds no dose in the planning anatomy"):
        kept_carried(course.store, name)


def test_a_kept_dose_comes_back_bit_for_bit(course: Course) -> None:
    rough = carried(2.0)
    noise = np.random.default_rng(1).random(PLAN.shape, np.float32)
    rough = replace(rough, dose=DoseVolume(PLAN, noise))
    name = keep_carried(course.store, rough)
    found = kept_carried(course.store, name)
    np.testing.assert_array_equal(found.dose.dose_gy, noise)
    np.testing.assert_array_equal(found.sigma_gy, rough.sigma_gy)
    for where in ("spacing_mm", "origin_mm", "direction"):
        np.testing.assert_array_equal(getattr(found.dose.grid, where), getattr(PLAN, where))
    assert (found.fractions, found.approximations) == (1, rough.approximations)
    assert keep_carried(course.store, rough) == name
    with pytest.raises(GeometryError, match="on different grids cannot be added"):
        found.joined(carried(2.0, 2, OTHER))


def test_sums_do_not_outlive_what_they_rest_on(course: Course) -> None:
    record = course.told(3)
    later = record.computed_at + timedelta(hours=1)
    course.dosed_as(2, computed_at=later)
    stale = course.as_it_stands(record)
    assert stale.fractions_so_far == 0
    assert stale.approximations[-1].startswith(f"{NOT_TOLD}: the dose of fraction 2 was computed anew")
    assert course.told(3, computed_at=later).fractions_so_far == 3

    course.stored[2] = fraction(2, State.STOPPED)
    assert "other fractions were treated" in course.as_it_stands(record).approximations[-1]
    course.stored[3] = fraction(3, State.STOPPED)
    assert "fraction 3 was stopped" in course.as_it_stands(record).approximations[-1]
    moved = replace(record, approximations=("the couch is taken to move after the image by 9 mm",))
    assert "the couch goes elsewhere" in course.as_it_stands(moved).approximations[-1]


def test_an_image_by_which_nothing_was_treated_adds_nothing(course: Course) -> None:
    again = replace(course.stored[3].decisions[0], action="second look")
    course.change(3, decisions=(again,))
    assert course.told(3).fractions_so_far == 3  # it is not decided yet
    course.stored[3] = replace(fraction(3), decisions=(again,))
    assert (
        "the dose of fraction 3 is that of an image by which nothing was treated"
        in (course.told(3).approximations[-1])
    )
    stopped = replace(again, action="stop")
    course.stored[3] = replace(fraction(3, State.ALIGNED), decisions=(stopped,))
    assert "nothing was treated" in course.told(3).approximations[-1]


def test_a_day_without_a_dose_in_the_planning_anatomy_says_so(course: Course) -> None:
    record = course.so_far.told(course.stored[3], day(3), "fraction 3 has no dose (the match is off)", [])
    assert (record.fractions_so_far, record.carried_sha256) == (0, "")
    assert record.approximations[-1] == f"{NOT_TOLD}: fraction 3 has no dose (the match is off)"
    assert sums_as_they_stand((), course.stored[3], record) == record


def test_how_much_of_a_fraction_was_given() -> None:
    begun = replace(
        fraction(1, State.STOPPED), deliveries=(DeliveryRecord(1, "arc 1", 300.0, 12.0, "OPERATOR"),)
    )
    assert given(begun) is Given.IN_PART
    assert given(fraction(1, State.STOPPED)) is Given.NOTHING
    assert given(fraction(1, State.BEAM_ON)) is Given.NOT_ENDED
    assert given(fraction(1)) is Given.IN_FULL
