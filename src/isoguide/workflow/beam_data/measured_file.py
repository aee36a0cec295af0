"""Files of what was measured of a beam: TOML, checked key by key; and those that ship."""

from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine import DepthDose, MeasuredBeam, OutputFactors, Profile, Rectangle
from isoguide.errors import GeometryError, InputError, MissingEvidenceError
from isoguide.workflow.strict_toml import FileKind, Section

ENERGY_TOLERANCE_MV: Final = 0.5
MEASURED_SCHEMA_FILE: Final = "measured-beam-1.json"
Side = Annotated[float, Field(ge=10.0, le=400.0)]
Distance = Annotated[float, Field(ge=500.0, le=1500.0)]
Number = Annotated[float, Field(strict=True)]
Many = Annotated[tuple[Number, ...], Field(min_length=1, max_length=2000, strict=False)]
Opening = Annotated[tuple[Side, Side], Field(strict=False)]
Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)]


class DepthDoseSection(Section):
    """Dose along the axis."""

    field_mm: Opening = Field(description="x and y of the opening at the isocentre, about the axis.")
    source_surface_mm: Distance
    depth_mm: Many = Field(description="Increasing, from the surface of the water.")
    dose: Many = Field(description="In any unit, one per depth.")


class ProfileSection(Section):
    """Dose across the beam at one depth."""

    field_mm: Opening = Field(description="x and y of the opening at the isocentre, about the axis.")
    source_surface_mm: Distance
    depth_mm: Annotated[float, Field(gt=0.0, le=400.0)]
    along: Literal["x", "y"] = Field(description="Axis of the collimator.")
    position_mm: Many = Field(description="In the water at this depth, increasing, 0 within them.")
    dose: Many = Field(description="In any unit, one per position.")


class OutputSection(Section):
    """Dose of square fields against that of the reference field, on the axis."""

    source_surface_mm: Distance
    depth_mm: Annotated[float, Field(gt=0.0, le=400.0)]
    side_mm: Many = Field(description="At the isocentre, increasing.")
    factor: Many = Field(description="1 for the reference field.")


class MeasuredFile(Section):
    """What was measured of one photon beam in water."""

    name: str = Field(min_length=1, description="What the fitted beam data will be called.")
    machines: Names = Field(default=(), description="Values of TreatmentMachineName that they hold for.")
    energy_mv: Annotated[float, Field(ge=1.0, le=30.0)]
    source: str = Field(min_length=1, description="Who measured it when, or which publication it is from.")
    gy_per_mu: Annotated[float, Field(ge=0.001, le=0.1)] | None = Field(
        default=None, description="In the reference conditions of the beam that the fit starts with."
    )
    depth_dose: Annotated[tuple[DepthDoseSection, ...], Field(min_length=1, strict=False)]
    profile: Annotated[tuple[ProfileSection, ...], Field(strict=False)] = ()
    output_factors: OutputSection | None = None


_KIND: Final = FileKind(
    noun="measurement",
    model=MeasuredFile,
    folder=resources.files("isoguide.workflow.beam_data").joinpath("measured"),
    listed_by="isoguide machine list",
)


@dataclass(frozen=True, slots=True)
class LoadedMeasurement:
    """What a file says, as a fit takes it."""

    written: MeasuredFile
    beam: MeasuredBeam
    source: str

    def start(self, machine: BeamData) -> BeamData:
        """Return the beam that a fit starts with, with the calibration of the file where it states one.

        Raises
        ------
        InputError
            If the measurements are of another energy.
        """
        written = self.written
        if abs(written.energy_mv - machine.energy_mv) > ENERGY_TOLERANCE_MV:
            msg = (
                f"{self.source} is of a {written.energy_mv:g} MV beam, and '{machine.name}' of "
                f"{machine.energy_mv:g} MV: start from beam data of the same energy (--start)"
            )
            raise InputError(msg)
        gy_per_mu = written.gy_per_mu or machine.reference.gy_per_mu
        return replace(machine, reference=replace(machine.reference, gy_per_mu=gy_per_mu))

    def named(self, machine: BeamData) -> BeamData:
        """Return a beam under the name and for the machines of the file."""
        return replace(
            machine,
            name=self.written.name,
            machines=self.written.machines,
            energy_mv=self.written.energy_mv,
        )


def shipped_measurements() -> tuple[str, ...]:
    """Names of the measurements that come with isoguide, in alphabetical order."""
    return _KIND.shipped()


def load_measurement(name_or_path: str) -> LoadedMeasurement:
    """Read a file of measurements, or one that ships by its name.

    Raises
    ------
    MissingEvidenceError
        If there is neither.
    UnreadableError
        If it is not TOML.
    InputError
        If a key is unknown, or a value none that can be measured; the sentence names it.
    """
    source = str(Path(name_or_path))
    written = _KIND.parse(_KIND.text(name_or_path), source)
    try:
        return LoadedMeasurement(written, _beam(written), source)
    except (GeometryError, MissingEvidenceError) as error:
        raise type(error)(f"{source}: {error}") from None


def measured_schema_text() -> str:
    """Write the schema as it is published in ``docs/schema``."""
    return _KIND.schema_text()


def _beam(written: MeasuredFile) -> MeasuredBeam:
    depth_doses = tuple(
        DepthDose(_opening(one.field_mm), one.source_surface_mm, np.array(one.depth_mm), np.array(one.dose))
        for one in written.depth_dose
    )
    profiles = tuple(
        Profile(
            _opening(one.field_mm),
            one.source_surface_mm,
            one.depth_mm,
            one.along,
            np.array(one.position_mm),
            np.array(one.dose),
        )
        for one in written.profile
    )
    said = written.output_factors
    factors = None
    if said is not None:
        factors = OutputFactors(
            said.source_surface_mm, said.depth_mm, np.array(said.side_mm), np.array(said.factor)
        )
    return MeasuredBeam(depth_doses, profiles, factors)


def _opening(field_mm: tuple[float, float]) -> Rectangle:
    x_mm, y_mm = field_mm
    return Rectangle((-x_mm / 2.0, x_mm / 2.0), (-y_mm / 2.0, y_mm / 2.0))
