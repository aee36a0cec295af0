"""Schemes replayed for a population are those of treatment.offline for each of its patients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.course import Schedule, ScheduleKind
from isoguide.review import SCHEMES, Scheme, replay_schedule, scheme_results
from isoguide.review.replay import Prior
from isoguide.treatment.offline import imaging_day

KINDS = [
    Schedule(),
    Schedule(ScheduleKind.FIRST_THEN_WEEKLY, first=2, every=4),
    Schedule(ScheduleKind.NAL, first=3),
    Schedule(ScheduleKind.ENAL, first=3, every=5),
    Schedule(ScheduleKind.SAL, alpha_mm=5.0, most=3),
]
NAL = KINDS[2]


def patients(seed, count=25, days=20, missing=0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    errors = 3.0 * rng.standard_normal((count, 1, 3)) + 2.0 * rng.standard_normal((count, days, 3))
    errors[rng.random((count, days)) < missing] = np.nan
    return errors


@pytest.mark.parametrize("schedule", KINDS, ids=lambda schedule: schedule.kind.value)
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_all_patients_at_once_are_each_patient_by_the_rules_of_the_treatment(schedule, missing):
    errors = patients(1, missing=missing)
    found = replay_schedule(errors, schedule)
    for row, course in enumerate(errors):
        measured = []
        for column, error in enumerate(course):
            day = imaging_day(schedule, measured, column + 1)
            np.testing.assert_allclose(found.offline_mm[row, column], day.offline_mm, atol=1e-9)
            is_imaged = day.is_due and np.isfinite(error[0])
            assert found.is_imaged[row, column] == is_imaged
            if is_imaged:
                measured.append((column + 1, error))


def test_set_up_to_the_marks_leaves_the_errors_and_needs_no_image():
    errors = patients(2)
    found = replay_schedule(errors, None)
    np.testing.assert_array_equal(found.residual_mm, errors)
    assert not found.is_imaged.any()


def test_a_patient_who_always_lies_4_mm_to_the_left_keeps_4_mm_for_three_days_of_twenty_under_nal():
    found = replay_schedule(np.tile([4.0, 0.0, 0.0], (1, 20, 1)), NAL)
    np.testing.assert_allclose(found.residual_mm[0, :, 0], [4.0] * 3 + [0.0] * 17)
    assert found.is_imaged.sum() == 3


def test_days_that_are_imaged_for_their_own_sake_are_corrected_on_the_day():
    errors = patients(3)
    assert not replay_schedule(errors, Schedule()).residual_mm.any()
    weekly = replay_schedule(errors, KINDS[1])
    np.testing.assert_array_equal(weekly.residual_mm[~weekly.is_imaged], errors[~weekly.is_imaged])
    assert not weekly.residual_mm[weekly.is_imaged].any()
    assert (np.flatnonzero(weekly.is_imaged[0]) + 1).tolist() == [1, 2, 6, 10, 14, 18]


def test_a_prior_of_full_weight_is_nal_and_of_none_corrects_everybody_alike():
    errors = patients(4)
    mean = np.array([1.0, -2.0, 3.0])
    plain = replay_schedule(errors, NAL).offline_mm
    np.testing.assert_allclose(replay_schedule(errors, NAL, Prior(mean, np.ones(3))).offline_mm, plain)
    alike = replay_schedule(errors, NAL, Prior(mean, np.zeros(3))).offline_mm
    np.testing.assert_allclose(alike[:, 3:], np.broadcast_to(-mean, (25, 17, 3)))


def test_nal_leaves_random_over_root_3_after_the_third_fraction():
    # de Boer and Heijmen (2001): what is left of the systematic error is σ / √Nm, here 2 / √3 mm.
    late = replay_schedule(patients(5, count=4000, days=30), NAL).residual_mm[:, 3:]
    means = late.mean(axis=1)
    left = np.sqrt(means.var(axis=0) - 4.0 / 27.0)
    np.testing.assert_allclose(left, 2.0 / np.sqrt(3.0), rtol=0.04)


class TestResults:
    def test_names_workload_and_what_is_left(self):
        errors = patients(6, count=60, days=23)
        found = {result.scheme.name: result for result in scheme_results(errors)}
        assert list(found) == [scheme.name for scheme in SCHEMES]
        assert {name: result.images_per_patient for name, result in found.items() if "SAL" not in name} == {
            "marks only": 0.0,
            "daily": 23.0,
            "first 3, then weekly": 7.0,
            "NAL 3": 3.0,
            "shrinkage NAL 3": 3.0,
            "eNAL 3, weekly": 7.0,
        }
        assert 3.0 <= found["SAL 9 mm, 3"].images_per_patient <= 6.0
        assert all(result.patients == 60 and result.days == 60 * 23 for result in found.values())
        assert found["daily"].margins[0].mm[0].value == 0.0
        systematic = {name: result.axes[0].systematic.value for name, result in found.items()}
        assert systematic["NAL 3"] < systematic["first 3, then weekly"] < systematic["marks only"]
        assert found["daily"].lengths.largest_mm == 0.0

    def test_shrinking_leaves_less_than_the_plain_mean_where_patients_differ_little(self):
        rng = np.random.default_rng(7)
        errors = 0.5 * rng.standard_normal((300, 1, 3)) + 3.0 * rng.standard_normal((300, 25, 3))
        nal, shrunk = scheme_results(errors, [SCHEMES[3], SCHEMES[4]])
        for plain, shrinking in zip(nal.axes, shrunk.axes, strict=True):
            assert shrinking.systematic.value < plain.systematic.value

    def test_one_patient_alone_has_no_population_to_shrink_towards(self):
        found = scheme_results(patients(8, count=1))
        assert [result.scheme.name for result in found] == [s.name for s in SCHEMES if not s.shrinks]
        assert all(result.axes == () and result.margins == () for result in found)

    def test_nobody_at_all(self):
        found = scheme_results(np.zeros((0, 0, 3)), [SCHEMES[3]])
        assert found[0].patients == 0
        assert found[0].lengths is None


@settings(max_examples=20)
@given(
    st.permutations(range(3)),
    st.lists(st.sampled_from([-1.0, 1.0]), min_size=3, max_size=3),
    st.sampled_from(KINDS),
)
def test_mirrored_and_renamed_axes_leave_mirrored_and_renamed_errors(order, signs, schedule):
    errors = patients(9, count=6)
    found = replay_schedule(errors, schedule).residual_mm
    other = replay_schedule(errors[:, :, order] * signs, schedule).residual_mm
    np.testing.assert_allclose(other, found[:, :, order] * signs, atol=1e-9)


@pytest.mark.parametrize("schedule", [KINDS[2], KINDS[3]], ids=lambda schedule: schedule.kind.value)
def test_nal_does_not_care_where_the_marks_are(schedule):
    errors = patients(10, count=6)
    found = replay_schedule(errors, schedule).residual_mm[:, 3:]
    moved = replay_schedule(errors + [5.0, -3.0, 1.0], schedule).residual_mm[:, 3:]
    np.testing.assert_allclose(moved, found, atol=1e-9)


def test_a_scheme_of_ones_own_is_replayed_like_the_others():
    mine = Scheme("NAL 5", Schedule(ScheduleKind.NAL, first=5))
    assert scheme_results(patients(11), [mine])[0].images_per_patient == 5.0
