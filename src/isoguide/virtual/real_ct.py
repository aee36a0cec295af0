"""A virtual patient made from a CT of a real one: set up, displaced and imaged like the built-in ones."""

from collections.abc import Sequence

import numpy as np

from isoguide.errors import GeometryError, InputError, MismatchError
from isoguide.geometry.frames import PLANNING, Array, frozen_array
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.virtual.markers import skin_marks
from isoguide.virtual.patient_body import body_weight, patient_only
from isoguide.virtual.phantom import Phantom

SOFT_TISSUE_HU = (-200.0, 200.0)
"""Where the median of a body lies whatever the site, and that of other grey values as a rule does not."""
AIR_BELOW_HU = -800.0
SKIN_HU = -400.0
"""Half way from air to skin."""


def virtual_from_ct(
    volume: Volume, structures: Sequence[Structure], isocentre_mm: Array, name: str = ""
) -> Phantom:
    """Make a virtual patient of a CT.

    There is no anatomy without noise behind such a patient: ``anatomy`` is the CT itself without couch, and
    daily images made from it share its noise. His bones and vertebrae are not known.

    Parameters
    ----------
    volume
        Planning CT in HU, frame PLANNING, of a patient who lies on his back.
    structures
        What was drawn on it, frame PLANNING.
    isocentre_mm
        Plan isocentre, (3,), planning LPS.
    name
        What the patient is called in messages; that of the volume when not given.

    Raises
    ------
    GeometryError
        If the image is not in HU, shows no body, or has the isocentre outside of image or body.
    InputError
        If the values cannot be HU.
    MismatchError
        If image or structures are not in the frame PLANNING.
    """
    name = name or volume.source or "the planning CT"
    isocentre_mm = frozen_array(isocentre_mm, (3,), "isocentre")
    strangers = [s.name for s in structures if s.frame != PLANNING]
    if volume.grid.frame != PLANNING or strangers:
        what = f"structure '{strangers[0]}'" if strangers else "image"
        msg = f"the {what} of {name} is not in planning coordinates: give the planning CT and its structures"
        raise MismatchError(msg)
    weight = body_weight(volume)
    x, y, z = isocentre_mm
    where = f"the isocentre ({x:.1f}, {y:.1f}, {z:.1f}) mm"
    if not volume.grid.contains(isocentre_mm):
        msg = f"{where} lies outside {name}: give a CT that holds the isocentre"
        raise GeometryError(msg)
    index = np.rint(volume.grid.index(isocentre_mm)).astype(int)[::-1]
    coarse = np.minimum(index // (1, *weight.stride), np.array(weight.body.shape) - 1)
    if not weight.body[tuple(coarse)]:
        msg = f"{where} lies outside the body in {name}: check the isocentre of the plan"
        raise GeometryError(msg)
    _check_values(volume, weight.body, weight.stride, name)
    patient = patient_only(volume)
    anatomy = Volume(volume.grid, patient.values.astype(np.float32), source=name)
    return Phantom(
        volume=volume,
        anatomy=anatomy,
        structures=tuple(structures),
        isocentre_mm=isocentre_mm,
        vertebrae=(),
        name=name,
        seeds=(),
        marks=skin_marks(np.float32(SKIN_HU) - anatomy.values, volume.grid, isocentre_mm),
        bone_labels=np.zeros(volume.grid.shape, dtype=np.uint8),
        bone_names=(),
        site=None,
    )


def _check_values(volume: Volume, body: np.ndarray, stride: tuple[int, int], name: str) -> None:
    """Refuse an image whose body and air are not where Hounsfield units have them."""
    coarse = volume.values[:, :: stride[0], :: stride[1]]
    median, lowest = float(np.median(coarse[body])), float(coarse.min())
    low, high = SOFT_TISSUE_HU
    if low <= median <= high and lowest < AIR_BELOW_HU:
        return
    msg = (
        f"the values of {name} cannot be Hounsfield units: the body has a median of {median:.0f} "
        f"(expected {low:.0f} to {high:.0f}) and the lowest value is {lowest:.0f} (expected below "
        f"{AIR_BELOW_HU:.0f}); give a calibrated CT"
    )
    raise InputError(msg)
