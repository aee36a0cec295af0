"""Points of a structure set that mean something: markers in the patient, marks on the skin, isocentres.

DICOM knows them all as regions of interest of one contour of type POINT, and implanted and external markers
both as MARKER (PS3.3 C.8.8.8); which of the two it is, the ROIDescription says here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.geometry.frames import PLANNING, Array
from isoguide.images.structure import Contour, Structure
from isoguide.plan import Fiducial, SkinMark

SKIN_MARK: Final = "skin mark"
ISOCENTRE_NAME: Final = "Isocentre"


@dataclass(frozen=True, slots=True)
class MarkedPoints:
    """The points of a structure set, sorted by what they mean; planning LPS.

    ``unspecified`` are markers of which nothing says whether they are in the patient or on the skin.
    """

    fiducials: tuple[Fiducial, ...] = ()
    marks: tuple[SkinMark, ...] = ()
    isocentres: tuple[Structure, ...] = ()
    unspecified: tuple[Structure, ...] = ()


def point_structures(
    first_number: int,
    *,
    fiducials: Sequence[Fiducial] = (),
    marks: Sequence[SkinMark] = (),
    isocentre_mm: Array | None = None,
) -> tuple[Structure, ...]:
    """Return one structure per point, numbered from ``first_number``, as :func:`marked_points` reads them."""
    points = [(one.name, one.position_mm, "MARKER", one.kind) for one in fiducials]
    points += [(f"Mark {one.name}", one.position_mm, "MARKER", SKIN_MARK) for one in marks]
    if isocentre_mm is not None:
        points.append((ISOCENTRE_NAME, isocentre_mm, "ISOCENTER", "plan isocentre"))
    return tuple(
        Structure(name, number, PLANNING, (Contour("POINT", np.atleast_2d(xyz_mm)),), kind, description)
        for number, (name, xyz_mm, kind, description) in enumerate(points, start=first_number)
    )


def marked_points(structures: Iterable[Structure]) -> MarkedPoints:
    """Sort out the structures that are single points; the others are left alone."""
    points = [(one, one.point_mm) for one in structures]
    markers = [(one, xyz_mm) for one, xyz_mm in points if one.interpreted_type == "MARKER"]
    return MarkedPoints(
        fiducials=tuple(
            Fiducial(one.name, xyz_mm, one.description)
            for one, xyz_mm in markers
            if xyz_mm is not None and one.description not in ("", SKIN_MARK)
        ),
        marks=tuple(
            SkinMark(one.name.removeprefix("Mark "), xyz_mm)
            for one, xyz_mm in markers
            if xyz_mm is not None and one.description == SKIN_MARK
        ),
        isocentres=tuple(
            one for one, xyz_mm in points if xyz_mm is not None and one.interpreted_type == "ISOCENTER"
        ),
        unspecified=tuple(one for one, xyz_mm in markers if xyz_mm is not None and not one.description),
    )
