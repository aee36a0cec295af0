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
    # Channel by channel: a reduction along the short last axis takes ten times as long.
    red, green, blue = (colours[..., channel] for channel in range(3))
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    coloured = float((brightest - darkest > COLOURED_STEP).mean())
    if coloured > MOST_COLOURED:
        msg = f"{source} is coloured over {coloured:.0%}, as in Doppler; record it in B mode"
        raise UnreadableError(msg)
    parts = (np.float32(share) * channel for share, channel in zip(LUMA, (red, green, blue), strict=True))
    return np.rint(sum(parts)).astype(np.uint8)
