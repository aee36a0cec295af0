"""Follow a pose from exposure to exposure: as exact as a match, and as fast as a pair is taken."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.registration.radiographs.exposures import Exposure, prepare_exposures
from isoguide.registration.radiographs.rays import RayLevel, magnification, on_panel
from isoguide.registration.radiographs.solve import (
    PatchImage,
    RayFit,
    evaluate,
    gauss_newton_step,
    refine_rays,
)
from isoguide.registration.refine import small_motion

FINE_STEPS: Final = 4
MIDDLE_STEPS: Final = 4
SETTLED_MM: Final = 0.05
"""A step that is shorter is taken, and what the patches say after it is known without another look."""
FORETOLD_MM: Final = 0.1
"""So is a longer one that the last foretold to :data:`SETTLED_MM`, if it foretells no more than this."""
LESS: Final = 0.6
"""Each step of the finest rays is at most this share of the one before, or they lose their way. Images are
somewhat more blurred than the rays, so that a step goes only a part of the way: the next one is a share of it
that is nearly the same each time."""
FAR_MM: Final = 0.7
"""The finest rays see a step that is longer too short: the middle ones go first."""
NEAR_MM: Final = 0.3
"""Steps of the middle rays that are shorter are left to the finest."""
BINNED_SIGMA: Final = 1.0
"""Pixels are put together up to this share of the standard deviation of the blur that they get anyway."""


@dataclass(frozen=True, eq=False)
class Following:
    """What following a pose needs: views with pixels put together, and the patches of rays on them.

    ``factors`` says how many pixels, each way, make one in each view.
    """

    factors: tuple[int, ...]
    views: tuple[XrayView, ...]
    middle: RayLevel
    fine: RayLevel


def prepare_following(
    middle: RayLevel, fine: RayLevel, views: Sequence[XrayView], centre_mm: Array
) -> Following:
    """Put as many pixels together as the blur of the finest rays makes one of anyway."""
    factors = [
        int(np.clip(BINNED_SIGMA * _blur_px(fine, view, centre_mm).min(), 1.0, min(view.size)))
        for view in views
    ]
    binned = tuple(view.binned(factor) for view, factor in zip(views, factors, strict=True))
    return Following(
        tuple(factors), binned, *(_on_binned(level, binned, factors) for level in (middle, fine))
    )


def _on_binned(level: RayLevel, views: Sequence[XrayView], factors: Sequence[int]) -> RayLevel:
    patches = []
    for view, own, factor in zip(views, level.views, factors, strict=True):
        offsets = own.offsets / factor
        planned = int(on_panel(view, view.project(own.anchors_mm), offsets).sum())
        patches.append(replace(own, offsets=offsets, planned=planned))
    return replace(level, views=tuple(patches))


def _blur_px(level: RayLevel, view: XrayView, centre_mm: Array) -> Array:
    """Return the standard deviation (2,) of the blur of a level, in columns and rows."""
    return level.blur_mm * magnification(view, centre_mm) / np.array(view.pixel_spacing_mm)


def follow(
    following: Following,
    images: Sequence[Radiograph | RadiographView],
    start: Array,
    centre_mm: Array,
) -> tuple[RayFit, bool]:
    """Refine a pose (4, 4) daily from planning that is off by a motion between exposures.

    Returns where that ended, and whether it came to rest there.

    Raises
    ------
    InputError, MismatchError
        As :func:`~isoguide.registration.radiographs.exposures.prepare_exposures`.
    """
    exposures = prepare_exposures(
        [binned_image(image, factor) for image, factor in zip(images, following.factors, strict=True)]
    )
    fine = _blurred(following, following.fine, exposures, centre_mm)
    near = _settled(following, fine, start, centre_mm)
    if near is not None:
        return near, True
    middle = _blurred(following, following.middle, exposures, centre_mm)
    far = refine_rays(
        following.middle,
        following.views,
        middle,
        start,
        centre_mm,
        steps=MIDDLE_STEPS,
        tolerance_mm=NEAR_MM,
    )
    again = _settled(following, fine, far.daily_from_planning, centre_mm)
    if again is not None:
        return again, True
    return evaluate(following.fine, following.views, fine, far.daily_from_planning, centre_mm), False


def warm_up(following: Following, pose: Array, centre_mm: Array) -> None:
    """Do once what following does, on empty images, so that the first exposure is not later than others."""
    for level in (following.middle, following.fine):
        empty = [PatchImage(np.zeros(view.size[::-1], np.float32)) for view in following.views]
        evaluate(level, following.views, empty, pose, centre_mm)


def _blurred(
    following: Following, level: RayLevel, exposures: Sequence[Exposure], centre_mm: Array
) -> tuple[PatchImage, ...]:
    blurred = []
    for view, factor, exposure in zip(following.views, following.factors, exposures, strict=True):
        # A square of pixels has itself a variance of (factor² - 1) / 12 of their spacing.
        own = (factor**2 - 1.0) / (12.0 * factor**2)
        sigma = np.sqrt(np.maximum(_blur_px(level, view, centre_mm) ** 2 - own, 0.0))
        blurred.append(exposure.blurred((float(sigma[1]), float(sigma[0]))))
    return tuple(blurred)


def _settled(
    following: Following, images: Sequence[PatchImage], start: Array, centre_mm: Array
) -> RayFit | None:
    """Step until a step is so short that what the patches say after it is known without another look.

    None where the first step is too long for the finest rays, or steps do not get shorter.
    """
    level, views, pose, length = following.fine, following.views, start, FAR_MM
    last = None
    for _ in range(FINE_STEPS):
        fit = evaluate(level, views, images, pose, centre_mm)
        if not fit.weight.any():
            return None
        step, longest = gauss_newton_step(fit, views, centre_mm, 3.0 * level.ray_mm)
        if longest > length:
            return None
        share = 0.0 if last is None else float(np.clip(step @ last / (last @ last), 0.0, LESS))
        whole = step / (1.0 - share)
        pose = pose @ small_motion(whole, centre_mm)
        foretold = (
            last is not None
            and np.abs(step - share * last).max() < SETTLED_MM
            and np.abs(whole - step).max() < FORETOLD_MM
        )
        if longest < SETTLED_MM or foretold:
            return replace(fit, daily_from_planning=pose, gradient=fit.gradient - fit.information @ step)
        # What is left after a step that went the whole way is foretold by none.
        last = step if last is None else None
        length = longest * LESS
    return None


def binned_image(image: Radiograph | RadiographView, factor: int) -> Radiograph | RadiographView:
    """Return the mean line integrals of squares of pixels; a square counts if all of its pixels do."""
    if factor == 1:
        return image
    if isinstance(image, RadiographView):
        columns, rows = (n // factor for n in image.view.size)
        squares = image.counts[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
        counts = np.asarray(squares.all(axis=(1, 3)))
        return replace(image, radiograph=_binned(image.radiograph, factor), counts=counts)
    return _binned(image, factor)


def _binned(image: Radiograph, factor: int) -> Radiograph:
    view = image.view.binned(factor)
    columns, rows = view.size
    values = image.line_integrals
    # Sums of strided parts are several times as fast as a mean over two axes of a reshaped image.
    total = sum(
        values[i : rows * factor : factor, j : columns * factor : factor]
        for i in range(factor)
        for j in range(factor)
    )
    return Radiograph(view, np.asarray(total / np.float32(factor**2), dtype=np.float32), "line integral")
