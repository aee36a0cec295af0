"""The door to RTK, the reconstruction toolkit (S. Rit et al., J. Phys. Conf. Ser. 489:012079, 2014).

Only the compiled parts that are needed are imported, by their own names: ``from itk import RTK`` reads the
whole of ITK and takes about 25 s, this about 5 s, once in a process.
"""

import importlib
import warnings
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError, InputError, MissingEvidenceError
from isoguide.geometry.frames import FIXED, Array
from isoguide.geometry.xray_view import XrayView

INSTALL: Final = "pip install 'isoguide[reconstruction]'"
_PARTS: Final = (
    "rtkDisplacedDetectorImageFilter",
    "rtkParkerShortScanImageFilter",
    "rtkFDKWeightProjectionFilter",
)


@cache
def rtk_part(name: str) -> ModuleType:
    """Import one compiled part of RTK or ITK, such as ``rtkFDKConeBeamReconstructionFilter``.

    Raises
    ------
    MissingEvidenceError
        If RTK is not installed, or a version without this part.
    """
    try:
        with warnings.catch_warnings():
            # What the generated wrappers do is deprecated from Python 3.12 on, and nothing a caller can mend.
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(f"itk.{name}Python")
    except ImportError as error:
        msg = f"reconstruction needs RTK, which is not installed ({error}): {INSTALL}"
        raise MissingEvidenceError(msg) from error


@cache
def prepare_rtk() -> None:
    """Load what a reconstruction needs; takes seconds the first time, so that a caller may choose when.

    Raises
    ------
    MissingEvidenceError
        If RTK is not installed.
    """
    for name in (*_PARTS, "itkPyBuffer"):
        rtk_part(name)


def rtk_filter(name: str) -> Any:
    """Return a new filter by its full name, such as ``rtkParkerShortScanImageFilterIF3``."""
    part = next(part for part in _PARTS if name.startswith(part))
    return getattr(rtk_part(part), name).New()


def updated(source: Any, what: str) -> Any:
    """Run a filter and return its image, cut from the pipeline.

    Raises
    ------
    InputError
        If RTK refuses, with its reason.
    """
    try:
        source.Update()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("ITK ERROR: ")
        msg = f"RTK cannot use {what or 'the scan'}: {reason}"
        raise InputError(msg) from error
    image = source.GetOutput()
    image.DisconnectPipeline()
    return image


def rtk_image(
    values: NDArray[np.float32], spacing_mm: Array, origin_mm: Array, direction: Array | None = None
) -> Any:
    """Return an ITK image that shares the memory of ``values`` [k, j, i]: keep them while the image lives.

    Spacing and origin are along i, j, k.
    """
    image = rtk_part("itkPyBuffer").itkPyBufferIF3.GetImageViewFromArray(values)
    image.SetSpacing([float(v) for v in spacing_mm])
    image.SetOrigin([float(v) for v in origin_mm])
    if direction is not None:
        image.SetDirection(np.ascontiguousarray(direction, dtype=np.float64))
    return image


def values_of(image: Any) -> NDArray[np.float32]:
    """Copy the values of an ITK image into an array [k, j, i]."""
    copied = rtk_part("itkPyBuffer").itkPyBufferIF3.GetArrayFromImage(image)
    return np.asarray(copied, dtype=np.float32)


def rows_run_against_rtk(view: XrayView) -> bool:
    """Tell whether rows have to be turned round: columns × rows must point to the source for RTK."""
    towards_detector = view.detector_centre_mm - view.source_mm
    return bool(np.cross(view.row_direction, view.column_direction) @ towards_detector > 0.0)


def rtk_geometry(views: Sequence[XrayView]) -> Any:
    """Return RTK's description of the views, in FIXED, which is RTK's own coordinate system.

    The detector's coordinates have their origin in its middle; their second axis runs against the rows where
    :func:`rows_run_against_rtk`.

    Raises
    ------
    GeometryError
        If a view is in another frame or RTK cannot describe it.
    """
    geometry = rtk_part("rtkThreeDCircularProjectionGeometry").rtkThreeDCircularProjectionGeometry.New()
    for number, view in enumerate(views):
        sign = -1.0 if rows_run_against_rtk(view) else 1.0
        vectors = (view.source_mm, view.detector_centre_mm, view.row_direction, sign * view.column_direction)
        if view.frame != FIXED or not geometry.AddProjection(*(vector.tolist() for vector in vectors)):
            msg = f"the geometry of projection {number + 1} cannot be used: {view}"
            raise GeometryError(msg)
    return geometry
