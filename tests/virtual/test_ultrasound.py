"""Ultrasound of simple tissues whose echoes a textbook predicts, and of a virtual patient."""

from dataclasses import replace

import numpy as np
import pytest
from room_parts import five_mm_too_far_left, room_of
from scipy import stats

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import FIXED, PLANNING, ULTRASOUND_IMAGE
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.transforms import RigidTransform, rotation_z
from isoguide.images.displacement_field import DisplacementField
from isoguide.virtual.acoustics import (
    BONE,
    FAT,
    FLUID,
    GAS,
    KIDNEY,
    LIVER,
    MATERIALS,
    OUTSIDE,
    PROSTATE,
    SOFT,
    AcousticTissue,
    acoustic_tissue,
)
from isoguide.virtual.tracked_ultrasound import tracked_ultrasound
from isoguide.virtual.ultrasound import REFLECTION_DB, scan_lines, simulate_ultrasound
from isoguide.virtual.ultrasound_probe import UltrasoundProbe, probe_on_skin, probe_pose

# A block of tissue: x 100 mm, y (depth) 90 mm, z 24 mm; the probe looks along y from the middle of its face.
GRID = Grid.axial(PLANNING, (12, 90, 100), (1.0, 1.0, 2.0), (-49.5, 0.5, -11.0))
PROBE = UltrasoundProbe(depth_mm=80.0, fan_deg=40.0, lines=160, noise_db=-150.0)
POSE = RigidTransform.identity(PLANNING, ULTRASOUND_IMAGE)


def block(material=LIVER):
    return np.full(GRID.shape, material, dtype=np.uint8)


def lines_of(materials, probe=PROBE, pose=POSE, seed=1):
    return scan_lines(AcousticTissue(GRID, materials), probe, pose, rng=np.random.default_rng(seed))


def level_db(amplitude):
    return 20.0 * np.log10(np.sqrt(np.mean(np.square(amplitude))))


def between(lines, low_mm, high_mm):
    return lines.amplitude[:, (lines.depths_mm > low_mm) & (lines.depths_mm < high_mm)]


def test_the_amplitude_of_speckle_is_rayleigh_distributed():
    # Mean over standard deviation of a Rayleigh distribution: sqrt(π / (4 - π)) = 1.913 (Wagner 1983).
    lines = lines_of(block(SOFT), replace(PROBE, lines=512))
    # Samples a resolution cell apart are independent.
    independent = lines.amplitude[10:-10:25, 20::14].ravel() * 10.0 ** (-MATERIALS[SOFT].brightness_db / 20.0)
    assert np.sqrt(np.mean(independent**2)) == pytest.approx(1.0, abs=0.06)
    assert independent.mean() / independent.std() == pytest.approx(1.913, abs=0.12)
    assert stats.kstest(independent, stats.rayleigh(scale=np.sqrt(0.5)).cdf).pvalue > 0.01


def test_resolution_along_and_across_the_beam_is_that_of_pulse_and_aperture():
    amplitude_squared = np.square(lines_of(block(), replace(PROBE, lines=512)).amplitude).astype(np.float64)
    depth_mm = 60.0
    probe = replace(PROBE, lines=512)
    row = round(depth_mm / 0.15)
    # Speckle intensity correlates as the squared autocorrelation of the point spread function (Wagner 1983):
    # for a Gaussian of full width w at half maximum it falls to one half at a shift of w / 2.
    for axis, step_mm, width_mm in (
        (1, 0.15, 1.5 * probe.wavelength_mm),
        (
            0,
            np.deg2rad(40.0) / 511 * (probe.radius_mm + depth_mm),
            1.2 * probe.wavelength_mm * depth_mm / probe.aperture_mm,
        ),
    ):
        area = amplitude_squared[:, row - 60 : row + 60]
        area = np.moveaxis(area - area.mean(), axis, 0)
        lags = range(round(2.0 * width_mm / step_mm))
        correlation = np.array([np.mean(area[: len(area) - lag] * area[lag:]) for lag in lags])
        correlation /= correlation[0]
        half_mm = np.interp(-0.5, -correlation, np.array(lags) * step_mm)
        assert half_mm == pytest.approx(width_mm / 2.0, rel=0.15)


@pytest.mark.parametrize(("material", "frequency_mhz"), [(LIVER, 3.5), (KIDNEY, 3.5), (KIDNEY, 5.0)])
def test_echoes_fade_by_twice_the_attenuation_against_the_gain_for_average_tissue(material, frequency_mhz):
    lines = lines_of(block(material), replace(PROBE, frequency_mhz=frequency_mhz))
    fall_db = level_db(between(lines, 10.0, 14.0)) - level_db(between(lines, 60.0, 64.0))
    expected = 2.0 * 5.0 * frequency_mhz * (MATERIALS[material].attenuation_db_cm_mhz - 0.54)
    assert fall_db == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("material", [BONE, GAS])
def test_bone_and_gas_throw_a_shadow_and_show_a_bright_face(material):
    materials = block()
    materials[:, 30:40, 40:60] = material
    lines = lines_of(materials, replace(PROBE, noise_db=-75.0))
    middle, side = lines.amplitude[80], lines.amplitude[10]
    behind = lines.depths_mm > 50.0
    assert level_db(middle[behind]) < level_db(side[behind]) - 25.0
    assert lines.depths_mm[np.argmax(middle)] == pytest.approx(30.0, abs=1.0)
    assert 20.0 * np.log10(middle.max()) > 20.0


def test_fluid_is_black_and_what_lies_behind_is_brighter():
    materials = block()
    materials[:, 20:45, 35:65] = FLUID
    lines = lines_of(materials)
    behind, beside = lines.amplitude[75:85], lines.amplitude[5:15]
    at = (lines.depths_mm > 55.0) & (lines.depths_mm < 75.0)
    # 25 mm without 0.5 dB/cm/MHz, there and back at 3.5 MHz.
    assert level_db(behind[:, at]) - level_db(beside[:, at]) == pytest.approx(8.7, abs=2.0)
    inside = (lines.depths_mm > 25.0) & (lines.depths_mm < 40.0)
    assert level_db(behind[:, inside]) < -30.0


def test_reflectivities_of_boundaries_are_those_of_the_textbook():
    # Table 11.3 of Medical Imaging Systems (Springer 2018): share of the intensity that is reflected.
    def reflected(one, other):
        z1, z2 = MATERIALS[one].impedance_mrayl, MATERIALS[other].impedance_mrayl
        return ((z2 - z1) / (z2 + z1)) ** 2

    assert reflected(FAT, SOFT) == pytest.approx(0.01, abs=0.002)
    assert reflected(FAT, KIDNEY) == pytest.approx(0.006, abs=0.001)
    assert reflected(SOFT, GAS) == pytest.approx(0.999, abs=0.001)
    assert reflected(PROSTATE, FLUID) == pytest.approx(0.0025, abs=0.0005)


def test_a_boundary_met_squarely_echoes_as_its_impedances_say_and_a_slanted_one_less():
    flat = block()
    flat[:, 40:, :] = FAT
    echo = lines_of(flat).amplitude[70:90].mean(axis=0)
    reflection = (MATERIALS[LIVER].impedance_mrayl - MATERIALS[FAT].impedance_mrayl) / (
        MATERIALS[LIVER].impedance_mrayl + MATERIALS[FAT].impedance_mrayl
    )
    assert 20.0 * np.log10(echo.max()) == pytest.approx(REFLECTION_DB + 20.0 * np.log10(reflection), abs=3.0)
    slanted = block()
    x, y = np.meshgrid(np.arange(100) - 50, np.arange(90) - 40)
    slanted[:, y > x] = FAT
    assert lines_of(slanted).amplitude[70:90].mean(axis=0).max() < 0.4 * echo.max()


def test_a_bright_point_is_found_where_it_is_in_patient_and_room():
    point_mm = np.array([8.0, 45.0, 1.0])
    materials = block(SOFT)
    i, j, k = np.rint(GRID.index(point_mm)).astype(int)
    materials[k, j : j + 2, i] = BONE
    centre_mm = GRID.xyz(np.array([i, j, k]))
    tilted = probe_pose(np.array([3.0, 4.0, 1.0]), np.array([0.1, 1.0, 0.0]), np.array([1.0, 0.0, 0.0]))
    in_room = fixed_from_planning("HFS", (1.0, 2.0, 3.0))
    for pose, to_room in ((tilted, None), (in_room @ tilted, in_room)):
        image = simulate_ultrasound(
            AcousticTissue(GRID, materials),
            PROBE,
            pose,
            rng=np.random.default_rng(0),
            frame_from_planning=to_room,
        )
        deep = image.values.copy()
        deep[: round(20.0 / PROBE.pixel_mm)] = 0
        row, column = np.argwhere(deep == deep.max()).mean(axis=0)
        found_mm = image.xyz_mm([[column, row]])[0]
        expected_mm = centre_mm if to_room is None else in_room.apply(centre_mm)
        assert np.linalg.norm(found_mm - expected_mm) < 1.8
        assert image.frame == (PLANNING if to_room is None else FIXED)


def test_speckle_moves_with_the_tissue():
    still = lines_of(block()).amplitude
    # The probe moves 3 mm deeper, 20 samples: the same tissue comes 20 samples earlier on the middle line.
    deeper = RigidTransform.translation(PLANNING, ULTRASOUND_IMAGE, (0.0, 3.0, 0.0))
    moved = lines_of(block(), pose=deeper).amplitude
    line = PROBE.lines // 2
    windows = slice(100, 200)
    matched = np.corrcoef(still[line, 120:220], moved[line, windows])[0, 1]
    assert matched > 0.9
    assert abs(np.corrcoef(still[line, windows], moved[line, windows])[0, 1]) < 0.5
    # The same by a displaced patient: tissue 3 mm nearer to the probe.
    nodes = Grid.axial(PLANNING, (2, 2, 2), (200.0, 200.0, 200.0), (-100.0, -100.0, -100.0))
    field = DisplacementField(nodes, np.full((2, 2, 2, 3), (0.0, -3.0, 0.0), dtype=np.float32))
    tissue = AcousticTissue(GRID, block())
    displaced = scan_lines(tissue, PROBE, POSE, rng=np.random.default_rng(2), field=field).amplitude
    assert np.corrcoef(displaced[line, windows], moved[line, windows])[0, 1] > 0.99


def test_an_image_repeats_with_its_seed_and_only_noise_changes_with_the_generator():
    noisy = replace(PROBE, noise_db=-40.0)
    first, again, other = (lines_of(block(), noisy, seed=seed).amplitude for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    elsewhere = scan_lines(AcousticTissue(GRID, block(), 5), PROBE, POSE, rng=np.random.default_rng(1))
    assert abs(np.corrcoef(elsewhere.amplitude[80], lines_of(block()).amplitude[80])[0, 1]) < 0.3


def test_gel_fills_a_small_gap_and_air_in_a_large_one_blinds_the_line():
    materials = block()
    materials[:, :6, 40:60] = OUTSIDE
    materials[:, :30, :30] = OUTSIDE
    lines = lines_of(materials)
    at = (lines.depths_mm > 20.0) & (lines.depths_mm < 30.0)
    # 6 mm of gel weaken the echoes 2 dB less than tissue would.
    assert level_db(lines.amplitude[72:88, at]) == pytest.approx(2.8, abs=2.0)
    assert level_db(lines.amplitude[0, at]) < -20.0


def test_through_the_full_bladder_the_prostate_is_seen_behind_it(pelvis):
    tissue = acoustic_tissue(pelvis)
    aim_mm = pelvis.isocentre_mm + (0.0, 0.0, 8.0)
    pose = probe_on_skin(tissue, aim_mm, (0.0, -0.75, 0.65), (1.0, 0.0, 0.0), press_mm=8.0)
    probe = replace(UltrasoundProbe.abdominal(), lines=160)
    image = simulate_ultrasound(tissue, probe, pose, rng=np.random.default_rng(1))
    pixels, off_plane_mm = image.pixels(aim_mm)
    assert abs(off_plane_mm[0]) < 1e-6
    assert 60.0 < pixels[0, 1] * probe.pixel_mm < 150.0

    def brightness(organ):
        points = pelvis.structure(organ).points_mm
        places, off = image.pixels(points)
        near = places[np.abs(off) < 4.0]
        column, row = np.rint(near.mean(axis=0)).astype(int)
        return image.values[row - 5 : row + 6, column - 5 : column + 6].mean()

    assert brightness("Bladder") < 25.0
    assert brightness("Prostate") > 90.0


def test_a_probe_finds_the_skin_or_says_why_not(pelvis):
    tissue = acoustic_tissue(pelvis)
    pose = probe_on_skin(tissue, pelvis.isocentre_mm, (0.0, -1.0, 0.0), (1.0, 0.0, 0.0), press_mm=0.0)
    skin = next(mark for mark in pelvis.marks if mark.name == "anterior")
    np.testing.assert_allclose(pose.translation_mm, skin.position_mm, atol=3.0)
    np.testing.assert_allclose(pose.rotation[:, 1], [0.0, 1.0, 0.0], atol=1e-12)
    with pytest.raises(GeometryError, match="lies outside the body"):
        probe_on_skin(tissue, skin.position_mm - (0.0, 20.0, 0.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="ends before his skin"):
        probe_on_skin(tissue, pelvis.isocentre_mm, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    with pytest.raises(InputError, match="press_mm of the ultrasound probe"):
        probe_on_skin(tissue, pelvis.isocentre_mm, (0.0, -1.0, 0.0), (1.0, 0.0, 0.0), press_mm=-1.0)
    naked = tuple(one for one in pelvis.structures if one.interpreted_type != "EXTERNAL")
    with pytest.raises(GeometryError, match="no structure of type EXTERNAL"):
        acoustic_tissue(replace(pelvis, structures=naked))


def test_what_makes_no_image_is_refused():
    tissue = AcousticTissue(GRID, block())
    rng = np.random.default_rng(0)
    in_room = RigidTransform.from_parts(FIXED, ULTRASOUND_IMAGE, rotation_z(10.0), np.zeros(3))
    with pytest.raises(GeometryError, match="give frame_from_planning"):
        simulate_ultrasound(tissue, PROBE, in_room, rng=rng)
    with pytest.raises(GeometryError, match="starts at 'ultrasound image'"):
        simulate_ultrasound(tissue, PROBE, RigidTransform.identity(PLANNING, FIXED), rng=rng)
    with pytest.raises(GeometryError, match="needs another lateral direction"):
        probe_pose(np.zeros(3), np.array([0.0, 1.0, 0.0]), np.array([0.0, 2.0, 0.0]))
    with pytest.raises(GeometryError, match="materials must be uint8"):
        AcousticTissue(GRID, np.zeros((2, 2, 2), dtype=np.uint8))
    with pytest.raises(GeometryError, match="material 99 does not exist"):
        AcousticTissue(GRID, block(99))
    with pytest.raises(InputError, match="frequency_mhz of the ultrasound probe is 0"):
        UltrasoundProbe(frequency_mhz=0.0)
    assert UltrasoundProbe.perineal().frequency_mhz == 5.0


def test_in_the_room_the_probe_sees_the_patient_where_he_lies(pelvis):
    room = room_of(pelvis, five_mm_too_far_left())
    tissue = acoustic_tissue(pelvis)
    probe = replace(PROBE, depth_mm=100.0)
    planning_from_image = probe_on_skin(tissue, pelvis.isocentre_mm, (0.0, -1.0, 0.3), (1.0, 0.0, 0.0))

    def image_at(fixed_from_image, **more):
        rng = np.random.default_rng(3)
        return tracked_ultrasound(room.truth, tissue, probe, fixed_from_image, seconds=0.0, rng=rng, **more)

    as_planned = fixed_from_planning("HFS", pelvis.isocentre_mm) @ planning_from_image
    seen = image_at(as_planned)
    # Where the plan wants him the probe now meets what lies 5 mm further to his right.
    further_right = RigidTransform.translation(PLANNING, PLANNING, (-5.0, 0.0, 0.0)) @ planning_from_image
    expected = simulate_ultrasound(tissue, probe, further_right, rng=np.random.default_rng(3))
    assert np.mean(seen.values != expected.values) < 0.01
    on_patient = image_at(room.truth.fixed_from_planning(0.0) @ planning_from_image)
    np.testing.assert_allclose(
        on_patient.pixels(room.truth.positions_mm(pelvis.isocentre_mm, 0.0))[1], 0.0, atol=1e-6
    )
    # A tracking system that is 2 mm off says so in the pose, not in the picture.
    error = RigidTransform.translation(FIXED, FIXED, (0.0, 2.0, 0.0))
    believed = image_at(as_planned, tracking_error=error)
    np.testing.assert_array_equal(believed.values, seen.values)
    np.testing.assert_allclose(
        believed.xyz_mm([[0, 0]]) - seen.xyz_mm([[0, 0]]), [[0.0, 2.0, 0.0]], atol=1e-9
    )
    with pytest.raises(GeometryError, match="give it in the room"):
        image_at(planning_from_image)
