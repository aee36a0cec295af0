"""Implanted markers as reports draw them: where they belong, and where they were found."""

from collections.abc import Sequence
from dataclasses import dataclass

from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import Fiducial
from isoguide.registration.markers import MarkerMatch
from isoguide.workflow.alignment import Alignment


@dataclass(frozen=True, slots=True, eq=False)
class ShownMarker:
    """An implanted marker to be drawn.

    Parameters
    ----------
    name
        As planned.
    planned_mm
        Centre in the planning CT, (3,).
    found_mm
        Where it was found, (3,), in the frame of the day's image; None where it was not.
    tolerance_mm
        Radius of the circle about its planned place.
    """

    name: str
    planned_mm: Array
    found_mm: Array | None
    tolerance_mm: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "planned_mm", frozen_array(self.planned_mm, (3,), "the planned marker"))
        if self.found_mm is not None:
            object.__setattr__(self, "found_mm", frozen_array(self.found_mm, (3,), "the found marker"))


def shown_markers(alignment: Alignment) -> tuple[ShownMarker, ...]:
    """Return the planned markers and where they were found; none where no markers were matched."""
    found, plan = alignment.markers, alignment.marker_plan
    if found is None or plan is None:
        return ()
    return markers_of_match(found, plan.prepared.planned)


def markers_of_match(
    found: MarkerMatch, planned: Sequence[Fiducial], *, was_found: bool = True
) -> tuple[ShownMarker, ...]:
    """Return the planned markers and where a match found them; nowhere unless ``was_found``."""
    placed = found.planning_from_measured if was_found else None
    there = {one.name: one.residual_mm for one in found.markers}
    return tuple(
        ShownMarker(
            marker.name,
            marker.position_mm,
            _found_mm(marker, placed, there[marker.name]),
            found.settings.migration_limit_mm,
        )
        for marker in planned
    )


def _found_mm(marker: Fiducial, placed: RigidTransform | None, residual_mm: Array | None) -> Array | None:
    if placed is None or residual_mm is None:
        return None
    return placed.inverse().apply(marker.position_mm + residual_mm)


def marker_legend(markers: Sequence[ShownMarker]) -> str:
    """Say what circles and crosses are, as HTML; nothing where there are no markers."""
    if not markers:
        return ""
    belongs = f"planned marker, {markers[0].tolerance_mm:g} mm"
    return "".join(
        f'<span class="key"><span class="mark">{sign}</span> {text}</span>'
        for sign, text in (("○", belongs), ("+", "where it was found"))
    )
