"""Real patients: a thorax CT moved by a known amount, and head-and-neck CTs of three days."""

import numpy as np
import pydicom
import pytest
from virtual_cases import CONE_BEAM, ROOM_MM

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.images.volume import Volume
from isoguide.registration import MatchSettings, Region, Verdict, prepare_planning, register_volumes
from isoguide.virtual import random_displacement, simulate_daily, target_error_mm, target_points

THORAX_ISOCENTRE_MM = np.array([7.53, -234.01, -16.13])
"""Of the plan that belongs to the CT."""
HEAD_CENTRE_MM = np.array([110.0, 107.0, 150.0])
"""Inside the skulls of both head-and-neck patients."""


@pytest.fixture(scope="module")
def thorax(shared_data):
    files = sorted((shared_data / "OnkoDICOM/test/testdata/DICOM-RT-TEST").glob("CT_*.dcm"))
    if not files:
        pytest.skip("the thorax CT is absent")
    slices = sorted((pydicom.dcmread(file) for file in files), key=lambda s: float(s.ImagePositionPatient[2]))
    first, second = slices[:2]
    values = np.stack([s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices])
    row_mm, column_mm = (float(x) for x in first.PixelSpacing)
    thickness_mm = float(second.ImagePositionPatient[2]) - float(first.ImagePositionPatient[2])
    origin_mm = tuple(float(x) for x in first.ImagePositionPatient)
    grid = Grid.axial(PLANNING, values.shape, (column_mm, row_mm, thickness_mm), origin_mm)
    return Volume(grid, values.astype(np.int16))


@pytest.fixture(scope="module")
def prepared_thorax(thorax):
    return prepare_planning(thorax, isocentre_mm=THORAX_ISOCENTRE_MM)


@pytest.mark.parametrize(
    ("largest_mm", "largest_deg", "seed"), [(10.0, 3.0, 1), (30.0, 8.0, 2), (50.0, 15.0, 3)]
)
def test_a_real_thorax_is_found_where_it_was_moved(thorax, prepared_thorax, largest_mm, largest_deg, seed):
    rng = np.random.default_rng(seed)
    places = {"isocentre_mm": THORAX_ISOCENTRE_MM, "machine_isocentre_mm": ROOM_MM}
    truth = random_displacement(rng, largest_mm=largest_mm, largest_deg=largest_deg, **places)
    day = simulate_daily(thorax, truth, **places, settings=CONE_BEAM, rng=rng)
    initial = RigidTransform.translation(PLANNING, DAILY, THORAX_ISOCENTRE_MM - ROOM_MM)
    answer = register_volumes(prepared_thorax, day, initial=initial)
    assert answer.verdict is not Verdict.NOT_AVAILABLE
    error = target_error_mm(answer.planning_from_daily, truth, target_points(THORAX_ISOCENTRE_MM))
    assert error.max() < 0.5


def head_and_neck(path, frame):
    sitk = pytest.importorskip("SimpleITK", reason="NIfTI needs the extra 'formats'")
    if not path.is_file():
        pytest.skip("the head-and-neck CTs are absent")
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.int16)
    grid = Grid.axial(frame, values.shape, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    return Volume(grid, values, is_hounsfield=False)


@pytest.mark.parametrize("patient", ["training/H01", "testing/H02"])
def test_from_day_to_day_to_day_and_back_a_real_head_returns_to_its_place(shared_data, patient):
    folder = shared_data / "CV-IGRT/cv_dataset" / patient
    settings = MatchSettings(region=Region.box(HEAD_CENTRE_MM, (200.0, 200.0, 100.0)), content="bone")
    loop = np.eye(4)
    for planned, today in ((1, 2), (2, 3), (3, 1)):
        planning = head_and_neck(folder / f"ct_0{planned}.nii.gz", PLANNING)
        daily = head_and_neck(folder / f"ct_0{today}.nii.gz", DAILY)
        prepared = prepare_planning(planning, isocentre_mm=HEAD_CENTRE_MM, settings=settings)
        answer = register_volumes(prepared, daily, initial=RigidTransform.identity(PLANNING, DAILY))
        assert answer.verdict is Verdict.ACCEPT
        assert np.linalg.norm(answer.planning_from_daily.apply(HEAD_CENTRE_MM) - HEAD_CENTRE_MM) > 2.0
        loop = loop @ answer.planning_from_daily.matrix
    assert np.linalg.norm(loop[:3, :3] @ HEAD_CENTRE_MM + loop[:3, 3] - HEAD_CENTRE_MM) < 0.6
    assert rotation_angle_deg(loop[:3, :3]) < 0.5
