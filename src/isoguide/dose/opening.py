"""What jaws, leaves and wedges leave open at one moment of a beam."""

from dataclasses import dataclass

from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.plan import Beam, ControlPoint, MultileafCollimator, Wedge


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """What is open at one moment: positions at the isocentre in the axes of the beam limiting device.

    Parameters
    ----------
    jaw_x_mm, jaw_y_mm
        Lower and upper jaw; None where the machine has none along that axis.
    leaf_positions_mm, leaves
        (2, pairs), the negative side first, and what they belong to; None where there are none.
    wedges
        In the beam.

    Raises
    ------
    GeometryError
        If leaves overlap, or do not fit their collimator.
    """

    jaw_x_mm: tuple[float, float] | None
    jaw_y_mm: tuple[float, float] | None
    leaf_positions_mm: Array | None = None
    leaves: MultileafCollimator | None = None
    wedges: tuple[Wedge, ...] = ()

    def __post_init__(self) -> None:
        if (self.leaf_positions_mm is None) != (self.leaves is None):
            msg = "an opening needs leaf positions and the description of the leaves, or neither"
            raise GeometryError(msg)
        if self.leaves is not None:
            shape = (2, self.leaves.pairs)
            leaf = frozen_array(self.leaf_positions_mm, shape, "leaf positions")
            object.__setattr__(self, "leaf_positions_mm", leaf)


def opening_of(beam: Beam, control_point: ControlPoint) -> Opening:
    """Return what is open at a control point of a beam.

    Raises
    ------
    MissingEvidenceError
        If neither jaws nor leaves are stated, or a wedge is in that the beam does not describe.
    """
    leaves = beam.leaves if control_point.leaf_positions_mm is not None else None
    if leaves is None and (control_point.jaw_x_mm is None or control_point.jaw_y_mm is None):
        msg = (
            f"beam {beam.number} ({beam.name}) states neither leaves nor jaws along both axes;"
            " export the plan with its beam limiting devices"
        )
        raise MissingEvidenceError(msg)
    known = {wedge.number: wedge for wedge in beam.wedges}
    if missing := [number for number in control_point.wedges_in if number not in known]:
        msg = f"beam {beam.number} ({beam.name}) has the wedge {missing[0]} in, which it does not describe"
        raise MissingEvidenceError(msg)
    return Opening(
        control_point.jaw_x_mm,
        control_point.jaw_y_mm,
        control_point.leaf_positions_mm if leaves else None,
        leaves,
        tuple(known[number] for number in control_point.wedges_in),
    )
