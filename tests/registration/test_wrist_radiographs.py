"""A real wrist in a calibrated pair of radiographs: cameras of another program, bones cut out of a CT.

There is no true pose. What is known: beads on the skin appear in both images, a person sees the tips of the
styloid processes, and a view that took no part in a match has to show the bone where the match says.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph
from isoguide.images.volume import Volume
from isoguide.registration import Verdict, prepare_radiographs, register_radiographs
from isoguide.workflow.radiographs.camera_file import load_camera
from isoguide.workflow.radiographs.import_cameras import CameraImport, import_cameras

BEADS_PX = np.array(
    [
        [[778.7, 1318.7], [895.6, 1381.0]],
        [[805.0, 1339.9], [877.4, 1400.8]],
        [[764.1, 1349.7], [892.0, 1412.1]],
        [[796.1, 1371.7], [879.0, 1434.2]],
        [[765.6, 1374.1], [888.0, 1437.2]],
        [[787.8, 1396.8], [880.3, 1460.2]],
        [[938.9, 1413.7], [601.8, 1423.6]],
        [[947.0, 1416.9], [621.9, 1432.2]],
        [[944.6, 1454.6], [599.3, 1465.2]],
        [[949.1, 1455.0], [617.0, 1470.7]],
        [[945.1, 1479.7], [593.6, 1489.8]],
        [[951.9, 1480.5], [620.1, 1497.9]],
    ]
)
"""Middles of the same bead in both images, columns and rows: six on either side of the forearm."""

VOXEL_MM = np.array([0.39625, 0.39625, 0.625])
"""As Autoscoper states it for this sample."""
ENLARGED = 4.0
"""The engine's voxels, patches and reach are made for a trunk: the wrist is shown four times as large."""
DETECTOR_MM = 1600.0


@dataclass(frozen=True)
class Bone:
    """File, where it lies by eye (calibration object, mm and rotation vector), and what a person sees.

    ``tip_px`` is the tip of the styloid process in the second image, the end of the bone towards the hand.
    """

    file: str
    centre_mm: tuple[float, float, float]
    turned_deg: tuple[float, float, float]
    tip_px: tuple[float, float]


RADIUS = Bone("rad", (110, 160, 90), (0, -175, -5), (635, 1147))
ULNA = Bone("uln", (115, 160, 115), (-10, 110, -5), (899, 1222))


@pytest.fixture(scope="module")
def sample(shared_data):
    pytest.importorskip("SimpleITK", reason="TIFF needs the extra 'formats'")
    folder = shared_data / "Autoscoper" / "sample_data"
    if not folder.is_dir():
        pytest.skip("the biplane wrist is absent")
    return folder


def cameras(sample):
    return tuple(sample / "Calibration" / f"xr_calib_wrist_cam0{number}.txt" for number in (1, 2))


def rays(view, pixels):
    directions = view.pixel_mm(pixels) - view.source_mm
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def largest_gap_mm(first, second, pixels):
    """Return how far the rays of one bead in both views pass each other, the worst of all beads."""
    across = np.cross(rays(first, pixels[:, 0]), rays(second, pixels[:, 1]))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.abs(across @ (second.source_mm - first.source_mm)).max()


@pytest.fixture(scope="module")
def views(sample):
    return [load_camera(path).view(unit_mm=1.0, source_detector_mm=DETECTOR_MM) for path in cameras(sample)]


class TestCameras:
    def test_the_rays_of_twelve_beads_on_the_skin_cross_within_a_tenth_of_a_millimetre(self, views):
        assert largest_gap_mm(*views, BEADS_PX) < 0.1
        # Rows counted from below instead of from above: the rays miss each other.
        from_below = BEADS_PX * [1.0, -1.0] + [0.0, 1759.0]
        assert largest_gap_mm(*views, from_below) > 5.0

    def test_what_lies_straight_ahead_appears_where_the_file_puts_the_principal_point(self, views):
        for view, principal in zip(
            views, [(803.741292437, 865.698104164), (904.484800922, 894.238444813)], strict=True
        ):
            ahead = view.source_mm + 900.0 * view.normal
            np.testing.assert_allclose(view.project(ahead[None])[0], principal, atol=1e-6)


def load_bone(sample, bone):
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    stored = sitk.GetArrayFromImage(sitk.ReadImage(str(sample / "Models" / f"{bone.file}_dcm_cropped.tif")))
    values = stored.astype(np.int16) - np.int16(1024)
    middle = (np.array(values.shape[::-1]) - 1.0) / 2.0
    grid = Grid(PLANNING, values.shape, ENLARGED * VOXEL_MM, -ENLARGED * VOXEL_MM * middle, np.eye(3))
    return Volume(grid, values)


def enlarged(read):
    view = read.view
    across, down = view.pixel_spacing_mm
    large = XrayView(
        view.frame,
        ENLARGED * view.source_mm,
        ENLARGED * view.detector_centre_mm,
        view.row_direction,
        view.column_direction,
        (ENLARGED * across, ENLARGED * down),
        view.size,
    )
    return Radiograph(large, read.radiograph.values, read.radiograph.quantity)


@pytest.fixture(scope="module", params=[RADIUS, ULNA], ids=["radius", "ulna"])
def case(request, sample, tmp_path_factory):
    """Return a bone, its volume and the pair, all in the bone's coordinates where it lies by eye."""
    bone = request.param
    folder = tmp_path_factory.mktemp(bone.file)
    turned = Rotation.from_rotvec(bone.turned_deg, degrees=True) * Rotation.from_euler("x", -90, degrees=True)
    placement = np.eye(4)
    placement[:3, :3] = turned.as_matrix().T
    placement[:3, 3] = -placement[:3, :3] @ bone.centre_mm
    np.savetxt(folder / "placement.txt", placement)
    names = [f"xr_data_wrist_cam0{n}/xr_rad_uln_cam0{n}_UND.0099.tif" for n in (1, 2)]
    asked = CameraImport(
        cameras(sample),
        tuple(sample / "XMA_UND" / name for name in names),
        folder / "placement.txt",
        unit_mm=1.0,
        source_detector_mm=DETECTOR_MM,
        quantity="intensity",
    )
    pair = [enlarged(read) for read in import_cameras(asked, folder / "views.json")]
    return bone, load_bone(sample, bone), pair


def matched(volume, images):
    prepared = prepare_radiographs(volume, isocentre_mm=np.zeros(3), views=[image.view for image in images])
    return register_radiographs(prepared, images)


@pytest.fixture(scope="module")
def both(case):
    return matched(case[1], case[2])


def test_the_bone_is_found_and_a_person_has_to_look_at_it(both):
    # Other bones hide parts of it, so that the match is never taken without a look.
    assert both.verdict is Verdict.REVIEW


def test_the_tip_of_the_styloid_process_appears_where_a_person_sees_it(case, both):
    bone, volume, images = case
    solid = np.argwhere(volume.values > 300)
    tip = volume.grid.xyz(solid[solid[:, 0] == solid[:, 0].min()].mean(axis=0)[::-1])
    found = both.planning_from_daily.inverse().apply(tip)
    # 8 pixels are 1.5 mm at the wrist: what reading by eye is good for.
    np.testing.assert_allclose(images[1].view.project(found[None])[0], bone.tip_px, atol=8.0)


def test_the_second_view_alone_says_where_the_first_one_shows_the_bone(case, both):
    _, volume, images = case
    alone = matched(volume, images[1:]).without_depth
    answer = both.planning_from_daily.inverse()
    own, left_out = images[1].view, images[0].view
    depth = alone.depth_direction
    along_row = own.row_direction - depth * (depth @ own.row_direction)
    along_row /= np.linalg.norm(along_row)
    along_column = np.cross(depth, along_row)
    along_column *= np.sign(along_column @ own.column_direction)
    shift = alone.shift_mm @ [along_row, along_column] + depth * (depth @ answer.translation_mm)
    compact = volume.grid.xyz(np.argwhere(volume.values > 1000)[::200, ::-1].astype(float))
    off_px = left_out.project(compact @ alone.rotation.T + shift) - left_out.project(answer.apply(compact))
    source_mm = np.linalg.norm(left_out.source_mm) / ENLARGED
    mm_per_px = left_out.pixel_spacing_mm[0] / ENLARGED * source_mm / DETECTOR_MM
    assert np.sqrt((off_px**2).sum(axis=1).mean()) * mm_per_px < 0.8
