"""A department by hand: groups, conduct, doses, outliers, drifts."""

from dataclasses import replace

import numpy as np
import pytest
from review_courses import along_x, correction_of, course, fraction

from isoguide.course import AXES, ImagingDose
from isoguide.errors import InputError
from isoguide.review import (
    Grouping,
    KnownErrors,
    PopulationSettings,
    Position,
    WhereTreated,
    conduct_of,
    dose_sums,
    error_table,
    find_drifts,
    find_outliers,
    group_statistics,
    review_population,
    simulate_errors,
    simulate_population,
)


class TestErrorTable:
    def test_a_patient_who_lies_4_mm_to_the_left_needs_the_couch_4_mm_to_the_right(self):
        table = error_table([course(along_x([4.0, 4.0]))])
        assert table.courses[0].fractions[0].measured.lateral_mm == -4.0
        np.testing.assert_array_equal(table.errors[0, :, 0], [4.0, 4.0])

    def test_a_day_without_an_image_is_not_known_and_keeps_its_place(self):
        table = error_table([course([[1.0, 2.0, 3.0, 0.1, 0.2, 0.3], None, [4.0, 5.0, 6.0]])])
        np.testing.assert_array_equal(table.is_measured, [[True, False, True]])
        np.testing.assert_allclose(table.errors[0, 0], [1.0, 2.0, 3.0, 0.1, 0.2, 0.3])

    def test_an_off_line_correction_belongs_to_the_set_up_position_not_to_the_error_from_the_marks(self):
        # 4 mm to the left of the marks; the couch goes 3 mm to the right beforehand; the image finds 1 mm.
        summary = fraction(1, [1.0, 0.0, 0.0], offline=correction_of([3.0, 0.0, 0.0]))
        history = replace(course([]), fractions=(summary,))
        assert error_table([history]).errors[0, 0, 0] == 4.0
        assert error_table([history], Position.SET_UP).errors[0, 0, 0] == 1.0

    def test_after_correction_it_is_what_the_verifying_image_still_called_for(self):
        summary = fraction(1, [5.0, 0, 0], residual=correction_of([0.4, 0, 0]), deviation=np.full(6, 0.1))
        history = replace(course([]), fractions=(summary, fraction(2, [3.0, 0.0, 0.0])))
        table = error_table([history], Position.CORRECTED)
        np.testing.assert_array_equal(table.is_measured, [[True, False]])
        assert table.errors[0, 0, 0] == pytest.approx(0.4)
        assert np.isnan(table.deviations).all()

    def test_arrays_cannot_be_changed(self):
        table = error_table([course(along_x([4.0, 4.0]))])
        with pytest.raises(ValueError, match="read-only"):
            table.errors[0, 0, 0] = 1.0

    def test_a_fraction_number_that_occurs_twice_is_refused(self):
        history = replace(course([], "C7"), fractions=(fraction(1, [0, 0, 0]), fraction(1, [1, 0, 0])))
        with pytest.raises(InputError, match=r"course 'C7' are numbered \[1, 1\]: give each its own, from 1"):
            error_table([history])

    def test_no_course_and_no_fraction(self):
        assert error_table([]).errors.shape == (0, 0, 6)
        assert error_table([course([])]).errors.shape == (1, 0, 6)


class TestGroups:
    def test_two_sites_are_told_apart(self):
        pelvis = [course(along_x([0.0, 2.0]), "A"), course(along_x([4.0, 6.0]), "B")]
        neck = [course(along_x([1.0, 1.0]), name, site="head and neck") for name in ("C", "D")]
        found = group_statistics(error_table([*pelvis, *neck]), Grouping.SITE)
        assert [group.name for group in found] == ["head and neck", "pelvis"]
        lateral = found[1].axes[0]
        # Means 1 and 5, variances within 2 and 2: Σ² = 16 / 2 - 2 / 2 = 7.
        assert lateral.mean.value == pytest.approx(3.0)
        assert lateral.systematic.value == pytest.approx(np.sqrt(7.0))
        assert lateral.random.value == pytest.approx(np.sqrt(2.0))
        assert lateral.observed == pytest.approx(np.sqrt(8.0))
        assert found[1].margins[0].mm[0].value == pytest.approx(2.5 * np.sqrt(7.0) + 0.7 * np.sqrt(2.0))
        assert found[0].axes[0].systematic.value == 0.0
        assert (found[1].patients, found[1].measurements) == (2, 4)

    @pytest.mark.parametrize(
        ("by", "names"),
        [
            (Grouping.ALL, [""]),
            (Grouping.SITE, ["breast", "pelvis"]),
            (Grouping.DEVICE, ["", "mask"]),
            (Grouping.MACHINE, ["machine 1", "machine 2"]),
            (Grouping.PROTOCOL, ["daily v1", "weekly v2"]),
        ],
    )
    def test_groups_are_by_what_the_course_says(self, by, names):
        other = {"site": "breast", "device": "mask", "machine": "machine 2", "protocol": "weekly v2"}
        table = error_table([course([[0, 0, 0]]), course([[1, 0, 0]], "C2", **other)])
        assert [group.name for group in group_statistics(table, by)] == names

    def test_lengths_by_hand(self):
        table = error_table([course([[3.0, 4.0, 0.0], [-3.0, 4.0, 0.0]]), course([[0.0, 0.0, 2.0]], "C2")])
        lengths = group_statistics(table)[0].lengths
        assert lengths.mean_mm == pytest.approx(4.0)
        assert lengths.median_mm == pytest.approx(5.0)
        assert lengths.largest_mm == pytest.approx(5.0)
        assert lengths.patient_largest_mm == pytest.approx(4.0)  # mean of the first: (0, 4, 0)
        assert lengths.patient_median_mm == pytest.approx(3.0)

    def test_one_patient_alone_has_no_systematic_error_of_a_population_and_the_note_says_why(self):
        group = group_statistics(error_table([course(along_x([1.0, 2.0]))]))[0]
        assert group.axes == ()
        assert group.margins == ()
        assert group.note == "Σ and σ need two patients, and one of them measured twice."
        assert group.lengths.largest_mm == 2.0

    def test_patients_who_differ_less_than_chance_are_said_to_be_taken_for_zero(self):
        table = error_table([course(along_x([-1.0, 1.0]), "A"), course(along_x([-2.0, 2.0]), "B")])
        lateral = group_statistics(table)[0].axes[0]
        assert lateral.is_systematic_taken_for_zero
        assert lateral.systematic.value == 0.0
        assert lateral.systematic_variance == pytest.approx(-2.5)

    def test_the_noise_of_the_match_is_taken_out_of_the_random_error_where_it_is_known(self):
        known = KnownErrors(random=np.full(6, 3.0), measurement=np.full(6, 2.0))
        histories = simulate_population(np.random.default_rng(1), 400, 20, known)
        axis = group_statistics(error_table(histories))[0].axes[0]
        assert axis.random.value == pytest.approx(np.sqrt(13.0), rel=0.03)
        assert axis.random_without_measurement == pytest.approx(3.0, rel=0.03)
        assert axis.systematic.value == pytest.approx(2.5, rel=0.1)

    def test_it_stays_in_where_one_measurement_has_no_deviation(self):
        with_one = fraction(1, [1.0, 0.0, 0.0], deviation=np.full(6, 0.1))
        histories = [
            replace(course([], name), fractions=(with_one, fraction(2, [2.0, 0.0, 0.0]))) for name in "AB"
        ]
        assert group_statistics(error_table(histories))[0].axes[0].random_without_measurement is None

    def test_a_measurement_noisier_than_the_days_leaves_nothing(self):
        days = [fraction(n, [float(n % 2), 0, 0], deviation=np.full(6, 9.0)) for n in (1, 2, 3)]
        histories = [replace(course([], name), fractions=tuple(days)) for name in "AB"]
        assert group_statistics(error_table(histories))[0].axes[0].random_without_measurement == 0.0


class TestConduct:
    def test_rates_are_per_fraction(self):
        fractions = (
            fraction(1, [1, 0, 0]),
            fraction(2, [1, 0, 0], images=2, residual=correction_of([0, 0, 0])),
            fraction(3, [1, 0, 0], images=3, residual=correction_of([0, 0, 0]), overrides=("in pain",)),
            fraction(4, None, images=2, state="stopped"),
        )
        found = conduct_of([replace(course([]), fractions=fractions)])
        assert (found.fractions, found.images, found.images_per_fraction) == (4, 8, 2.0)
        assert found.imaged.value == 0.75
        assert found.imaged_again.value == 0.5  # the third and the fourth: the second was verified
        assert found.overridden.value == 0.25
        assert found.stopped.value == 0.25

    def test_the_interval_of_a_rate_is_that_of_clopper_and_pearson(self):
        # 0 of 10: 1 - 0.025^(1/10) = 30.85 %; 10 of 10 is its mirror image.
        never = conduct_of([course([None] * 10)])
        assert never.imaged.low == 0.0
        assert never.imaged.high == pytest.approx(0.3085, abs=5e-5)
        always = conduct_of([course([[0, 0, 0]] * 10)])
        assert always.imaged.low == pytest.approx(0.6915, abs=5e-5)

    def test_no_fraction_has_no_rate(self):
        found = conduct_of([])
        assert found.fractions == 0
        assert found.imaged is None

    def test_doses_of_different_metrics_never_add(self):
        def treated(name, *doses):
            return replace(course([], name), fractions=(fraction(1, [0, 0, 0], doses=doses),))

        cone_beam, pair = ImagingDose(4.49, "CTDIw, mGy"), ImagingDose(0.3, "entrance dose, mGy")
        found = dose_sums([treated("A", cone_beam, cone_beam, pair), treated("B", cone_beam)])
        assert [(dose.metric, dose.exposures) for dose in found] == [
            ("CTDIw, mGy", 3),
            ("entrance dose, mGy", 1),
        ]
        assert found[0].total == pytest.approx(13.47)
        assert found[0].per_exposure == pytest.approx(4.49)
        assert found[0].per_course == pytest.approx(6.735)
        assert (found[0].largest_course, found[0].largest) == ("A", pytest.approx(8.98))


class TestOutliers:
    def department(self, patients=20):
        return simulate_population(np.random.default_rng(3), patients, 12)

    def test_a_patient_who_always_lies_20_mm_to_the_left_stands_out_with_his_mean(self):
        histories = [*self.department(), course(along_x([20.0, 21.0, 19.0, 20.0]), "far")]
        found = find_outliers(error_table(histories))
        assert (found[0].course_id, found[0].axis, found[0].by) == ("far", "lateral_mm", "mean")
        assert found[0].value == pytest.approx(20.0)
        assert found[0].score > 3.5

    def test_a_patient_who_lies_differently_every_day_stands_out_with_his_spread(self):
        rng = np.random.default_rng(4)
        wild = np.zeros((12, 6)) + rng.normal(0.0, 1.0, (12, 6)) * [2.5, 25.0, 2.5, 0.7, 0.7, 0.7]
        found = find_outliers(error_table([*self.department(), course(wild, "wild")]))
        spread = [outlier for outlier in found if outlier.by == "spread"]
        assert [(outlier.course_id, outlier.axis) for outlier in spread] == [("wild", "longitudinal_mm")]

    def test_many_outliers_do_not_mask_each_other(self):
        far = [course(along_x([20.0, 21.0, 19.0]), f"far {n}") for n in range(5)]
        found = find_outliers(error_table([*self.department(), *far]))
        named = {outlier.course_id for outlier in found if outlier.axis == "lateral_mm"}
        assert named >= {f"far {n}" for n in range(5)}

    def test_seven_patients_are_too_few_to_stand_out_from(self):
        histories = [*self.department(6), course(along_x([50.0, 50.0, 50.0]), "far")]
        assert find_outliers(error_table(histories)) == ()

    def test_by_hand(self):
        # Means 0 to 7 and 30: median 4, MAD 2; 0.6745 × 26 / 2 = 8.77
        values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 30.0]
        histories = [course(along_x([value, value]), str(value)) for value in values]
        (found,) = find_outliers(error_table(histories))
        assert found.course_id == "30.0"
        assert found.score == pytest.approx(0.6745 * 13.0)

    def test_nobody_measured(self):
        assert find_outliers(error_table([course([None])])) == ()


class TestDrifts:
    def test_patients_who_slide_down_half_a_millimetre_a_day_are_found_and_hardly_anybody_else(self):
        rng = np.random.default_rng(6)
        histories = list(simulate_population(rng, 100, 20))
        for name in ("A", "B", "C"):
            errors = rng.normal(0.0, 1.0, (20, 6))
            errors[:, 1] -= 0.5 * np.arange(20)
            histories.append(course(errors, name))
        found, tested = find_drifts(error_table(histories))
        assert tested == 103 * 6
        assert {(d.course_id, d.axis) for d in found} >= {(name, "longitudinal_mm") for name in "ABC"}
        assert len(found) <= 4
        drift = next(d for d in found if d.course_id == "A")
        assert drift.per_fraction == pytest.approx(-0.5, abs=0.15)
        assert drift.p_value <= drift.adjusted <= 0.05

    def test_a_department_without_drifts_reports_none_in_most_cases(self):
        rng = np.random.default_rng(7)
        reports = [len(find_drifts(error_table(simulate_population(rng, 30, 15)))[0]) for _ in range(20)]
        assert np.mean([count > 0 for count in reports]) <= 0.2


class TestReview:
    def test_a_department_with_known_errors(self):
        known = KnownErrors(mean=np.array([1.0, 0.0, -2.0, 0.0, 0.0, 0.0]), systematic=np.full(6, 2.0))
        where = WhereTreated(sites=("pelvis", "neck"), machines=("1", "2", "3"))
        histories = simulate_population(np.random.default_rng(8), 120, [15, 20, 25] * 40, known, where)
        found = review_population(histories)
        assert (found.courses, found.measurements) == (120, 2400)
        assert [(group.by, group.name) for group in found.groups] == [
            ("all", ""),
            ("site", "neck"),
            ("site", "pelvis"),
            ("device", ""),
            ("machine", "1"),
            ("machine", "2"),
            ("machine", "3"),
            ("protocol", "daily v1"),
        ]
        everybody = found.groups[0]
        assert [axis.axis for axis in everybody.axes] == list(AXES)
        for axis, mean in zip(everybody.axes, known.mean, strict=True):
            assert axis.mean.low < mean < axis.mean.high
            assert axis.systematic.low < 2.0 < axis.systematic.high
        assert everybody.axes[0].random.low < 2.5 < everybody.axes[0].random.high
        assert len(found.schemes) == 7
        names = [margin.name for margin, _ in found.coverages]
        assert names == [margin.name for margin in everybody.margins]
        assert found.drifts_tested == 720

    def test_corrected_positions_have_groups_of_their_own(self):
        def verified(name, shift):
            days = [
                fraction(n, [5.0, 0, 0], images=2, residual=correction_of([shift + 0.1 * (n % 2), 0, 0]))
                for n in (1, 2, 3)
            ]
            return replace(course([], name), fractions=tuple(days))

        found = review_population([verified("A", 0.5), verified("B", -0.5)])
        after = [group for group in found.groups if group.position is Position.CORRECTED]
        assert len(after) == len(found.groups) / 2
        assert after[0].axes[0].observed == pytest.approx(np.sqrt(0.5))

    def test_the_share_of_false_discoveries_is_a_setting(self):
        histories = simulate_population(np.random.default_rng(9), 40, 20)
        strict = review_population(histories)
        lax = review_population(histories, PopulationSettings(false_discoveries=1.0))
        assert len(lax.drifts) == lax.drifts_tested > len(strict.drifts)

    def test_a_department_without_patients_has_nothing_to_say(self):
        found = review_population([])
        assert (found.courses, found.measurements, found.groups, found.coverages) == (0, 0, (), ())

    def test_courses_that_have_not_begun(self):
        found = review_population([course([]), course([], "C2")])
        assert found.groups[0].note
        assert found.groups[0].lengths is None


class TestSimulated:
    def test_the_same_seed_makes_the_same_population(self):
        first, second = (error_table(simulate_population(np.random.default_rng(5), 3, 4)) for _ in range(2))
        np.testing.assert_array_equal(first.errors, second.errors)

    def test_courses_take_turns_and_have_their_own_lengths(self):
        where = WhereTreated(sites=("a", "b"), devices=("mask", ""))
        found = simulate_population(np.random.default_rng(5), 3, [2, 5, 1], where=where)
        assert [(h.site, h.device, len(h.fractions)) for h in found] == [
            ("a", "mask", 2),
            ("b", "", 5),
            ("a", "mask", 1),
        ]

    def test_drift_and_outliers_are_what_was_asked_for(self):
        still = KnownErrors(systematic=np.zeros(6), random=np.zeros(6), drift=np.full(6, 0.5))
        errors = error_table(simulate_population(np.random.default_rng(5), 2000, 3, still)).errors
        steps = np.diff(errors, axis=1)
        np.testing.assert_allclose(steps[:, 0], steps[:, 1])
        assert steps[:, 0].std() == pytest.approx(0.5, rel=0.05)
        wrong = KnownErrors(
            systematic=np.zeros(6), random=np.zeros(6), outliers=0.1, outlier=np.array([30, 0, 0, 0, 0, 0.0])
        )
        lateral = error_table(simulate_population(np.random.default_rng(5), 500, 10, wrong)).errors[:, :, 0]
        assert set(np.unique(lateral)) == {-30.0, 0.0, 30.0}
        assert (lateral != 0.0).mean() == pytest.approx(0.1, abs=0.02)

    @pytest.mark.parametrize(
        ("call", "sentence"),
        [
            (lambda rng: KnownErrors(random=-np.ones(6)), "random of the population is"),
            (lambda rng: KnownErrors(outliers=1.5), "outliers is a share between 0 and 1, not 1.5"),
            (lambda rng: simulate_population(rng, 2, [3]), "2 patients need as many numbers of fractions"),
            (lambda rng: simulate_population(rng, 0, []), "0 patients need as many"),
            (lambda rng: simulate_errors(rng, 3, 0, KnownErrors()), "patients and fractions, not 3 and 0"),
        ],
    )
    def test_impossible_populations_are_refused(self, call, sentence):
        with pytest.raises(InputError, match=sentence):
            call(np.random.default_rng(0))
