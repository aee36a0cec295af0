"""A thorax with arms up. The origin lies in the middle of the trunk at the height of T7."""

from isoguide.virtual.canvas import Canvas
from isoguide.virtual.rendering import Drawing


def draw(canvas: Canvas) -> Drawing:
    """Paint."""
    raise NotImplementedError
