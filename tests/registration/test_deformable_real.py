"""Deformation in real patients: a breathing chest, and a head and neck on three days."""

import numpy as np
import pydicom
import pytest

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.motion.phases import follow_structure
from isoguide.registration import prepare_planning, register_volumes
from isoguide.registration.deformable.engine import prepare_deformable, register_deformable
from isoguide.registration.deformable.result import FieldVerdict

pytestmark = pytest.mark.slow

TUMOUR_MM = np.array([47.0, 38.0, 36.0])
HEAD_CENTRE_MM = np.array([110.0, 107.0, 150.0])
STILL = RigidTransform.identity(PLANNING, DAILY)


@pytest.fixture(scope="module")
def phase(shared_data):
    """A phase of a real 4DCT, 0 to 9, in the frame asked for and its origin moved; voxels of 1 mm."""
    folder = shared_data / "pohl-LucasKanade-4DCT/Input images/117_HM10395 4DCT"
    if not folder.is_dir():
        pytest.skip("the 4DCT is absent")

    def read(number, frame, origin_mm=(0.0, 0.0, 0.0)):
        values = pydicom.dcmread(folder / f"image{number + 1}.dcm").pixel_array.astype(np.float32) - 1000.0
        return Volume(Grid(frame, values.shape, np.ones(3), np.array(origin_mm), np.eye(3)), values)

    return read


def found(planning, daily, planning_from_daily=STILL):
    answer = register_deformable(prepare_deformable(planning), daily, planning_from_daily=planning_from_daily)
    assert answer.verdict is not FieldVerdict.NOT_AVAILABLE, answer.reasons
    return answer


def ball(radius_mm, centre_mm):
    """A ball drawn on slices 2 mm apart, and points all over it, (n, 3)."""
    angle = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    rings = []
    for z in np.arange(-radius_mm + 1.0, radius_mm, 2.0):
        r = np.sqrt(radius_mm**2 - z**2)
        rings.append(np.column_stack([r * np.cos(angle), r * np.sin(angle), np.full(48, z)]) + centre_mm)
    drawn = Structure("tumour", 1, PLANNING, tuple(Contour("CLOSED_PLANAR", r) for r in rings), "GTV")
    steps = np.arange(-radius_mm, radius_mm + 1.0, 2.0)
    points = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    return drawn, points[np.linalg.norm(points, axis=1) <= radius_mm] + centre_mm


def test_a_chest_that_lies_5_mm_further_to_the_left_than_the_match_says_is_found_5_mm_to_the_left(phase):
    answer = found(phase(0, PLANNING), phase(0, DAILY, origin_mm=(5.0, 0.0, 0.0)))
    _, points_mm = ball(10.0, TUMOUR_MM)
    np.testing.assert_allclose(
        answer.field.moved(points_mm) - points_mm, np.tile([5.0, 0.0, 0.0], (len(points_mm), 1)), atol=0.5
    )


def test_a_tumour_moves_with_the_breath_as_it_does_when_followed_as_a_rigid_body(phase):
    phases = [phase(0, PLANNING), phase(5, PLANNING)]
    tumour, points_mm = ball(10.0, TUMOUR_MM)
    followed = follow_structure(tumour, phases[0], phases)
    assert followed.displacement_mm is not None, followed.reasons
    expected_mm = followed.displacement_mm[1] - followed.displacement_mm[0]
    assert np.linalg.norm(expected_mm) > 2.0
    answer = found(phases[0], phase(5, DAILY))
    moved_mm = (answer.field.moved(points_mm) - points_mm).mean(axis=0)
    assert np.linalg.norm(moved_mm - expected_mm) < 1.0
    assert answer.similarity_after > answer.similarity_before


def test_breathing_out_and_in_again_brings_the_tumour_back(phase):
    _, points_mm = ball(12.0, TUMOUR_MM)
    out, back = found(phase(0, PLANNING), phase(5, DAILY)), found(phase(5, PLANNING), phase(0, DAILY))
    away_mm = np.linalg.norm(back.daily_positions(out.daily_positions(points_mm)) - points_mm, axis=1)
    assert away_mm.mean() < 1.0


def test_a_neck_returns_to_its_place_from_one_day_to_the_other_and_back(shared_data):
    sitk = pytest.importorskip("SimpleITK", reason="NIfTI needs the extra 'formats'")
    folder = shared_data / "CV-IGRT/cv_dataset/training/H01"
    if not folder.is_dir():
        pytest.skip("the head-and-neck CTs are absent")

    def day(number, frame):
        values = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"ct_0{number}.nii.gz")))
        grid = Grid.axial(frame, values.shape, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
        return Volume(grid, values.astype(np.int16), is_hounsfield=False)

    steps = np.arange(-40.0, 41.0, 8.0)
    points_mm = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3) + HEAD_CENTRE_MM
    here_mm = points_mm
    for planned, today in ((1, 2), (2, 1)):
        planning, daily = day(planned, PLANNING), day(today, DAILY)
        rigid = register_volumes(
            prepare_planning(planning, isocentre_mm=HEAD_CENTRE_MM), daily, initial=STILL
        )
        here_mm = found(planning, daily, rigid.planning_from_daily).daily_positions(here_mm)
    assert np.linalg.norm(here_mm - points_mm, axis=1).mean() < 1.0
