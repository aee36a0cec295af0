import numpy as np
import pytest

from isoguide.errors import GeometryError, InputError, MismatchError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.virtual import Phantom, virtual_from_ct


def test_a_ct_becomes_a_patient_with_marks_and_without_couch(abdomen: Phantom):
    patient = virtual_from_ct(abdomen.volume, abdomen.structures, abdomen.isocentre_mm, "Mrs. Somebody")
    assert patient.name == "Mrs. Somebody"
    assert patient.site is None
    assert patient.structure("Liver") is abdomen.structure("Liver")
    assert patient.volume is abdomen.volume
    assert patient.anatomy.values.dtype == np.float32
    assert (patient.anatomy.values[:, -4:] < -990.0).all()
    assert patient.bone_names == ()
    for mark, known in zip(patient.marks, abdomen.marks, strict=True):
        assert mark.name == known.name
        np.testing.assert_allclose(mark.position_mm, known.position_mm, atol=3.0)
    with pytest.raises(InputError, match="no bone 'L1'; it has none labelled"):
        patient.bone("L1")


@pytest.mark.parametrize(
    ("isocentre_mm", "words"),
    [
        ((900.0, 0.0, 0.0), "lies outside Mr. X: give a CT that holds"),
        (None, "lies outside the body in Mr. X"),
    ],
)
def test_an_isocentre_that_the_ct_does_not_hold_is_refused(isocentre_mm, words, abdomen: Phantom):
    grid = abdomen.volume.grid
    place = grid.origin_mm + 4.0 if isocentre_mm is None else np.array(isocentre_mm)
    with pytest.raises(GeometryError, match=words):
        virtual_from_ct(abdomen.volume, (), place, "Mr. X")


def test_values_that_cannot_be_hounsfield_units_are_refused(abdomen: Phantom):
    grey = Volume(abdomen.volume.grid, (abdomen.volume.values + np.int16(1024)), source="shifted")
    with pytest.raises(InputError, match="the values of shifted cannot be Hounsfield units"):
        virtual_from_ct(grey, (), abdomen.isocentre_mm)


def test_what_is_not_in_planning_coordinates_is_refused(abdomen: Phantom):
    lung = Structure("Lung", 1, DAILY, (Contour("POINT", np.zeros((1, 3))),))
    with pytest.raises(MismatchError, match=r"structure 'Lung' of .* is not in planning coordinates"):
        virtual_from_ct(abdomen.volume, (lung,), abdomen.isocentre_mm)
    grid = Grid.axial(DAILY, (4, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    daily = Volume(grid, np.zeros(grid.shape, dtype=np.int16), source="today")
    with pytest.raises(MismatchError, match="image of today is not in planning coordinates"):
        virtual_from_ct(daily, (), np.ones(3))


def test_a_real_ct_becomes_a_patient(shared_data):
    from isoguide.dicom import load_planning_set

    fine = load_planning_set(shared_data / "OnkoDICOM" / "test" / "testdata" / "DICOM-RT-TEST").image.volume
    values = fine.values[::4, ::4, ::4]
    step_mm = tuple(4.0 * float(mm) for mm in fine.grid.spacing_mm)
    image = Volume(Grid.axial(PLANNING, values.shape, step_mm, tuple(fine.grid.origin_mm)), values)
    patient = virtual_from_ct(image, (), image.grid.xyz(np.array([65.0, 65.0, 13.0])), "real")
    assert patient.volume.grid.frame == PLANNING
    assert "anterior" in [mark.name for mark in patient.marks]
