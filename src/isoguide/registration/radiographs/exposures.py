"""What of an exposure takes part in a match: line integrals, without pixels that tell nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import InputError, MismatchError
from isoguide.geometry.xray_view import XrayView
from isoguide.images.collimation import open_beam
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.registration.radiographs.solve import PatchImage

Float32 = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

LEAST_COUNTED: Final = 0.02
"""An image of which less counts shows nobody."""
BLUR_SIGMAS: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """One image, prepared: the others' values stand where a pixel does not count.

    ``values`` float32 [row, column] line integrals; ``uncounted_px`` how far every pixel is from one that
    does not count, None where all do.
    """

    view: XrayView
    values: Float32
    uncounted_px: NDArray[np.float64] | None

    @property
    def counts(self) -> BoolArray | None:
        """Pixels that count, None where all do."""
        return None if self.uncounted_px is None else np.asarray(self.uncounted_px > 0.0)

    def blurred(self, sigma_px: Sequence[float]) -> PatchImage:
        """Blur by (rows, columns); pixels into which uncounted ones were blurred do not count either."""
        values = ndimage.gaussian_filter(self.values, sigma_px, mode="nearest", truncate=BLUR_SIGMAS)
        if self.uncounted_px is None:
            return PatchImage(values)
        return PatchImage(values, self.uncounted_px > BLUR_SIGMAS * max(sigma_px))


def prepare_exposures(images: Sequence[Radiograph | RadiographView]) -> list[Exposure]:
    """Leave out pixels that were saturated or shut out, and those that a collimator blade shades.

    Raises
    ------
    InputError
        If an image is blank, or hardly a pixel of it counts.
    MismatchError
        If two images are one and the same.
    """
    plain = [image.radiograph if isinstance(image, RadiographView) else image for image in images]
    for (n, one), (m, other) in combinations(enumerate(plain, start=1), 2):
        if np.array_equal(one.values, other.values) and np.ptp(one.values) > 0.0:
            msg = f"radiographs {n} and {m} are the same image: give each view its own exposure"
            raise MismatchError(msg)
    return [_prepared(number, image) for number, image in enumerate(images, start=1)]


def _prepared(number: int, image: Radiograph | RadiographView) -> Exposure:
    if isinstance(image, RadiographView):
        radiograph, known, name = image.radiograph, image.counts, image.source
    else:
        radiograph, known, name = image, np.ones(image.values.shape, dtype=bool), f"radiograph {number}"
    _require_enough(known, name)
    counts = known & open_beam(radiograph, name)
    _require_enough(counts, name)
    values = radiograph.line_integrals
    if counts.all():
        return Exposure(radiograph.view, values, None)
    nearest = ndimage.distance_transform_edt(~counts, return_distances=False, return_indices=True)
    filled = np.where(counts, values, values[tuple(nearest)])
    return Exposure(radiograph.view, filled, ndimage.distance_transform_edt(counts))


def _require_enough(counts: BoolArray, name: str) -> None:
    share = float(counts.mean())
    if share < LEAST_COUNTED:
        msg = (
            f"only {100.0 * share:.0f} % of the pixels of {name} count, the others are saturated or shut "
            "out: expose it again"
        )
        raise InputError(msg)
