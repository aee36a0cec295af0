"""Days of a virtual patient: a known displacement, the image of it, and the errors of an answer."""

import numpy as np

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_y, rotation_z
from isoguide.registration.anatomy import field_of_view, grey_to_hu
from isoguide.registration.pyramid import Level, make_level
from isoguide.virtual import (
    DailySettings,
    Displacement,
    displacement_of,
    random_displacement,
    simulate_daily,
    target_error_mm,
    target_points,
)

ROOM_MM = np.array([3.0, -8.0, 12.0])
"""Machine isocentre in the daily frame: nothing may depend on its being the origin."""
CONE_BEAM = DailySettings.cone_beam().with_changes(shape=(72, 132, 132), spacing_mm=(1.9, 1.9, 2.5))
PLAIN_CT = CONE_BEAM.with_changes(
    is_hounsfield=True, field_of_view_mm=None, value_scale=1.0, value_shift=0.0, cupping=0.0, shading=0.0,
    streaks=0.0, rings=0.0, noise=15.0, couch=False,
)  # fmt: skip


def lying(phantom, translation_mm=(0.0, 0.0, 0.0), about_xyz_deg=(0.0, 0.0, 0.0)):
    """Truth for a patient who lies this far from the set-up position, patient LPS."""
    x, y, z = about_xyz_deg
    displacement = Displacement(np.array(translation_mm), rotation_z(z) @ rotation_y(y) @ rotation_x(x))
    return displacement.planning_from_daily(isocentre_mm=phantom.isocentre_mm, machine_isocentre_mm=ROOM_MM)


def lying_anyhow(phantom, largest_mm, largest_deg, seed):
    """Random truth within these limits per axis."""
    return random_displacement(
        np.random.default_rng(seed),
        largest_mm=largest_mm,
        largest_deg=largest_deg,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=ROOM_MM,
    )


def image_of(phantom, truth, settings=CONE_BEAM, seed=0):
    """Image of the day."""
    return simulate_daily(
        phantom.volume,
        truth,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=ROOM_MM,
        settings=settings,
        rng=np.random.default_rng(seed),
    )


def set_up(phantom):
    """Transform of a patient who lies as planned."""
    return RigidTransform.translation(PLANNING, DAILY, phantom.isocentre_mm - ROOM_MM)


def found(phantom, answer):
    """Displacement that a planning_from_daily stands for."""
    return displacement_of(answer, isocentre_mm=phantom.isocentre_mm, machine_isocentre_mm=ROOM_MM)


def errors_mm(phantom, answer, truth, radius_mm=60.0):
    """How far the answer is off in a ball around the isocentre."""
    return target_error_mm(answer, truth, target_points(phantom.isocentre_mm, radius_mm))


def levels_of(daily):
    """Daily image at 6 (near HU), 3 and 1.5 mm."""
    view = field_of_view(daily.values)
    coarse, middle, fine = (
        make_level(daily.grid, view, spacing_mm, interpolate=False) for spacing_mm in (6.0, 3.0, 1.5)
    )
    scale, offset = (np.float32(number) for number in grey_to_hu(daily))
    return Level(coarse.grid, coarse.values * scale + offset), middle, fine
