"""The planning CT as ultrasound may show it, prepared once per plan and reused for every fraction."""

from dataclasses import dataclass

from isoguide.geometry.frames import Array
from isoguide.images.volume import Volume
from isoguide.registration.ultrasound.settings import UltrasoundSettings


@dataclass(frozen=True, slots=True, eq=False)
class PreparedUltrasoundToCt:
    """Everything that depends on the planning CT and the settings only.

    ``target_points_mm`` (n, 3) is where the accuracy is judged and about which the match looks.
    """

    planning: Volume
    centre_mm: Array
    settings: UltrasoundSettings
    target_points_mm: Array


def prepare_ultrasound_to_ct(
    planning: Volume,
    *,
    centre_mm: Array,
    target_points_mm: Array | None = None,
    settings: UltrasoundSettings | None = None,
) -> PreparedUltrasoundToCt:
    """Prepare a planning CT for matching ultrasound to it.

    Parameters
    ----------
    planning
        The planning CT in Hounsfield units, frame PLANNING.
    centre_mm
        (3,) planning LPS: the plan isocentre, about which the answer's uncertainty is stated.
    target_points_mm
        (n, 3) planning LPS, where accuracy matters; a sphere of 30 mm around the centre when not given.
    settings
        Degrees of freedom and margin.

    Raises
    ------
    InputError
        If the centre or the target lies outside the planning CT, or it is not in Hounsfield units.
    """
    raise NotImplementedError
