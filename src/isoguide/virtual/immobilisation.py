"""What a patient lies on and is held by when the planning CT is made: couch, cushion, headrest, mask."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isoguide.virtual.treatment_couch import shell_and_foam

Floats = NDArray[np.float32]
Axes = tuple[Floats, Floats, Floats]

COUCH_THICKNESS_MM, COUCH_HALF_WIDTH_MM = 16.0, 175.0
"""The simulator's flat couch top."""
PADDING_MM = 12.0
"""How far a cushion or a headrest lifts the back from the couch."""
BEADS_HU, FILM_HU = 30.0, 170.0
"""Of a vacuum cushion above air: polystyrene beads in a plastic film."""
HEADREST_HU = 60.0
"""Of hard foam above air."""
MASK_MM, MASK_GAP_MM, MASK_HU = 2.4, 0.8, -250.0
"""Thickness of a thermoplastic mask, its distance to the skin, and its value: plastic with holes in it."""
MASK_BACK_Y_MM = 34.0
"""Where the mask ends towards the back of a head."""


@dataclass(frozen=True, slots=True)
class Support:
    """What holds a patient: each may be there or not.

    Parameters
    ----------
    couch
        The simulator's couch top.
    cushion
        A vacuum cushion around back and sides.
    mask
        A thermoplastic mask over face and neck, with a headrest; the mask goes where the patient goes.
    balls
        Balls on the laser marks of the skin, which are taken off after the planning scan.
    """

    couch: bool = True
    cushion: bool = False
    mask: bool = False
    balls: bool = True

    @classmethod
    def usual(cls, site: str) -> Self:
        """Return what is used for a site: a mask for head and neck, else a cushion."""
        return cls(mask=site == "head-neck", cushion=site != "head-neck")


def put_mask(values: Floats, outside_mm: Floats, axes: Axes, edge_mm: float) -> None:
    """Put a mask on face and neck.

    Parameters
    ----------
    values
        HU ``[k, j, i]``, changed in place.
    outside_mm
        Distance to the skin, negative inside, ``[k, j, i]``.
    axes
        Positions along k (z), j (y), i (x), mm.
    edge_mm
        Over which distance edges fade.
    """
    front = int(np.searchsorted(axes[1], MASK_BACK_Y_MM))
    layer = np.abs(outside_mm[:, :front] - np.float32(MASK_GAP_MM + MASK_MM / 2.0)) - np.float32(
        MASK_MM / 2.0
    )
    cover = np.clip(np.float32(0.5) - layer / np.float32(edge_mm), 0.0, 1.0)
    view = values[:, :front]
    view += cover * np.maximum(np.float32(MASK_HU) - view, 0.0)


def support_hu(support: Support, outside_mm: Floats, axes: Axes, back_y_mm: float) -> Floats:
    """Return the image of what the patient lies on, HU ``[k, j, i]``: air elsewhere and in the patient.

    Parameters
    ----------
    support
        What there is.
    outside_mm
        Distance to the skin, negative inside, ``[k, j, i]``.
    axes
        Positions along k (z), j (y), i (x), mm.
    back_y_mm
        Height at which the back is flat.
    """
    z, y, x = axes[0][:, None, None], axes[1][:, None], axes[2]
    top_mm = back_y_mm + (PADDING_MM if support.cushion or support.mask else 0.0)
    values = np.full(outside_mm.shape, -1000.0, dtype=np.float32)
    if support.couch:
        below = y - np.float32(top_mm)
        beside = np.float32(COUCH_HALF_WIDTH_MM) - np.abs(x)
        depth = np.minimum(np.minimum(below, np.float32(COUCH_THICKNESS_MM) - below), beside)
        values += shell_and_foam(depth, float(axes[1][1] - axes[1][0])) + np.float32(1000.0)
    clear = np.float32(1.0) - outside_mm
    if support.cushion:
        # Its sides rise along the flanks.
        rise = 62.0 / (1.0 + np.exp((135.0 - np.abs(x)) / 9.0))
        surface = np.float32(back_y_mm) - rise.astype(np.float32)
        cushion = np.maximum(np.maximum(surface - y, y - np.float32(top_mm)), clear)
        values += np.float32(BEADS_HU) * np.clip(0.5 - cushion, 0.0, 1.0)
        values += np.float32(FILM_HU) * np.clip(1.0 - np.abs(cushion), 0.0, 1.0)
    if support.mask:
        ends = np.maximum(np.abs(x) - np.float32(70.0), np.abs(z + np.float32(10.0)) - np.float32(105.0))
        rest = np.maximum(np.maximum(np.float32(66.0) - y, y - np.float32(top_mm)), np.maximum(ends, clear))
        values += np.float32(HEADREST_HU) * np.clip(0.5 - rest, 0.0, 1.0)
    return values
