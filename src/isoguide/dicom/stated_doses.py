"""What a planning system itself says of its beams: surface distances, and doses at points.

Two ways of DICOM lead to a dose at a point: BeamDose with its BeamDoseSpecificationPoint (PS3.3 C.8.8.13),
and a dose reference with coordinates, for which every beam holds a coefficient that BeamDose is multiplied by
(C.8.8.14.7). A BeamDose with neither is read without a place.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from isoguide.dicom.item import Item
from isoguide.geometry.frames import Array
from isoguide.plan import StatedDose

PHYSICAL: Final = ("", "PHYSICAL")
"""BeamDoseType of a dose that can be compared; EFFECTIVE ones are weighted."""


@dataclass(frozen=True, slots=True, eq=False)
class PlanStatements:
    """What a plan states outside its beams.

    Parameters
    ----------
    beam_doses
        By beam number: BeamDose with its point, or without.
    points
        By DoseReferenceNumber: name and position (3,) mm of dose references that are a point.
    """

    beam_doses: Mapping[int, StatedDose]
    points: Mapping[int, tuple[str, Array]]


def read_statements(plan: Item, groups: tuple[Item, ...]) -> PlanStatements:
    """Read what fraction groups and dose references state; of several groups the first that names a beam."""
    doses: dict[int, StatedDose] = {}
    for group in groups:
        for beam in group.items("ReferencedBeamSequence"):
            number, dose_gy = beam.integer("ReferencedBeamNumber"), beam.number("BeamDose")
            if number is None or dose_gy is None or beam.text("BeamDoseType") not in PHYSICAL:
                continue
            point_mm = beam.numbers("BeamDoseSpecificationPoint", 3)
            doses.setdefault(number, StatedDose(dose_gy, point_mm))
    points = {
        number: (entry.text("DoseReferenceDescription"), position_mm)
        for entry in plan.items("DoseReferenceSequence")
        if (number := entry.integer("DoseReferenceNumber")) is not None
        and (position_mm := entry.numbers("DoseReferencePointCoordinates", 3)) is not None
    }
    return PlanStatements(doses, points)


def read_stated_doses(beam: Item, number: int, stated: PlanStatements) -> tuple[StatedDose, ...]:
    """Return what the planning system says the beam delivers, at all points that the plan places."""
    own = stated.beam_doses.get(number)
    if own is None:
        return ()
    found = tuple(_at_references(beam, own.dose_gy, stated))
    return found if found and own.position_mm is None else (own, *found)


def read_surface_mm(beam: Item) -> float | None:
    """Return the distance from the source to the surface at the first control point."""
    first = next(iter(beam.items("ControlPointSequence")), None)
    return None if first is None else first.number("SourceToSurfaceDistance")


def _at_references(beam: Item, dose_gy: float, stated: PlanStatements) -> Iterator[StatedDose]:
    points = beam.items("ControlPointSequence")
    for one in points[-1].items("ReferencedDoseReferenceSequence") if points else ():
        number = one.integer("ReferencedDoseReferenceNumber")
        share = one.number("CumulativeDoseReferenceCoefficient")
        if number is not None and number in stated.points and share is not None:
            name, position_mm = stated.points[number]
            yield StatedDose(share * dose_gy, position_mm, name)
