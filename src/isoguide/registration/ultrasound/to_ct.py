"""Rigid registration of the day's ultrasound to the planning CT: for review, never applied by itself."""

from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.progress import Progress, silent
from isoguide.registration.result import Registration
from isoguide.registration.ultrasound.to_ct_planning import PreparedUltrasoundToCt


def register_ultrasound_to_ct(
    prepared: PreparedUltrasoundToCt,
    daily: UltrasoundVolume,
    *,
    initial: RigidTransform,
    progress: Progress = silent,
) -> Registration:
    """Match the day's ultrasound to the planning CT.

    Parameters
    ----------
    prepared
        From :func:`isoguide.registration.ultrasound.prepare_ultrasound_to_ct`, reusable for every fraction.
    daily
        The day's volume in patient axes about the machine isocentre, frame DAILY.
    initial
        Planning from daily as the patient should be: the machine isocentre on the plan isocentre.
    progress
        Called with the fraction done.

    Returns
    -------
    Registration
        With the verdict "review" at best: what sound and X-rays show of a patient differs, so a person judges
        it. "Not available" and no transform where the images do not determine an answer.

    Raises
    ------
    GeometryError
        If ``initial`` does not take the daily to the planning frame, or the volume is not in DAILY.
    """
    raise NotImplementedError
