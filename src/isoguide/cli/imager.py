"""``isoguide imager``: the geometry of an imager, calibrated with a phantom and shown."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from isoguide.cli.endings import one_sentence_endings

imager_app = typer.Typer(
    name="imager",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Imagers: calibrate one that is fixed in the room with a phantom, check its file, "
    "import cameras of other programs.",
)


@imager_app.command(name="calibrate")
def calibrate_command(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGES...", help="TIFF, PNG, NRRD, DX, CR or XA, one per view."),
    ],
    phantom: Annotated[Path, typer.Option(metavar="FILE", help="Beads and rough views (JSON).")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The imager file to write.")],
    serial: Annotated[str, typer.Option(metavar="NUMBER", help="DeviceSerialNumber of the imager.")],
    taken: Annotated[
        datetime, typer.Option(metavar="TIME", help="When the images were taken: 2026-03-01T08:30:00.")
    ],
    valid_days: Annotated[float, typer.Option(metavar="DAYS", help="How long the calibration holds.")],
    bone_is_dark: Annotated[
        bool, typer.Option("--bone-is-dark", help="Values are intensities, not line integrals.")
    ] = False,
) -> None:
    """Find source and detector of each view from the beads of a phantom, and write them down.

    **Examples**

    `isoguide imager calibrate left.tif right.tif --phantom beads.json --out imager.json --serial X9
    --taken 2026-03-01T08:30:00 --valid-days 30`
    """
    with one_sentence_endings():
        from isoguide.cli.terminal import console
        from isoguide.images.radiograph import Quantity
        from isoguide.workflow.radiographs.calibrate import (
            CalibrationRequest,
            calibrate_imager,
            calibration_lines,
            write_imager,
        )

        quantity: Quantity = "intensity" if bone_is_dark else "line integral"
        request = CalibrationRequest(tuple(images), phantom, serial, taken, valid_days, quantity)
        written, found = calibrate_imager(request)
        write_imager(written, out)
        for line in calibration_lines(found):
            console().print(line)
        console().print(f"written to {out}")


@imager_app.command(name="check")
def check_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An imager file.")],
) -> None:
    """Check an imager file, and say which device it is for and until when it holds.

    **Examples**

    `isoguide imager check imager.json`
    """
    with one_sentence_endings():
        from isoguide.cli.terminal import console
        from isoguide.workflow.radiographs.imager_file import imager_words, load_imager

        console().print(imager_words(load_imager(file, now=datetime.now())))


@imager_app.command(name="import-cameras")
def import_cameras_command(
    cameras: Annotated[
        list[Path], typer.Argument(metavar="CAMERAS...", help="MayaCam 2.0 files (XMALab), one per view.")
    ],
    image: Annotated[
        list[Path], typer.Option(metavar="FILE", help="Undistorted TIFF, PNG or NRRD; once per camera.")
    ],
    placement: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Text, 4 rows of 4 numbers: planning coordinates from those of the calibration object, mm.",
        ),
    ],
    unit: Annotated[str, typer.Option(metavar="UNIT", help="Of the cameras' translations: mm or cm.")],
    sid: Annotated[
        float,
        typer.Option(
            metavar="MM", help="From source to detector. Any beyond the patient: the image is the same."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The views file to write.")],
    bone_is_dark: Annotated[
        bool, typer.Option("--bone-is-dark", help="Values are intensities, not line integrals.")
    ] = False,
) -> None:
    """Write a views file from camera files of another program and their images.

    **Examples**

    `isoguide imager import-cameras cam1.txt cam2.txt --image left.tif --image right.tif
    --placement planning.txt --unit mm --sid 1600 --bone-is-dark --out views.json`
    """
    with one_sentence_endings():
        from isoguide.cli.terminal import console
        from isoguide.cli.values import length_unit_mm
        from isoguide.workflow.radiographs.import_cameras import CameraImport, camera_lines, import_cameras

        request = CameraImport(
            tuple(cameras),
            tuple(image),
            placement,
            length_unit_mm(unit),
            sid,
            "intensity" if bone_is_dark else "line integral",
        )
        for line in camera_lines(import_cameras(request, out)):
            console().print(line)
        console().print(f"written to {out}")
