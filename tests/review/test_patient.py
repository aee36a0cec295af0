"""One patient's course, in clinical sentences."""

from dataclasses import replace

import numpy as np
import pytest
from review_courses import along_x, correction_of, course, fraction
from scipy import stats

from isoguide.course import AXES
from isoguide.errors import InputError
from isoguide.review import SCHEMES, PatientSettings, process_capability, review_patient


def treated(errors, **changes):
    """Return a course whose every image was corrected on-line."""
    fractions = tuple(
        fraction(n, error, applied=correction_of(error), **changes) for n, error in enumerate(errors, start=1)
    )
    return replace(course([]), fractions=fractions)


class TestAPatientWhoAlwaysLies4MmToTheLeft:
    def review(self):
        return review_patient(course(along_x([4.0] * 10)))

    def test_his_mean_is_4_mm_without_any_spread(self):
        lateral = self.review().axes[0]
        assert (lateral.mean.value, lateral.mean.low, lateral.mean.high) == (4.0, 4.0, 4.0)
        assert lateral.deviation.value == 0.0
        assert lateral.capability is None

    def test_his_systematic_error_is_known_after_two_images(self):
        assert self.review().known_after == 2

    def test_he_does_not_drift_and_never_changed(self):
        lateral = self.review().axes[0]
        assert lateral.drifts.p_value == 1.0
        assert lateral.changes.p_value == 1.0
        assert lateral.individuals.signals == lateral.ewma.signals == lateral.cusum.signals == ()

    def test_without_correction_he_stays_there_and_with_one_he_is_right_from_the_first_fraction(self):
        assert self.review().corrected_from is None
        assert review_patient(treated(along_x([4.0] * 10))).corrected_from == 1

    def test_nal_would_have_left_him_1_2_mm_on_average_for_three_images(self):
        schemes = {found.scheme.name: found for found in self.review().schemes}
        np.testing.assert_allclose(schemes["NAL 3"].mean_mm, [1.2, 0.0, 0.0])
        assert schemes["NAL 3"].images == 3
        np.testing.assert_allclose(schemes["marks only"].mean_mm, [4.0, 0.0, 0.0])
        assert schemes["daily"].images == 10
        assert not schemes["daily"].residual_mm.any()


def test_a_patient_corrected_off_line_from_the_fourth_fraction_on_is_right_on_average_before():
    # Days 1 to 3 at 4 mm, then the couch makes -4 mm at set-up. The mean from day 1 on is 1.2 mm, from day 2
    # on 0.9 mm.
    days = [fraction(n, [4.0, 0.0, 0.0]) for n in (1, 2, 3)]
    days += [fraction(n, [0.0, 0.0, 0.0], offline=correction_of([4.0, 0, 0])) for n in range(4, 11)]
    found = review_patient(replace(course([]), fractions=tuple(days)))
    np.testing.assert_allclose(found.errors[:, 0], 4.0)
    np.testing.assert_allclose(found.treated[:, 0], [4.0] * 3 + [0.0] * 7)
    assert found.corrected_from == 1
    strict = review_patient(found.course, PatientSettings(known_mm=1.0))
    assert strict.corrected_from == 2


def test_a_patient_who_slides_down_is_told_from_one_who_shakes():
    rng = np.random.default_rng(1)
    errors = rng.normal(0.0, 1.0, (25, 6))
    errors[:, 1] -= 0.4 * np.arange(25)
    found = {axis.axis: axis for axis in review_patient(course(errors)).axes}
    assert list(found) == list(AXES)
    assert found["longitudinal_mm"].drifts.adjusted < 0.001
    assert found["longitudinal_mm"].trend.slope.value == pytest.approx(-0.4, abs=0.1)
    assert found["lateral_mm"].drifts.adjusted > 0.05
    assert found["longitudinal_mm"].drifts.p_value < found["longitudinal_mm"].drifts.adjusted


def test_six_axes_are_tested_together():
    errors = np.random.default_rng(2).normal(size=(12, 6))
    axes = review_patient(course(errors)).axes
    expected = stats.false_discovery_control([axis.drifts.p_value for axis in axes])
    np.testing.assert_allclose([axis.drifts.adjusted for axis in axes], expected)


def test_charts_can_be_held_against_the_first_five_fractions():
    values = [0.0, 0.2, -0.2, 0.1, -0.1, 3.0, 3.1, 2.9]
    found = review_patient(course(along_x(values)), PatientSettings(first=5)).axes[0]
    assert found.individuals.baseline.count == 5
    assert found.individuals.signals == (5, 6, 7)
    assert found.change.position == 5


def test_the_position_is_known_when_the_interval_of_its_mean_is_narrow_enough():
    # Mean of 1, -1, 1, -1: SD 1.155; t(0.975; 3) × 1.155 / 2 = 1.84. After two: 12.7 × 1.41 / √2 = 12.7.
    values = along_x([1.0, -1.0, 1.0, -1.0])
    assert review_patient(course(values), PatientSettings(known_mm=1.84)).known_after == 4
    assert review_patient(course(values), PatientSettings(known_mm=1.83)).known_after is None


def test_days_without_an_image_are_left_out_and_keep_their_numbers():
    found = review_patient(course([[1.0, 0, 0], None, [3.0, 0, 0], None, [2.0, 0, 0]]))
    assert found.numbers == (1, 3, 5)
    np.testing.assert_array_equal(found.errors[:, 0], [1.0, 3.0, 2.0])
    assert found.conduct.fractions == 5
    assert found.conduct.imaged.value == pytest.approx(0.6)


@pytest.mark.parametrize("errors", [[], [None, None], [[1.0, 0.0, 0.0]]])
def test_a_course_with_hardly_a_measurement_has_no_statistics(errors):
    found = review_patient(course(errors))
    assert all(axis.mean is None and axis.individuals is None for axis in found.axes)
    assert found.known_after is None
    assert len(found.schemes) == 6


class TestCapability:
    def test_by_hand(self):
        # Mean 1, standard deviation 2: Cp = 6 / 6, Cpk = 5 / 6; beyond: Φ(-2.5) + Φ(-3.5)
        values = np.array([-1.0, 1.0, 3.0])
        found = process_capability(values, 6.0)
        assert found.potential.value == pytest.approx(1.0)
        assert found.actual.value == pytest.approx(5.0 / 6.0)
        assert found.beyond == pytest.approx(0.00621 + 0.00023, abs=1e-5)

    def test_nist_example(self):
        # NIST/SEMATECH e-Handbook 6.1.6: limits 8 and 20, mean 16, s = 2: Cp 1.0, Cpk 0.6667. Here about 14.
        values = stats.zscore(np.arange(100.0), ddof=1) * 2.0 + 2.0
        found = process_capability(values, 6.0)
        assert found.potential.value == pytest.approx(1.0)
        assert found.actual.value == pytest.approx(0.6667, abs=5e-5)

    def test_intervals_hold_the_truth_in_about_95_of_100_courses(self):
        rng = np.random.default_rng(3)
        found = [process_capability(rng.normal(1.0, 2.0, 25), 6.0) for _ in range(1500)]
        assert 0.93 <= np.mean([f.potential.low <= 1.0 <= f.potential.high for f in found]) <= 0.97
        assert 0.93 <= np.mean([f.actual.low <= 5.0 / 6.0 <= f.actual.high for f in found]) <= 0.97

    def test_without_spread_or_with_one_day_there_is_none(self):
        assert process_capability(np.full(4, 2.0), 5.0) is None
        assert process_capability(np.array([2.0]), 5.0) is None

    def test_nothing_allowed_is_refused(self):
        with pytest.raises(InputError, match="what is allowed must be a positive number, not 0"):
            process_capability(np.array([1.0, 2.0]), 0.0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"allowed_mm": 0.0}, "allowed_mm must be a positive number, not 0.0"),
        ({"known_mm": np.inf}, "known_mm must be a positive number, not inf"),
        ({"first": 1}, "first must be 2 or more measurements, not 1"),
        ({"schemes": SCHEMES}, "a scheme that shrinks needs a population"),
    ],
)
def test_impossible_settings_are_refused(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        PatientSettings(**changes)
