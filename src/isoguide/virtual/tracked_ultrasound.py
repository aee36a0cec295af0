"""The ultrasound probe of the virtual room: a tracked probe on the patient as he lies now."""

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import FIXED
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.virtual.acoustics import AcousticTissue
from isoguide.virtual.truth import RoomTruth
from isoguide.virtual.ultrasound import simulate_ultrasound
from isoguide.virtual.ultrasound_probe import UltrasoundProbe


def tracked_ultrasound(
    truth: RoomTruth,
    tissue: AcousticTissue,
    probe: UltrasoundProbe,
    fixed_from_image: RigidTransform,
    *,
    seconds: float,
    rng: np.random.Generator,
    tracking_error: RigidTransform | None = None,
) -> UltrasoundImage:
    """Make an ultrasound image of the patient in the room.

    Parameters
    ----------
    truth
        Where the patient is and how he is deformed; he moves as one moment while the image is made.
    tissue
        The same patient as sound sees him.
    probe, fixed_from_image
        The transducer and where it truly is; ``truth.fixed_from_planning(seconds) @ probe_on_skin(...)``
        puts it on the patient.
    seconds
        When, by the clock of the room (``room.clock.seconds`` is now).
    rng
        Noise of the receiver.
    tracking_error
        From FIXED to FIXED: where the tracking system says the probe is, applied after its true pose. The
        image carries that pose, as a real one does; none when None.

    Raises
    ------
    GeometryError
        If the pose is not one of the probe in the room.
    """
    if fixed_from_image.to_frame != FIXED:
        msg = f"the probe's pose is in '{fixed_from_image.to_frame}'; give it in the room, '{FIXED}'"
        raise GeometryError(msg)
    image = simulate_ultrasound(
        tissue,
        probe,
        fixed_from_image,
        rng=rng,
        frame_from_planning=truth.fixed_from_planning(seconds),
        field=truth.moment(seconds).field,
    )
    return image if tracking_error is None else image.in_frame(tracking_error)
