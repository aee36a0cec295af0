"""A two-dimensional X-ray image: values on a flat detector, with the geometry that made them."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView

Quantity = Literal["line integral", "intensity"]

QUANTITIES: Final[tuple[str, ...]] = get_args(Quantity)
"""Attenuation along the ray (bone is bright), or what reaches the detector (bone is dark)."""
DARKEST: Final = 1e-6
"""Share of the open beam below which nothing is told from none."""


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """An X-ray image.

    Parameters
    ----------
    view
        Source and detector.
    values
        Array ``[row, column]`` of float32 (not copied when it is read-only already); NaN is not allowed.
    quantity
        "line integral" (no unit, -log of the transmitted share) or "intensity" (share of the open beam).

    Raises
    ------
    GeometryError
        If the array does not fit the detector, has another type or a value that is not finite, or if the
        quantity is unknown.
    """

    view: XrayView
    values: NDArray[np.float32]
    quantity: Quantity

    def __post_init__(self) -> None:
        values, shape = self.values, self.view.size[::-1]
        if values.shape != shape:
            msg = f"the X-ray image has the shape {values.shape} but its detector says {shape}"
            raise GeometryError(msg)
        if values.dtype != np.float32:
            msg = f"X-ray image values must be float32, not {values.dtype}"
            raise GeometryError(msg)
        if not np.isfinite(values).all():
            msg = "the X-ray image holds values that are not finite numbers"
            raise GeometryError(msg)
        if self.quantity not in QUANTITIES:
            msg = f"the quantity of an X-ray image is one of {', '.join(QUANTITIES)}, not {self.quantity!r}"
            raise GeometryError(msg)
        if values.flags.writeable or not values.flags.c_contiguous:
            values = values.copy(order="C")
            values.flags.writeable = False
            object.__setattr__(self, "values", values)

    @property
    def line_integrals(self) -> NDArray[np.float32]:
        """Values as attenuation along the rays, float32 [row, column]."""
        return as_line_integrals(self.values, self.quantity)

    def in_frame(self, to_from: RigidTransform) -> "Radiograph":
        """Return the same image with its view in the coordinates of ``to_from.to_frame``.

        Raises
        ------
        GeometryError
            If ``to_from`` does not start from the frame of the view.
        """
        return Radiograph(self.view.in_frame(to_from), self.values, self.quantity)


def as_line_integrals(values: NDArray[np.float32], quantity: Quantity) -> NDArray[np.float32]:
    """Return pixels of an image, or of a part of it, as attenuation along the rays; their shape is kept."""
    if quantity == "line integral":
        return values
    return np.asarray(-np.log(np.maximum(values, np.float32(DARKEST))), dtype=np.float32)
