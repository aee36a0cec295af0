"""Option values as text, turned into what the workflow asks for; a wrong one is answered with an example."""

import math
import re
from collections.abc import Sequence
from typing import Final, Literal, TypeVar, get_args

import typer

from isoguide.dicom.radiograph_pixels import PixelMeaning
from isoguide.dose.density import DensityMethod
from isoguide.dose.result import DoseAlgorithm
from isoguide.plan import PatientPosition
from isoguide.registration.markers import DeclaredMarkers, MarkerKind
from isoguide.units import MM_PER_CM
from isoguide.workflow.assess.request import DoseChoice
from isoguide.workflow.request import (
    IMAGE_ORIGIN,
    Against,
    Content,
    DegreesOfFreedom,
    Engine,
    Point,
    RegionChoice,
)
from isoguide.workflow.scenario import Site

A_POINT: Final = "-7.5,-234,16"

_MARKERS: Final = re.compile(
    r"(?P<kind>seed|sphere|coil):(?P<count>\d{1,2}):(?P<length>\d+(\.\d+)?)(x(?P<diameter>\d+(\.\d+)?))?"
)
_PIXELS: Final = {
    "LIN:1": PixelMeaning("LIN", 1),
    "LIN:-1": PixelMeaning("LIN", -1),
    "LOG:1": PixelMeaning("LOG", 1),
    "LOG:-1": PixelMeaning("LOG", -1),
}
_DENSITIES: Final = {
    "virtual": DensityMethod.VIRTUAL_CT,
    "shading": DensityMethod.SHADING_CORRECTED,
    "classes": DensityMethod.TISSUE_CLASSES,
}
_ALGORITHMS: Final = {"pencil": DoseAlgorithm.PENCIL_BEAM, "cone": DoseAlgorithm.COLLAPSED_CONE}
_Choice = TypeVar("_Choice")


def point(text: str | None, option: str, *, like: str = A_POINT) -> Point | None:
    """Read ``X,Y,Z`` in mm; a wrong one is answered with what it could be ``like``."""
    if text is None:
        return None
    found = _three_numbers(text)
    if found is None:
        msg = f"{option} needs three numbers in mm like {like}, not '{text}'"
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
    return _one_of(get_args(Content), text, "--content needs auto, bone or soft")


def against(text: str) -> Against:
    """Read ``auto``, ``reference`` or ``ct``."""
    return _one_of(get_args(Against), text, "--against needs auto, reference or ct")


def engine(text: str) -> Engine:
    """Read ``auto``, ``anatomy`` or ``markers``."""
    return _one_of(get_args(Engine), text, "--engine needs auto, anatomy or markers")


def markers(text: str | None) -> DeclaredMarkers | None:
    """Read ``KIND:COUNT:LENGTHxDIAMETER`` in mm, or ``sphere:COUNT:DIAMETER``."""
    if text is None:
        return None
    found = _MARKERS.fullmatch(text)
    if found is None or (found["diameter"] is None) != (found["kind"] == MarkerKind.SPHERE):
        msg = (
            "--markers needs what was implanted, how many, and length x diameter of one in mm like "
            f"seed:3:5x1, coil:4:10x0.5 or sphere:3:2 (diameter), not '{text}'"
        )
        raise typer.BadParameter(msg)
    length_mm = float(found["length"])
    diameter_mm = float(found["diameter"] or length_mm)
    return DeclaredMarkers(MarkerKind(found["kind"]), length_mm, diameter_mm, int(found["count"]))


def view_names(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Read ``FILE=VIEW`` or ``FILE=DEGREES``, any number of them."""
    pairs = tuple(text.partition("=")[::2] for text in texts)
    for text, (name, place) in zip(texts, pairs, strict=True):
        if not name or not place:
            msg = (
                f"--view needs a file and its view or gantry angle like a.dcm=left or a.dcm=90, not '{text}'"
            )
            raise typer.BadParameter(msg)
    return pairs


def pixels(text: str | None) -> PixelMeaning | None:
    """Read ``LIN:1``, ``LIN:-1``, ``LOG:1`` or ``LOG:-1``: PixelIntensityRelationship and its sign."""
    if text is None:
        return None
    return _PIXELS[_one_of(tuple(_PIXELS), text, f"--pixels needs one of {', '.join(_PIXELS)}")]


def degrees_of_freedom(number: int) -> DegreesOfFreedom:
    """Read 3, 4 or 6."""
    return _one_of(get_args(DegreesOfFreedom), number, "--dof needs 3 (shifts), 4 (shifts and yaw) or 6")


def site(text: str) -> Site:
    """Read prostate, lung, head-neck or liver."""
    return _one_of(get_args(Site), text, f"--site needs one of {', '.join(get_args(Site))}")


def _one_of(choices: tuple[_Choice, ...], said: object, needs: str) -> _Choice:
    """Return the choice that was said, or say what the option needs."""
    for choice in choices:
        if choice == said:
            return choice
    msg = f"{needs}, not {said!r}"
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


def units(text: str | None) -> bool:
    """Read ``mm``: the only unit that may be taken for granted, and only when somebody says so."""
    if text not in (None, "mm"):
        msg = f"--units can only be mm, not '{text}': convert the file first"
        raise typer.BadParameter(msg)
    return text is not None


def length_unit_mm(text: str) -> float:
    """Read ``mm`` or ``cm``, as the length of the unit in mm."""
    lengths = {"mm": 1.0, "cm": MM_PER_CM}
    if text not in lengths:
        msg = f"--unit needs mm or cm, not '{text}'"
        raise typer.BadParameter(msg)
    return lengths[text]


def density(text: str | None) -> DensityMethod | None:
    """Read ``virtual``, ``shading`` or ``classes``."""
    if text is None:
        return None
    if text not in _DENSITIES:
        msg = f"--density needs virtual, shading or classes, not '{text}'"
        raise typer.BadParameter(msg)
    return _DENSITIES[text]


def dose_choice(
    *, wanted: bool, machine: str | None, algorithm: str | None, goals: Sequence[str] | None
) -> DoseChoice | None:
    """Read how the dose of the day is wanted; None where it is not."""
    if not wanted:
        given = [name for name, value in (("--machine", machine), ("--algorithm", algorithm)) if value]
        given += ["--goal"] if goals else []
        if given:
            msg = f"{given[0]} is about the dose of the day: add --dose, or leave it out"
            raise typer.BadParameter(msg)
        return None
    return DoseChoice(machine, dose_algorithm(algorithm) if algorithm else None, tuple(goals or ()))


def couch_freedom(text: str) -> Literal[3, 4, 6] | None:
    """Read ``3``, ``4``, ``6`` or ``none``."""
    if text == "none":
        return None
    if text not in ("3", "4", "6"):
        msg = f"--couch needs 3, 4, 6 or none, not '{text}'"
        raise typer.BadParameter(msg)
    return degrees_of_freedom(int(text))


def dose_algorithm(text: str) -> DoseAlgorithm:
    """Read ``pencil`` or ``cone``."""
    if text not in _ALGORITHMS:
        msg = f"--algorithm needs {' or '.join(_ALGORITHMS)}, not '{text}'"
        raise typer.BadParameter(msg)
    return _ALGORITHMS[text]
