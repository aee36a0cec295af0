"""Doses and structures whose histograms are known: by geometry, or from a planning system's own tables.

Nothing of it is part of the project: it is read from the public data beside the checkout.
"""

import base64
import csv
import gzip
import math
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from scipy.optimize import brentq

from isoguide.dicom import read_dose, read_structure_set
from isoguide.dose.result import DoseVolume
from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour, Structure

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NELMS = "pps/tests/tests_validation/benchmark_data/DVH-Analysis-Data-Etc"
SLICER = "SlicerRT/Testing/Data"
SHAPES, DIRECTIONS = ("Sphere", "Cylinder"), ("SupInf", "AntPost")
RADIUS_MM, MIDDLE_GY = 12.0, 16.0
"""Of the analytic sphere and of the cylinder, which is as long as it is wide; the gradient is 1 Gy/mm."""

ECLIPSE_PRESCRIPTION_GY = 60.0
ECLIPSE_NAMES = {
    "Lens - left": "LensLeft",
    "Lens - right": "LensRight",
    "Optic Chiasm": "OpticChiasm",
    "Optic Nerve - Rt": "OpticNerveRt",
    "Optic Nerve-Lt": "OpticNerveLt",
    "Orbit - left": "OrbitLeft",
    "Orbit - right": "OrbitRight",
    "Dose 5200[cGy]": "Dose5200cGy",
}
"""How the table writes the names of the structures."""


@dataclass(frozen=True)
class Stated:
    """What somebody else states: volume, mean dose, and the share that gets at least each dose."""

    volume_ml: float
    mean_gy: float
    dose_gy: Array
    percent: Array

    def dose_at_volume_gy(self, percent: float) -> float:
        """D_x% of the stated curve, linear between its points."""
        return float(np.interp(-percent, -self.percent, self.dose_gy))


def nelms_files(folder: Path, shape: str, direction: str) -> tuple[Path, Path]:
    """Structure set and dose of the benchmark of Nelms et al. 2015."""
    return (
        folder / NELMS / f"STRUCTURES/{shape}_20_0.dcm",
        folder / NELMS / f"DOSE GRIDS/Linear_{direction}_2mm_Aligned.dcm",
    )


def nelms(folder: Path, shape: str, direction: str) -> tuple[DoseVolume, Structure]:
    """Read one of the analytic structures and the dose with a linear gradient."""
    structures, dose = nelms_files(folder, shape, direction)
    drawn = read_structure_set(structures).structures
    return read_dose(dose).dose, next(one for one in drawn if one.is_volume)


def analytic_ml(shape: str) -> float:
    """Volume of the sphere or the cylinder."""
    return (4.0 / 3.0 if shape == "Sphere" else 2.0) * math.pi * RADIUS_MM**3 / 1000.0


def analytic_gy(shape: str, direction: str, percent: float) -> float:
    """D_x% by geometry: the share of the body above a plane at height h, solved for h."""
    r = RADIUS_MM

    def share_above(h: float) -> float:
        if shape == "Sphere":
            return (2.0 * r**3 - 3.0 * r * r * h + h**3) / (4.0 * r**3)
        if direction == "SupInf":
            return (r - h) / (2.0 * r)
        return (r * r * math.acos(h / r) - h * math.sqrt(max(r * r - h * h, 0.0))) / (math.pi * r * r)

    return MIDDLE_GY + float(brentq(lambda h: share_above(h) - percent / 100.0, -r, r))


def eclipse_dose(folder: Path, name: str = "EclipseEnt_Dose") -> DoseVolume:
    """Read a volume of the head-and-neck phantom: the dose, that of a second day, or a gamma map."""
    head, content = (folder / SLICER / f"{name}.nrrd").read_bytes().split(b"\n\n", 1)
    text = head.decode()
    size = [int(word) for word in _field(text, "sizes").split()]
    origin = _numbers(_field(text, "space origin"))
    steps = _numbers(_field(text, "space directions")).reshape(3, 3)
    spacing = np.linalg.norm(steps, axis=1)
    values = np.frombuffer(gzip.decompress(content), "<f4").reshape(size[::-1])
    grid = Grid(PLANNING, (size[2], size[1], size[0]), spacing, origin, (steps / spacing[:, None]).T)
    return DoseVolume(grid, values)


def _field(text: str, name: str) -> str:
    found = re.search(rf"^{name}: (.*)$", text, re.MULTILINE)
    if found is None:
        msg = f"the volume states no {name}"
        raise ValueError(msg)
    return found[1]


def _numbers(text: str) -> Array:
    return np.array([float(word) for word in re.findall(r"[-+0-9.e]+", text)])


def eclipse_structures(folder: Path, names: tuple[str, ...] = ()) -> tuple[Structure, ...]:
    """Read contours of the phantom, all or those named; x runs right and y to the front in these files."""
    found = []
    for number in range(16):
        path = folder / SLICER / f"EclipseEnt_Structures.seg/EclipseEnt_Structures.seg_{number}.vtp"
        text = path.read_text(encoding="utf-8")
        name = _array(text, r'Name="Segment_Name"[^>]*>').tobytes().decode().strip("\0")
        if names and name not in names:
            continue
        points = _array(text, r"<Points>\s*<DataArray[^>]*>").astype(np.float64).reshape(-1, 3)
        lines = text[text.index("<Lines>") : text.index("</Lines>")]
        order = _array(lines, r'Name="connectivity"[^>]*>')
        ends = _array(lines, r'Name="offsets"[^>]*>')
        starts = np.concatenate([[0], ends[:-1]])
        contours = tuple(
            Contour("CLOSED_PLANAR", points[order[start:end]] * np.array([-1.0, -1.0, 1.0]))
            for start, end in zip(starts, ends, strict=True)
        )
        found.append(Structure(name, number, PLANNING, contours))
    return tuple(found)


_TYPES = {"Float32": "<f4", "Float64": "<f8", "Int32": "<i4", "Int64": "<i8", "String": "u1"}


def _array(text: str, opening: str) -> np.ndarray:
    """Decode an array of a VTK file: a header of sizes and zlib blocks, both in base 64."""
    found = re.search(rf"({opening})\s*([A-Za-z0-9+/=]+)", text)
    if found is None:
        msg = f"the file holds no {opening}"
        raise ValueError(msg)
    kind = re.search(r'type="(\w+)"', found[1]) or re.search(r'type="(\w+)"', text[: found.start()][-200:])
    content = found[2]
    blocks = struct.unpack("<I", base64.b64decode(content[:8])[:4])[0]
    header = -(-4 * (3 + blocks) // 3) * 4
    sizes = struct.unpack(f"<{blocks}I", base64.b64decode(content[:header])[12 : 12 + 4 * blocks])
    packed, at, values = base64.b64decode(content[header:]), 0, b""
    for size in sizes:
        values += zlib.decompress(packed[at : at + size])
        at += size
    return np.frombuffer(values, _TYPES[kind[1]] if kind else "u1")


def eclipse_table(folder: Path) -> dict[str, Stated]:
    """Eclipse's own histograms, by the names of the table."""
    with (folder / SLICER / "EclipseEnt_DvhTable_Eclipse.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    found = {}
    for column in range(0, len(rows[0]) - 1, 2):
        volume = re.search(r"% of ([\d.]+) cc", rows[0][column + 1])
        pairs = [row[column : column + 2] for row in rows[1:] if len(row) > column + 1 and row[column]]
        dose, percent = np.array([[float(cell) for cell in pair] for pair in pairs]).T
        mean = float(np.trapezoid(percent, dose)) / 100.0
        name = rows[0][column].split("_DvhArray")[0]
        found[name] = Stated(float(volume[1]) if volume else math.nan, mean, dose, percent)
    return found


def small_field(folder: Path) -> Iterator[tuple[DoseVolume, Structure, Stated]]:
    """Structures of a real Eclipse plan with the histograms that its RT Dose holds (DVHSequence)."""
    data = folder / "dcmtk_example_rt/data"
    structures = {one.number: one for one in read_structure_set(data / "rtstruct.dcm").structures}
    dose = read_dose(data / "rtdose.dcm").dose
    for item in pydicom.dcmread(data / "rtdose.dcm").DVHSequence:
        widths, volumes = np.array(item.DVHData, float).reshape(-1, 2).T
        number = int(item.DVHReferencedROISequence[0].ReferencedROINumber)
        starts = np.concatenate([[0.0], np.cumsum(widths)[:-1]])
        yield (
            dose,
            structures[number],
            Stated(volumes[0], float(item.DVHMeanDose), starts, 100.0 * volumes / volumes[0]),
        )
