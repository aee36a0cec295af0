"""Scatterers that belong to the tissue, and the beam that sums them: compiled against plain NumPy."""

import numpy as np
import pytest

from isoguide.kernels.speckle import (
    blurred_across_lines,
    blurred_across_lines_reference,
    scattered,
    scattered_reference,
)

RNG = np.random.default_rng(7)
TABLE = RNG.standard_normal((1024, 2)).astype(np.float32)
ACROSS_MM = np.linspace(-1.0, 1.0, 5)[:, None] * np.array([0.2, -0.4, 0.9])
WEIGHTS = np.array([0.1, 0.2, 0.4, 0.2, 0.1])


def positions(count):
    return RNG.uniform(-300.0, 300.0, (count, 3))


def test_scatterers_are_those_of_the_reference():
    places_mm = positions(2000)
    np.testing.assert_allclose(
        scattered(places_mm, ACROSS_MM, WEIGHTS, TABLE, 0.3),
        scattered_reference(places_mm, ACROSS_MM, WEIGHTS, TABLE, 0.3),
        atol=1e-5,
    )


def test_a_cell_scatters_alike_wherever_in_it_one_looks_and_its_neighbours_otherwise():
    corner_mm = np.array([-0.6, 12.3, 99.9])
    inside = corner_mm + RNG.uniform(0.01, 0.29, (50, 3))
    alone = scattered(inside, np.zeros((1, 3)), np.ones(1), TABLE, 0.3)
    assert len(np.unique(alone, axis=0)) == 1
    many = scattered(positions(5000), np.zeros((1, 3)), np.ones(1), TABLE, 0.3)
    assert len(np.unique(many, axis=0)) > 900
    assert abs(np.corrcoef(many[:-1, 0], many[1:, 0])[0, 1]) < 0.05


def test_a_beam_is_that_of_the_reference():
    echoes = RNG.standard_normal((40, 30, 2)).astype(np.float32)
    taps = RNG.random((7, 30)).astype(np.float32)
    np.testing.assert_allclose(
        blurred_across_lines(echoes, taps), blurred_across_lines_reference(echoes, taps), atol=1e-5
    )


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_interpreted_kernels_agree_as_well():
    places_mm = positions(20)
    np.testing.assert_allclose(
        scattered(places_mm, ACROSS_MM, WEIGHTS, TABLE, 0.3),
        scattered_reference(places_mm, ACROSS_MM, WEIGHTS, TABLE, 0.3),
        atol=1e-5,
    )
    echoes = RNG.standard_normal((5, 4, 2)).astype(np.float32)
    taps = RNG.random((3, 4)).astype(np.float32)
    np.testing.assert_allclose(
        blurred_across_lines(echoes, taps), blurred_across_lines_reference(echoes, taps), atol=1e-5
    )
