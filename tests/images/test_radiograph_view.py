"""A radiograph says which of its pixels count."""

import numpy as np
import pytest

from isoguide.errors import GeometryError
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from phantom_images import true_view

IMAGE = Radiograph(true_view(0.0), np.ones((400, 400), dtype=np.float32), "intensity")


def test_a_saturated_corner_does_not_count():
    counts = np.ones((400, 400), dtype=bool)
    counts[:100, :100] = False
    read = RadiographView(IMAGE, counts, "a.png", ("one sentence",))
    counts[:] = False
    assert read.share_that_counts == 0.9375
    assert read.view is IMAGE.view
    assert not read.counts.flags.writeable


@pytest.mark.parametrize("counts", [np.ones((400, 399), dtype=bool), np.ones((400, 400))])
def test_what_is_no_truth_value_per_pixel_is_refused(counts):
    with pytest.raises(
        GeometryError, match=r"the pixels of a\.png that count must be \(400, 400\) truth values"
    ):
        RadiographView(IMAGE, counts, "a.png")
