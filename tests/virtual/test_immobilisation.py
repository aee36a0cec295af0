import numpy as np
import pytest

from isoguide.virtual import Phantom, Support, build_phantom
from isoguide.virtual.immobilisation import MASK_GAP_MM, MASK_MM, put_mask, support_hu

AXES = (
    np.arange(-120.0, 120.0, 8.0, dtype=np.float32),
    np.arange(-100.0, 146.0, 2.0, dtype=np.float32),
    np.arange(-160.0, 160.0, 2.0, dtype=np.float32),
)
BACK_Y_MM = 90.0


def cylinder(radius_mm: float) -> np.ndarray:
    flat = np.hypot(AXES[1][:, None], AXES[2]) - np.float32(radius_mm)
    return np.broadcast_to(flat, tuple(len(axis) for axis in AXES)).astype(np.float32)


def test_nothing_holds_a_patient_who_lies_on_nothing():
    assert (support_hu(Support(couch=False), cylinder(90.0), AXES, BACK_Y_MM) == -1000.0).all()


@pytest.mark.parametrize("site", ["pelvis", "head-neck"])
def test_what_holds_the_patient_is_around_him_and_not_in_him(site):
    outside = cylinder(90.0)
    values = support_hu(Support.usual(site), outside, AXES, BACK_Y_MM)
    assert (values[outside < 0.0] == -1000.0).all()
    assert (values[:, AXES[1] < -60.0] == -1000.0).all()
    padding = values[15, int(np.searchsorted(AXES[1], 97.0)), 80]
    assert -980.0 < padding < -900.0
    assert values.max() > -700.0


def test_a_couch_alone_touches_the_back():
    values = support_hu(Support(), cylinder(90.0), AXES, BACK_Y_MM)[15, :, 80]
    assert AXES[1][np.flatnonzero(values > -950.0)[0]] == pytest.approx(BACK_Y_MM, abs=2.0)


def test_a_mask_covers_the_face_and_not_the_back_of_the_head():
    values = np.full(cylinder(90.0).shape, -1000.0, dtype=np.float32)
    put_mask(values, cylinder(80.0), AXES, 1.0)
    middle = MASK_GAP_MM + MASK_MM / 2.0
    front = np.interp(-80.0 - middle, AXES[1], values[15, :, 80])
    assert front > -700.0
    assert (values[:, AXES[1] > 40.0] == -1000.0).all()
    assert (values[15, AXES[1] < -90.0] == -1000.0).all()


def test_the_mask_belongs_to_the_patient_and_the_cushion_to_the_scan(head_neck: Phantom, pelvis: Phantom):
    bare = build_phantom("head-neck", 1, (3.0, 3.0, 5.0), Support(couch=False, balls=False))
    k, j, i = np.rint(head_neck.volume.grid.index(head_neck.marks[0].position_mm)).astype(int)[::-1]
    column = slice(j - 3, j + 1)
    assert (head_neck.anatomy.values[k, column, i] > bare.anatomy.values[k, column, i] + 100.0).any()
    back = (k, slice(j + 8, None), i)
    np.testing.assert_array_equal(bare.anatomy.values[back], head_neck.anatomy.values[back])
    assert pelvis.anatomy.values[:, -4:].max() < -990.0
    assert pelvis.volume.values[:, -8:].max() > -800
