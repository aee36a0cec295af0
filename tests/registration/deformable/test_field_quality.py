"""Figures of a displacement field, and the verdict that follows."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_bodies import registration

from isoguide.errors import GeometryError, InputError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_x
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.structure_measures import Agreement
from isoguide.registration.deformable.quality import (
    LIMIT_SOURCES,
    FieldQuality,
    Landmarks,
    QualityLimits,
    field_figures,
    judge_field,
)
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict

GOOD = FieldQuality(
    jacobian_least=0.6,
    jacobian_largest=1.4,
    folded_fraction=0.0,
    inconsistency_mean_mm=0.5,
    inconsistency_p95_mm=1.4,
    bone_strain_p95=0.01,
    longest_mm=12.0,
    similarity_before=0.6,
    similarity_after=0.8,
)


def small(displacement, **settings: object) -> DeformableRegistration:
    return registration(displacement, half_mm=25.0, **settings)


def everywhere(found: DeformableRegistration) -> np.ndarray:
    assert found.field is not None
    return np.ones(found.field.grid.shape, dtype=np.bool_)


def nowhere(found: DeformableRegistration) -> np.ndarray:
    return ~everywhere(found)


def figures_of(found: DeformableRegistration, **rest: object) -> FieldQuality:
    return field_figures(found, body=everywhere(found), bone=everywhere(found), **rest)


class TestFigures:
    def test_a_uniform_shrinking_to_nine_tenths_has_the_determinant_0_729(self) -> None:
        found = figures_of(small(lambda xyz: -0.1 * xyz))
        assert found.jacobian_least == pytest.approx(0.729, abs=1e-5)
        assert found.jacobian_largest == pytest.approx(0.729, abs=1e-5)
        assert found.folded_fraction == 0.0
        assert found.bone_strain_p95 == pytest.approx(0.1, abs=1e-5)
        assert found.longest_mm == pytest.approx(0.1 * np.sqrt(3.0) * 25.0, rel=1e-6)

    def test_a_bone_that_turned_is_not_strained(self) -> None:
        found = figures_of(small(lambda xyz: xyz @ rotation_x(10.0).T - xyz + [1.0, 2.0, 3.0]))
        assert found.bone_strain_p95 == pytest.approx(0.0, abs=1e-5)
        assert found.jacobian_least == pytest.approx(1.0, abs=1e-5)

    def test_oblique_nodes_have_the_same_determinant(self) -> None:
        direction = rotation_x(30.0) @ np.diag([1.0, 1.0, -1.0])
        grid = Grid(PLANNING, (5, 6, 7), np.array([2.0, 3.0, 4.0]), np.zeros(3), direction)
        kji = np.indices(grid.shape).reshape(3, -1)
        vectors = (grid.xyz(kji[::-1].T) * [0.1, 0.0, -0.2]).reshape(*grid.shape, 3)
        found = replace(
            small(np.zeros_like),
            field=DisplacementField(grid, vectors.astype(np.float32)),
            seen=None,
            sigma_mm=None,
            inconsistency_mm=None,
        )
        quality = figures_of(found)
        assert quality.jacobian_least == pytest.approx(1.1 * 0.8, abs=1e-5)
        assert quality.bone_strain_p95 == pytest.approx(0.2, abs=1e-5)
        assert quality.inconsistency_mean_mm is None
        assert quality.inconsistency_p95_mm is None

    def test_the_worst_corner_of_a_node_counts(self) -> None:
        def squeezed(xyz: Array) -> Array:
            """One node moves 2 mm towards its neighbour 5 mm further on."""
            moved = np.zeros_like(xyz)
            moved[np.linalg.norm(xyz, axis=1) < 1.0, 0] = 2.0
            return moved

        assert figures_of(small(squeezed)).jacobian_least == pytest.approx(0.6, abs=1e-5)

    def test_only_the_body_that_is_seen_is_judged(self) -> None:
        found = small(lambda xyz: -0.1 * xyz, seen=lambda xyz: xyz[:, 0] > 0.0, inconsistency_mm=0.5)
        assert found.inconsistency_mm is not None
        values = found.inconsistency_mm.copy()
        values[:, :, :5], values[:, :, 7] = 90.0, np.nan
        quality = figures_of(replace(found, inconsistency_mm=values))
        assert quality.inconsistency_mean_mm == pytest.approx(0.5)
        assert quality.inconsistency_p95_mm == pytest.approx(0.5)

    def test_without_bone_there_is_no_strain_of_bone(self) -> None:
        found = small(lambda xyz: -0.1 * xyz)
        quality = field_figures(found, body=everywhere(found), bone=nowhere(found))
        assert quality.bone_strain_p95 is None

    def test_landmarks_are_missed_by_what_the_field_does_not_explain(self) -> None:
        pose = RigidTransform.translation(PLANNING, DAILY, [10.0, 0.0, 0.0])
        found = small(lambda xyz: np.array([2.0, 0.0, 0.0]), planning_from_daily=pose)
        planned = np.array([[0.0, 0.0, 0.0], [5.0, 5.0, 5.0]])
        seen_today = planned + [2.0 - 10.0, 0.0, 0.0] + np.array([[0.0, 3.0, 4.0], [0.0, 0.0, 1.0]])
        quality = figures_of(found, landmarks=Landmarks(("a", "b"), planned, seen_today))
        assert quality.landmark_mean_mm == pytest.approx(3.0)
        assert quality.landmark_largest_mm == pytest.approx(5.0)
        assert quality.landmarks == 2

    def test_a_body_that_is_not_seen_cannot_be_judged(self) -> None:
        found = small(np.zeros_like, seen=lambda xyz: np.zeros(len(xyz), dtype=np.bool_))
        with pytest.raises(MissingEvidenceError, match="shows nothing of the body"):
            figures_of(found)

    def test_masks_of_other_nodes_are_refused(self) -> None:
        found = small(np.zeros_like)
        with pytest.raises(GeometryError, match="does not belong to the field's nodes"):
            field_figures(found, body=everywhere(found), bone=np.ones((2, 2, 2), dtype=np.bool_))

    @pytest.mark.parametrize("names", [(), ("a",), ("a", "b", "c")])
    def test_landmarks_need_a_name_and_both_positions(self, names: tuple[str, ...]) -> None:
        with pytest.raises(GeometryError, match="give each of them"):
            Landmarks(names, np.zeros((2, 3)), np.zeros((2, 3)))


class TestVerdict:
    def test_a_field_within_all_limits_is_for_decision(self) -> None:
        fine = Agreement(dice=0.9, mean_distance_mm=1.0, hausdorff_mm=4.0, hausdorff_p95_mm=2.0)
        assert judge_field(GOOD, {"GTV": fine}) == (FieldVerdict.FOR_DECISION, ())

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"jacobian_least": -0.2, "folded_fraction": 0.003}, "tissue folds"),
            ({"jacobian_least": 0.0}, "tissue folds or is crushed"),
            ({"inconsistency_mean_mm": 2.4}, "returns 2.4 mm away on average"),
            ({"inconsistency_p95_mm": 3.6}, "3.6 mm in the 95th percentile"),
            ({"inconsistency_mean_mm": None, "inconsistency_p95_mm": None}, "not checked there and back"),
            ({"bone_strain_p95": 0.2}, "bone is stretched by 20 %"),
            ({"similarity_after": 0.4}, "less alike after the deformation (0.40) than before (0.60)"),
            (
                {"landmark_mean_mm": 2.3, "landmark_largest_mm": 4.0, "landmarks": 9},
                "landmarks are missed by 2.3 mm",
            ),
            (
                {"landmark_mean_mm": 1.3, "landmark_largest_mm": 5.2, "landmarks": 9},
                "and 5.2 mm at most",
            ),
            ({"jacobian_least": np.nan}, "tissue folds"),
            ({"inconsistency_mean_mm": np.nan}, "returns nan mm away"),
            ({"bone_strain_p95": np.nan}, "bone is stretched"),
            ({"similarity_after": np.nan}, "less alike"),
            ({"landmark_mean_mm": np.nan, "landmark_largest_mm": 1.0}, "landmarks are missed"),
        ],
    )
    def test_a_figure_beyond_its_limit_is_not_for_decision_and_says_why(
        self, change: dict[str, float | None], reason: str
    ) -> None:
        verdict, reasons = judge_field(replace(GOOD, **change), {})
        assert verdict is FieldVerdict.NOT_FOR_DECISION
        assert len(reasons) == 1
        assert reason in reasons[0]

    def test_landmarks_within_their_limits_are_no_reason(self) -> None:
        quality = replace(GOOD, landmark_mean_mm=2.0, landmark_largest_mm=5.0, landmarks=9)
        assert judge_field(quality, {})[0] is FieldVerdict.FOR_DECISION

    def test_a_structure_that_disagrees_with_the_drawing_is_named(self) -> None:
        poor = Agreement(dice=0.7, mean_distance_mm=3.4, hausdorff_mm=12.0, hausdorff_p95_mm=8.0)
        verdict, reasons = judge_field(GOOD, {"Bladder": poor})
        assert verdict is FieldVerdict.NOT_FOR_DECISION
        assert len(reasons) == 2
        assert all("'Bladder'" in reason for reason in reasons)
        assert "0.70" in reasons[0]
        assert "3.4 mm" in reasons[1]

    def test_a_clinic_can_set_its_own_limits(self) -> None:
        quality = replace(GOOD, inconsistency_mean_mm=2.4)
        wide = QualityLimits(inconsistency_mean_mm=2.5)
        assert judge_field(quality, {}, wide)[0] is FieldVerdict.FOR_DECISION


class TestLimits:
    def test_each_limit_says_where_it_is_from(self) -> None:
        assert set(LIMIT_SOURCES) == set(QualityLimits.__dataclass_fields__)
        assert all(LIMIT_SOURCES.values())

    @pytest.mark.parametrize(
        ("name", "value"), [("dice", 1.2), ("inconsistency_mean_mm", -1.0), ("bone_strain_p95", float("nan"))]
    )
    def test_an_impossible_limit_is_refused(self, name: str, value: float) -> None:
        with pytest.raises(InputError, match=f"the limit {name}"):
            QualityLimits(**{name: value})
