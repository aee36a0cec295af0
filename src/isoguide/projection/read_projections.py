"""Projections and geometry of real scanners, through the readers of RTK.

Varian TrueBeam (``.xim`` with ``Scan.xml``), Varian OBI (``.hnd`` or ``.hnc`` with ``ProjectionInfo.xml``),
Elekta XVI 5 (``.his`` with ``_Frames.xml`` or ``Frames.xml``) and RTK's own pair (an ``.mha`` stack of line
integrals with ``geometry.xml``). RTK knows how each kind stores intensity and turns it into line integrals.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from isoguide.errors import AmbiguityError, MismatchError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import FIXED
from isoguide.geometry.xray_view import XrayView
from isoguide.progress import Progress, silent
from isoguide.projection.projection_set import ProjectionSet
from isoguide.projection.rtk import prepare_rtk, rtk_part, values_of

WATER_PER_MM: Final = 0.0195
"""Water in a 125 kV beam behind 200 mm of it (see :mod:`isoguide.projection.spectrum`)."""
MOST_COLUMNS: Final = 512
"""Wider detectors are binned: registration needs no finer image, and memory is finite."""


@dataclass(frozen=True, slots=True)
class ProjectionFormat:
    """How one kind of scanner stores a scan: endings of projections, names of the geometry file."""

    name: str
    endings: tuple[str, ...]
    geometry_names: tuple[str, ...]
    read_geometry: Callable[[Path, list[str]], Any]


def _varian(reader_name: str) -> Callable[[Path, list[str]], Any]:
    def read(path: Path, names: list[str]) -> Any:
        reader = getattr(rtk_part(reader_name), reader_name).New()
        reader.SetXMLFileName(str(path))
        reader.SetProjectionsFileNames(names)
        reader.UpdateOutputData()
        return reader.GetGeometry()

    return read


def _elekta(path: Path, _names: list[str]) -> Any:
    name = "rtkElektaXVI5GeometryXMLFileReader"
    reader = getattr(rtk_part(name), name).New()
    reader.SetFilename(str(path))
    reader.GenerateOutputInformation()
    return reader.GetGeometry()


def _rtk(path: Path, _names: list[str]) -> Any:
    name = "rtkThreeDCircularProjectionGeometryXMLFileReader"
    reader = getattr(rtk_part(name), name).New()
    reader.SetFilename(str(path))
    reader.GenerateOutputInformation()
    return reader.GetOutputObject()


FORMATS: Final = (
    ProjectionFormat("Varian TrueBeam", (".xim",), ("Scan.xml",), _varian("rtkVarianProBeamGeometryReader")),
    ProjectionFormat(
        "Varian OBI", (".hnd", ".hnc"), ("ProjectionInfo.xml",), _varian("rtkVarianObiGeometryReader")
    ),
    ProjectionFormat("Elekta XVI", (".his",), ("_Frames.xml", "Frames.xml"), _elekta),
    ProjectionFormat("RTK", (".mha", ".mhd"), ("geometry.xml",), _rtk),
)


def read_projections(
    folder: Path,
    *,
    water_attenuation_per_mm: float = WATER_PER_MM,
    progress: Progress = silent,
) -> ProjectionSet:
    """Read the projections of one scan.

    Parameters
    ----------
    folder
        Holds the projections and, in it or above or below, the file that describes their geometry.
    water_attenuation_per_mm
        What scales the reconstruction to about Hounsfield units.
    progress
        Told before each step.

    Raises
    ------
    MissingEvidenceError
        If there are no projections, no geometry, or RTK is not installed.
    AmbiguityError
        If the folder holds projections of several kinds or several geometries.
    MismatchError
        If geometry and projections are not as many.
    UnreadableError
        If RTK cannot read a file.
    """
    kind, paths, geometry_path = find_projections(folder)
    progress(0.0, "loading the reconstruction toolkit")
    prepare_rtk()
    progress(0.3, f"reading {len(paths)} projections")
    names = [str(path) for path in paths]
    try:
        geometry = kind.read_geometry(geometry_path, names)
        count = len(geometry.GetGantryAngles())
    except (RuntimeError, AttributeError) as error:
        msg = f"the geometry {geometry_path} of the {kind.name} scan cannot be read: {_reason(error)}"
        raise UnreadableError(msg) from error
    image = _read_stack(kind, names)
    stack = values_of(image)
    if count != len(stack):
        msg = (
            f"{geometry_path} describes {count} projections but {folder} holds {len(stack)}: "
            "give the folder of one complete scan"
        )
        raise MismatchError(msg)
    if not np.isfinite(stack).all():
        msg = f"the projections in {folder} hold values that are not finite numbers: export them again"
        raise UnreadableError(msg)
    views = tuple(_view(geometry, number, image) for number in range(count))
    return ProjectionSet(stack, views, np.zeros(count), water_attenuation_per_mm, str(folder))


def find_projections(folder: Path) -> tuple[ProjectionFormat, list[Path], Path]:
    """Return the kind of scan in a folder, its projections in the order of their names, and its geometry.

    Raises
    ------
    MissingEvidenceError
        If there is no such folder, no projection or no geometry.
    AmbiguityError
        If there are several kinds or several geometry files.
    """
    if not folder.is_dir():
        msg = f"{folder} is not a folder: give the one that holds the projections"
        raise MissingEvidenceError(msg)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = {
        kind.name: (kind, [path for path in files if path.suffix.lower() in kind.endings]) for kind in FORMATS
    }
    present = {name: entry for name, entry in found.items() if entry[1]}
    if not present:
        endings = ", ".join(ending for kind in FORMATS for ending in kind.endings)
        msg = f"{folder} holds no projections that RTK reads ({endings}): give the folder of one scan"
        raise MissingEvidenceError(msg)
    if len(present) > 1:
        msg = f"{folder} holds projections of {' and '.join(present)}: give the folder of one scan"
        raise AmbiguityError(msg)
    ((kind, paths),) = present.values()
    return kind, paths, _geometry_file(folder, kind, files)


def _geometry_file(folder: Path, kind: ProjectionFormat, files: list[Path]) -> Path:
    names = {name.lower() for name in kind.geometry_names}
    below = [path for path in files if path.name.lower() in names]
    above = [
        parent / name for parent in (folder.parent, folder.parent.parent) for name in kind.geometry_names
    ]
    candidates = below or [path for path in above if path.is_file()][:1]
    if not candidates:
        wanted = " or ".join(kind.geometry_names)
        msg = f"the {kind.name} projections in {folder} come without {wanted}, their geometry: add that file"
        raise MissingEvidenceError(msg)
    if len(candidates) > 1:
        msg = f"{folder} holds {len(candidates)} files {candidates[0].name}: give the folder of one scan"
        raise AmbiguityError(msg)
    return candidates[0]


def _read_stack(kind: ProjectionFormat, names: list[str]) -> Any:
    """Read line integrals, wide detectors binned."""
    rtk_part("itkMetaImageIO").itkMetaImageIOFactory.RegisterOneFactory()
    reader = rtk_part("rtkProjectionsReader").rtkProjectionsReaderIF3.New()
    reader.SetFileNames(names)
    try:
        reader.UpdateOutputInformation()
        columns = int(reader.GetOutput().GetLargestPossibleRegion().GetSize()[0])
        binning = -(-columns // MOST_COLUMNS)
        if binning > 1:
            reader.SetShrinkFactors([binning, binning, 1])
        reader.Update()
    except RuntimeError as error:
        msg = f"the {kind.name} projections {names[0]} ... cannot be read: {_reason(error)}"
        raise UnreadableError(msg) from error
    return reader.GetOutput()


def _view(geometry: Any, number: int, image: Any) -> XrayView:
    """Translate RTK's geometry of one projection; RTK's fixed system is that of IEC 61217."""
    matrix = geometry.GetProjectionCoordinatesToFixedSystemMatrix(number).GetVnlMatrix()
    fixed_from_detector = np.array([[matrix.get(row, column) for column in range(4)] for row in range(4)])
    source = geometry.GetSourcePosition(number)
    source_mm = np.array([float(source[axis]) for axis in range(3)])
    size = [int(n) for n in image.GetLargestPossibleRegion().GetSize()][:2]
    spacing = [float(v) for v in image.GetSpacing()][:2]
    origin = np.array([float(v) for v in image.GetOrigin()][:2])
    middle = origin + (np.array(size) - 1.0) / 2.0 * spacing
    centre_mm = fixed_from_detector @ [*middle, 0.0, 1.0]
    along_row, along_column = fixed_from_detector[:3, 0], fixed_from_detector[:3, 1]
    return XrayView(
        FIXED,
        source_mm,
        centre_mm[:3],
        along_row / np.linalg.norm(along_row),
        along_column / np.linalg.norm(along_column),
        (spacing[0], spacing[1]),
        (size[0], size[1]),
    )


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
