"""Pictures in colours that show an image in grey, with icons and text around it."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import UnreadableError

LUMA: Final = (0.299, 0.587, 0.114)
"""Brightness of red, green and blue (ITU-R BT.601), as scanners' screens are."""
COLOURED_STEP: Final = 32
MOST_COLOURED: Final = 0.05
"""Icons and coloured text are a small part of a screen; colour Doppler is not."""


def grey_of_colours(colours: NDArray[Any], source: str) -> NDArray[np.uint8]:
    """Return the brightness of red, green and blue (..., 3), uint8.

    Raises
    ------
    UnreadableError
        If more than icons and text are coloured.
    """
    coloured = float((np.ptp(colours, axis=-1) > COLOURED_STEP).mean())
    if coloured > MOST_COLOURED:
        msg = f"{source} is coloured over {coloured:.0%}, as in Doppler; record it in B mode"
        raise UnreadableError(msg)
    return np.asarray(np.rint(colours @ np.array(LUMA)), dtype=np.uint8)
