import numpy as np
import pytest

from isoguide.kernels.linear_prediction import (
    SAMPLES,
    PredictorDesign,
    empty_state,
    expect,
    expected_reference,
    forget,
    see,
)


def design_of(*, lags: int, horizons: int, curves: int) -> PredictorDesign:
    rng = np.random.default_rng(3)
    linear = 3 * (lags + 1)
    return PredictorDesign(
        step_s=0.1,
        lags=lags,
        horizons=horizons,
        memory_s=4.0,
        error_memory_s=2.0,
        level_s=1.5,
        recent_s=1.0,
        longest_gap_s=0.6,
        scale_s=0.5,
        least_scale_mm=0.5,
        trial_s=0.4,
        penalties=np.repeat([0.1, 1.0], [linear, curves]),
        projections=rng.standard_normal((linear, curves)),
        phases=rng.uniform(0.0, 6.0, curves),
    )


def breathing(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples at uneven times of a movement along two axes, with noise."""
    rng = np.random.default_rng(8)
    times_s = 7.0 + np.cumsum(rng.uniform(0.07, 0.13, count))
    depth = np.sin(2.0 * times_s) ** 2
    places_mm = np.stack([2.0 * depth, 0.2 * times_s, 9.0 * depth + np.sin(3.0 * times_s)], axis=1)
    return times_s, places_mm + 0.05 * rng.standard_normal((count, 3))


def assert_agrees(design, times_s, places_mm):
    state = empty_state(design)
    for at_s, place_mm in zip(times_s, places_mm, strict=True):
        see(design, state, at_s, place_mm)
    paths_mm, errors_mm2, squares = expected_reference(design, times_s, places_mm)
    place_mm, error_mm2 = np.zeros(3), np.zeros((3, 3))
    for horizon in range(design.horizons):
        ahead_s = (horizon + 1) * design.step_s
        assert expect(design, state, ahead_s, place_mm, error_mm2) == 2
        np.testing.assert_allclose(place_mm, paths_mm[horizon], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(error_mm2, errors_mm2[horizon], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(state.squares, squares, rtol=1e-6)
    assert np.linalg.norm(paths_mm[-1] - places_mm[-1]) > 0.1


def test_prediction_is_that_of_the_reference():
    assert_agrees(design_of(lags=4, horizons=5, curves=6), *breathing(120))


def test_prediction_without_curves_is_that_of_the_reference():
    assert_agrees(design_of(lags=3, horizons=2, curves=0), *breathing(60))


def test_prediction_goes_on_when_the_ring_of_samples_is_full():
    assert_agrees(design_of(lags=2, horizons=3, curves=2), *breathing(SAMPLES + 30))


def test_interpreted_prediction_is_the_same(interpreted_kernels):
    assert_agrees(design_of(lags=1, horizons=2, curves=1), *breathing(40))


def test_between_the_steps_the_path_is_straight_and_starts_where_the_point_is():
    design = design_of(lags=2, horizons=3, curves=2)
    times_s, places_mm = breathing(60)
    state = empty_state(design)
    for at_s, place_mm in zip(times_s, places_mm, strict=True):
        see(design, state, at_s, place_mm)
    path_mm, errors_mm2 = np.zeros((7, 3)), np.zeros((7, 3, 3))
    for n in range(7):
        assert expect(design, state, 0.05 * n, path_mm[n], errors_mm2[n]) == 2
    np.testing.assert_allclose(path_mm[0], places_mm[-1])
    np.testing.assert_allclose(errors_mm2[0], errors_mm2[2])  # what will be seen has its noise at once
    np.testing.assert_allclose(path_mm[1::2], (path_mm[:-1:2] + path_mm[2::2]) / 2.0, rtol=1e-9)
    np.testing.assert_allclose(errors_mm2[1::2], (errors_mm2[:-1:2] + errors_mm2[2::2]) / 2.0, rtol=1e-9)


@pytest.mark.parametrize("gap_s", [0.7, 30.0])
def test_after_a_gap_the_window_fills_anew_and_what_was_learned_is_kept(gap_s):
    design = design_of(lags=3, horizons=2, curves=2)
    times_s, places_mm = breathing(80)
    times_s = np.where(np.arange(80) < 70, times_s, times_s + gap_s)
    state = empty_state(design)
    place_mm, errors_mm2 = np.zeros(3), np.zeros((3, 3))
    known = []
    for at_s, seen_mm in zip(times_s, places_mm, strict=True):
        see(design, state, at_s, seen_mm)
        known.append(expect(design, state, 0.2, place_mm, errors_mm2))
    after_s = times_s[70:] - times_s[70]
    assert known[69] == 2
    assert known[70:] == [1 if waited_s < 0.3 - 1e-6 else 2 for waited_s in after_s]


def test_a_state_that_has_forgotten_is_an_empty_one():
    design = design_of(lags=2, horizons=2, curves=2)
    state = empty_state(design)
    for at_s, place_mm in zip(*breathing(40), strict=True):
        see(design, state, at_s, place_mm)
    forget(state)
    for values, empty in zip(state, empty_state(design), strict=True):
        np.testing.assert_array_equal(values, empty)
