from dataclasses import replace

import numpy as np
import pytest
from room_parts import BLIND, day_in_room, room_of

from isoguide.geometry.frames import FIXED, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import rotation_z
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.projection.cone_beam import ConeBeamScan
from isoguide.projection.imaging_physics import ImagingPhysics
from isoguide.projection.reconstruct import ReconstructionSettings
from isoguide.virtual.kv_pair import arm_views, stereo_views
from isoguide.virtual.patient_day import PatientDay
from isoguide.virtual.physical_imager import far_apart
from isoguide.virtual.room_settings import ImagingSettings, StereoSettings

IDEAL = ImagingPhysics.ideal()
STEREO = StereoSettings(size=(160, 160), pixel_spacing_mm=1.2, physics=IDEAL)
SCAN = ConeBeamScan(
    "small",
    count=60,
    size=(120, 100),
    pixel_spacing_mm=(3.0, 3.0),
    reconstruction=ReconstructionSettings(voxel_mm=(2.0, 2.0, 2.0), size_mm=(100.0, 100.0, 80.0)),
)
BALL_MM = np.array([12.0, -7.0, 15.0])
"""Middle of a ball in planning LPS, relative to the isocentre."""


@pytest.fixture(scope="module")
def ball(pelvis):
    """A patient who is nothing but a ball of bone, so that everybody sees where he is."""
    grid = Grid.axial(PLANNING, (64, 64, 64), (1.5, 1.5, 1.5), tuple(pelvis.isocentre_mm - 47.25))
    k, j, i = np.meshgrid(*(np.arange(64),) * 3, indexing="ij")
    distance_mm = np.linalg.norm(
        grid.xyz(np.stack([i, j, k], axis=-1)) - pelvis.isocentre_mm - BALL_MM, axis=-1
    )
    values = (-1000.0 + 2000.0 * np.clip(6.5 - distance_mm / 1.5, 0.0, 1.0)).astype(np.float32)
    return replace(pelvis, anatomy=Volume(grid, values, source="ball"), structures=(), seeds=())


def centroid(values) -> np.ndarray:
    """Column and row of the middle of what is seen."""
    rows, columns = np.indices(values.shape)
    return np.array([(columns * values).sum(), (rows * values).sum()]) / values.sum()


def seen_in(radiographs) -> list[np.ndarray]:
    return [centroid(radiograph.values) for radiograph in radiographs]


def ball_in_room(room) -> np.ndarray:
    return room.truth.positions_mm(room.truth.patient.isocentre_mm + BALL_MM)


def test_the_room_mounted_tubes_look_across_the_isocentre_from_both_sides_of_the_floor():
    left, right = stereo_views(StereoSettings())
    for view in (left, right):
        assert view.frame == FIXED
        assert np.linalg.norm(view.source_mm) == pytest.approx(2240.0)
        assert view.source_detector_distance_mm == pytest.approx(3620.0)
        np.testing.assert_allclose(view.project(np.zeros((1, 3))), [[255.5, 255.5]], atol=1e-6)
        assert view.source_mm[2] < 0.0  # in the floor, the panels at the ceiling
        assert view.detector_centre_mm[2] > 0.0
    assert left.source_mm[0] == pytest.approx(-right.source_mm[0])
    assert left.source_mm @ right.source_mm == pytest.approx(0.0, abs=1e-6)  # they cross at a right angle


def test_tilted_tubes_stand_towards_the_gantry():
    for view in stereo_views(StereoSettings(tilt_deg=30.0)):
        assert view.source_mm[1] == pytest.approx(2240.0 * 0.5)
        np.testing.assert_allclose(view.project(np.zeros((1, 3))), [[255.5, 255.5]], atol=1e-6)


def test_both_tubes_see_tissue_where_their_geometry_says_it_is(ball):
    room = room_of(ball, day_in_room((5.0, -3.0, 4.0), rotation_z(2.0)), replace(BLIND, stereo=STEREO))
    pair = room.stereo_pair()
    for radiograph, seen in zip(pair, seen_in(pair), strict=True):
        assert radiograph.quantity == "line integral"
        np.testing.assert_allclose(seen, radiograph.view.project(ball_in_room(room))[0], atol=0.1)


def test_a_seed_casts_a_small_dark_shadow_where_its_middle_is(pelvis):
    stereo = StereoSettings(size=(512, 512), pixel_spacing_mm=0.4, physics=IDEAL)
    room = room_of(pelvis, day_in_room((5.0, -3.0, 4.0)), replace(BLIND, stereo=stereo))
    without = room_of(replace(pelvis, seeds=()), day_in_room((5.0, -3.0, 4.0)), replace(BLIND, stereo=stereo))
    for one, plain in zip(room.stereo_pair(), without.stereo_pair(), strict=True):
        gold = np.where(one.values - plain.values > 1.0, 1.0, 0.0)
        for seed in pelvis.fiducials:
            column, row = one.view.project(room.truth.positions_mm(seed.position_mm))[0]
            left, top = round(column) - 14, round(row) - 14
            shadow = gold[top : top + 29, left : left + 29]
            np.testing.assert_allclose(centroid(shadow) + (left, top), (column, row), atol=0.4)
            # 5 mm × 1 mm, magnified 1.6 times, on pixels of 0.4 mm: 80 pixels where seen from the side.
            assert 30 < shadow.sum() < 95


def test_tubes_that_are_off_show_the_patient_off_to_the_other_side(ball):
    off_mm = (2.0, -3.0, 1.0)
    stereo = replace(STEREO, isocentre_offset_mm=off_mm)
    room = room_of(ball, day_in_room((5.0, -3.0, 4.0)), replace(BLIND, stereo=stereo))
    pair = room.stereo_pair()
    for radiograph, seen in zip(pair, seen_in(pair), strict=True):
        expected = radiograph.view.project(ball_in_room(room) - off_mm)[0]
        np.testing.assert_allclose(seen, expected, atol=0.1)


def test_the_kv_arm_turns_to_its_angles_and_sags_with_them(ball):
    imaging = ImagingSettings(
        image=BLIND.imaging.image,
        scan=SCAN,
        radiography=IDEAL,
        radiograph_pixel_mm=2.0,
        isocentre_offset_mm=(1.0, 0.0, 0.0),
        sag_mm=2.0,
    )
    room = room_of(ball, day_in_room((5.0, -3.0, 4.0)), replace(BLIND, imaging=imaging))
    pair = room.arm_pair((0.0, 90.0))
    assert room.machine.kv_source_deg == 90.0
    assert room.clock.seconds == pytest.approx((90.0 + 90.0) / 60.0)  # it stood at 90° when the room was made
    for angle_off_mm, radiograph, seen in zip(
        ([1.0, 2.0, 0.0], [1.0, 0.0, 0.0]), pair, seen_in(pair), strict=True
    ):
        expected = radiograph.view.project(ball_in_room(room) - np.array(angle_off_mm))[0]
        np.testing.assert_allclose(seen, expected, atol=0.1)


def test_the_panel_of_the_arm_is_that_of_the_scan_in_small_square_pixels():
    scan = replace(SCAN, pixel_spacing_mm=(2.0, 3.0), size=(100, 40))
    settings = ImagingSettings(scan=scan, radiograph_pixel_mm=0.5)
    first, second = arm_views(settings, (0.0, 90.0))
    assert first.size == second.size == (400, 240)
    np.testing.assert_allclose(first.source_mm, [0.0, 0.0, 1000.0], atol=1e-9)
    np.testing.assert_allclose(second.source_mm, [1000.0, 0.0, 0.0], atol=1e-9)


class MovingDay(PatientDay):
    """Half of the time the anatomy is as planned, the other half 6 mm further left, in turns of 1.65 s."""

    @property
    def is_still(self) -> bool:
        return False

    def moment(self, seconds: float):
        still = super().moment(seconds)
        return still if seconds % 3.3 < 1.65 else replace(still, field=six_mm_left())


def six_mm_left() -> DisplacementField:
    grid = Grid.axial(PLANNING, (2, 2, 2), (900.0, 900.0, 900.0), (-450.0, -700.0, -450.0))
    vectors = np.zeros((2, 2, 2, 3), dtype=np.float32)
    vectors[..., 0] = 6.0
    return DisplacementField(grid, vectors)


def test_few_states_stand_for_many_and_the_farthest_come_first():
    along = np.array([0.0, 0.05, 0.1, 4.0, 10.0, 4.02, 9.9])
    positions = np.stack([along, np.zeros(7), np.zeros(7)], axis=-1)[:, None]
    assert far_apart(positions, 2) == ([0, 4], [0, 0, 0, 0, 1, 0, 1])
    assert far_apart(positions, 99) == ([0, 4, 5], [0, 0, 0, 2, 1, 2, 1])
    assert far_apart(positions[:3], 99) == ([0], [0, 0, 0])


def reconstructed(room):
    pytest.importorskip("itk", reason="the reconstruction toolkit is not installed")
    image = room.room.imager.acquire()
    values = np.clip(image.volume.values.astype(float) + 500.0, 0.0, None)
    k, j, i = np.indices(values.shape)
    ijk = np.array([(axis * values).sum() for axis in (i, j, k)]) / values.sum()
    return image, image.volume.grid.xyz(ijk)


def physical_room(ball, day, **imaging):
    settings = replace(BLIND.imaging, model="physical", scan=SCAN, physics=IDEAL, **imaging)
    return room_of(ball, day, replace(BLIND, imaging=settings))


def test_a_physical_cone_beam_ct_shows_the_patient_where_an_imager_that_is_off_sees_him(ball):
    off = {"isocentre_offset_mm": (1.0, -2.0, 1.5), "origin_mm": (3.0, -5.0, 7.0)}
    room = physical_room(ball, day_in_room((5.0, -3.0, 4.0), rotation_z(2.0)), **off)
    image, seen_mm = reconstructed(room)
    assert image.model == "physical cone beam"
    truth = room.planning_from_daily(0.0).inverse()
    np.testing.assert_allclose(seen_mm, truth.apply(ball.isocentre_mm + BALL_MM), atol=0.2)


def test_a_patient_who_moves_during_the_scan_is_shown_in_between(ball):
    day = MovingDay(1, day_in_room((0.0, 0.0, 0.0)).displacement)
    room = physical_room(ball, day, moments=7)
    _, seen_mm = reconstructed(room)
    still = room.planning_from_daily(0.0).inverse()
    shift_mm = seen_mm - still.apply(ball.isocentre_mm + BALL_MM)
    np.testing.assert_allclose(shift_mm, [3.0, 0.0, 0.0], atol=0.7)


def test_the_image_domain_model_blurs_a_patient_who_moves_over_all_his_moments(ball):
    image = BLIND.imaging.image.with_changes(shape=(20, 40, 60), spacing_mm=(2.0, 2.0, 4.0))
    day = MovingDay(1, day_in_room((0.0, 0.0, 0.0)).displacement)
    settings = replace(BLIND, imaging=replace(BLIND.imaging, image=image, moments=60))
    room = room_of(ball, day, settings)
    volume = room.room.imager.acquire().volume
    values = volume.values.astype(float) + 1000.0
    seen_mm = (
        values.sum(axis=(0, 1)) * volume.grid.xyz(np.array([[i, 0, 0] for i in range(60)]))[:, 0]
    ).sum()
    still = room.planning_from_daily(0.0).inverse()
    expected_mm = still.apply(ball.isocentre_mm + BALL_MM)[0] + 3.0
    assert seen_mm / values.sum() == pytest.approx(expected_mm, abs=0.9)
