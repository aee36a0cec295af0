"""Dose in water and slabs: pencil beam and collapsed cone beside pyRadPlan, exact sums and published data.

Run with ``python benchmarks/dose_water.py [--peer PYTHON] [--only SECTION ...] [--write]``, where PYTHON is
that of an environment with ``requirements/dose-peer.txt``; without it no section that needs the peer is run.
"""

import argparse
import platform
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dose_boxes import Box, BoxDose, Field, letter, ours, peers, square, with_kernels
from dose_slabs import slab_dose
from isoguide.dose.machine import Rectangle, TankField, generic_6mv, reference_dose
from isoguide.dose.machine.comparison import CurveComparison, compare
from isoguide.dose.machine.fit import fit_beam_data
from isoguide.dose.machine.measured import DepthDose, MeasuredBeam, OutputFactors, Profile
from isoguide.dose.result import DoseAlgorithm
from page import put_between_marks, table

Floats = NDArray[np.float64]
PACKAGES = ("isoguide", "numpy", "scipy", "numba")
BUILD_UP_MM: Final = 15.0
PERCENT, DISTANCE_MM = 1.0, 1.0
DEPTHS_MM: Final = np.array([20.0, 50.0, 100.0, 150.0, 200.0])
ALGORITHMS: Final = (DoseAlgorithm.PENCIL_BEAM, DoseAlgorithm.COLLAPSED_CONE)
BJR_25: Final = ((60.0, 64.9, 36.4), (100.0, 67.5, 39.3))
"""6 MV, surface at 100 cm: side in mm, percent at 10 and 20 cm (Br. J. Radiol. Supplement 25, 1996)."""
LUNG: Final = ((50.0, 130.0, 0.25),)
"""8 cm of lung behind 5 cm of water."""
SLAB_DEPTHS_MM: Final = np.array([30.0, 90.0, 125.0, 140.0, 180.0])


def beyond_percent(
    found: Floats,
    wanted: Floats,
    gradient_per_mm: Floats,
    full: float,
    within: tuple[float, float] = (PERCENT, DISTANCE_MM),
) -> float:
    """Share of points that neither so many percent of ``full`` nor so many mm explain: 1 and 1 at first."""
    allowed = np.maximum(full * within[0] / 100.0, gradient_per_mm * within[1])
    return float(100.0 * (np.abs(found - wanted) > allowed).mean())


def voxels_beyond(found: BoxDose, wanted: BoxDose) -> float:
    """The same over all voxels below the build-up that get more than 10 %."""
    slope = np.sqrt(sum(part**2 for part in np.gradient(wanted.dose_gy, *wanted.grid.spacing_mm[::-1])))
    depth = wanted.grid.origin_mm[1] + wanted.grid.spacing_mm[1] * np.arange(wanted.dose_gy.shape[1])
    held = (wanted.dose_gy > 0.1 * wanted.dose_gy.max()) & (depth - wanted.surface_mm > BUILD_UP_MM)[:, None]
    full = float(wanted.dose_gy.max())
    return beyond_percent(found.dose_gy[held], wanted.dose_gy[held], slope[held], full)


def edge_mm(dose: BoxDose, depth_mm: float, half_mm: float) -> tuple[float, float]:
    """Where a profile along x falls to half of the axis, and how far 80 % and 20 % are apart."""
    across = np.arange(0.0, half_mm * 1.5 + 25.0, 0.1)
    profile = dose.at(across, 0.0, depth_mm)
    share = np.minimum.accumulate(profile / profile[0])
    far = [float(np.interp(-level, -share, across)) for level in (0.5, 0.8, 0.2)]
    return far[0], far[2] - far[1]


@cache
def answer_of(python: str, name: str) -> tuple[BoxDose, dict[str, Floats]]:
    """One field by the peer."""
    field = next(one for one in engine_fields() if one.name == name)
    found, values = peers(python, Box(), field, uniform=True)
    return found, dict(values)


def engine_fields() -> tuple[Field, ...]:
    return square(50.0), square(100.0), square(200.0), letter()


def engine_section(asked: argparse.Namespace) -> str:
    """The same kernels, the same opening, two engines."""
    rows = []
    for field in engine_fields():
        theirs, values = answer_of(asked.peer, field.name)
        machine = with_kernels(values, Box(), float(values["penumbra"]))
        mine = ours(Box(), field, machine, DoseAlgorithm.PENCIL_BEAM)
        x_mm = 0.0 if field.leaf_mm is None else -35.0
        deviation = mine.at(x_mm, 0.0, DEPTHS_MM) / theirs.at(x_mm, 0.0, DEPTHS_MM) - 1.0
        edges = [edge_mm(one, 100.0, field.half_mm) for one in (mine, theirs)]
        rows.append(
            (
                field.name,
                f"{100.0 * np.abs(deviation).max():.2f}",
                f"{abs(edges[0][0] - edges[1][0]):.2f}" if field.leaf_mm is None else "",
                f"{edges[0][1]:.2f} / {edges[1][1]:.2f}" if field.leaf_mm is None else "",
                f"{voxels_beyond(mine, theirs):.2f}",
                f"{mine.seconds:.1f} / {theirs.seconds:.1f}",
            )
        )
    head = (
        "field",
        "axis, 2 to 20 cm deep: largest %",
        "edge at 10 cm: mm apart",
        "80 to 20 %: ours / theirs mm",
        "voxels beyond 1 % and 1 mm, %",
        "s: ours / theirs",
    )
    made = f"pyRadPlan {values['version']}"
    return table(
        f"Engine: the kernels of {made} in both, water from 90 cm, voxels of 2.5 mm; absolute dose",
        head,
        rows,
    )


def measured_by(python: str) -> MeasuredBeam:
    """What would be measured of the peer's generic machine, in water from 90 cm."""
    depth = np.arange(5.0, 251.0, 5.0)
    doses, profiles, factors = [], [], []
    for side in (50.0, 100.0, 200.0):
        found, _ = answer_of(python, square(side).name)
        field = Rectangle.square(side)
        doses.append(DepthDose(field, 900.0, depth, found.at(0.0, 0.0, depth)))
        across = np.arange(-side / 2.0 - 12.0, side / 2.0 + 12.1, 2.0)
        profiles.append(Profile(field, 900.0, 100.0, "x", across, found.at(across, 0.0, 100.0)))
        factors.append(float(found.at(0.0, 0.0, 100.0)[0]))
    sides = np.array([50.0, 100.0, 200.0])
    return MeasuredBeam(
        tuple(doses), tuple(profiles), OutputFactors(900.0, 100.0, sides, np.array(factors) / factors[1])
    )


def fitter_section(asked: argparse.Namespace) -> str:
    """Our beam data fitted to the peer's machine."""
    measured = measured_by(asked.peer)
    start = generic_6mv()
    fitted = fit_beam_data(measured, start)
    rows = [
        (before.kind, before.label, *spread(before), *spread(after))
        for before, after in zip(compare(start, measured), fitted.after, strict=True)
    ]
    head = ("curve", "of", "before: %", "mm", "after: %", "mm")
    return table("Fitter: curves of pyRadPlan's generic 6 MV machine taken as measured", head, rows)


def spread(one: CurveComparison) -> tuple[str, str]:
    return f"{one.worst_percent:.2f}", f"{one.worst_mm:.2f}"


@cache
def in_water(side: float, algorithm: DoseAlgorithm, surface_mm: float = 900.0) -> BoxDose:
    """A square field on water by one of our algorithms.

    The exact sum knows no end of the water: all that could scatter to the axis has to be in the box.
    """
    box = Box(half_mm=max(120.0, 0.9 * side), deep_mm=330.0, source_surface_mm=surface_mm)
    return ours(box, square(side), generic_6mv(), algorithm)


def exact_section(_: argparse.Namespace) -> str:
    """Both algorithms against the sum over the whole point kernel, tilted to every ray."""
    rows = []
    for side in (30.0, 50.0, 100.0, 200.0):
        across = np.concatenate(
            [[0.0], side / 2.0 + np.array([-10.0, -4.0, -2.0, 0.0, 2.0, 4.0, 10.0, 20.0])]
        )
        wanted = exact(side, tuple((0.0, depth) for depth in DEPTHS_MM))
        profile = exact(side, tuple((x, 100.0) for x in across))
        slope, edge = np.abs(np.gradient(profile, across)), np.interp(-0.5, -profile / profile[0], across)
        for algorithm in ALGORITHMS:
            found = in_water(side, algorithm)
            axis = [f"{100.0 * one:+.2f}" for one in found.at(0.0, 0.0, DEPTHS_MM) / wanted - 1.0]
            beyond = beyond_percent(found.at(across, 0.0, 100.0), profile, slope, float(profile.max()))
            away = edge_mm(found, 100.0, side / 2.0)[0] - edge
            rows.append((square(side).name, str(algorithm), *axis, f"{away:+.2f}", f"{beyond:.0f}"))
    places = [f"{depth:g} mm: %" for depth in DEPTHS_MM]
    head = ("field", "algorithm", *places, "edge mm", "profile beyond 1 % and 1 mm, %")
    return table(
        "Water from 90 cm, Gy per monitor unit against the exact sum over the point kernel", head, rows
    )


@cache
def exact(side: float, places: tuple[tuple[float, float], ...]) -> Floats:
    points = np.array([(x, 0.0, depth) for x, depth in places])
    return reference_dose(generic_6mv(), TankField(Rectangle.square(side), 900.0), points)


def published_section(_: argparse.Namespace) -> str:
    """Depth doses of 6 MV beams."""
    rows = []
    for side, at_100, at_200 in BJR_25:
        for algorithm in ALGORITHMS:
            found = in_water(side, algorithm, 1000.0)
            fine = np.arange(5.0, 40.0, 0.5)
            curve = found.at(0.0, 0.0, fine)
            ten, twenty = 100.0 * found.at(0.0, 0.0, np.array([100.0, 200.0])) / curve.max()
            rows.append(
                (
                    f"{side / 10:g} × {side / 10:g} cm",
                    str(algorithm),
                    f"{fine[curve.argmax()]:.0f} (15)",
                    f"{ten:.1f} ({at_100})",
                    f"{twenty:.1f} ({at_200})",
                )
            )
    head = ("field", "algorithm", "maximum at mm", "at 10 cm, %", "at 20 cm, %")
    return table("Water from 100 cm: depth dose of the generic machine (published 6 MV)", head, rows)


def slab_section(_: argparse.Namespace) -> str:
    """Lung between water."""
    rows = []
    for side in (50.0, 100.0):
        wanted = np.array([slab_dose(generic_6mv(), side, LUNG, depth) for depth in SLAB_DEPTHS_MM])
        for algorithm in ALGORITHMS:
            found = ours(Box(slabs=LUNG), square(side), generic_6mv(), algorithm)
            axis = found.at(0.0, 0.0, SLAB_DEPTHS_MM) / wanted - 1.0
            widths = [edge_mm(one, 90.0, side / 2.0)[1] for one in (found, in_water(side, algorithm))]
            shown = [f"{100.0 * one:+.1f}" for one in axis]
            rows.append((square(side).name, str(algorithm), *shown, f"{widths[0]:.1f} / {widths[1]:.1f}"))
    places = ("30 mm", "in lung, 90 mm", "125 mm", "behind, 140 mm", "180 mm")
    head = ("field", "algorithm", *(f"{place}: %" for place in places), "80 to 20 %: lung / water, mm")
    title = "8 cm of lung (0.25) behind 5 cm of water, against an exact sum with scaled distances"
    return table(title, head, rows)


SECTIONS: Final[dict[str, Callable[[argparse.Namespace], str]]] = {
    "engine": engine_section,
    "fitter": fitter_section,
    "exact": exact_section,
    "published": published_section,
    "slabs": slab_section,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", default="", help="the Python that has pyRadPlan")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    asked = parser.parse_args(arguments)
    known = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    texts = [f"Python {platform.python_version()}, {known}; 2 cores."]
    for name in asked.only:
        if asked.peer or name not in ("engine", "fitter"):
            texts.append(SECTIONS[name](asked))
            print(texts[-1], end="\n\n", flush=True)
    if asked.write:
        put_between_marks("dose in water", "\n\n".join(texts))


if __name__ == "__main__":
    main()
