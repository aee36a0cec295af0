"""The codes of a position report: those of DICOM (PS3.16 Annex D) and a few of our own where it has none."""

from typing import Final

from pydicom.sr.coding import Code

from isoguide.registration.result import Verdict

PRIVATE_SCHEME: Final = "99ISOGUIDE"
"""Coding scheme designator of our own codes: 99 marks it as private, at most 16 characters (PS3.16 8)."""

MILLIMETRE: Final = Code("mm", "UCUM", "millimeter")
DEGREE: Final = Code("deg", "UCUM", "degree")

CORRECTION_CODES: Final[dict[str, tuple[Code, Code]]] = {
    "lateral_mm": (Code("126806", "DCM", "IEC61217 Table Top Lateral Position"), MILLIMETRE),
    "longitudinal_mm": (Code("126807", "DCM", "IEC61217 Table Top Longitudinal Position"), MILLIMETRE),
    "vertical_mm": (Code("126808", "DCM", "IEC61217 Table Top Vertical Position"), MILLIMETRE),
    "pitch_deg": (Code("126802", "DCM", "IEC61217 Table Top Continuous Pitch Angle"), DEGREE),
    "roll_deg": (Code("126803", "DCM", "IEC61217 Table Top Continuous Roll Angle"), DEGREE),
    "yaw_deg": (Code("YAW", PRIVATE_SCHEME, "IEC61217 yaw angle about the machine isocentre"), DEGREE),
}
"""Name and unit of each value; PS3.16 CID 9403 has no yaw of the table top that is not the turntable's."""

RELATIVE: Final = Code("CORRECTION", PRIVATE_SCHEME, "Correction to apply to the present position")
"""The derivation of the six values: displacements, where the codes alone could mean absolute readings."""

DERIVATION: Final = Code("121401", "DCM", "Derivation")
UPPER_UNCERTAINTY: Final = Code("371886008", "SCT", "+, range of upper measurement uncertainty")
LOWER_UNCERTAINTY: Final = Code("371885007", "SCT", "-, range of lower measurement uncertainty")

VERDICT: Final = Code("VERDICT", PRIVATE_SCHEME, "Verdict on the match")
VERDICTS: Final[dict[Verdict, Code]] = {
    Verdict.ACCEPT: Code("ACCEPT", PRIVATE_SCHEME, "Accept"),
    Verdict.REVIEW: Code("REVIEW", PRIVATE_SCHEME, "Review"),
    Verdict.NOT_AVAILABLE: Code("NOTAVAILABLE", PRIVATE_SCHEME, "Not available"),
}
REASON: Final = Code("REASON", PRIVATE_SCHEME, "Reason for the verdict")
ORDER: Final = Code("ORDER", PRIVATE_SCHEME, "Order of operations")
COVERAGE: Final = Code("COVERAGE", PRIVATE_SCHEME, "Coverage of the uncertainties")
MATCH_REGION: Final = Code("REGION", PRIVATE_SCHEME, "Region of match")
FREEDOM: Final = Code("DOF", PRIVATE_SCHEME, "Degrees of freedom of the match")
NO_UNIT: Final = Code("1", "UCUM", "no units")

ALGORITHM_NAME: Final = Code("111001", "DCM", "Algorithm Name")
ALGORITHM_VERSION: Final = Code("111003", "DCM", "Algorithm Version")
ALGORITHM_PARAMETERS: Final = Code("111002", "DCM", "Algorithm Parameters")

PROCEDURE: Final = Code("121716", "DCM", "RT Patient Position Registration, 3D CT volume-based")
FINDING: Final = Code("121722", "DCM", "RT Patient Position Adjustment")
REGISTRATION: Final = Code("128444", "DCM", "Spatial Registration Reference")
IMAGE_LIBRARY: Final = Code("111028", "DCM", "Image Library")
IMAGE_LIBRARY_GROUP: Final = Code("126200", "DCM", "Image Library Group")
FRAME_OF_REFERENCE: Final = Code("112227", "DCM", "Frame of Reference UID")
ROLE: Final = Code("ROLE", PRIVATE_SCHEME, "Role of the images in the match")
PLANNING_ROLE: Final = Code("PLANNING", PRIVATE_SCHEME, "Planning images")
DAILY_ROLE: Final = Code("DAILY", PRIVATE_SCHEME, "Images of the day")
SOURCE: Final = Code("260753009", "SCT", "Source")
