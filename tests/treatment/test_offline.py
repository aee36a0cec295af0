"""The off-line schemes, by hand: who is imaged when, and what the couch does before the image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoguide.course import Schedule, ScheduleKind
from isoguide.errors import GeometryError, InputError
from isoguide.treatment.offline import imaging_day

DAILY = Schedule()
WEEKLY = Schedule(ScheduleKind.FIRST_THEN_WEEKLY, first=3, every=5)
NAL = Schedule(ScheduleKind.NAL, first=3)
ENAL = Schedule(ScheduleKind.ENAL, first=3, every=5)
SAL = Schedule(ScheduleKind.SAL, alpha_mm=9.0, most=3)
ALL = [DAILY, WEEKLY, NAL, ENAL, SAL]
LEFT_4_MM = np.array([4.0, 0.0, 0.0])


def course(schedule, errors_mm):
    """Days imaged, and the correction of each day, of a course in which every image succeeds."""
    measured, offline_mm = [], []
    for number, error in enumerate(errors_mm, start=1):
        day = imaging_day(schedule, measured, number)
        offline_mm.append(day.offline_mm)
        if day.is_due:
            measured.append((number, error))
    return [number for number, _ in measured], np.array(offline_mm)


def same_error(error_mm, fractions=20):
    return np.tile(error_mm, (fractions, 1))


class TestWhoIsImagedWhen:
    def test_daily_images_every_fraction_and_moves_nobody_beforehand(self):
        days, offline_mm = course(DAILY, same_error(LEFT_4_MM))
        assert days == list(range(1, 21))
        assert not offline_mm.any()

    def test_first_three_then_weekly_are_fractions_1_2_3_8_13_18(self):
        days, offline_mm = course(WEEKLY, same_error(LEFT_4_MM))
        assert days == [1, 2, 3, 8, 13, 18]
        assert not offline_mm.any()

    def test_nal_images_three_fractions_and_never_again(self):
        assert course(NAL, same_error(LEFT_4_MM))[0] == [1, 2, 3]

    def test_enal_images_three_fractions_and_one_a_week(self):
        assert course(ENAL, same_error(LEFT_4_MM))[0] == [1, 2, 3, 8, 13, 18]

    def test_sal_images_a_patient_who_lies_well_three_times(self):
        assert course(SAL, same_error(np.array([1.0, -1.0, 2.0])))[0] == [1, 2, 3]

    def test_sal_images_a_patient_who_lies_10_mm_off_once_more_than_three_times(self):
        assert course(SAL, same_error(np.array([10.0, 0.0, 0.0])))[0] == [1, 2, 3, 4]

    @pytest.mark.parametrize("schedule", [WEEKLY, NAL, ENAL])
    def test_a_first_image_that_failed_is_made_up_for(self, schedule):
        measured = [(1, LEFT_4_MM), (3, LEFT_4_MM)]
        day = imaging_day(schedule, measured, 4)
        assert day.is_due
        assert day.why == f"{schedule.kind}: measurement 3 of the first 3."

    @pytest.mark.parametrize("schedule", [WEEKLY, ENAL])
    def test_a_weekly_image_that_failed_is_due_the_next_day(self, schedule):
        measured = [(1, LEFT_4_MM), (2, LEFT_4_MM), (3, LEFT_4_MM)]
        assert [n for n in range(4, 11) if imaging_day(schedule, measured, n).is_due] == [8, 9, 10]

    @pytest.mark.parametrize(
        ("schedule", "count", "number", "why"),
        [
            (DAILY, 3, 4, "Every fraction is imaged."),
            (WEEKLY, 0, 1, "first, then weekly: measurement 1 of the first 3."),
            (WEEKLY, 3, 5, "first, then weekly: fraction 3 was measured, the next is fraction 8."),
            (ENAL, 3, 9, "eNAL: the latest measurement is 6 fractions ago, and one is due after 5."),
            (NAL, 3, 4, "NAL: the mean of the first 3 measurements is corrected, without more images."),
            (SAL, 1, 2, "SAL: measurement 2 of at most 3, with an action level of 6.4 mm."),
            (SAL, 3, 4, "SAL: 3 measurements since the last correction stayed below the action level."),
        ],
    )
    def test_the_reason_is_one_sentence(self, schedule, count, number, why):
        measured = [(day, LEFT_4_MM) for day in range(1, count + 1)]
        assert imaging_day(schedule, measured, number).why == why


class TestNoActionLevel:
    def test_patient_who_lies_4_mm_to_the_left_is_moved_4_mm_to_the_right_from_the_fourth_fraction_on(self):
        _, offline_mm = course(NAL, same_error(LEFT_4_MM))
        np.testing.assert_allclose(offline_mm[:3], 0.0)
        np.testing.assert_allclose(offline_mm[3:], same_error([-4.0, 0.0, 0.0], 17))

    def test_it_is_the_mean_of_the_first_three_whatever_its_size_and_whatever_comes_later(self):
        errors_mm = np.array([[0.3, 0, 0], [0.0, 0, 0.6], [0.0, 0, 0.0], [50.0, 50.0, 50.0], [50.0, 0, 0]])
        _, offline_mm = course(NAL, errors_mm)
        np.testing.assert_allclose(offline_mm[3:], [[-0.1, 0.0, -0.2]] * 2, atol=1e-12)
        measured = [(n, errors_mm[n - 1]) for n in range(1, 6)]  # images that nobody had asked for
        np.testing.assert_allclose(imaging_day(NAL, measured, 6).offline_mm, [-0.1, 0.0, -0.2], atol=1e-12)


class TestExtendedNoActionLevel:
    def test_before_the_first_follow_up_it_is_nal(self):
        errors_mm = np.arange(24.0).reshape(8, 3)
        np.testing.assert_array_equal(course(ENAL, errors_mm)[1], course(NAL, errors_mm)[1])

    def test_a_drift_of_half_a_millimetre_a_day_is_followed_exactly_after_the_first_follow_up(self):
        number = np.arange(1, 21)[:, None]
        errors_mm = 2.0 + 0.5 * number * [1.0, 0.0, -1.0]
        _, offline_mm = course(ENAL, errors_mm)
        np.testing.assert_allclose(offline_mm[8:], -errors_mm[8:], atol=1e-12)
        # Before, the mean of fractions 1 to 3 is all there is: 2 mm + 0.5 × 2
        np.testing.assert_allclose(offline_mm[3:8], [[-3.0, -2.0, -1.0]] * 5, atol=1e-12)

    def test_the_line_is_that_of_least_squares(self):
        # By hand: days 1, 2, 3, 8 (mean 3.5, Sxx 29), errors 0, 1, 2, 3 (mean 1.5, Sxy 3.75 + 0.75 - 0.25 +
        # 6.75 = 11): at fraction 9 it is 1.5 + 11/29 (9 - 3.5)
        measured = [(day, np.full(3, error)) for day, error in [(1, 0.0), (2, 1.0), (3, 2.0), (8, 3.0)]]
        np.testing.assert_allclose(imaging_day(ENAL, measured, 9).offline_mm, -(1.5 + 11.0 / 29.0 * 5.5))


class TestShrinkingActionLevel:
    def test_a_large_error_is_corrected_after_the_first_measurement(self):
        _, offline_mm = course(SAL, same_error([10.0, 0.0, 0.0], 3))
        np.testing.assert_allclose(offline_mm, [[0, 0, 0], [-10.0, 0, 0], [-10.0, 0, 0]])

    @pytest.mark.parametrize(
        ("error_mm", "first_corrected"),
        # 9, 9/√2 = 6.36 and 9/√3 = 5.20 mm
        [(9.01, 2), (8.99, 3), (6.37, 3), (6.36, 4), (5.20, 4), (5.19, None)],
    )
    def test_the_action_level_shrinks_with_the_square_root_of_the_count(self, error_mm, first_corrected):
        _, offline_mm = course(SAL, same_error([0.0, error_mm, 0.0]))
        corrected = np.flatnonzero(offline_mm.any(axis=1)) + 1
        assert (corrected[0] if len(corrected) else None) == first_corrected

    def test_the_length_of_the_vector_counts_not_its_largest_component(self):
        measured = [(1, np.array([6.0, 6.0, 6.0]))]  # 10.4 mm
        np.testing.assert_allclose(imaging_day(SAL, measured, 2).offline_mm, [-6.0, -6.0, -6.0])

    def test_after_a_correction_counting_starts_anew_at_the_corrected_position(self):
        # 10 mm: corrected at once. Then 18 - 10 = 8, below 9. Then (8 + 6) / 2 = 7, above 6.36: corrected.
        measured = [(n, np.array([x, 0.0, 0.0])) for n, x in [(1, 10.0), (2, 18.0), (3, 16.0)]]
        np.testing.assert_allclose(imaging_day(SAL, measured[:2], 3).offline_mm, [-10.0, 0.0, 0.0])
        day = imaging_day(SAL, measured, 4)
        np.testing.assert_allclose(day.offline_mm, [-17.0, 0.0, 0.0])
        assert day.why == "SAL: measurement 1 of at most 3, with an action level of 9.0 mm."

    def test_nothing_measured_after_the_end_changes_the_correction(self):
        measured = [(n, np.array([0.0, 0.0, 1.0])) for n in range(1, 4)] + [(9, np.array([0.0, 0.0, 99.0]))]
        day = imaging_day(SAL, measured, 10)
        assert not day.is_due
        assert not day.offline_mm.any()


@pytest.mark.parametrize("schedule", ALL, ids=lambda schedule: schedule.kind.value)
@given(
    st.lists(st.lists(st.floats(-20, 20), min_size=3, max_size=3), min_size=1, max_size=15),
    st.permutations(range(3)),
    st.lists(st.sampled_from([-1.0, 1.0]), min_size=3, max_size=3),
)
def test_mirrored_and_renamed_axes_mirror_and_rename_the_correction(schedule, errors_mm, order, signs):
    errors = np.round(np.array(errors_mm), 3)
    days, offline_mm = course(schedule, errors)
    other_days, other_mm = course(schedule, errors[:, order] * signs)
    assert other_days == days
    np.testing.assert_allclose(other_mm, offline_mm[:, order] * signs, atol=1e-9)


@pytest.mark.parametrize("schedule", ALL, ids=lambda schedule: schedule.kind.value)
@pytest.mark.parametrize(
    ("days", "number", "sentence"),
    [
        ([1, 3, 2], 4, "fraction 3 comes before fraction 2: give the measurements in order"),
        ([1, 2, 2], 4, "fraction 2 was measured twice: give one set-up error for each fraction"),
        ([1, 2, 4], 4, "fraction 4 was measured, but only fractions before 4 can decide about it"),
        ([0, 1], 4, "fractions are counted from 1, and one that was measured is 0"),
        ([], 0, "fractions are counted from 1, and the fraction asked for is 0"),
    ],
)
def test_contradictory_days_are_refused(schedule, days, number, sentence):
    with pytest.raises(InputError) as caught:
        imaging_day(schedule, [(day, LEFT_4_MM) for day in days], number)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("error", [[1.0, 2.0], [1.0, 2.0, np.nan]])
def test_an_error_that_is_not_three_numbers_is_refused_with_its_fraction(error):
    with pytest.raises(GeometryError, match="the error of fraction 2"):
        imaging_day(NAL, [(1, LEFT_4_MM), (2, np.array(error))], 3)
