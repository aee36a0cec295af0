"""What an assessment is worth beside its match, its figures beside their limits, and its pictures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from isoguide.course import AssessmentRecord, DecisionRecord, FieldFigures, MatchRecord, StructureOfDay
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.displacement_field import DisplacementField
from isoguide.records import newest_of
from isoguide.registration.deformable.quality import QualityLimits
from isoguide.registration.result import Verdict
from isoguide.registration.verdict import deformation_doubt
from isoguide.treatment.match import BY_HAND
from isoguide.treatment.states import Event
from isoguide.workflow.assess.chosen import structures_to_assess
from isoguide.workflow.clinic.anatomy_figures import figure_lines
from isoguide.workflow.clinic.day_anatomy import (
    DEFORMED,
    as_matched,
    says_the_same,
    was_found_alike,
)
from isoguide.workflow.clinic.pictures.drawn_anatomy import NOT_SEEN, DrawnField, about_field, thinned
from isoguide.workflow.clinic.pictures.picture_cache import PictureCache
from isoguide.workflow.review.outdated_assessment import as_it_stands, outdated_words

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
FIGURES = FieldFigures(0.8, 1.1, 0.0, 1.2, 2.1, 0.02, 6.0, 0.6, 0.8)


def structure(name: str = "GTV", volume_ml: float = 25.0, shift_mm: float = 1.0) -> StructureOfDay:
    size = np.array([30.0, 30.0, 30.0])
    return StructureOfDay(
        name, True, 30.0, volume_ml, 0.5, np.array([shift_mm, 0.0, 0.0]), size, size, -0.5, 1.0, 2.0, 1.0
    )


def record(**said: Any) -> AssessmentRecord:
    whole = {
        "image_uid": "1.2",
        "assessed_at": AT,
        "verdict": "for decision",
        "reasons": (),
        "approximations": (),
        "figures": FIGURES,
        "structures": (structure(),),
        "alerts": (),
        "algorithm": "test",
        "version": "1",
        "settings_sha256": "0" * 64,
    }
    return AssessmentRecord(**whole | said)


def match(
    uid: str = "1.2", verdict: Verdict = Verdict.ACCEPT, algorithm: str = "engine", *reasons: str
) -> Any:
    return MatchRecord(uid, verdict, reasons, np.eye(4), None, None, None, 0.0, (), algorithm, "1", "0" * 64)


def fraction(*matches: tuple[float, Any], **said: Any) -> Any:
    """A fraction whose images were matched so many minutes after the assessment."""
    steps = [
        SimpleNamespace(entry=SimpleNamespace(event=Event.ALIGN, at=AT + timedelta(minutes=minutes)))
        for minutes, _ in matches
    ]
    whole = {"steps": steps, "matches": [one for _, one in matches], "decisions": (), "assessments": ()}
    return SimpleNamespace(**whole | said)


class TestAnAssessment:
    def test_holds_until_its_image_is_matched_anew(self) -> None:
        assert outdated_words(fraction((-5.0, match())), record()) == ""
        again = fraction((-5.0, match()), (5.0, match()))
        assert "matched anew" in outdated_words(again, record())
        standing = as_it_stands(again, record())
        assert (standing.verdict, standing.figures) == ("not for decision", FIGURES)
        assert as_it_stands(fraction((-5.0, match())), record()).is_for_decision

    def test_is_not_touched_by_the_match_of_another_image(self) -> None:
        assert outdated_words(fraction((-5.0, match()), (5.0, match("9.9"))), record()) == ""

    def test_is_taken_for_outdated_where_it_is_not_known_when_each_match_was_made(self) -> None:
        unclear = fraction((-5.0, match()), (5.0, match("9.9")))
        unclear.matches = unclear.matches[:1]
        assert "matched anew" in outdated_words(unclear, record())

    def test_that_counts_is_the_newest_of_its_image(self) -> None:
        first, second, other = record(), record(algorithm="later"), record(image_uid="9.9")
        stored = fraction(assessments=(first, second, other))
        assert newest_of(stored.assessments, "1.2") is second
        assert newest_of(stored.assessments, "3.3") is None

    @pytest.mark.parametrize(
        ("changed", "is_same"),
        [
            ({}, True),
            ({"assessed_at": AT + timedelta(days=1)}, True),
            ({"structures": (structure(volume_ml=25.005),)}, True),
            ({"structures": (structure(volume_ml=25.5),)}, False),
            ({"structures": (structure(shift_mm=1.2),)}, False),
            ({"structures": (structure("CTV"),)}, False),
            ({"structures": ()}, False),
            ({"settings_sha256": "1" * 64}, False),
            ({"version": "2"}, False),
        ],
    )
    def test_is_the_same_where_it_was_made_alike_and_found_the_same(
        self, changed: dict[str, Any], is_same: bool
    ) -> None:
        assert says_the_same(record(), record(**changed)) is is_same

    def test_that_may_be_used_for_less_is_not_the_same_but_shows_the_same(self) -> None:
        doubted = record(verdict="not for decision", reasons=("look at the match",))
        assert not says_the_same(record(), doubted)
        assert was_found_alike(record(), doubted)


class TestOnAMatchThatNeedsALook:
    DOUBT = "the images agree little (similarity 0.4)"

    def doubted(self, *reasons: str, algorithm: str = "engine", **said: Any) -> AssessmentRecord:
        stored = fraction((-5.0, match("1.2", Verdict.REVIEW, algorithm, *reasons)), **said)
        return as_matched(record(), stored)

    def test_nothing_is_decided_before_somebody_looked(self) -> None:
        found = self.doubted(self.DOUBT)
        assert not found.is_for_decision
        assert found.reasons == (f"the rigid match needs a look first: {self.DOUBT}",)

    def test_a_person_who_signed_it_has_looked(self) -> None:
        signed = DecisionRecord("correct", "", "", "anna", role="therapist", image_uid="1.2")
        assert self.doubted(self.DOUBT, decisions=(signed,)).is_for_decision
        for other in (
            replace(signed, image_uid="9.9"),
            replace(signed, role=""),
            replace(signed, action="image again"),
        ):
            assert not self.doubted(self.DOUBT, decisions=(other,)).is_for_decision

    def test_a_person_who_matched_by_hand_has_looked(self) -> None:
        assert self.doubted(self.DOUBT, algorithm=BY_HAND).is_for_decision

    def test_that_the_patient_is_deformed_is_answered_by_the_deformation(self) -> None:
        assert self.doubted(f"regions would still move by up to 5.0 mm: {DEFORMED}").is_for_decision
        moving = SimpleNamespace(residuals=[SimpleNamespace(shift_mm=np.array([9.0, 0.0, 0.0]))])
        assert deformation_doubt(moving).endswith(DEFORMED)  # type: ignore[arg-type]  # all that it looks at

    def test_what_was_not_for_decision_stays_so_with_its_own_reasons(self) -> None:
        stored = fraction((-5.0, match("1.2", Verdict.REVIEW, "engine", self.DOUBT)))
        already = record(verdict="not for decision", reasons=("tissue folds",))
        assert as_matched(already, stored) is already


class TestFigures:
    def test_stand_beside_the_limits_of_the_protocol(self) -> None:
        lines = {one.name: one for one in figure_lines(FIGURES, QualityLimits(inconsistency_mean_mm=1.0))}
        mean = lines["matched there and back, mean"]
        assert (mean.value, mean.limit, mean.is_kept) == (1.2, "at most 1 mm", False)
        assert lines["matched there and back, 95 %"].is_kept

    def test_that_were_not_measured_keep_nothing(self) -> None:
        lines = figure_lines(replace(FIGURES, inconsistency_mean_mm=None), QualityLimits())
        mean = next(one for one in lines if one.name == "matched there and back, mean")
        assert (mean.value, mean.is_kept) == (None, None)

    def test_say_of_folded_tissue_that_none_may_fold(self) -> None:
        folded = replace(FIGURES, jacobian_least=-0.1, folded_fraction=0.002)
        lines = {one.name: one for one in figure_lines(folded, QualityLimits())}
        assert not lines["smallest volume ratio (Jacobian)"].is_kept
        assert (lines["tissue that folds"].value, lines["tissue that folds"].is_kept) == (0.2, False)

    def test_are_not_there_where_there_is_no_field(self) -> None:
        assert figure_lines(None, QualityLimits()) == ()

    def test_at_landmarks_are_there_where_landmarks_are(self) -> None:
        with_landmarks = replace(FIGURES, landmark_mean_mm=2.5, landmark_largest_mm=4.0, landmarks=7)
        mean, largest = figure_lines(with_landmarks, QualityLimits())[-2:]
        assert (mean.name, mean.is_kept, largest.is_kept) == ("error at 7 landmarks, mean", False, True)


class TestPictures:
    def test_of_a_field_take_nodes_that_a_screen_tells_apart(self) -> None:
        grid = Grid.axial(PLANNING, (5, 8, 9), (2.0, 2.0, 5.0), (0.0, 10.0, 20.0))
        every, thin = thinned(grid)
        assert [one.step for one in every] == [1, 2, 2]
        assert thin.shape == (5, 4, 5)
        np.testing.assert_allclose(thin.spacing_mm, (4.0, 4.0, 5.0))
        np.testing.assert_allclose(thin.origin_mm, grid.origin_mm)

    def test_say_where_tissue_went_and_nothing_where_it_was_not_seen(self) -> None:
        grid = Grid.axial(PLANNING, (3, 3, 3), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0))
        vectors = np.zeros((3, 3, 3, 3), dtype=np.float32)
        vectors[..., 0], vectors[..., 2] = 5.0, -0.25  # 5 mm to the left, 0.25 mm towards the feet
        seen = np.ones(grid.shape, dtype=np.bool_)
        seen[0] = False
        drawn = DrawnField.of(DisplacementField(grid, vectors), seen)
        x, y, z = (np.frombuffer(one.content, dtype="<i2").reshape(grid.shape) for one in drawn.shift)
        ratio = np.frombuffer(drawn.volume_ratio.content, dtype="<i2").reshape(grid.shape)
        assert (x[1, 1, 1], y[1, 1, 1], z[1, 1, 1], ratio[1, 1, 1]) == (500, 0, -25, 1000)
        assert {*x[0].ravel(), *ratio[0].ravel()} == {NOT_SEEN}
        assert drawn.longest_mm == pytest.approx(np.hypot(5.0, 0.25))

    def test_of_the_plan_reach_as_far_as_the_field(self) -> None:
        planning = Grid.axial(PLANNING, (20, 30, 40), (1.0, 1.0, 2.0), (-10.0, -10.0, -10.0))
        field = Grid.axial(PLANNING, (3, 3, 3), (5.0, 5.0, 20.0), (-4.0, 0.0, 0.0))
        shown = about_field(planning, field)
        np.testing.assert_allclose(shown.origin_mm, (-4.0, 0.0, 0.0))
        assert shown.shape == (15, 11, 11)  # the planning CT ends before the field does

    def test_in_memory_are_found_without_being_made(self) -> None:
        cache = PictureCache(1000)
        assert cache.known("a", str) is None
        cache.get("a", lambda: "made")
        assert cache.known("a", str) == "made"
        assert cache.known("a", bytes) is None


def test_the_target_and_what_the_protocol_names_are_assessed_or_all_anatomy() -> None:
    def drawn(name: str, kind: str = "ORGAN", *, is_volume: bool = True) -> Any:
        return SimpleNamespace(name=name, interpreted_type=kind, is_volume=is_volume, contours=(1,))

    plan = (
        drawn("Body", "EXTERNAL"),
        drawn("PTV", "PTV"),
        drawn("Bladder"),
        drawn("Rectum"),
        drawn("Couch", "SUPPORT"),
        drawn("Iso", "", is_volume=False),
    )
    everything = structures_to_assess(plan, "PTV", None)
    assert [one.name for one in everything] == ["PTV", "Bladder", "Rectum"]
    instructions: Any = SimpleNamespace(structures=("bladder",))
    assert [one.name for one in structures_to_assess(plan, "PTV", instructions)] == ["PTV", "Bladder"]
