from dataclasses import replace

import numpy as np
import pytest
from small_scans import FULL_FAN, HALF_FAN, ball, centroid_mm, cylinder, line_integrals

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import FIXED, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_daily, fixed_from_planning
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.projection.cone_beam import PRESETS, ConeBeamScan, acquire_projections
from isoguide.projection.detector import measure
from isoguide.projection.imaging_physics import ImagingPhysics
from isoguide.projection.projection_set import ProjectionSet
from isoguide.projection.reconstruct import ReconstructionSettings, reconstruct
from isoguide.projection.scan_geometry import check_arc

SMALL = replace(FULL_FAN, count=48)
SETTINGS = ReconstructionSettings(
    voxel_mm=(2.5, 2.5, 2.5), size_mm=(100.0, 100.0, 40.0), truncation_correction=0.0
)
PLACE_MM = np.array([14.0, -6.0, 11.0])


def patient():
    """A ball of water in air, off the isocentre, in planning coordinates."""
    grid = Grid.axial(PLANNING, (20, 40, 40), (2.0, 2.0, 2.0), (-39.0, -39.0, -19.0))
    values = ball(PLACE_MM * [1, 1, 1], 8.0, 1.0).voxels(grid) * 1000.0 - 1000.0
    return Volume(grid, values.astype(np.float32))


def acquire(anatomy_at, scan=SMALL, **options):
    return acquire_projections(anatomy_at, scan, ImagingPhysics.ideal(), np.random.default_rng(1), **options)


@pytest.mark.usefixtures("rtk")
def test_a_still_patient_is_imaged_where_he_lies():
    volume = patient()
    at_mm = np.array([5.0, 3.0, -2.0])
    fixed_from_volume = fixed_from_planning("HFS", at_mm)
    projections = acquire(lambda _seconds: (volume, fixed_from_volume))
    image = reconstruct(projections, "HFS", SETTINGS)
    fixed_mm = fixed_from_volume.apply(PLACE_MM)
    wanted_mm = fixed_from_daily("HFS", np.zeros(3)).inverse().apply(fixed_mm)
    np.testing.assert_allclose(wanted_mm, PLACE_MM - at_mm)  # HFS: both images have the same axes
    np.testing.assert_allclose(centroid_mm(image, wanted_mm), wanted_mm, atol=0.1)


def test_each_anatomy_is_projected_at_the_moments_it_was_there():
    still, volume = fixed_from_planning("HFS", np.zeros(3)), patient()
    moved = RigidTransform.translation(FIXED, FIXED, (0.0, 20.0, 0.0)) @ still
    other = patient()

    def breathing(seconds):
        return (volume, still) if int(seconds) % 2 == 0 else (other, moved)

    scan = replace(SMALL, count=20, duration_s=20.0)
    both = acquire(breathing, scan)
    one = acquire(lambda _seconds: (volume, still), scan)
    two = acquire(lambda _seconds: (other, moved), scan)
    np.testing.assert_array_equal(both.values[0::2], one.values[0::2])
    np.testing.assert_array_equal(both.values[1::2], two.values[1::2])
    assert np.abs(one.values - two.values).max() > 0.1


def test_the_result_carries_the_nominal_views_and_the_images_of_the_true_ones():
    volume, still = patient(), fixed_from_planning("HFS", np.zeros(3))
    nominal = SMALL.views()
    true_views = [
        replace(view, detector_centre_mm=view.detector_centre_mm + 4.0 * view.row_direction)
        for view in nominal
    ]
    projections = acquire(lambda _seconds: (volume, still), true_views=true_views)
    unmoved = acquire(lambda _seconds: (volume, still))
    np.testing.assert_array_equal(projections.views[3].detector_centre_mm, nominal[3].detector_centre_mm)
    # The detector moved by one pixel along its rows: everything appears one column earlier.
    np.testing.assert_allclose(projections.values[..., :-1], unmoved.values[..., 1:], atol=1e-5)


def test_true_views_of_another_detector_are_refused():
    volume, still = patient(), fixed_from_planning("HFS", np.zeros(3))
    with pytest.raises(GeometryError, match="48 views"):
        acquire(lambda _seconds: (volume, still), true_views=SMALL.views()[:5])


@pytest.mark.usefixtures("rtk")
@pytest.mark.parametrize("scan", [FULL_FAN, HALF_FAN])
def test_water_is_within_80_of_0_in_a_realistic_image_and_within_20_without_scatter(scan):
    # Bounds, not golden values: cone-beam CT is known for errors of this size (reference on HU for dose).
    mm = line_integrals(scan.views(), [cylinder(80.0)])
    thickness = np.stack([mm, np.zeros_like(mm)])
    settings = ReconstructionSettings(voxel_mm=(4.0, 4.0, 4.0), size_mm=(40.0, 40.0, 8.0))
    physics = ImagingPhysics()
    without = replace(physics, scatter_to_primary=0.0, corrected_scatter_to_primary=0.0)
    for kind, bound in ((physics, 80.0), (without, 20.0)):
        values, per_mm = measure(thickness, scan.views()[0], scan.kilovoltage, kind, np.random.default_rng(2))
        projections = ProjectionSet(values, scan.views(), scan.seconds, per_mm)
        assert abs(reconstruct(projections, "HFS", settings).values.mean()) < bound


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_reconstructed(name):
    scan = PRESETS[name]
    assert scan.name == name
    check_arc(scan.views())
    assert 0.0 < scan.seconds[0] < scan.seconds[-1] < scan.duration_s


@pytest.mark.parametrize("wrong", [{"count": 0}, {"duration_s": 0.0}, {"arc_deg": 400.0}, {"arc_deg": 0.0}])
def test_impossible_scans_are_refused(wrong):
    with pytest.raises(InputError, match="a scan needs"):
        ConeBeamScan("wrong", **wrong)


def small_set(**changes):
    scan = replace(FULL_FAN, count=12, size=(5, 4))
    parts = {
        "values": np.zeros((12, 4, 5), dtype=np.float32),
        "views": scan.views(),
        "seconds": scan.seconds,
        "water_attenuation_per_mm": 0.02,
    }
    return ProjectionSet(**(parts | changes))


def test_projections_cannot_be_changed():
    assert not small_set().values.flags.writeable


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"values": np.zeros((12, 5, 4), dtype=np.float32)}, "do not fit"),
        ({"values": np.zeros((12, 4, 5))}, "finite float32"),
        ({"values": np.full((12, 4, 5), np.nan, dtype=np.float32)}, "finite float32"),
        ({"views": ()}, "at least 10"),
        ({"water_attenuation_per_mm": 0.0}, "water must attenuate"),
        ({"seconds": np.zeros(3)}, "exposure times"),
    ],
)
def test_projections_that_do_not_fit_together_are_refused(wrong, words):
    with pytest.raises(GeometryError, match=words):
        small_set(**wrong)
