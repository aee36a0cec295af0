"""What ``isoguide dvh`` is asked for."""

from dataclasses import dataclass
from pathlib import Path

from isoguide.dose.goals import DoseGoal


@dataclass(frozen=True, slots=True)
class DvhRequest:
    """Histograms of a dose and a structure set.

    Parameters
    ----------
    dose
        RT Dose: a file, or a folder with one.
    structures
        RT Structure Set: a file, or a folder with it and perhaps the plan.
    compare
        Another RT Dose of the same patient and frame of reference.
    goals
        Of the whole course.
    prescription_gy
        Of the whole course; None: that of the plan, where it states one.
    fractions
        How often a dose of one fraction is given; None: as the plan says.
    gamma
        Dose difference in percent and distance in mm.
    structure_names
        Only these; empty: all.
    structure_set_uid
        Which structure set, where there are several.
    """

    dose: Path
    structures: Path
    compare: Path | None = None
    goals: tuple[DoseGoal, ...] = ()
    prescription_gy: float | None = None
    fractions: int | None = None
    gamma: tuple[float, float] | None = None
    structure_names: tuple[str, ...] = ()
    structure_set_uid: str | None = None
