"""The anatomy of a moment as an image, for the projector and for a 4DCT."""

from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.virtual.patient_day import PatientMoment
from isoguide.virtual.phantom import Phantom


def moved_anatomy(phantom: Phantom, moment: PatientMoment | DisplacementField) -> Volume:
    """Return the anatomy (no noise, no couch, float32 HU) warped by the moment's field on the planning grid.

    The rigid part of the moment is *not* applied: give it to whoever places the volume in the room.

    Parameters
    ----------
    phantom
        The patient.
    moment
        A moment of his day, or a field alone.
    """
    field = moment.field if isinstance(moment, PatientMoment) else moment
    if field is None:
        return phantom.anatomy
    raise NotImplementedError
