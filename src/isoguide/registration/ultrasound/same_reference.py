"""The reference side of a match of ultrasound, prepared once per simulation and reused for every fraction."""

from dataclasses import dataclass

from isoguide.geometry.frames import Array
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.registration.ultrasound.settings import UltrasoundSettings


@dataclass(frozen=True, slots=True, eq=False)
class PreparedUltrasound:
    """Everything that depends on the reference and the settings only.

    ``target_points_mm`` (n, 3) is where the accuracy is judged and about which the match looks.
    """

    reference: UltrasoundVolume
    centre_mm: Array
    settings: UltrasoundSettings
    target_points_mm: Array


def prepare_ultrasound(
    reference: UltrasoundVolume,
    *,
    centre_mm: Array,
    target_points_mm: Array | None = None,
    settings: UltrasoundSettings | None = None,
) -> PreparedUltrasound:
    """Prepare the ultrasound reference of the simulation for matching.

    Parameters
    ----------
    reference
        Swept in the simulation room, frame PLANNING.
    centre_mm
        (3,) planning LPS: the plan isocentre, about which the answer's uncertainty is stated.
    target_points_mm
        (n, 3) planning LPS, where accuracy matters; a sphere of 30 mm around the centre when not given.
    settings
        Degrees of freedom and margin.

    Raises
    ------
    InputError
        If the reference shows too little around the target.
    GeometryError
        If the reference is not in PLANNING.
    """
    raise NotImplementedError
