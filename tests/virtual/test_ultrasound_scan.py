"""Where a tracked probe is, where it is taken to be, and what it does to the tissue."""

from dataclasses import replace

import numpy as np
import pytest

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import FIXED, PLANNING, ULTRASOUND_IMAGE
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_z
from isoguide.virtual import Phantom
from isoguide.virtual.acoustics import OUTSIDE, AcousticTissue, acoustic_tissue
from isoguide.virtual.probe_tracking import TrackingErrors
from isoguide.virtual.ultrasound_probe import UltrasoundProbe
from isoguide.virtual.ultrasound_reference import aim_mm
from isoguide.virtual.ultrasound_scan import (
    ProbePressure,
    perineal_pose,
    rocked,
    suprapubic_pose,
    sweep_of,
    swept_by_hand,
    touching_share,
)

MIDDLE = RigidTransform.from_parts(PLANNING, ULTRASOUND_IMAGE, rotation_z(30.0), np.array([1.0, 2.0, 3.0]))
PROBE = UltrasoundProbe(lines=32, depth_mm=60.0, pixel_mm=2.0)


def moving_along_x(count: int) -> list[RigidTransform]:
    return [
        RigidTransform.translation(PLANNING, ULTRASOUND_IMAGE, (float(number), 0.0, 0.0))
        for number in range(count)
    ]


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


class TestPoses:
    def test_a_motor_turns_the_array_about_an_axis_behind_its_face(self) -> None:
        poses = rocked(MIDDLE, 40.0, 5, 20.0)
        axis_mm = MIDDLE.apply(np.array([0.0, -20.0, 0.0]))
        for pose in poses:
            np.testing.assert_allclose(pose.apply(np.array([0.0, -20.0, 0.0])), axis_mm, atol=1e-9)
        angles = [
            np.rad2deg(np.arccos(np.clip(p.rotation[:, 1] @ MIDDLE.rotation[:, 1], -1, 1))) for p in poses
        ]
        np.testing.assert_allclose(angles, [20.0, 10.0, 0.0, 10.0, 20.0], atol=1e-5)
        # At an angle θ a point d below the face moves across the plane by (20 + d) sin θ.
        across = MIDDLE.inverse().apply(poses[-1].apply(np.array([0.0, 80.0, 0.0])))
        assert abs(across[..., 2]) == pytest.approx(100.0 * np.sin(np.deg2rad(20.0)))

    def test_a_hand_trembles_as_much_as_is_said(self) -> None:
        even = rocked(MIDDLE, 60.0, 400, 0.0)
        hand = swept_by_hand(MIDDLE, 60.0, 400, rng=rng(), tremor_mm=0.5, tremor_deg=1.0)
        apart = [one.inverse() @ other for one, other in zip(even, hand, strict=True)]
        shifts = np.array([one.translation_mm for one in apart])
        assert shifts.std() == pytest.approx(0.5, rel=0.25)
        # Neighbours move alike: a hand does not jump.
        assert np.abs(np.diff(shifts, axis=0)).max() < 0.5

    @pytest.mark.parametrize(("sweep_deg", "frames"), [(0.0, 10), (40.0, 1)])
    def test_an_impossible_sweep_is_refused(self, sweep_deg: float, frames: int) -> None:
        with pytest.raises(InputError, match="of the ultrasound sweep"):
            rocked(MIDDLE, sweep_deg, frames, 20.0)


class TestOnThePatient:
    def test_on_the_perineum_the_probe_looks_up_at_the_prostate(self, pelvis: Phantom) -> None:
        tissue, aim = acoustic_tissue(pelvis), aim_mm(pelvis)
        pose = perineal_pose(tissue, aim, PROBE)
        on_image = pose.inverse().apply(aim)
        np.testing.assert_allclose(on_image[..., [0, 2]], 0.0, atol=1e-6)
        assert 40.0 < on_image[..., 1] < 130.0
        assert pose.rotation[2, 1] > 0.8  # depth grows towards the head
        assert pose.rotation[1, 0] < -0.8  # columns grow to the front
        assert touching_share(tissue, PROBE, pose) > 0.6

    def test_above_the_pubic_bone_it_looks_back_and_down(self, pelvis: Phantom) -> None:
        pose = suprapubic_pose(acoustic_tissue(pelvis), aim_mm(pelvis))
        assert pose.rotation[1, 1] > 0.7
        assert pose.rotation[2, 1] < -0.3
        assert pose.rotation[0, 0] > 0.99  # columns grow to his left

    def test_a_ct_that_ends_above_the_perineum_is_refused(self, pelvis: Phantom) -> None:
        tissue = acoustic_tissue(pelvis)
        kept = int((aim_mm(pelvis)[2] - 40.0 - tissue.grid.origin_mm[2]) / tissue.grid.spacing_mm[2])
        origin_mm = tissue.grid.origin_mm + np.array([0.0, 0.0, kept * tissue.grid.spacing_mm[2]])
        materials = np.ascontiguousarray(tissue.materials[kept:])
        grid = replace(tissue.grid, shape=materials.shape, origin_mm=origin_mm)
        with pytest.raises(InputError, match="ends before the skin of the perineum"):
            perineal_pose(AcousticTissue(grid, materials), aim_mm(pelvis), PROBE)

    def test_a_patient_without_a_prostate_is_refused(self, thorax: Phantom) -> None:
        with pytest.raises(InputError, match="no structure 'Prostate'"):
            aim_mm(thorax)

    def test_a_probe_away_from_the_skin_does_not_touch(self, pelvis: Phantom) -> None:
        tissue = acoustic_tissue(pelvis)
        pose = perineal_pose(tissue, aim_mm(pelvis), PROBE)
        away = pose @ RigidTransform.translation(ULTRASOUND_IMAGE, ULTRASOUND_IMAGE, (0.0, -40.0, 0.0))
        assert touching_share(tissue, PROBE, away) == 0.0


class TestTracking:
    def test_without_errors_it_says_what_is(self) -> None:
        poses = moving_along_x(4)
        for said, true in zip(TrackingErrors().said(poses, np.arange(4) * 0.1, rng()), poses, strict=True):
            np.testing.assert_allclose(said.matrix, true.matrix, atol=1e-12)

    def test_an_error_of_calibration_goes_with_the_image_and_one_of_the_room_does_not(self) -> None:
        turned = RigidTransform.from_parts(PLANNING, ULTRASOUND_IMAGE, rotation_z(90.0), np.zeros(3))
        errors = TrackingErrors(calibration_mm=(2.0, 0.0, 0.0), room_mm=(0.0, 0.0, 3.0))
        (said,) = errors.said([turned], np.zeros(1), rng())
        # x of the image is y of the patient.
        np.testing.assert_allclose(said.translation_mm, [0.0, 2.0, 3.0], atol=1e-9)

    def test_a_delay_says_where_the_probe_was_before(self) -> None:
        said = TrackingErrors(delay_s=0.05).said(moving_along_x(5), np.arange(5) * 0.1, rng())
        # 10 mm/s: half a millimetre behind; before the first image it did not move.
        np.testing.assert_allclose([one.translation_mm[0] for one in said], [0.0, 0.5, 1.5, 2.5, 3.5])

    def test_noise_is_as_large_as_said(self) -> None:
        poses = [MIDDLE] * 500
        said = TrackingErrors(noise_mm=0.3, noise_deg=0.2).said(poses, np.arange(500) * 0.1, rng())
        off = [MIDDLE.inverse() @ one for one in said]
        assert np.array([one.translation_mm for one in off]).std() == pytest.approx(0.3, rel=0.1)
        assert np.mean([one.angle_deg**2 for one in off]) == pytest.approx(3 * 0.2**2, rel=0.15)

    def test_an_impossible_error_is_refused(self) -> None:
        with pytest.raises(InputError, match="noise_mm of the tracking"):
            TrackingErrors(noise_mm=-1.0)


class TestPressure:
    def test_tissue_is_pushed_at_the_face_and_hardly_at_the_target(self) -> None:
        pressure = ProbePressure(np.zeros(3), np.array([0.0, 1.0, 0.0]), 4.0)
        here = np.array([[0.0, 0.0, 0.0], [0.0, 30.0, 0.0], [0.0, 100.0, 0.0]])
        pushed_mm = (here - pressure.origin_of(here))[:, 1]
        # exp(-0.5), and exp(-0.5 (100/30)²).
        np.testing.assert_allclose(pushed_mm, [4.0, 4.0 * 0.60653, 4.0 * 0.003866], rtol=1e-3)

    def test_too_much_is_refused(self) -> None:
        with pytest.raises(InputError, match="press_mm"):
            ProbePressure(np.zeros(3), np.array([0.0, 1.0, 0.0]), 40.0)


class TestSweep:
    TISSUE = AcousticTissue(
        Grid.axial(PLANNING, (20, 40, 40), (2.0, 2.0, 2.0), (-40.0, 0.0, -20.0)),
        np.full((20, 40, 40), 5, dtype=np.uint8),
    )

    def test_images_carry_what_the_tracking_says_and_the_times(self) -> None:
        errors = TrackingErrors(room_mm=(0.0, 0.0, 1.5))
        at_s = np.array([0.0, 0.1, 0.3])
        sweep = sweep_of(self.TISSUE, PROBE, moving_along_x(3), at_s=at_s, rng=rng(), tracking=errors)
        np.testing.assert_array_equal(sweep.at_s, at_s)
        places = [image.frame_from_image.translation_mm for image in sweep.images]
        np.testing.assert_allclose(places, [[0.0, 0.0, 1.5], [1.0, 0.0, 1.5], [2.0, 0.0, 1.5]], atol=1e-9)

    def test_what_is_seen_is_where_the_probe_truly_is(self) -> None:
        same = {"at_s": np.zeros(1), "tracking": TrackingErrors(room_mm=(5.0, 0.0, 0.0))}
        off = sweep_of(self.TISSUE, PROBE, moving_along_x(1), rng=rng(), **same).images[0]
        right = sweep_of(self.TISSUE, PROBE, moving_along_x(1), rng=rng(), at_s=np.zeros(1)).images[0]
        np.testing.assert_array_equal(off.values, right.values)

    def test_a_pose_in_the_room_needs_the_patient_in_the_room(self) -> None:
        pose = RigidTransform.identity(FIXED, ULTRASOUND_IMAGE)
        with pytest.raises(GeometryError, match="nothing says where the patient lies"):
            sweep_of(self.TISSUE, PROBE, [pose], at_s=np.zeros(1), rng=rng())

    def test_each_pose_needs_its_time(self) -> None:
        with pytest.raises(GeometryError, match="2 poses and 3 times"):
            sweep_of(self.TISSUE, PROBE, moving_along_x(2), at_s=np.zeros(3), rng=rng())

    def test_outside_is_what_no_probe_touches(self) -> None:
        empty = AcousticTissue(self.TISSUE.grid, np.full((20, 40, 40), OUTSIDE, dtype=np.uint8))
        assert touching_share(empty, PROBE, moving_along_x(1)[0]) == 0.0
