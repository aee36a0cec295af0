"""Margins: printed examples, hand calculations, and a dose that is shifted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_variance_components import simulated

from isoguide.errors import GeometryError, InputError
from isoguide.review import (
    RECIPES,
    ErrorSource,
    breathing_error,
    combined,
    dose_coverage,
    margins_for,
    of_few_fractions,
    registration_error,
    van_herk_full,
    variance_components,
)

VAN_HERK, WATER, LUNG, LUNG_80, STROOM, PARKER = RECIPES


def margin(recipe, systematic, random) -> float:
    return float(recipe.margin_mm(np.array(systematic), np.array(random)))


@pytest.mark.parametrize(
    ("systematic_mm", "random_mm", "printed_mm"),
    # Phys Imaging Radiat Oncol 9:97, 2019 (PMC7807633), table 1: the rows whose inputs are not rounded too
    # far to tell.
    [(2.9, 2.2, 8.8), (4.1, 3.8, 12.9), (2.1, 3.3, 7.6)],
)
def test_van_herk_is_that_of_a_published_table(systematic_mm, random_mm, printed_mm):
    assert margin(VAN_HERK, systematic_mm, random_mm) == pytest.approx(printed_mm, abs=0.05)


@pytest.mark.parametrize(
    ("recipe", "by_hand_mm"),
    # Σ = 3 mm, σ = 4 mm
    [
        (VAN_HERK, 7.5 + 2.8),
        (WATER, 7.5 + 1.64 * (5.12250 - 3.2)),
        (LUNG, 7.5 + 1.64 * (7.54718 - 6.4)),
        (LUNG_80, 7.5 + 0.84 * (7.54718 - 6.4)),
        (STROOM, 6.0 + 2.8),
        (PARKER, 3.0 + 5.0),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else "",
)
def test_recipes_by_hand(recipe, by_hand_mm):
    assert margin(recipe, 3.0, 4.0) == pytest.approx(by_hand_mm, abs=1e-4)


def test_a_wider_penumbra_forgives_random_errors_and_not_systematic_ones():
    narrow, wide = van_herk_full(3.2, 1.64, "narrow"), van_herk_full(6.4, 1.64, "wide")
    assert margin(wide, 2.0, 0.0) == margin(narrow, 2.0, 0.0) == 5.0
    assert margin(wide, 2.0, 3.0) < margin(narrow, 2.0, 3.0)


def test_every_recipe_says_what_it_assumes_where_it_is_from_and_how_it_was_checked():
    for recipe in RECIPES:
        assert all((recipe.name, recipe.formula, recipe.assumes, recipe.source, recipe.checked))
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)


def test_independent_sources_add_in_quadrature():
    both = combined([ErrorSource("set-up", [3, 0, 1], [0, 0, 6]), ErrorSource("couch", [4, 2, 0], [1, 0, 8])])
    assert both.name == "set-up + couch"
    np.testing.assert_allclose(both.systematic_mm, [5.0, 2.0, 1.0])
    np.testing.assert_allclose(both.random_mm, [1.0, 0.0, 10.0])


def test_the_registration_enters_with_the_variances_of_its_three_shifts():
    covariance = np.diag([0.04, 0.09, 0.16, 1.0, 1.0, 1.0])
    found = registration_error(covariance)
    np.testing.assert_allclose(found.random_mm, [0.2, 0.3, 0.4])
    assert not found.systematic_mm.any()


def test_breathing_of_10_mm_has_the_standard_deviation_of_a_sine():
    # numerically: the standard deviation of 5 mm × sin over a period
    angles = np.linspace(0.0, 2.0 * np.pi, 10_000, endpoint=False)
    found = breathing_error([0.0, 10.0, 0.0])
    np.testing.assert_allclose(found.random_mm, [0.0, (5.0 * np.sin(angles)).std(), 0.0], rtol=1e-9)


def test_a_course_of_five_fractions_keeps_a_fifth_of_the_random_variance_as_systematic():
    systematic, random = of_few_fractions(np.array(2.0), np.array(4.0), 5)
    assert systematic == pytest.approx(np.sqrt(4.0 + 16.0 / 5.0))
    assert random == pytest.approx(np.sqrt(0.8 * 16.0))


def test_a_single_fraction_has_no_random_error():
    systematic, random = of_few_fractions(np.array(3.0), np.array(4.0), 1)
    assert (systematic, random) == (5.0, 0.0)


def test_courses_of_five_fractions_simulated():
    rng = np.random.default_rng(2)
    errors = 2.0 * rng.standard_normal((20_000, 1)) + 4.0 * rng.standard_normal((20_000, 5))
    systematic, random = of_few_fractions(np.array(2.0), np.array(4.0), 5)
    assert errors.mean(axis=1).std() == pytest.approx(systematic, rel=0.02)
    assert np.sqrt(errors.var(axis=1).mean()) == pytest.approx(random, rel=0.02)


class TestOfAPopulation:
    def components(self, axes=3):
        return variance_components(simulated(np.random.default_rng(4), [20] * 30, axes, 2.0, 3.0))

    def test_value_and_interval_are_those_of_sigma_and_random_together(self):
        components = self.components()
        found = margins_for(components, [VAN_HERK])[0]
        assert found.name == "van Herk"
        expected = 2.5 * components.systematic + 0.7 * components.random
        np.testing.assert_allclose([axis.value for axis in found.mm], expected)
        for axis, sigma in zip(found.mm, components.systematics(), strict=True):
            assert 2.5 * sigma.low < axis.low < axis.value < axis.high

    def test_other_sources_widen_the_margin_in_quadrature(self):
        components = self.components()
        delineation = ErrorSource("delineation", [2.0, 2.0, 2.0], [0.0, 0.0, 0.0])
        found = margins_for(components, [VAN_HERK], others=[delineation])[0]
        expected = 2.5 * np.sqrt(components.systematic**2 + 4.0) + 0.7 * components.random
        np.testing.assert_allclose([axis.value for axis in found.mm], expected)

    def test_few_fractions_widen_it(self):
        components = self.components()
        many, few = (
            margins_for(components, [VAN_HERK])[0],
            margins_for(components, [VAN_HERK], fractions=3)[0],
        )
        assert all(a.value < b.value for a, b in zip(many.mm, few.mm, strict=True))

    def test_only_shifts_have_a_margin(self):
        assert len(margins_for(self.components(6), [STROOM])[0].mm) == 3

    def test_the_interval_of_the_margin_holds_the_truth_in_about_95_of_100_populations(self):
        rng = np.random.default_rng(7)
        truth, hits = 2.5 * 1.0 + 0.7 * 1.5, []
        for _ in range(300):
            components = variance_components(simulated(rng, [4, 6, 9, 20, 30, 12, 5, 8], 3, 1.0, 1.5))
            hits += [axis.low <= truth <= axis.high for axis in margins_for(components, [VAN_HERK])[0].mm]
        assert 0.93 <= np.mean(hits) <= 0.97


class TestShiftedDose:
    def test_patients_who_lie_as_planned_are_all_covered_without_a_margin(self):
        found = dose_coverage(np.zeros((4, 5, 3)), [0.0, 0.0, 0.0])
        np.testing.assert_allclose(found.smallest_dose, 0.95)
        assert found.covered.value == 1.0

    def test_a_patient_who_always_lies_4_mm_off_needs_4_mm_on_that_axis(self):
        errors = np.tile([4.0, 0.0, 0.0], (1, 10, 1))
        assert dose_coverage(errors, [4.0, 0.0, 0.0]).covered.value == 1.0
        assert dose_coverage(errors, [3.8, 0.0, 0.0]).covered.value == 0.0
        assert dose_coverage(errors, [0.0, 4.0, 4.0]).covered.value == 0.0

    def test_random_errors_blur_the_edge_as_van_herk_says(self):
        # One patient, very many days, no systematic error: 1.64 (√(σ² + σp²) - σp) is just enough.
        errors = 4.0 * np.random.default_rng(8).standard_normal((1, 60_000, 3))
        enough = margin(WATER, 0.0, 4.0)
        assert dose_coverage(errors, [enough] * 3).smallest_dose[0] == pytest.approx(0.95, abs=3e-3)

    def test_van_herks_margin_covers_90_of_100_patients(self):
        # 2.5 is the 90 % quantile of the length of a normal vector (chi with 3 degrees of freedom: 2.500).
        rng = np.random.default_rng(9)
        errors = 2.5 * rng.standard_normal((2000, 1, 3)) + 2.5 * rng.standard_normal((2000, 60, 3))
        covered = dose_coverage(errors, [margin(WATER, 2.5, 2.5)] * 3).covered
        assert covered.value == pytest.approx(0.90, abs=0.025)

    def test_a_day_that_is_not_known_does_not_count_and_a_patient_without_days_is_left_out(self):
        errors = np.zeros((2, 3, 3))
        errors[0, 1], errors[1] = np.nan, np.nan
        assert len(dose_coverage(errors, [0.0, 0.0, 0.0]).smallest_dose) == 1

    @settings(max_examples=20)
    @given(st.floats(0.0, 8.0), st.floats(0.1, 4.0))
    def test_a_larger_margin_never_covers_less(self, margin_mm, more_mm):
        errors = 4.0 * np.random.default_rng(3).standard_normal((6, 4, 3))
        smaller, larger = (dose_coverage(errors, [m] * 3) for m in (margin_mm, margin_mm + more_mm))
        assert (larger.smallest_dose >= smaller.smallest_dose).all()

    @pytest.mark.parametrize(
        ("errors", "penumbra_mm"), [(np.full((2, 3, 3), np.nan), 3.2), (np.zeros((2, 3, 3)), 0.0)]
    )
    def test_no_errors_and_no_penumbra_are_refused(self, errors, penumbra_mm):
        with pytest.raises(InputError, match="coverage needs errors of one patient and a penumbra above 0"):
            dose_coverage(errors, [5.0, 5.0, 5.0], penumbra_mm)


def test_impossible_sources_are_refused():
    with pytest.raises(InputError, match="random_mm of 'couch' is"):
        ErrorSource("couch", [0, 0, 0], [0, -1, 0])
    with pytest.raises(GeometryError, match="systematic_mm of 'couch' must have the shape"):
        ErrorSource("couch", [0, 0], [0, 0, 0])
    with pytest.raises(InputError, match="a course has 1 fraction or more, not 0"):
        of_few_fractions(np.ones(3), np.ones(3), 0)
