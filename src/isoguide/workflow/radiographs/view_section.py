"""One X-ray view as the files of users state it."""

from typing import Annotated, Final

import numpy as np
from pydantic import Field

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, Frame
from isoguide.geometry.xray_view import XrayView
from isoguide.workflow.strict_toml import Section

Point = tuple[float, float, float]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(gt=0, le=65536)]

AXES_TOLERANCE: Final = 1e-3
"""Largest deviation of written axes from orthonormal: they are written with three decimals at least."""


class ViewSection(Section):
    """Source and flat detector, in the frame of the file."""

    source_mm: Point = Field(description="The focal spot, x, y, z.")
    detector_centre_mm: Point = Field(description="The middle of the pixel array.")
    row_direction: Point = Field(description="Unit vector along which the column index grows.")
    column_direction: Point = Field(description="Unit vector along which the row index grows.")
    pixel_spacing_mm: tuple[Positive, Positive] = Field(
        description="Between columns and between rows, on the detector."
    )
    size: tuple[Count, Count] = Field(description="Columns and rows.")

    def view(self, frame: Frame) -> XrayView:
        """Return the view, with axes made exactly orthonormal.

        Raises
        ------
        GeometryError
            If the axes are not orthonormal, or the source lies in the plane of the detector.
        """
        axes = np.array([self.row_direction, self.column_direction])
        off = float(np.abs(axes @ axes.T - np.eye(2)).max())
        if off > AXES_TOLERANCE:
            msg = (
                f"row_direction and column_direction are not orthogonal unit vectors (off by {off:.2g}); "
                "correct them"
            )
            raise GeometryError(msg)
        u, _, vt = np.linalg.svd(axes, full_matrices=False)
        exact: Array = u @ vt
        return XrayView(
            frame,
            np.array(self.source_mm),
            np.array(self.detector_centre_mm),
            exact[0],
            exact[1],
            self.pixel_spacing_mm,
            self.size,
        )
