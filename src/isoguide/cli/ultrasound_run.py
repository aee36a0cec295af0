"""Run the commands of ``isoguide ultrasound`` and say what came of it."""

import sys
from pathlib import Path
from typing import Any, cast, get_args

from rich.text import Text

from isoguide.cli.terminal import console, shown_progress
from isoguide.cli.values import patient_position
from isoguide.dicom import PatientIdentity
from isoguide.dicom.write_ultrasound import UltrasoundDetails
from isoguide.errors import InputError
from isoguide.images.compounding import Method
from isoguide.workflow.result_json import result_text
from isoguide.workflow.ultrasound.calibrate import (
    PROBE_FILE,
    ProbeCalibrationRequest,
    calibrate_probe_into,
    calibration_lines,
)
from isoguide.workflow.ultrasound.reconstruct import (
    UltrasoundReconstructRequest,
    reconstruct_ultrasound_into,
    reconstruction_document,
)


def reconstruct_request(
    recording: Path,
    files: dict[str, Any],
    *,
    volume: tuple[float, str, float],
    patient: tuple[str, str | None],
    part: tuple[str, str],
) -> UltrasoundReconstructRequest:
    """Put the options of ``reconstruct`` together.

    Raises
    ------
    InputError
        If a word is not known.
    """
    spacing_mm, method, fill_mm = volume
    if method not in get_args(Method):
        msg = f"--method {method} is not known: choose one of {', '.join(get_args(Method))}"
        raise InputError(msg)
    patient_id, position = patient
    return UltrasoundReconstructRequest(
        recording=recording,
        spacing_mm=spacing_mm,
        method=cast("Method", method),
        fill_mm=fill_mm,
        patient=PatientIdentity(patient_id=patient_id),
        patient_position=patient_position(position),
        details=UltrasoundDetails(
            body_part=part[0].upper(), laterality=part[1].upper(), model="isoguide ultrasound reconstruct"
        ),
        **files,
    )


def reconstruct_and_show(
    request: UltrasoundReconstructRequest, out: Path, *, overwrite: bool, quiet: bool, as_json: bool
) -> None:
    """Reconstruct, write, and print where and what."""
    with shown_progress(wanted=not (quiet or as_json)) as progress:
        made = reconstruct_ultrasound_into(out, request, overwrite=overwrite, progress=progress)
    document = reconstruction_document(made)
    if as_json:
        sys.stdout.write(result_text(document))
        return
    if quiet:
        return
    terminal = console()
    size = " × ".join(str(n) for n in made.volume.grid.shape[::-1])
    terminal.print(
        Text(
            f"{len(made.loaded.sweep.images)} of {made.loaded.recorded} images, {document['seen_ml']:.0f} "
            f"ml seen, {size} voxels in {made.volume.frame}"
        )
    )
    for warning in made.warnings:
        terminal.print(Text(f"warning: {warning}", style="yellow"))
    terminal.print(Text(f"written to {out}: {', '.join(made.files)}"))


def calibrate_and_show(request: ProbeCalibrationRequest, out: Path, *, overwrite: bool, quiet: bool) -> None:
    """Calibrate, write, and print what was found and where it is."""
    with shown_progress(wanted=not quiet) as progress:
        found = calibrate_probe_into(out, request, overwrite=overwrite, progress=progress)
    if quiet:
        return
    terminal = console()
    for line in calibration_lines(found):
        terminal.print(Text(line))
    for warning in found.warnings:
        terminal.print(Text(f"warning: {warning}", style="yellow"))
    terminal.print(Text(f"written to {out / PROBE_FILE}"))
