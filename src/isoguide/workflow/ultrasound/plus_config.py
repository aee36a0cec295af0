"""The device-set configuration of the Plus toolkit as a probe: its matrix from image to probe."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.errors import GeometryError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import Array
from isoguide.geometry.probe_calibration import ProbeCalibration
from isoguide.workflow.ultrasound.probe_file import ProbeFile

LARGEST_FILE_BYTES: Final = 16 << 20


def read_plus_config(path: Path | str, *, face_px: Array, probe: str = "Probe") -> ProbeFile:
    """Read a probe from a device-set configuration (XML) of Plus.

    Parameters
    ----------
    path
        The file.
    face_px
        (column, row), (2,), of the middle of the transducer's face, which such a file does not say.
    probe
        Name of the sensor on the probe.

    Returns
    -------
    ProbeFile
        Without a covariance, which such a file does not state either: its volumes have no place in the room.

    Raises
    ------
    MissingEvidenceError
        If there is no such file, or it has no matrix from image to probe.
    UnreadableError
        If it is not XML, or the matrix is none.
    GeometryError
        If the matrix is that of no image.
    """
    path = Path(path)
    found = [
        one for one in _root(path).iter("Transform") if one.get("From") == "Image" and one.get("To") == probe
    ]
    if len(found) != 1:
        msg = (
            f"{path} has {len(found)} transforms from Image to {probe}, one is needed; give the file of "
            "this probe"
        )
        raise MissingEvidenceError(msg)
    try:
        matrix = np.array((found[0].get("Matrix") or "").split(), dtype=np.float64).reshape(4, 4)
    except ValueError:
        msg = (
            f"{path} has a transform from Image to {probe} that is not 16 numbers; calibrate the probe again"
        )
        raise UnreadableError(msg) from None
    try:
        calibration = ProbeCalibration.from_matrix(matrix, face_px)
    except GeometryError as error:
        raise GeometryError(f"{path}: {error}") from None
    name = f"{probe} of {path.name}"
    return ProbeFile(
        calibration, None, None, None, None, name, str(path), None, _warnings(path, calibration, found[0])
    )


def _root(path: Path) -> ET.Element:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            msg = f"{path} is larger than a configuration of Plus ever is; give another file"
            raise UnreadableError(msg)
        # Nothing external is loaded, and expat limits the growth of entities.
        return ET.fromstring(path.read_bytes())  # noqa: S314 - see above
    except (FileNotFoundError, NotADirectoryError):
        msg = f"there is no configuration of Plus {path}; correct the name"
        raise MissingEvidenceError(msg) from None
    except (OSError, ET.ParseError) as error:
        msg = f"{path} cannot be read as a configuration of Plus ({error}); give another file"
        raise UnreadableError(msg) from None


def _warnings(path: Path, calibration: ProbeCalibration, found: ET.Element) -> tuple[str, ...]:
    stated = found.get("Error")
    error = f"an error of {stated} mm" if stated else "no error"
    warnings: tuple[str, ...] = (f"{path} states {error} and no covariance of its calibration",)
    if abs(calibration.shear_deg) > 0.1:
        warnings += (
            f"the matrix in {path} shears the image by {calibration.shear_deg:.1f}°, which no scanner "
            "does: its images are straightened by it",
        )
    return warnings
