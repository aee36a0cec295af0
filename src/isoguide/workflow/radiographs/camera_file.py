"""Camera files of stereo X-ray systems (MayaCam 2.0): the pinhole model of each tube and detector.

XMALab and Autoscoper exchange them. A camera takes a point X of the calibration object to the pixel
``K (R X + t)``, in the convention of OpenCV: columns count to the right and rows down from the middle of the
first pixel, and the camera looks along its +z. Source: file specification of Autoscoper (camera calibration,
MayaCam 2.0) and the wiki of XMALab ("XMALab uses the OpenCV pinhole camera model").
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.errors import GeometryError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import Array, Frame, frozen_array
from isoguide.geometry.projection_matrix import view_from_matrix
from isoguide.geometry.xray_view import XrayView

CALIBRATION: Final = Frame("calibration object")
"""The coordinates of the object that the cameras were calibrated with."""

AXES_TOLERANCE: Final = 1e-3
"""Largest deviation of a written rotation from one: it is written with three decimals at least."""

SECTIONS: Final = {"image size": (1, 2), "camera matrix": (3, 3), "rotation": (3, 3), "translation": (3, 1)}
"""Rows and numbers in a row under each heading."""


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """What a camera file says.

    Parameters
    ----------
    size
        Columns and rows of the image.
    camera_matrix
        (3, 3): focal lengths and principal point, in pixels.
    rotation, translation
        (3, 3) and (3,), camera from calibration object; the translation in the unit of the object.
    source
        The file, for messages.

    Raises
    ------
    GeometryError
        If the matrix is that of no camera without skew, or the rotation is none or mirrors.
    """

    size: tuple[int, int]
    camera_matrix: Array
    rotation: Array
    translation: Array
    source: str

    def __post_init__(self) -> None:
        for name, shape in (("camera_matrix", (3, 3)), ("rotation", (3, 3)), ("translation", (3,))):
            what = f"the {name.replace('_', ' ')} of {self.source}"
            object.__setattr__(self, name, frozen_array(getattr(self, name), shape, what))
        (across, skew, _), (below, down, _), last = self.camera_matrix.tolist()
        if min(across, down) <= 0.0 or (skew, below, *last) != (0.0, 0.0, 0.0, 0.0, 1.0):
            msg = (
                f"the camera matrix of {self.source} is not fx,0,cx / 0,fy,cy / 0,0,1 with positive fx "
                "and fy; export the camera again"
            )
            raise GeometryError(msg)
        off = float(np.abs(self.rotation @ self.rotation.T - np.eye(3)).max())
        if off > AXES_TOLERANCE:
            msg = f"the rotation of {self.source} is none (off by {off:.2g}); export the camera again"
            raise GeometryError(msg)
        if np.linalg.det(self.rotation) < 0.0:
            msg = (
                f"the rotation of {self.source} mirrors left and right: the images were flipped or the "
                "points of the calibration object are left-handed; calibrate with images as they were taken"
            )
            raise GeometryError(msg)

    def view(self, *, unit_mm: float, source_detector_mm: float) -> XrayView:
        """Return source and flat detector in :data:`CALIBRATION`.

        A camera says how wide the angle of a pixel is, not how large the pixel. Wherever the detector is
        put, the image of everything in front of it is the same.

        Parameters
        ----------
        unit_mm
            Length of the unit of the calibration object: 1 for mm, 10 for cm.
        source_detector_mm
            Where to put the detector, perpendicularly from the source.

        Raises
        ------
        GeometryError
            If a length is not positive.
        """
        if not unit_mm > 0.0 or not source_detector_mm > 0.0:
            msg = (
                f"the unit and the distance to the detector must be positive, not {unit_mm:g} mm and "
                f"{source_detector_mm:g} mm; correct them"
            )
            raise GeometryError(msg)
        left, _, right = np.linalg.svd(self.rotation)
        rotation = left @ right
        translation_mm = self.translation * unit_mm
        spacing = source_detector_mm / np.diag(self.camera_matrix)[:2]
        return view_from_matrix(
            self.camera_matrix @ np.column_stack([rotation, translation_mm]),
            frame=CALIBRATION,
            pixel_spacing_mm=(float(spacing[0]), float(spacing[1])),
            size=self.size,
            seen_mm=rotation.T @ ([0.0, 0.0, source_detector_mm] - translation_mm),
        )


def load_camera(path: Path | str) -> Camera:
    """Read a camera file.

    Raises
    ------
    MissingEvidenceError
        If there is no such file.
    UnreadableError
        If it is not a MayaCam 2.0 file, is incomplete, or states a distortion.
    GeometryError
        If its numbers are those of no camera.
    """
    path = Path(path)
    parts = _sections(_lines(path, "camera file"), path)
    size = parts["image size"][0]
    if not (size == np.rint(size)).all() or size.min() < 1.0:
        msg = f"{path} has the image size {size.tolist()}; it must be columns,rows in whole pixels"
        raise UnreadableError(msg)
    return Camera(
        (int(size[0]), int(size[1])),
        parts["camera matrix"],
        parts["rotation"],
        parts["translation"][:, 0],
        str(path),
    )


def load_matrix(path: Path | str) -> Array:
    """Read four rows of four numbers, separated by blanks or commas.

    Raises
    ------
    MissingEvidenceError
        If there is no such file.
    UnreadableError
        If it holds something else.
    """
    path = Path(path)
    rows = [_numbers(line, path) for line in _lines(path, "matrix file")]
    if [len(row) for row in rows] != [4, 4, 4, 4]:
        msg = f"{path} does not hold four rows of four numbers; write the 4 × 4 matrix row by row"
        raise UnreadableError(msg)
    return np.array(rows)


def _lines(path: Path, noun: str) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        msg = f"there is no {noun} {path}; correct the name"
        raise MissingEvidenceError(msg) from None
    except UnicodeDecodeError:
        msg = f"{path} is not text, so no {noun}; give another file"
        raise UnreadableError(msg) from None
    except OSError as error:
        msg = f"cannot read {path} ({error.strerror}); give a {noun} that can be read"
        raise UnreadableError(msg) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _sections(lines: list[str], path: Path) -> dict[str, Array]:
    """Return the numbers under each heading."""
    rows: dict[str, list[list[float]]] = {}
    for line in lines:
        if line[0].isalpha():
            if line not in SECTIONS or line in rows:
                msg = (
                    f"{path} has the heading {line!r}, which is unknown or there twice; export a MayaCam 2.0 "
                    "without distortion, for undistorted images"
                )
                raise UnreadableError(msg)
            rows[line] = []
        elif not rows:
            msg = f"{path} does not begin with a heading like 'image size'; export it as MayaCam 2.0"
            raise UnreadableError(msg)
        else:
            rows[next(reversed(rows))].append(_numbers(line, path))
    for heading, (count, width) in SECTIONS.items():
        if [len(row) for row in rows.get(heading, [])] != [width] * count:
            msg = (
                f"{path} needs {count} row{'s' * (count > 1)} of {width} under the heading '{heading}'; "
                "export it as MayaCam 2.0"
            )
            raise UnreadableError(msg)
    return {heading: np.array(numbers) for heading, numbers in rows.items()}


def _numbers(line: str, path: Path) -> list[float]:
    try:
        return [float(word) for word in line.replace(",", " ").split()]
    except ValueError:
        msg = f"{path} has a line {line!r} that does not hold numbers; correct it"
        raise UnreadableError(msg) from None
