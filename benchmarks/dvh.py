"""Dose-volume histograms: against geometry, against a planning system's own tables, and how long they take.

Run with ``python benchmarks/dvh.py [--no-gamma]``. Data: the benchmark of Nelms et al., Med. Phys. 42 (2015)
4435 (a sphere and a cylinder on slices of 2 mm, doses that rise by 1 Gy/mm); the head-and-neck phantom of
SlicerRT with the table that Eclipse exported; a small Eclipse plan with the histograms in its RT Dose; a
RayStation plan of 24 structures. The peer is dicompyler-core, where it is installed: it counts whole voxels
of the dose grid. Gamma is that of pymedphys, with the pass rates that Agnew and McGarry published.
"""

import argparse
import time
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pydicom
import pydicom.dicomio

from dvh_cases import (
    DATA,
    DIRECTIONS,
    ECLIPSE_NAMES,
    ECLIPSE_PRESCRIPTION_GY,
    SHAPES,
    Stated,
    analytic_gy,
    analytic_ml,
    eclipse_dose,
    eclipse_structures,
    eclipse_table,
    nelms,
    nelms_files,
    small_field,
)
from isoguide.dicom import read_dose, read_structure_set
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.gamma import gamma_index
from isoguide.dose.histograms import dose_volume_histogram, dose_volume_histograms, histograms_where_drawn
from isoguide.dose.result import DoseVolume
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from page import put_between_marks, table

PERCENTS = (99.0, 95.0, 50.0, 5.0, 1.0)
STRUCTURES = 30
IMAGES = "pymedphys/tests/gamma/data/agnew_mcgarry_images"
PUBLISHED = (
    ("GeometricSquare_Evaluated_1mmPx_DD_Test", "GeometricSquare_Reference_1mmPx", False, 96.0),
    ("GeometricSquare_Evaluated_1mmPx_DTA_Test", "GeometricSquare_Reference_1mmPx", False, 92.3),
    ("H&N_VMAT_Reference_1mmPx", "H&N_VMAT_Evaluated_1mmPx", True, 93.6),
)


def peer() -> ModuleType | None:
    """dicompyler-core, which asks pydicom for a name that it no longer has."""
    pydicom.dicomio.read_file = pydicom.dcmread  # type: ignore[attr-defined]  # the name it had until 3.0
    try:
        from dicompylercore import dvhcalc
    except ImportError:
        return None
    return dvhcalc  # type: ignore[no-any-return]  # it carries no types


def analytic(other: ModuleType | None) -> str:
    """Errors against geometry."""
    rows = []
    for shape in SHAPES:
        for direction in DIRECTIONS:
            dose, structure = nelms(DATA, shape, direction)
            found = dose_volume_histogram(dose, structure)
            true_gy = [analytic_gy(shape, direction, percent) for percent in PERCENTS]
            ours = [found.dose_at_volume_gy(percent) for percent in PERCENTS]
            rows.append(
                _analytic_row(f"{shape}, {direction}", "isoguide", shape, found.volume_ml, ours, true_gy)
            )
            if other is not None:
                files = nelms_files(DATA, shape, direction)
                theirs = other.get_dvh(*(str(path) for path in files), structure.number)
                doses = [float(getattr(theirs, f"D{percent:g}").value) for percent in PERCENTS]
                name = f"{shape}, {direction}"
                rows.append(_analytic_row(name, "dicompyler-core", shape, theirs.volume, doses, true_gy))
    head = ("case", "by", "volume, %", *(f"D{percent:g}%, Gy" for percent in PERCENTS))
    return table("Analytic structures (Nelms 2015): difference from geometry; gradient 1 Gy/mm", head, rows)


def _analytic_row(
    name: str, by: str, shape: str, volume_ml: float, doses: list[float], true_gy: list[float]
) -> list[str]:
    away = [f"{dose - true:+.3f}" for dose, true in zip(doses, true_gy, strict=True)]
    return [name, by, f"{100.0 * (volume_ml / analytic_ml(shape) - 1.0):+.2f}", *away]


def against_eclipse() -> str:
    """Head-and-neck phantom: our figures beside Eclipse's table."""
    dose, stated = eclipse_dose(DATA), eclipse_table(DATA)
    rows = []
    for structure in eclipse_structures(DATA):
        found = dose_volume_histogram(dose, structure)
        theirs = stated[ECLIPSE_NAMES.get(structure.name, structure.name)]
        rows.append(_beside(structure.name, found, theirs, ECLIPSE_PRESCRIPTION_GY))
    return table(f"Eclipse's own table, prescription {ECLIPSE_PRESCRIPTION_GY:g} Gy", _BESIDE, rows)


def against_dicom() -> str:
    """A small plan: our figures within the dose grid beside the histograms in its RT Dose."""
    rows = [
        _beside(structure.name, within(dose_volume_histogram(dose, structure)), theirs, theirs.dose_gy[-1])
        for dose, structure, theirs in small_field(DATA)
    ]
    title = "Histograms in an RT Dose of Eclipse (what lies outside the dose grid counts for neither)"
    return table(title, _BESIDE, rows)


_BESIDE = (
    "structure",
    "ml",
    "stated",
    "mean, Gy",
    "stated",
    "Δ, % of dose",
    "D95%, Gy",
    "stated",
    "Δ, % of it",
)


def _beside(name: str, found: DoseVolumeHistogram, theirs: Stated, whole_gy: float) -> list[str]:
    mean, d95, stated = found.mean_gy, found.dose_at_volume_gy(95.0), theirs.dose_at_volume_gy(95.0)
    return [
        name,
        f"{found.volume_ml:.2f}",
        f"{theirs.volume_ml:.2f}",
        f"{mean:.3f}",
        f"{theirs.mean_gy:.3f}",
        f"{100.0 * (mean - theirs.mean_gy) / whole_gy:+.2f}",
        f"{d95:.2f}",
        f"{stated:.2f}",
        f"{100.0 * (d95 - stated) / whole_gy:+.2f}",
    ]


def within(one: DoseVolumeHistogram) -> DoseVolumeHistogram:
    """The same without the parts outside the dose grid, which come first with 0 Gy."""
    first = (
        int(np.searchsorted(np.cumsum(one.part_ml), one.outside_ml * (1.0 - 1e-9))) if one.outside_ml else -1
    )
    return DoseVolumeHistogram(one.name, one.is_target, one.dose_gy[first + 1 :], one.part_ml[first + 1 :])


def times(other: ModuleType | None) -> str:
    """Thirty structures at once."""
    folder = DATA / "pps/tests/tests_data/BrainSRSRaystationIMRT"
    dose_file, structure_file = next(folder.glob("RD*")), next(folder.glob("RS*"))
    dose, drawn = read_dose(dose_file).dose, read_structure_set(structure_file).structures
    structures = [one for one in drawn if one.is_volume]
    names = {one.name for one in histograms_where_drawn(dose, structures)[0]}
    structures = [one for one in structures if one.name in names]
    several = (structures * 2)[:STRUCTURES]
    rows = [["isoguide", *measured(lambda: dose_volume_histograms(dose, several))]]
    if other is not None:
        files = (pydicom.dcmread(structure_file), pydicom.dcmread(dose_file))

        def theirs() -> None:
            for one in several:
                other.get_dvh(*files, one.number)

        rows.append(["dicompyler-core", *measured(theirs, 1)])
    title = f"Time for {len(several)} structures of a RayStation plan; to keep: 0.5 s"
    return table(title, ("by", "s", "s of the processor, all cores together"), rows)


def measured(call: Callable[[], object], repeats: int = 5) -> tuple[str, str]:
    """Shortest of several calls after one to warm up: by the clock, and of the processor."""
    call()
    wall, processor = [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return f"{min(wall):.2f}", f"{min(processor):.2f}"


def gamma() -> str:
    """Published pass rates, and the map that SlicerRT keeps of two days."""
    rows = []
    for planned, measured, is_local, published in PUBLISHED:
        found = gamma_index(
            image(planned),
            image(measured),
            percent=1.0,
            distance_mm=1.0,
            threshold_percent=20.0 if is_local else 1e-6,
            is_local=is_local,
        )
        rows.append([planned, "1 %, 1 mm", f"{found.pass_percent:.1f}", f"{published:.1f}"])
    first, second = eclipse_dose(DATA), eclipse_dose(DATA, "EclipseEnt_Dose_Day2")
    found = gamma_index(first, second, percent=3.0, distance_mm=3.0)
    kept = eclipse_dose(DATA, "GammaVolume_EclipseEnt_Day1Day2_Baseline").dose_gy
    passed = 100.0 * float((kept[np.isfinite(found.gamma)] <= 1.0).mean())
    rows.append(
        [
            "SlicerRT, two days (it does not search between voxels)",
            "3 %, 3 mm",
            f"{found.pass_percent:.1f}",
            f"{passed:.1f}",
        ]
    )
    return table(
        "Gamma index by pymedphys: voxels that pass, %", ("doses", "criteria", "found", "published"), rows
    )


def image(name: str) -> DoseVolume:
    """A published image twice, 1 mm apart: the nearest place is in the image's own plane."""
    dataset = pydicom.dcmread(DATA / IMAGES / f"{name}.dcm", force=True)
    plane = (dataset.pixel_array * float(dataset.DoseGridScaling)).astype(np.float32)
    grid = Grid.axial(PLANNING, (2, *plane.shape), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    return DoseVolume(grid, np.stack([plane, plane]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--no-gamma", action="store_true", help="leave out the gamma index, which takes minutes"
    )
    parser.add_argument("--page", action="store_true", help="put the tables into docs/benchmarks.md")
    asked = parser.parse_args()
    other = peer()
    parts = [analytic(other), against_eclipse(), against_dicom(), times(other)]
    if not asked.no_gamma:
        parts.append(gamma())
    text = "\n\n".join(parts)
    print(text)
    if asked.page:
        put_between_marks("dvh", f"\n{text}\n")


if __name__ == "__main__":
    main()
