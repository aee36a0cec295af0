"""An X-ray image is finite values on its detector, says what they mean, and stays as it was made."""

import numpy as np
import pytest

from isoguide.errors import GeometryError
from isoguide.geometry.xray_view import gantry_view
from isoguide.images.radiograph import Radiograph

VIEW = gantry_view(0.0, sad_mm=1000.0, sid_mm=1500.0, size=(4, 3), pixel_spacing_mm=(1.0, 1.0))


def test_values_are_rows_and_columns_copied_and_read_only():
    mine = np.zeros((3, 4), np.float32)
    image = Radiograph(VIEW, mine, "line integral")
    mine[0, 0] = 7.0
    assert image.values[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        image.values[0, 0] = 1.0
    assert Radiograph(VIEW, image.values, "intensity").values is image.values


@pytest.mark.parametrize(
    ("values", "quantity", "sentence"),
    [
        (np.zeros((4, 3), np.float32), "intensity", r"shape \(4, 3\) but its detector says \(3, 4\)"),
        (np.zeros((3, 4)), "intensity", "must be float32, not float64"),
        (np.full((3, 4), np.nan, np.float32), "intensity", "not finite"),
        (np.zeros((3, 4), np.float32), "dose", "one of line integral, intensity, not 'dose'"),
    ],
)
def test_an_image_that_cannot_be_is_refused_in_a_sentence(values, quantity, sentence):
    with pytest.raises(GeometryError, match=sentence):
        Radiograph(VIEW, values, quantity)
