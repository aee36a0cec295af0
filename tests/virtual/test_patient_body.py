import numpy as np
import pytest

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.mask import structure_mask
from isoguide.images.volume import Volume
from isoguide.virtual import Phantom, patient_only


def test_the_couch_goes_and_the_patient_stays(phantom: Phantom):
    cleaned = patient_only(phantom.volume)
    body = structure_mask(phantom.structure("BODY"), phantom.volume.grid)
    y = phantom.volume.grid.xyz(
        np.stack([np.zeros(body.shape[1]), np.arange(body.shape[1]), np.zeros(body.shape[1])], -1)
    )[:, 1]
    lowest = y[body.any(axis=(0, 2))].max()
    below = cleaned.values[:, y > lowest + 9.0]
    assert (phantom.volume.values[:, y > lowest + 9.0] > -500).any()
    assert (below == -1000).all()
    # On the sharpest bends of the skin a voxel that is mostly air may lose the rest.
    changed = np.abs(cleaned.values[body].astype(int) - phantom.volume.values[body]) > 5
    assert changed.mean() < 0.003
    assert cleaned.values.dtype == np.int16


def test_lungs_belong_to_the_patient_although_they_are_nearly_air(thorax: Phantom):
    cleaned = patient_only(thorax.volume)
    lung = structure_mask(thorax.structure("Lung_L"), thorax.volume.grid)
    np.testing.assert_array_equal(cleaned.values[lung], thorax.volume.values[lung])


def test_a_strap_over_the_patient_is_taken_off():
    grid = Grid.axial(PLANNING, (6, 120, 120), (2.0, 2.0, 5.0), (-119.0, -119.0, 0.0))
    y, x = np.meshgrid(np.arange(-119.0, 120.0, 2.0), np.arange(-119.0, 120.0, 2.0), indexing="ij")
    slice_hu = np.where(x**2 + y**2 < 70.0**2, 40.0, -1000.0)
    slice_hu[np.abs(y + 90.0) < 2.5] = 200.0
    values = np.broadcast_to(slice_hu, grid.shape).astype(np.float32)
    cleaned = patient_only(Volume(grid, values))
    assert (cleaned.values[:, y[:, 0] < -80.0] == -1000.0).all()
    assert cleaned.values[3, 60, 60] == 40.0


def test_an_image_without_a_body_is_refused():
    grid = Grid.axial(PLANNING, (4, 20, 20), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="no body above -300 HU was found in the planning image"):
        patient_only(Volume(grid, np.full(grid.shape, -1000, dtype=np.int16)))


def test_grey_values_are_refused_because_air_has_no_number_in_them():
    grid = Grid.axial(PLANNING, (4, 20, 20), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    grey = Volume(grid, np.full(grid.shape, 100, dtype=np.int16), is_hounsfield=False, source="head.nii")
    with pytest.raises(GeometryError, match=r"cannot be told apart in head\.nii: its values are not HU"):
        patient_only(grey)


def test_the_couch_of_a_real_thorax_ct_goes_and_the_patient_stays(shared_data):
    from isoguide.dicom import load_planning_set

    folder = shared_data / "OnkoDICOM" / "test" / "testdata" / "DICOM-RT-TEST"
    image = load_planning_set(folder).image.volume
    cleaned = patient_only(image)
    y = image.grid.origin_mm[1] + image.grid.spacing_mm[1] * np.arange(image.grid.shape[1])
    # In this CT the back ends at about y = -130 mm and the couch begins behind it.
    couch = y > -115.0
    assert (image.values[:, couch] > -500).sum() > 10_000
    assert (cleaned.values[:, couch] == -1000).all()
    middle = image.values[52, 260:330, 150:370]
    np.testing.assert_allclose(cleaned.values[52, 260:330, 150:370], middle, atol=3)
