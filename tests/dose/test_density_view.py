"""Padding of the day's image is unknown where it cuts tissue, and air where it meets air."""

import numpy as np

from isoguide.dose.density.view import shown

FILL = -1024


def disc(radius: float, *, clipped: bool = False) -> np.ndarray:
    """A patient of 40 HU, 12 voxels in radius and blurred by a voxel, in a room of air with noise."""
    rng = np.random.default_rng(2)
    j, i = np.indices((40, 40)) - 19.5
    out = np.hypot(j, i)
    hu = np.clip(40.0 - 520.0 * (out - 11.0), -1000.0, 40.0)
    values = np.rint(hu + rng.normal(0.0, 15.0, (3, 40, 40))).astype(np.int16)
    if clipped:
        values[:, hu == -1000.0] = FILL
    values[:, out > radius] = FILL
    return values


def test_a_field_of_view_that_cuts_the_patient_ends_where_it_ends() -> None:
    seen = np.isfinite(shown(disc(9.0)))
    assert seen[:, 19, 19].all()
    assert seen[0].sum() == (disc(9.0)[0] != FILL).sum()


def test_a_wide_field_of_view_leaves_air_around_the_patient() -> None:
    assert np.isfinite(shown(disc(17.0))).all()


def test_air_that_the_scanner_clips_is_air_and_not_unknown() -> None:
    values = shown(disc(100.0, clipped=True))
    assert np.isfinite(values).all()
    assert values[1, 0, 0] < -900.0


def test_a_slice_without_image_is_unknown() -> None:
    values = disc(17.0)
    values[2] = FILL
    seen = np.isfinite(shown(values))
    assert seen[:2].all()
    assert not seen[2].any()


def test_only_the_slices_are_cut_that_the_cone_leaves_out() -> None:
    values = disc(17.0)
    values[0] = disc(6.0)[0]
    seen = np.isfinite(shown(values))
    assert seen[1:].all()
    assert seen[0].sum() < 130


def test_an_image_without_padding_is_seen_everywhere() -> None:
    assert np.isfinite(shown(disc(100.0))).all()


def test_an_image_of_one_value_shows_nothing() -> None:
    assert np.isnan(shown(np.full((2, 5, 5), -1000, dtype=np.int16))).all()
