"""Where to drive the couch so that it makes a correction: absolute table-top values before and after.

A correction turns about the isocentre, the table about its own origin far from it, so any rotation changes
all table translations. Some devices want the isocentric correction, others these absolute values: know which
per device.
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import (
    TableTopPose,
    angles_iec,
    fixed_from_table_top,
    fixed_from_table_top_eccentric,
)
from isoguide.units import wrap_deg

__all__ = ["TableTopPose", "corrected_pose"]


def corrected_pose(
    pose: TableTopPose, correction: CouchCorrection, *, yaw_axis: Literal["support", "eccentric"] = "support"
) -> TableTopPose:
    """Return the couch pose that realises the correction: ``F' = C F0``.

    Parameters
    ----------
    pose
        Where the couch is now, at any couch angle.
    correction
        In IEC fixed axes at that couch angle (:meth:`CouchCorrection.turned_with_couch` for one found at 0°).
    yaw_axis
        Which vertical axis makes the yaw: the isocentric support, or the eccentric axis of the table top. The
        other one keeps its angle.

    Returns
    -------
    TableTopPose
        Absolute values; the angle of the yaw axis in (-180°, 180°].

    Raises
    ------
    GeometryError
        If the new table would pitch by ±90°.
    """
    fixed_from_table = correction.fixed_from_fixed @ fixed_from_table_top(pose)
    yaw_deg, pitch_deg, roll_deg = angles_iec(fixed_from_table.rotation)
    turned = replace(pose, pitch_deg=pitch_deg, roll_deg=roll_deg)
    # Both vertical axes add up to the yaw of the table top.
    if yaw_axis == "support":
        turned = replace(turned, support_deg=wrap_deg(yaw_deg - pose.eccentric_deg))
    else:
        turned = replace(turned, eccentric_deg=wrap_deg(yaw_deg - pose.support_deg))
    eccentric_from_fixed = fixed_from_table_top_eccentric(turned).inverse()
    lateral_mm, longitudinal_mm, vertical_mm = np.asarray(
        eccentric_from_fixed.apply(fixed_from_table.translation_mm)
    ).tolist()
    return replace(turned, lateral_mm=lateral_mm, longitudinal_mm=longitudinal_mm, vertical_mm=vertical_mm)
