"""From structures followed in ultrasound to where the target is in the room."""

from datetime import datetime

from isoguide.geometry.frames import Array
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.motion.sample import Sighting
from isoguide.motion.ultrasound_settings import UltrasoundTrackerSettings


class UltrasoundTargetTracker:
    """Follows a target by structures in ultrasound images or volumes whose place in the room is known.

    Parameters
    ----------
    first
        Image or volume in FIXED in which the structures are known.
    structures_mm
        Where they are in it, FIXED, (n, 3): they have to lie in the plane of an image.
    planned_mm
        Where the plan wants them, FIXED, (n, 3); None: where they are in the first image.
    across_sigma_mm
        How far across the plane of an image the target may be while it is seen, standard deviation. None:
        nothing is known of it, which leaves that direction open.
    settings
        How structures are followed.

    Raises
    ------
    InputError
        If a structure is not in the image, or nothing there could be followed.
    GeometryError
        If the image is not in the room.
    """

    def __init__(
        self,
        first: UltrasoundImage | UltrasoundVolume,
        structures_mm: Array,
        planned_mm: Array | None = None,
        *,
        across_sigma_mm: float | None = None,
        settings: UltrasoundTrackerSettings | None = None,
    ) -> None:
        raise NotImplementedError

    def see(
        self,
        image: UltrasoundImage | UltrasoundVolume,
        *,
        at: datetime,
        number: int,
        pose_covariance: Array | None = None,
    ) -> Sighting:
        """Return where the target was when an image was exposed.

        Parameters
        ----------
        image
            With its place in FIXED.
        at
            Time of the exposure, aware.
        number
            Of the frame.
        pose_covariance
            Of the probe's pose, (6, 6) in FIXED about the origin of the image: mm and radians; None: exact.

        Raises
        ------
        InputError
            If the time has no zone.
        GeometryError
            If the image has another shape or spacing than the first, or is not in the room.
        """
        raise NotImplementedError
