"""Blades of a collimator: found by their straight edges, and what is not one."""

import numpy as np
import pytest

from isoguide.errors import InputError
from isoguide.geometry.frames import FIXED
from isoguide.geometry.xray_view import gantry_view
from isoguide.images.collimation import PENUMBRA_PX, STRAIGHT_PX, open_beam
from isoguide.images.radiograph import Radiograph

ROWS, COLUMNS = 120, 160
VIEW = gantry_view(0.0, sad_mm=1000.0, sid_mm=1500.0, size=(COLUMNS, ROWS), pixel_spacing_mm=(1.0, 1.0))


def patient():
    """Return line integrals of a thick oval patient in an open beam, with noise."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    inside = 1.0 - ((row - 60.0) / 75.0) ** 2 - ((column - 80.0) / 60.0) ** 2
    noise = np.random.default_rng(1).normal(0.0, 0.02, (ROWS, COLUMNS))
    return 4.0 * np.sqrt(np.maximum(inside, 0.0)) + 0.3 * np.sin(row / 4.0) * (inside > 0.0) + noise


def image(values, quantity="line integral"):
    return Radiograph(VIEW, values.astype(np.float32), quantity)


def test_an_open_field_counts_everywhere():
    assert VIEW.frame == FIXED
    assert open_beam(image(patient())).all()


@pytest.mark.parametrize("quantity", ["line integral", "intensity"])
def test_the_shade_of_two_blades_does_not_count(quantity):
    values = patient()
    values[:25], values[:, 130:] = 8.0, 8.0
    if quantity == "intensity":
        values = np.exp(-values)
    counts = open_beam(image(values, quantity))
    assert not counts[:25].any()
    assert not counts[:, 130:].any()
    reach = int(PENUMBRA_PX + STRAIGHT_PX) + 1
    assert counts[25 + reach :, : 130 - reach].all()


def test_a_slightly_turned_blade_is_found_along_its_whole_edge():
    values = patient()
    row, column = np.mgrid[:ROWS, :COLUMNS]
    shut = row < 20.0 + 0.1 * column
    values[shut] = 8.0
    counts = open_beam(image(values))
    assert not counts[shut].any()
    assert counts[row > 20.0 + 0.1 * column + PENUMBRA_PX + STRAIGHT_PX + 1.0].all()


def test_the_curved_skin_in_front_of_open_beam_is_no_blade():
    values = patient()
    # Open beam to the left and right of the patient: flat, but it ends along the skin.
    assert np.median(values[:, 0]) < 0.1
    assert open_beam(image(values))[:, :30].all()


def test_a_blank_image_is_refused_with_its_value():
    with pytest.raises(InputError, match=r"the radiograph is blank, all its pixels are 2\.5"):
        open_beam(image(np.full((ROWS, COLUMNS), 2.5)))
