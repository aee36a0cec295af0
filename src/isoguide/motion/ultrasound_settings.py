"""How structures are followed in ultrasound, and what counts as losing one."""

from dataclasses import dataclass

import numpy as np

from isoguide.errors import InputError


@dataclass(frozen=True, slots=True)
class UltrasoundTrackerSettings:
    """How structures are followed.

    Parameters
    ----------
    patch_mm
        Half the edge of the patch about a structure.
    sample_mm
        Distance of the samples that are compared: finer than speckle, coarser than pixels.
    reach_mm
        How far from where it is expected a structure is looked for in the next frame. Livers move at up to
        25 mm/s, so that this is what they do in a fifth of a second.
    search_mm
        How far from where it was first seen a structure is looked for once it was lost.
    keyframes
        How many looks are kept besides the first: the same tissue at other moments of a breath.
    least_correlation, least_texture
        Below this correlation of the patch, or of its speckle alone, a structure is lost. Set by 30 losses
        of six simulated tissues, where the speckle of other tissue reached 0.24, and that of a target 5 mm
        off the plane 0.21; in two simulated livers within 1.5 mm of the plane it stayed above 0.36.
    regained_texture
        A lost structure counts as seen again when its speckle correlates so well, in two frames running.
    return_mm
        Followed back into the frame before, it has to come back to within this.
    source
        What watches, in words.

    Raises
    ------
    InputError
        If a number is not positive, a correlation is no share, or the source has no name.
    """

    patch_mm: float = 12.0
    sample_mm: float = 0.5
    reach_mm: float = 5.0
    search_mm: float = 20.0
    keyframes: int = 4
    least_correlation: float = 0.4
    least_texture: float = 0.26
    regained_texture: float = 0.36
    return_mm: float = 2.0
    source: str = "ultrasound"

    def __post_init__(self) -> None:
        for name in ("patch_mm", "sample_mm", "reach_mm", "search_mm", "return_mm"):
            value = getattr(self, name)
            if not 0.0 < value < np.inf:
                msg = f"{name} of tracking in ultrasound must be positive, not {value}"
                raise InputError(msg)
        for name in ("least_correlation", "least_texture", "regained_texture"):
            value = getattr(self, name)
            if not 0.0 < value < 1.0:
                msg = f"{name} of tracking in ultrasound must lie between 0 and 1, not {value}"
                raise InputError(msg)
        if not 0 <= self.keyframes <= 16:
            msg = f"tracking in ultrasound keeps 0 to 16 keyframes, not {self.keyframes}"
            raise InputError(msg)
        if not self.source.strip():
            msg = "tracking in ultrasound needs a source: say what watches"
            raise InputError(msg)
