"""Poses, corrections and matches in words for the journal."""

from isoguide.errors import IsoguideError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.match import Match
from isoguide.treatment.ports import BeamStatus


def pose_words(pose: TableTopPose) -> str:
    """Return the readings of all drives that matter, mm and degrees."""
    return (
        f"lateral {pose.lateral_mm:.2f}, longitudinal {pose.longitudinal_mm:.2f}, "
        f"vertical {pose.vertical_mm:.2f} mm, pitch {pose.pitch_deg:.2f}, roll {pose.roll_deg:.2f}, "
        f"couch {pose.support_deg + pose.eccentric_deg:.2f}°"
    )


def correction_words(correction: CouchCorrection) -> str:
    """Return the six numbers with their signs, mm and degrees."""
    return (
        f"lateral {correction.lateral_mm:+.2f}, longitudinal {correction.longitudinal_mm:+.2f}, "
        f"vertical {correction.vertical_mm:+.2f} mm, pitch {correction.pitch_deg:+.2f}, "
        f"roll {correction.roll_deg:+.2f}, yaw {correction.yaw_deg:+.2f}°"
    )


def match_words(match: Match) -> str:
    """Return verdict, correction and reasons."""
    reasons = "; ".join(match.registration.reasons)
    verdict = f"{match.registration.verdict}: {reasons}"
    return f"{correction_words(match.correction)} ({verdict})" if match.correction is not None else verdict


def meterset_words(status: BeamStatus) -> str:
    """Return what was delivered of what was planned, MU."""
    return f"{status.delivered_mu:.1f} of {status.planned_mu:.1f} MU"


def in_words(error: BaseException) -> str:
    """Return the sentence of an error, with its kind where it is not one that was raised on purpose."""
    if isinstance(error, IsoguideError):
        return str(error)
    return (
        f"unexpected {type(error).__name__}: {error}" if str(error) else f"unexpected {type(error).__name__}"
    )
