"""What a user asks of the dose of a plan, validated once."""

from dataclasses import dataclass
from pathlib import Path

from isoguide.dose.result import DoseAlgorithm
from isoguide.errors import InputError

SPACING_MM = (1.0, 5.0)
"""Dose grids of planning systems: finer takes minutes, coarser blurs what a field edge does to an organ."""


@dataclass(frozen=True, slots=True)
class DoseRequest:
    """Everything :func:`isoguide.workflow.dose.compute.dose_of_plan` needs to know.

    Parameters
    ----------
    planning
        Folder of the planning export: CT, RT Structure Set and RT Plan.
    machine
        Name of beam data that ship, or their file; None: those made for the machine that the plan names.
    algorithm, spacing_mm
        How the dose is computed, and the spacing of its grid.
    target_name
        The structure that is treated; None: chosen by its type.
    structure_names
        Structures that get a histogram beside the target; empty: all that belong to the patient.
    goals
        As text, such as ``PTV D95% >= 95 %``, of the whole course.
    protocol
        Name or file of a protocol whose goals count besides; None: no protocol.
    prescription_gy, fractions
        What the plan does not say; None: what it says.
    compare
        RT Dose of the planning system, to compare with.
    planning_series_uid, plan_uid, structure_set_uid
        Choices where the folder holds several.

    Raises
    ------
    InputError
        If a number is impossible.
    """

    planning: Path
    machine: str | None = None
    algorithm: DoseAlgorithm = DoseAlgorithm.PENCIL_BEAM
    spacing_mm: float = 2.5
    target_name: str | None = None
    structure_names: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()
    protocol: str | None = None
    prescription_gy: float | None = None
    fractions: int | None = None
    compare: Path | None = None
    planning_series_uid: str | None = None
    plan_uid: str | None = None
    structure_set_uid: str | None = None

    def __post_init__(self) -> None:
        low, high = SPACING_MM
        if not low <= self.spacing_mm <= high:
            msg = f"--spacing needs {low:g} to {high:g} mm, not {self.spacing_mm:g} mm"
            raise InputError(msg)
        if self.prescription_gy is not None and not 0.0 < self.prescription_gy < float("inf"):
            msg = f"--prescription needs a dose above 0 Gy, not {self.prescription_gy:g} Gy"
            raise InputError(msg)
        if self.fractions is not None and self.fractions < 1:
            msg = f"--fractions needs at least 1, not {self.fractions}"
            raise InputError(msg)
