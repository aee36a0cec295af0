"""A fit as a command asks for it: measurements and a starting beam in, beam data and a picture out."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine import FitResult, fit_beam_data
from isoguide.errors import OutputError
from isoguide.progress import Progress, silent
from isoguide.workflow.beam_data.check import KernelAgreement, kernel_agreement
from isoguide.workflow.beam_data.file import read_beam_data, write_beam_data
from isoguide.workflow.beam_data.measured_file import LoadedMeasurement, load_measurement
from isoguide.workflow.beam_data.pictures import beam_picture, fit_picture
from isoguide.workflow.beam_data.words import comparison_lines, machine_lines, water_figures
from isoguide.workflow.review.drawing import Picture

PICTURE_SUFFIXES: Final = (".png", ".svg")


@dataclass(frozen=True, slots=True)
class FitRequest:
    """What to fit, and where to write it.

    Parameters
    ----------
    measured
        A file of measurements, or the name of one that ships.
    start
        Beam data to start from: a file, or the name of some that ship.
    out
        The file of beam data to write.
    picture
        A picture (PNG or SVG) of the fit; None for none.
    """

    measured: str
    start: str
    out: Path
    picture: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A fit, what it came from, and whether its kernels agree."""

    loaded: LoadedMeasurement
    result: FitResult
    agreement: KernelAgreement

    @property
    def is_met(self) -> bool:
        """Whether all curves are met within 1 % or 1 mm and both kernels agree."""
        return self.result.is_met and self.agreement.is_met

    def lines(self) -> tuple[str, ...]:
        """Say how well the fit meets what was measured, one sentence each."""
        machine = self.result.machine
        return (
            *machine_lines(machine, water_figures(machine)),
            *comparison_lines(self.result.after),
            self.agreement.words,
            *(f"mind: {sentence}" for sentence in self.result.not_measured),
        )


def fit_machine(request: FitRequest, progress: Progress = silent) -> Fitted:
    """Fit beam data to a file of measurements, and write them.

    A fit that does not meet what was measured is written all the same, so that it can be looked at: its
    provenance says so.

    Raises
    ------
    InputError
        If a file cannot be used, or the measurements are of another energy than the starting beam.
    OutputError
        If a result exists already, or the place cannot be written.
    """
    for path in (request.out, request.picture):
        if path is not None and path.exists():
            msg = f"{path} exists already, and beam data are never overwritten: choose another name"
            raise OutputError(msg)
    loaded = load_measurement(request.measured)
    start = loaded.start(read_beam_data(request.start))
    result = fit_beam_data(loaded.beam, start, progress)
    fitted = Fitted(loaded, _told(result, loaded), kernel_agreement(result.machine))
    write_beam_data(fitted.result.machine, request.out)
    if request.picture is not None:
        save_picture(fit_picture(fitted.result.after), request.picture)
    progress(1.0, "written")
    return fitted


def _told(result: FitResult, loaded: LoadedMeasurement) -> FitResult:
    met = "all met within 1 % or 1 mm" if result.is_met else "NOT all met within 1 % or 1 mm"
    provenance = f"{result.machine.provenance}; {met}; measured by: {loaded.written.source}"
    return replace(result, machine=replace(loaded.named(result.machine), provenance=provenance))


def show_picture(machine: BeamData, path: Path) -> None:
    """Write a picture of what a beam does to water, PNG or SVG by the ending of its name.

    Raises
    ------
    OutputError
        If there is such a file, or the place cannot be written.
    """
    if path.exists():
        msg = f"{path} exists already: choose another name for the picture"
        raise OutputError(msg)
    save_picture(beam_picture(machine.name, water_figures(machine)), path)


def save_picture(drawn: Picture, path: Path) -> None:
    """Write a picture in the format that the ending of its name says.

    Raises
    ------
    OutputError
        If the ending is neither .png nor .svg, or the place cannot be written.
    """
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        msg = f"{path} ends neither in .png nor in .svg: rename the picture"
        raise OutputError(msg)
    try:
        path.write_bytes(drawn.png if path.suffix.lower() == ".png" else drawn.svg)
    except OSError as error:
        msg = f"cannot write {path} ({error.strerror or error}): choose a folder that can be written"
        raise OutputError(msg) from error
