"""Pictures of the day's anatomy, shared by report, course report and console: SVG with inline pixels."""

from dataclasses import dataclass

from isoguide.geometry.frames import Array
from isoguide.workflow.assess.anatomy import AnatomyOfDay, DayAnatomy, PlannedAnatomy
from isoguide.workflow.planes import Plane


@dataclass(frozen=True, slots=True, eq=False)
class AnatomyScene:
    """What all pictures of a day share: images, field, planes through a point, grey window, outlines.

    Every picture shows the patient put where he was planned, in the planes of the planning CT.
    """

    planned: PlannedAnatomy
    day: DayAnatomy
    anatomy: AnatomyOfDay
    planes: tuple[Plane, Plane, Plane]

    @classmethod
    def of(
        cls,
        planned: PlannedAnatomy,
        day: DayAnatomy,
        anatomy: AnatomyOfDay,
        *,
        centre_mm: Array,
        pixels: int = 400,
    ) -> "AnatomyScene":
        """Cut both images in the three planes through ``centre_mm`` (3,), planning LPS."""
        raise NotImplementedError


def outline_pictures(scene: AnatomyScene) -> tuple[str, ...]:
    """Draw the day's image with the structures as planned (dashed) and as they are today; three planes."""
    raise NotImplementedError


def difference_pictures(scene: AnatomyScene, *, deformed: bool) -> tuple[str, ...]:
    """Draw the day's image less the planning CT, put on it rigidly or by the field; three planes."""
    raise NotImplementedError


def deformation_pictures(scene: AnatomyScene) -> tuple[str, ...]:
    """Draw the field as a grid of lines that the tissue took along, with arrows; three planes."""
    raise NotImplementedError


def volume_change_pictures(scene: AnatomyScene) -> tuple[str, ...]:
    """Draw where tissue has grown or shrunk (Jacobian determinant); three planes."""
    raise NotImplementedError
