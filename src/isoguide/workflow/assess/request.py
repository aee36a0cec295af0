"""What a user asks of the assessment of the day's anatomy, validated once."""

from dataclasses import dataclass
from pathlib import Path

from isoguide.dose.density import DensityMethod
from isoguide.dose.result import DoseAlgorithm
from isoguide.errors import InputError
from isoguide.workflow.request import AlignRequest


@dataclass(frozen=True, slots=True)
class DoseChoice:
    """How the dose of the day is computed.

    Parameters
    ----------
    machine
        Name of beam data that ship, or their file; None: those made for the machine that the plan names.
    algorithm
        None: as the protocol says, else the pencil beam.
    goals
        As text, of the whole course, beside those of the protocol.
    """

    machine: str | None = None
    algorithm: DoseAlgorithm | None = None
    goals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AssessRequest:
    """Everything :func:`isoguide.workflow.assess.assess.assess` needs to know.

    Parameters
    ----------
    match
        Planning export, the day's CT or cone-beam CT, and how they are matched rigidly; six degrees of
        freedom, because what a couch can do does not matter for where tissue is.
    structure_names
        Which structures of the plan are assessed; empty: all that enclose volume and belong to the patient.
    daily_structures
        An RT Structure Set drawn on the day's image, where the day's folder holds none or several.
    landmarks
        A file of points that were found in both images; see :mod:`isoguide.workflow.assess.landmarks_file`.
    density
        How the density of the day is made for the dose; None: not at all.
    protocol
        Name or file of the protocol whose limits raise alerts; None: no limits, no alerts.
    dose
        How the dose of the day is computed; None: not at all.

    Raises
    ------
    InputError
        If the match has fewer than six degrees of freedom, or a structure is named twice.
    """

    match: AlignRequest
    structure_names: tuple[str, ...] = ()
    daily_structures: Path | None = None
    landmarks: Path | None = None
    density: DensityMethod | None = None
    protocol: str | None = None
    dose: DoseChoice | None = None

    def __post_init__(self) -> None:
        if self.match.degrees_of_freedom != 6:
            msg = (
                "the anatomy of the day is assessed after a match of six degrees of freedom: leave --dof out"
            )
            raise InputError(msg)
        names = [name.casefold() for name in self.structure_names]
        twice = next((name for name in self.structure_names if names.count(name.casefold()) > 1), None)
        if twice is not None:
            msg = f"structure '{twice}' is named twice: name it once"
            raise InputError(msg)

    @property
    def density_methods(self) -> tuple[DensityMethod, ...]:
        """The method that was asked for, and another one whose disagreement says how sure it is."""
        if self.density is None:
            return ()
        virtual, shading = DensityMethod.VIRTUAL_CT, DensityMethod.SHADING_CORRECTED
        return self.density, shading if self.density is virtual else virtual
