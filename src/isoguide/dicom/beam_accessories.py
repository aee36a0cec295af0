"""What stands in the way of a beam: wedges, and blocks, compensators, boluses, applicators (PS3.3 C.8.8.14).

Wedges are read and written; of the others only the presence is told, so that nobody computes a dose as if
they were not there.
"""

from typing import Final

from pydicom.dataset import Dataset

from isoguide.dicom.item import Item
from isoguide.dicom.part10 import decimal_string, shortened
from isoguide.errors import OutputError
from isoguide.plan import Beam, ControlPoint, Wedge

UNDESCRIBED_WEDGE: Final = "wedge that the plan does not describe"
_OTHERS: Final = (
    ("block", "NumberOfBlocks", "BlockSequence"),
    ("bolus", "NumberOfBoli", "ReferencedBolusSequence"),
    ("applicator", "", "ApplicatorSequence"),
)
_COMPENSATORS: Final = (
    ("NumberOfCompensators", "CompensatorSequence"),
    ("", "IonRangeCompensatorSequence"),
)
_IN_THE_LEAVES: Final = ("DYNAMIC", "OPTIMAL", "TOTAL_ACTUAL")
"""CompensatorType of what the leaves do: DYNAMIC by the standard; Eclipse files the fluence of a sliding
window, as wished and as it comes out, under the other two."""
_BEHIND_THE_PATIENT: Final = ("IMAGE_DETECTOR",)


def read_wedges(beam: Item) -> tuple[Wedge, ...]:
    """Return the wedges that a beam may have in its way; those without a number cannot be referred to."""
    return tuple(
        Wedge(
            number=number,
            kind=one.text("WedgeType"),
            identifier=one.text("WedgeID"),
            angle_deg=one.number("WedgeAngle"),
            orientation_deg=one.number("WedgeOrientation"),
        )
        for one in beam.items("WedgeSequence")
        if (number := one.integer("WedgeNumber")) is not None
    )


def read_wedges_in(point: Item, before: ControlPoint | None, wedges: tuple[Wedge, ...]) -> tuple[int, ...]:
    """Return the numbers of the wedges that a control point has in the beam.

    Absent means unchanged; a wedge whose position no control point has told yet counts as in the beam, since
    a dose without it would be the more wrong.
    """
    numbers = tuple(wedge.number for wedge in wedges)
    now_in = set(numbers if before is None else before.wedges_in)
    for one in point.items("WedgePositionSequence"):
        number, position = one.integer("ReferencedWedgeNumber"), one.text("WedgePosition")
        if number is None or not position:
            continue
        if position == "OUT":
            now_in.discard(number)
        else:
            now_in.add(number)
    return tuple(sorted(now_in))


def read_other_accessories(beam: Item) -> tuple[str, ...]:
    """Name what else is in the way of the photons, each kind once.

    Beams say how many there are and describe each; either is enough to count. A compensator without material
    and tray that is of a type for what the leaves do is the fluence of a sliding window, and nothing solid.
    """
    found = [name for name, count, items in _OTHERS if _is_there(beam, count, items)]
    if any(_has_compensator(beam, count, items) for count, items in _COMPENSATORS):
        found.append("compensator")
    found += [
        f"accessory {one.text('GeneralAccessoryType') or one.text('GeneralAccessoryID') or 'of unknown kind'}"
        for one in beam.items("GeneralAccessorySequence")
        if one.text("GeneralAccessoryType") not in _BEHIND_THE_PATIENT
    ]
    if (beam.integer("NumberOfWedges") or 0) > len(read_wedges(beam)):
        found.append(UNDESCRIBED_WEDGE)
    return tuple(dict.fromkeys(found))


def read_fluence_mode(beam: Item) -> str:
    """Return FluenceMode with FluenceModeID behind a colon; empty where the plan does not say."""
    primary = beam.first("PrimaryFluenceModeSequence")
    if primary is None:
        return ""
    mode, identifier = primary.text("FluenceMode"), primary.text("FluenceModeID")
    return f"{mode}:{identifier}" if identifier else mode


def add_accessories(item: Dataset, beam: Beam) -> None:
    """Write what a beam says of wedges and of its filter into its item; nothing else is in its way.

    Raises
    ------
    OutputError
        If something else is in its way: only its name is known, and a plan without it would be another one.
    """
    if beam.other_accessories:
        msg = (
            f"beam {beam.number} has a {beam.other_accessories[0]} in its way, which cannot be written: "
            "write the plan with the planning system"
        )
        raise OutputError(msg)
    item.NumberOfWedges = len(beam.wedges)
    for accessory in ("Compensators", "Boli", "Blocks"):
        setattr(item, f"NumberOf{accessory}", 0)
    if beam.wedges:
        item.WedgeSequence = [_wedge(wedge) for wedge in beam.wedges]
    if beam.fluence_mode:
        mode, _, identifier = beam.fluence_mode.partition(":")
        primary = Dataset()
        primary.FluenceMode = mode
        if identifier:
            primary.FluenceModeID = shortened(identifier, 16)
        item.PrimaryFluenceModeSequence = [primary]


def accessory_state(point: ControlPoint, beam: Beam) -> dict[str, object]:
    """Return what a control point says of wedges and dose rate, by keyword; what it leaves open is absent."""
    state: dict[str, object] = {}
    if point.dose_rate_mu_per_min is not None:
        state["DoseRateSet"] = decimal_string(point.dose_rate_mu_per_min)
    if beam.wedges:
        state["WedgePositionSequence"] = [_wedge_position(wedge, point) for wedge in beam.wedges]
    return state


def _is_there(beam: Item, count: str, items: str) -> bool:
    return bool(count and beam.integer(count)) or bool(beam.items(items))


def _has_compensator(beam: Item, count: str, items: str) -> bool:
    described = beam.items(items)
    if not described:
        return bool(count and beam.integer(count))
    return any(not _is_made_by_leaves(one) for one in described)


def _is_made_by_leaves(compensator: Item) -> bool:
    return (
        compensator.text("CompensatorType") in _IN_THE_LEAVES
        and not compensator.text("MaterialID")
        and compensator.number("SourceToCompensatorTrayDistance") is None
    )


def _wedge(wedge: Wedge) -> Dataset:
    item = Dataset()
    item.WedgeNumber = wedge.number
    item.WedgeType = wedge.kind
    if wedge.identifier:
        item.WedgeID = shortened(wedge.identifier, 16)
    item.WedgeAngle = None if wedge.angle_deg is None else round(wedge.angle_deg)
    item.WedgeFactor = None
    item.WedgeOrientation = None if wedge.orientation_deg is None else decimal_string(wedge.orientation_deg)
    return item


def _wedge_position(wedge: Wedge, point: ControlPoint) -> Dataset:
    item = Dataset()
    item.ReferencedWedgeNumber = wedge.number
    item.WedgePosition = "IN" if wedge.number in point.wedges_in else "OUT"
    return item
