"""What a plan says about the images that shall be taken of its fields (PS3.3 C.8.8.14)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pydicom.uid import RTIonPlanStorage

from isoguide.dicom.item import Item, tolerating_odd_values
from isoguide.dicom.scan import PLAN_CLASSES, open_dicom
from isoguide.errors import UnreadableError


@dataclass(frozen=True, slots=True)
class PlannedImages:
    """The planned verification images of a plan.

    Parameters
    ----------
    plan_class_uid
        SOPClassUID of the plan: photons and ions have classes of their own.
    sid_mm
        RTImageSID (3002,0026) by BeamNumber, every distance once; beams without one are absent.
    """

    plan_class_uid: str
    sid_mm: Mapping[int, tuple[float, ...]]


@tolerating_odd_values
def read_planned_images(path: Path | str) -> PlannedImages:
    """Read the planned images of an RT Plan or RT Ion Plan.

    Raises
    ------
    UnreadableError
        If it is not a plan, or a value in it is not a number.
    """
    file = open_dicom(path)
    if file.sop_class_uid not in PLAN_CLASSES:
        msg = f"{file.path} is {file.class_name}, not an RT Plan; give another file"
        raise UnreadableError(msg)
    beams = "IonBeamSequence" if file.sop_class_uid == RTIonPlanStorage else "BeamSequence"
    stated = {beam.need_integer("BeamNumber"): _distances_mm(beam) for beam in file.item.items(beams)}
    distances = {number: found for number, found in stated.items() if found}
    return PlannedImages(file.sop_class_uid, MappingProxyType(distances))


def _distances_mm(beam: Item) -> tuple[float, ...]:
    found = (one.number("RTImageSID") for one in beam.items("PlannedVerificationImageSequence"))
    return tuple(dict.fromkeys(sid_mm for sid_mm in found if sid_mm is not None))
