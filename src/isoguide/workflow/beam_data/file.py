"""Files of beam data: JSON, read strictly, and the machines that ship."""

from dataclasses import replace
from difflib import get_close_matches
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, model_validator

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine import pencil_reference_gy
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.workflow.beam_data.sections import (
    CollimationSection,
    HeadSection,
    LimitsSection,
    PencilSection,
    PointSection,
    ReferenceSection,
    SpectrumSection,
    WedgeSection,
)
from isoguide.workflow.radiographs.strict_json import read_json, schema_text, write_new_json
from isoguide.workflow.strict_toml import Section

SCHEMA_FILE: Final = "beam-data-1.json"
FILE_VERSION: Final = "1.0"
"""Major: a reader of the previous one may break. Minor: keys were added."""
SUFFIX: Final = ".json"
_FOLDER: Final = resources.files("isoguide.workflow.beam_data").joinpath("machines")
_CALIBRATION_TOLERANCE: Final = 0.005


class BeamDataFile(Section):
    """One photon beam of one machine, or of machines that were matched to each other."""

    schema_version: str = Field(pattern=r"^1\.\d+$")
    name: str = Field(min_length=1, description="What it is called in results.")
    machines: tuple[str, ...] = Field(
        description="Values of TreatmentMachineName that it holds for; none for a generic machine."
    )
    energy_mv: Annotated[float, Field(ge=1.0, le=30.0)] = Field(description="NominalBeamEnergy of plans.")
    is_flattened: bool = Field(description="Whether there is a flattening filter.")
    source_axis_distance_mm: Annotated[float, Field(ge=500.0, le=1500.0)]
    provenance: str = Field(min_length=1, description="Where the numbers come from, one sentence.")
    reference: ReferenceSection
    spectrum: SpectrumSection
    pencil_kernels: PencilSection
    point_kernel: PointSection
    head: HeadSection
    collimation: CollimationSection
    wedges: tuple[WedgeSection, ...] = ()
    limits: LimitsSection

    @model_validator(mode="after")
    def _is_one_beam(self) -> "BeamDataFile":
        for names in (self.machines, tuple(wedge.identifier for wedge in self.wedges)):
            doubles = sorted({name for name in names if names.count(name) > 1})
            if doubles:
                msg = f"{doubles[0]} is there twice: remove one"
                raise ValueError(msg)
        found, wanted = pencil_reference_gy(self.beam_data()), self.reference.gy_per_mu
        if abs(found / wanted - 1.0) > _CALIBRATION_TOLERANCE:
            msg = (
                f"pencil_kernels give {found:.5f} Gy per monitor unit in the reference conditions, not "
                f"{wanted:.5f}: make them anew with isoguide machine fit"
            )
            raise ValueError(msg)
        return self

    @classmethod
    def of(cls, machine: BeamData) -> "BeamDataFile":
        """Write a beam.

        Raises
        ------
        ValidationError
            If it is none that a file may hold.
        """
        return cls(
            schema_version=FILE_VERSION,
            name=machine.name,
            machines=machine.machines,
            energy_mv=machine.energy_mv,
            is_flattened=machine.is_flattened,
            source_axis_distance_mm=machine.source_axis_distance_mm,
            provenance=machine.provenance,
            reference=ReferenceSection.of(machine.reference),
            spectrum=SpectrumSection.of(machine.spectrum),
            pencil_kernels=PencilSection.of(machine.pencil),
            point_kernel=PointSection.of(machine.point),
            head=HeadSection.of(machine.head),
            collimation=CollimationSection.of(machine.collimation),
            wedges=tuple(WedgeSection.of(wedge) for wedge in machine.wedges),
            limits=LimitsSection.of(machine.limits),
        )

    def beam_data(self) -> BeamData:
        """Return the beam, without the hash of a file."""
        return BeamData(
            name=self.name,
            machines=self.machines,
            energy_mv=self.energy_mv,
            is_flattened=self.is_flattened,
            source_axis_distance_mm=self.source_axis_distance_mm,
            reference=self.reference.part(),
            spectrum=self.spectrum.part(),
            pencil=self.pencil_kernels.part(),
            point=self.point_kernel.part(),
            head=self.head.part(),
            collimation=self.collimation.part(),
            wedges=tuple(wedge.part() for wedge in self.wedges),
            limits=self.limits.part(),
            provenance=self.provenance,
        )


def shipped_machines() -> tuple[str, ...]:
    """Names of the beam data that come with isoguide, in alphabetical order."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)))


def read_beam_data(path_or_name: Path | str) -> BeamData:
    """Read beam data from a file, or those that ship by their name.

    Raises
    ------
    MissingEvidenceError
        If there is neither.
    UnreadableError
        If the file is not JSON.
    InputError
        If a key is unknown or missing, or a value none that a beam can have; the sentence names it.
    """
    name = str(path_or_name)
    if name in shipped_machines():
        with resources.as_file(_FOLDER.joinpath(name + SUFFIX)) as path:
            return _read(path)
    path = Path(path_or_name)
    if not path.exists() and SUFFIX not in path.name:
        close = get_close_matches(name, shipped_machines(), n=1)
        remedy = (
            f"did you mean {close[0]}?" if close else f"give a file, or {' or '.join(shipped_machines())}"
        )
        msg = f"there are no beam data '{name}': {remedy}"
        raise MissingEvidenceError(msg)
    return _read(path)


def _read(path: Path) -> BeamData:
    written = read_json(path, BeamDataFile, "file of beam data")
    return replace(written.beam_data(), sha256=sha256(path.read_bytes()).hexdigest())


def write_beam_data(machine: BeamData, path: Path) -> None:
    """Write beam data as a file, complete or not at all; an existing one is never replaced.

    Raises
    ------
    InputError
        If they are none that a file may hold.
    OutputError
        If there is such a file, or the place cannot be written.
    """
    try:
        written = BeamDataFile.of(machine)
    except ValueError as error:
        reason = str(error).splitlines()[-2].strip() if "\n" in str(error) else str(error)
        msg = f"the beam data '{machine.name}' are not written: {reason}"
        raise InputError(msg) from error
    write_new_json(written, path, "file of beam data")


def beam_data_schema_text() -> str:
    """Write the schema as it is published in ``docs/schema``."""
    return schema_text(BeamDataFile)
