"""What a user asks of set-up DRRs, validated once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.errors import InputError
from isoguide.plan import PatientPosition
from isoguide.workflow.reference_pictures import PIXELS
from isoguide.workflow.request import AlignRequest, Point
from isoguide.workflow.setup_drr import FIELD_MM, Weights

PIXEL_RANGE: Final = (64, 4096)
"""Letters and cross need some room; more pixels than any panel has say nothing more."""
SIZE_RANGE_MM: Final = (20.0, 1000.0)
SID_RANGE_MM: Final = (500.0, 5000.0)
COLOURS: Final[dict[str, tuple[int, int, int]]] = {
    "green": (64, 224, 96),
    "magenta": (255, 96, 224),
    "cyan": (64, 208, 255),
    "orange": (255, 140, 26),
    "red": (255, 72, 72),
    "blue": (96, 128, 255),
}
"""Of outlines, in the order in which they are asked for; yellow is that of letters and cross."""


@dataclass(frozen=True, slots=True)
class DrrRequest:
    """What to compute; points are LPS mm.

    Parameters
    ----------
    planning
        A folder of DICOM files.
    angles_deg
        Gantry angles to look from, couch at 0°, instead of the set-up fields of the plan.
    size_mm, pixels
        Edge of the square that is shown, at the isocentre, and its rows and columns.
    sid_mm
        From the source to the detector; None takes what the plan says of the images of a field, or 1500 mm.
    weights
        What casts the shadow: everything, bone or soft tissue.
    pictures
        Also draw pictures with letters and a cross at the isocentre.
    outlined
        Names of structures whose shadow is outlined in the pictures.
    beam, isocentre_mm
        Which isocentre of the plan, or one stated by hand; at most one of them.
    planning_series_uid, plan_uid, structure_set_uid, patient_position
        As in :class:`isoguide.workflow.request.AlignRequest`.

    Raises
    ------
    InputError
        If a number is impossible, or outlines are asked for without pictures.
    """

    planning: Path
    angles_deg: tuple[float, ...] = ()
    size_mm: float = FIELD_MM
    pixels: int = PIXELS
    sid_mm: float | None = None
    weights: Weights = "all"
    pictures: bool = False
    outlined: tuple[str, ...] = ()
    beam: int | None = None
    isocentre_mm: Point | None = None
    planning_series_uid: str | None = None
    plan_uid: str | None = None
    structure_set_uid: str | None = None
    patient_position: PatientPosition | None = None

    def __post_init__(self) -> None:
        _check_within(self.size_mm, SIZE_RANGE_MM, "--size", "mm")
        _check_within(self.pixels, PIXEL_RANGE, "--pixels", "pixels")
        if self.sid_mm is not None:
            _check_within(self.sid_mm, SID_RANGE_MM, "--sid", "mm")
        if not np.isfinite(self.angles_deg).all():
            msg = f"--angle needs degrees of the gantry, not {', '.join(map(str, self.angles_deg))}"
            raise InputError(msg)
        if self.outlined and not self.pictures:
            msg = "--outline draws into pictures, and nothing is drawn into a DICOM image: add --png"
            raise InputError(msg)
        if len(self.outlined) > len(COLOURS):
            msg = f"--outline has {len(COLOURS)} colours, not {len(self.outlined)}: leave some structures out"
            raise InputError(msg)

    @property
    def of_planning(self) -> AlignRequest:
        """The same as far as the planning side goes; there is no image of a day."""
        return AlignRequest(
            planning=self.planning,
            daily=self.planning,
            beam=self.beam,
            isocentre_mm=self.isocentre_mm,
            planning_series_uid=self.planning_series_uid,
            plan_uid=self.plan_uid,
            structure_set_uid=self.structure_set_uid,
            patient_position=self.patient_position,
        )


def _check_within(value: float, limits: tuple[float, float], option: str, unit: str) -> None:
    if not limits[0] <= value <= limits[1]:
        msg = f"{option} has to be between {limits[0]:g} and {limits[1]:g} {unit}, not {value:g}"
        raise InputError(msg)
