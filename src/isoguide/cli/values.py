"""Option values as text, turned into what the workflow asks for; a wrong one is answered with an example."""

import math
from typing import Literal, get_args

import typer

from isoguide.plan import PatientPosition
from isoguide.workflow.request import IMAGE_ORIGIN, Content, DegreesOfFreedom, Point, RegionChoice
from isoguide.workflow.scenario import Site


def point(text: str | None, option: str) -> Point | None:
    """Read ``X,Y,Z`` in mm; negative numbers are welcome."""
    if text is None:
        return None
    found = _three_numbers(text)
    if found is None:
        msg = f"{option} needs three numbers in mm like -7.5,-234,16, not '{text}'"
        raise typer.BadParameter(msg)
    return found


def _three_numbers(text: str) -> Point | None:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        return None
    if len(values) != 3 or not all(math.isfinite(value) for value in values):
        return None
    return values[0], values[1], values[2]


def machine_isocentre(text: str | None) -> Point | Literal["image-origin"] | None:
    """Read ``X,Y,Z`` or ``image-origin``."""
    if text == IMAGE_ORIGIN:
        return IMAGE_ORIGIN
    if text is not None and "," not in text:
        msg = f"--machine-isocentre needs X,Y,Z in mm or {IMAGE_ORIGIN}, not '{text}'"
        raise typer.BadParameter(msg)
    return point(text, "--machine-isocentre")


def region(text: str) -> RegionChoice:
    """Read ``auto``, ``box:SIZE_MM``, ``box:X,Y,Z`` or the name of a structure."""
    if text == "auto":
        return RegionChoice()
    kind, colon, size = text.partition(":")
    if kind != "box" or not colon:
        return RegionChoice(structure_name=text)
    edges = _three_numbers(size if "," in size else ",".join([size] * 3))
    if edges is None or min(edges) <= 0.0:
        msg = (
            f"--roi box: needs one or three positive edges in mm like box:120 or box:160,120,80, not '{text}'"
        )
        raise typer.BadParameter(msg)
    return RegionChoice(box_mm=edges)


def content(text: str) -> Content:
    """Read ``auto``, ``bone`` or ``soft``."""
    for choice in get_args(Content):
        if text == choice:
            known: Content = choice
            return known
    msg = f"--content needs auto, bone or soft, not '{text}'"
    raise typer.BadParameter(msg)


def degrees_of_freedom(number: int) -> DegreesOfFreedom:
    """Read 3, 4 or 6."""
    for choice in get_args(DegreesOfFreedom):
        if number == choice:
            known: DegreesOfFreedom = choice
            return known
    msg = f"--dof needs 3 (shifts), 4 (shifts and yaw) or 6, not {number}"
    raise typer.BadParameter(msg)


def patient_position(text: str | None) -> PatientPosition | None:
    """Read one of the eight lying positions."""
    if text is None:
        return None
    try:
        return PatientPosition(text.upper())
    except ValueError:
        names = ", ".join(PatientPosition)
        msg = f"--patient-position needs one of {names}, not '{text}'"
        raise typer.BadParameter(msg) from None


def site(text: str) -> Site:
    """Read prostate, lung, head-neck or liver."""
    for choice in get_args(Site):
        if text == choice:
            known: Site = choice
            return known
    msg = f"--site needs one of {', '.join(get_args(Site))}, not '{text}'"
    raise typer.BadParameter(msg)


def units(text: str | None) -> bool:
    """Read ``mm``: the only unit that may be taken for granted, and only when somebody says so."""
    if text not in (None, "mm"):
        msg = f"--units can only be mm, not '{text}': convert the file first"
        raise typer.BadParameter(msg)
    return text is not None
