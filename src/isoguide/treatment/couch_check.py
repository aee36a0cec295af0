"""Is the couch where it has to be, axis by axis and at the isocentre; and can it go there at all."""

from functools import lru_cache
from typing import Final

import numpy as np

from isoguide.geometry.iec61217 import TableTopPose, fixed_from_table_top
from isoguide.treatment.limits import CouchLimits
from isoguide.units import wrap_deg

AXES_MM: Final = ("lateral_mm", "longitudinal_mm", "vertical_mm", "eccentric_distance_mm")
AXES_DEG: Final = ("pitch_deg", "roll_deg", "support_deg", "eccentric_deg")


def out_of_place(expected: TableTopPose, read: TableTopPose, limits: CouchLimits) -> tuple[str, ...]:
    """Return what is off: one part of a sentence per axis, with the value expected and the value read.

    The displacement at the isocentre is judged too: small angles of a table top whose origin is far away add
    up there.
    """
    found = []
    for axis in AXES_MM:
        wanted, seen = getattr(expected, axis), getattr(read, axis)
        if abs(seen - wanted) > limits.tolerance_mm:
            found.append(f"{_word(axis)}: expected {wanted:.2f} mm, read {seen:.2f} mm")
    for axis in AXES_DEG:
        wanted, seen = getattr(expected, axis), getattr(read, axis)
        if abs(wrap_deg(seen - wanted)) > limits.tolerance_deg:
            found.append(f"{_word(axis)}: expected {wanted:.2f}°, read {seen:.2f}°")
    off_mm = displacement_at_isocentre_mm(expected, read)
    if off_mm > limits.tolerance_at_isocentre_mm:
        limit_mm = limits.tolerance_at_isocentre_mm
        found.append(f"isocentre: expected within {limit_mm:g} mm of its place, read {off_mm:.2f} mm from it")
    return tuple(found)


# Asked ten times a second while the beam is on, of a couch that stands still: the same two poses every time.
@lru_cache(maxsize=64)
def displacement_at_isocentre_mm(expected: TableTopPose, read: TableTopPose) -> float:
    """Return how far the tissue that belongs at the isocentre is from it, mm."""
    fixed_from_fixed = fixed_from_table_top(read) @ fixed_from_table_top(expected).inverse()
    return float(np.linalg.norm(fixed_from_fixed.translation_mm))


def beyond_travel(pose: TableTopPose, limits: CouchLimits) -> tuple[str, ...]:
    """Return one sentence part per axis whose travel does not reach the pose; none if all do."""
    found = []
    for axis, (low, high) in limits.ranges.items():
        value = getattr(pose, axis)
        if not low <= value <= high:
            unit = "°" if axis.endswith("_deg") else " mm"
            found.append(
                f"{_word(axis)} would have to be {value:.1f}{unit}, beyond {low:g} to {high:g}{unit}: "
                "set the patient up again"
            )
    return tuple(found)


def _word(axis: str) -> str:
    return axis.rsplit("_", 1)[0].replace("_", " ")
