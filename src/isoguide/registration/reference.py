"""What every match of volumes prepares: templates, and where accuracy is judged."""

from typing import Protocol

from isoguide.geometry.frames import Array
from isoguide.registration.pyramid import Level
from isoguide.registration.templates import Templates


class Reference(Protocol):
    """The planning side of a match, whatever kind of image it is.

    ``middle`` and ``fine`` are the templates at the two finest resolutions, ``fine_level`` the image that the
    latter were cut from, ``target_points_mm`` (n, 3) where the accuracy is judged, planning LPS.
    """

    @property
    def centre_mm(self) -> Array:
        """Centre of rotation, (3,) planning LPS."""

    @property
    def target_points_mm(self) -> Array:
        """Where the accuracy is judged, (n, 3) planning LPS."""

    @property
    def middle(self) -> Templates:
        """Templates that starts are refined with."""

    @property
    def fine(self) -> Templates:
        """Templates that the answer comes from."""

    @property
    def fine_level(self) -> Level:
        """The image of the finest templates."""
