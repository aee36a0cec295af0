"""Where a pixel of an ultrasound image is in the patient and in the room."""

from dataclasses import replace

import numpy as np
import pytest

from isoguide.errors import GeometryError
from isoguide.geometry.frames import FIXED, PLANNING, ULTRASOUND_IMAGE
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_image import UltrasoundImage

# A probe on the belly of a supine patient: columns run to his left, rows to his back, z to the head.
POSE = RigidTransform.from_parts(PLANNING, ULTRASOUND_IMAGE, np.eye(3), np.array([10.0, -300.0, 50.0]))
IMAGE = UltrasoundImage(
    values=np.zeros((4, 6), dtype=np.uint8),
    in_fan=np.ones((4, 6), dtype=bool),
    corner_mm=np.array([-3.0, 0.5]),
    pixel_spacing_mm=(1.5, 0.5),
    frame_from_image=POSE,
    dynamic_range_db=60.0,
)


def test_columns_run_along_the_face_and_rows_into_the_patient():
    np.testing.assert_allclose(
        IMAGE.xyz_mm([[0, 0], [2, 0], [0, 4]]),
        [[7.0, -299.5, 50.0], [10.0, -299.5, 50.0], [7.0, -297.5, 50.0]],
    )
    assert IMAGE.frame == PLANNING


def test_pixels_are_the_inverse_and_say_how_far_off_the_plane_a_point_is():
    pixels, off_plane_mm = IMAGE.pixels(IMAGE.xyz_mm([[1.25, 3.5]]) + (0.0, 0.0, 2.0))
    np.testing.assert_allclose(pixels, [[1.25, 3.5]])
    np.testing.assert_allclose(off_plane_mm, [2.0])


def test_the_image_goes_with_the_patient_into_the_room():
    room = IMAGE.in_frame(fixed_from_planning("HFS", (10.0, -300.0, 50.0)))
    assert room.frame == FIXED
    # Along rows is to the patient's back: down in the room, when he lies on it.
    np.testing.assert_allclose(room.xyz_mm([[2, 0], [2, 4]]), [[0, 0, -0.5], [0, 0, -2.5]], atol=1e-9)
    with pytest.raises(GeometryError, match="cannot apply"):
        IMAGE.in_frame(RigidTransform.identity(FIXED, FIXED))


def test_arrays_are_read_only():
    assert not IMAGE.values.flags.writeable
    assert not IMAGE.in_fan.flags.writeable


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"values": np.zeros((4, 6))}, "values of an ultrasound image must be rows of uint8"),
        ({"in_fan": np.ones((3, 6), dtype=bool)}, "in_fan of an ultrasound image"),
        ({"pixel_spacing_mm": (0.0, 1.0)}, "must be positive"),
        ({"dynamic_range_db": 0.0}, "must be positive"),
        ({"corner_mm": np.zeros(3)}, "corner of the image"),
        ({"frame_from_image": RigidTransform.identity(FIXED, PLANNING)}, "starts at 'ultrasound image'"),
    ],
)
def test_what_is_no_ultrasound_image_is_refused(changes, words):
    with pytest.raises(GeometryError, match=words):
        replace(IMAGE, **changes)
