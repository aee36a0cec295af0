"""A radiograph as it was read from a file: which of its pixels count, and what its user should know."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph


@dataclass(frozen=True, slots=True, eq=False)
class RadiographView:
    """An X-ray image with its geometry.

    Parameters
    ----------
    radiograph
        Values and geometry.
    counts
        Array ``[row, column]`` of bool (copied): False where the detector was saturated or the beam shut out.
    source
        What messages call it: the file.
    warnings
        What the user should know, one sentence each.

    Raises
    ------
    GeometryError
        If ``counts`` does not fit the image.
    """

    radiograph: Radiograph
    counts: NDArray[np.bool_]
    source: str
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = np.array(self.counts)
        if counts.shape != self.radiograph.values.shape or counts.dtype != np.bool_:
            msg = (
                f"the pixels of {self.source} that count must be {self.radiograph.values.shape} truth "
                f"values, not {counts.shape} of {counts.dtype}"
            )
            raise GeometryError(msg)
        counts.flags.writeable = False
        object.__setattr__(self, "counts", counts)

    @classmethod
    def whole(cls, radiograph: Radiograph, source: str) -> "RadiographView":
        """Return an image all of whose pixels count."""
        return cls(radiograph, np.ones(radiograph.values.shape, dtype=bool), source)

    def in_frame(self, to_from: RigidTransform) -> "RadiographView":
        """Return the same image with its view in other coordinates, as :meth:`Radiograph.in_frame`."""
        return replace(self, radiograph=self.radiograph.in_frame(to_from))

    @property
    def view(self) -> XrayView:
        """Source and detector."""
        return self.radiograph.view

    @property
    def share_that_counts(self) -> float:
        """Share of pixels that count, 0 to 1."""
        return float(self.counts.mean())
