"""What stands in the pixels of a view."""

import io
import time
from collections.abc import Callable

import numpy as np
from matplotlib.image import imread
from playwright.sync_api import Page

_ALONE = "[data-view] > :not(canvas) { visibility: hidden }"
_PATIENCE_S = 20.0


def pixels_of(page: Page, view: str) -> np.ndarray:
    """Return the picture of a view without what is drawn over it, (rows, columns, 3) in 0 ... 1."""
    shot = page.locator(f'[data-view="{view}"] canvas').first.screenshot(style=_ALONE)
    return imread(io.BytesIO(shot), format="png")[:, :, :3]


def picture_when(page: Page, view: str, is_so: Callable[[np.ndarray], bool]) -> np.ndarray:
    """Return the first picture of a view that is so; after a long wait the last one, for who asserts it.

    What a worker has drawn comes to the screen a little after the page says that it is drawn.
    """
    patience = time.monotonic() + _PATIENCE_S
    while not is_so(picture := pixels_of(page, view)) and time.monotonic() < patience:
        pass
    return picture


def is_grey(picture: np.ndarray) -> bool:
    """Whether one image is shown alone: two are mixed in colours."""
    return bool(np.ptp(picture, axis=2).max() == 0.0)


def colours_in(page: Page, view: str) -> int:
    """How many colours a view shows; one that is blank shows one."""
    return len(np.unique(np.round(255 * pixels_of(page, view)).reshape(-1, 3), axis=0))


def moved_px(before: np.ndarray, after: np.ndarray, most: int = 24) -> tuple[int, int]:
    """Return by how many columns and rows a picture moved: where its middle is found again."""
    one, other = before.mean(axis=2), after.mean(axis=2)
    middle = one[most:-most:2, most:-most:2]

    def misfit(columns: int, rows: int) -> float:
        top, left = most + rows, most + columns
        there = other[top : top + len(one) - 2 * most : 2, left : left + one.shape[1] - 2 * most : 2]
        return float(np.mean((there - middle) ** 2))

    ways = range(-most, most + 1)
    return min(((columns, rows) for columns in ways for rows in ways), key=lambda way: misfit(*way))


def ruler_px_mm(page: Page, view: str) -> float:
    """How many pixels a millimetre has by the ruler that stands in a view."""
    ruler = page.locator(f'[data-view="{view}"] .ruler')
    width_px = ruler.locator("svg").bounding_box()["width"] - 2.0  # its end marks stand out by a pixel
    return width_px / float(ruler.inner_text().removesuffix(" mm"))
