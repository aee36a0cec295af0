"""What a deformable registration answers: a displacement field, how sure it is, and what it is good for."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]


class FieldVerdict(StrEnum):
    """What may be done with a displacement field."""

    FOR_DECISION = "for decision"
    NOT_FOR_DECISION = "not for decision"
    NOT_AVAILABLE = "not available"


@dataclass(frozen=True, slots=True, eq=False)
class DeformableRegistration:
    """Where the tissue of the planning CT is today.

    Tissue at x of the planning CT is found at ``planning_from_daily.inverse().apply(field.moved(x))`` of the
    day's image; ``field`` alone tells what is left when the patient has been put where he was planned.

    Parameters
    ----------
    verdict, reasons
        What the field may be used for, and why not for more. There is a field exactly when the verdict is not
        "not available".
    approximations
        What is assumed rather than seen, one sentence each: beyond the field of view, under metal, in gas.
    planning_from_daily
        The rigid match that the field builds on, daily LPS to planning LPS.
    field
        Displacement of tissue, planning LPS.
    seen
        Bool ``[k, j, i]`` at the nodes of the field: where the day's image shows this tissue.
    sigma_mm
        float32 ``[k, j, i]`` likewise: standard deviation of the displacement along an axis, their mean.
    inconsistency_mm
        float32 ``[k, j, i]`` likewise: where the tissue returns to when it is matched there and back, as a
        distance; NaN where that was not measured.
    similarity_before, similarity_after
        Mean local correlation of the images in the body that both show, after the rigid match and after the
        field, -1 to 1.
    algorithm, settings
        What found it, plain values for the provenance.
    """

    verdict: FieldVerdict
    reasons: tuple[str, ...]
    approximations: tuple[str, ...]
    planning_from_daily: RigidTransform
    field: DisplacementField | None
    seen: Mask | None
    sigma_mm: Float32 | None
    inconsistency_mm: Float32 | None
    similarity_before: float | None
    similarity_after: float | None
    algorithm: str
    settings: dict[str, object]

    def __post_init__(self) -> None:
        if (self.planning_from_daily.to_frame, self.planning_from_daily.from_frame) != (PLANNING, DAILY):
            msg = f"a deformable registration builds on '{PLANNING} from {DAILY}'"
            raise ValueError(msg)
        if (self.field is None) != (self.verdict is FieldVerdict.NOT_AVAILABLE):
            msg = "a deformable registration has a field exactly when its verdict is not 'not available'"
            raise ValueError(msg)
        for name in ("seen", "sigma_mm", "inconsistency_mm"):
            values = getattr(self, name)
            if values is None:
                continue
            if self.field is None or values.shape != self.field.grid.shape:
                msg = f"'{name}' belongs to the nodes of the field"
                raise ValueError(msg)
            if values.flags.writeable:
                values = values.copy()
                values.flags.writeable = False
                object.__setattr__(self, name, values)

    def daily_positions(self, points_mm: Array) -> Array:
        """Return where tissue of planning positions (n, 3) lies in the day's image, (n, 3) daily LPS."""
        return self.planning_from_daily.inverse().apply(self._field().moved(points_mm))

    def planning_positions(self, points_mm: Array) -> Array:
        """Return where tissue seen at positions (n, 3) of the day, daily LPS, lies in the planning CT."""
        return self._field().origin_of(self.planning_from_daily.apply(points_mm))

    def _field(self) -> DisplacementField:
        if self.field is None:
            msg = "no displacement field was found, so no position follows from it"
            raise ValueError(msg)
        return self.field
