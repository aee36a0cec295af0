"""Templates and quick fits of markers in small windows, against plain statements and what was drawn."""

import numpy as np
import pytest

from isoguide.kernels.marker_windows import (
    COLUMN_MEMORY,
    CORRELATION,
    NOISE,
    fit_wires_in_window,
    mass_of,
    pixels_about,
    pixels_about_reference,
    scan_for_wires,
    scan_for_wires_reference,
)
from isoguide.kernels.wires import wire_shapes_reference

WIRE = np.array([[6.3, 5.8, 0.6, -0.2, 5.0]])
FREE = np.array([[np.inf, np.inf, 0.5, 0.5, 2.0]])


def image_of(wires, heights, across=13, noise=0.0, seed=1):
    places = np.argwhere(np.ones((across, across)))[:, ::-1].astype(float)
    values = heights @ wire_shapes_reference(places, wires, 0.2)
    values = values + 0.3 + 0.02 * places[:, 0] - 0.001 * places[:, 1] ** 2
    values = values + noise * np.random.default_rng(seed).standard_normal(len(values))
    return values.reshape(across, across)


def fitted(image, start, sigma, reach=5.0):
    places = pixels_about(start, reach, image.shape)
    values = image[places[:, 1].astype(int), places[:, 0].astype(int)]
    return fit_wires_in_window(places, values, 0.2, start, sigma, 0.03)


BAR = np.array([[3.2, 2.9, 0.3, -0.4, 3.0], [3.0, 3.0, 1.8, -0.4, 2.0]])


def assert_scan_is_right():
    window = np.random.default_rng(3).standard_normal((11, 11))
    answer = scan_for_wires(window, BAR, 2.0, 0.2, 3, 2)
    np.testing.assert_allclose(answer, scan_for_wires_reference(window, BAR, 2.0, 0.2, 3, 2), atol=1e-12)


def assert_pixels_are_right():
    wires = np.array([[3.2, 2.6, 0.5, 0.0, 4.0], [8.0, 6.0, 2.2, 0.0, 0.0]])
    for reach in (1.0, 2.5):
        about = pixels_about(wires, reach, (8, 10))
        np.testing.assert_array_equal(about, pixels_about_reference(wires, reach, (8, 10)))


def assert_fit_finds_what_was_drawn():
    start = WIRE + np.array([[0.8, -0.7, 0.1, 0.1, 0.5]])
    wires, heights, covariance, said = fitted(image_of(WIRE, np.array([1.5])), start, FREE)
    np.testing.assert_allclose(wires[0], WIRE[0], atol=2e-2)
    assert heights[0] == pytest.approx(1.5, rel=0.02)
    assert said[0, CORRELATION] > 0.999
    assert np.linalg.eigvalsh(covariance[0])[0] > 0.0


def test_a_template_correlates_as_in_the_plain_statement():
    assert_scan_is_right()


@pytest.mark.usefixtures("interpreted_kernels")
def test_an_interpreted_template_correlates_the_same():
    assert_scan_is_right()


def test_a_wire_correlates_fully_with_itself_on_any_plane():
    row, column = np.mgrid[0:9, 0:9].astype(float)
    places = np.stack([column.ravel(), row.ravel()], axis=1)
    wire = BAR[:1] + np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    window = 2.0 * wire_shapes_reference(places, wire, 0.2).reshape(9, 9) + 4.0 + 0.5 * row - 0.25 * column
    assert scan_for_wires(window, BAR[:1], 2.0, 0.2, 3, 1)[1, 1] == pytest.approx(1.0)
    assert scan_for_wires(np.ones((9, 9)), BAR[:1], 2.0, 0.2, 3, 1)[1, 1] == 0.0


def test_the_pixels_about_wires_are_those_of_the_plain_statement():
    assert_pixels_are_right()


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_interpreted_pixels_are_the_same():
    assert_pixels_are_right()


def test_a_wire_on_a_curved_background_is_found_where_it_was_drawn():
    assert_fit_finds_what_was_drawn()


@pytest.mark.usefixtures("interpreted_kernels")
def test_an_interpreted_fit_finds_it_too():
    assert_fit_finds_what_was_drawn()


def test_two_wires_across_each_other_are_told_apart():
    both = np.array([[6.0, 6.0, 0.4, -0.2, 6.0], [8.0, 7.0, 1.9, -0.2, 6.0]])
    start = both + np.array([[0.4, -0.3, 0.0, 0.0, 0.0], [-0.4, 0.3, 0.0, 0.0, 0.0]])
    image = image_of(both, np.array([1.0, 1.2]), across=15)
    wires, heights, _, _ = fitted(image, start, np.repeat(FREE, 2, axis=0))
    np.testing.assert_allclose(wires[:, :2], both[:, :2], atol=0.03)
    np.testing.assert_allclose(
        mass_of(wires, heights, 0.2), mass_of(both, np.array([1.0, 1.2]), 0.2), rtol=0.05
    )


def test_the_centre_is_as_sure_as_the_noise_allows():
    off = []
    for seed in range(120):
        wires, _, covariance, said = fitted(image_of(WIRE, np.array([1.5]), noise=0.1, seed=seed), WIRE, FREE)
        error = wires[0, :2] - WIRE[0, :2]
        off.append(error @ np.linalg.solve(covariance[0], error))
        assert said[0, NOISE] == pytest.approx(0.1, rel=0.4)
        assert abs(said[0, COLUMN_MEMORY]) < 0.5
    # Chi-square with two degrees: the mean of 120 is 2 ± 0.18.
    assert np.mean(off) == pytest.approx(2.0, abs=0.6)


def test_what_cannot_be_fitted_gives_no_answer():
    values = np.full(4, np.nan)
    places = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert fit_wires_in_window(places, values, 0.2, WIRE, FREE, 0.03) is None
