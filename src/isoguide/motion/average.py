"""The mean over time of the phases of a 4DCT: what a slow scan of the breathing patient would show."""

from collections.abc import Sequence

import numpy as np

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import Array
from isoguide.images.volume import Volume

SAME_MM = 1e-3
"""Grids are read from text: they are the same to this."""


def average_volume(phases: Sequence[Volume], shares: Array) -> Volume:
    """Average phases that lie on one grid.

    Parameters
    ----------
    phases
        One or more.
    shares
        Of the time that each stands for, (phases,), with the sum 1.

    Returns
    -------
    Volume
        float32; Hounsfield units where all phases have them.

    Raises
    ------
    InputError
        If there is not one share for each phase, or they do not add up to 1.
    GeometryError
        If the phases lie on different grids.
    """
    if len(phases) != len(shares) or not np.isclose(np.sum(shares), 1.0, atol=1e-6):
        msg = f"{len(phases)} phases need as many shares of the time, with the sum 1, not {list(shares)}"
        raise InputError(msg)
    first = phases[0].grid
    total = np.zeros(first.shape, dtype=np.float32)
    for phase, share in zip(phases, shares, strict=True):
        grid = phase.grid
        same = grid.frame == first.frame and grid.shape == first.shape
        if not same or not np.allclose(grid.xyz_from_index, first.xyz_from_index, atol=SAME_MM):
            msg = f"{phase.source or 'a phase'} lies on other voxels than {phases[0].source or 'the first'}"
            raise GeometryError(msg)
        total += np.float32(share) * phase.values.astype(np.float32)
    is_hounsfield = all(phase.is_hounsfield for phase in phases)
    return Volume(first, total, is_hounsfield=is_hounsfield, source=f"average of {len(phases)} phases")
