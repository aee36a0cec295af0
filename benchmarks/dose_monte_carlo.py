"""Dose in water, lung and bone by pencil beam and collapsed cone against a Monte Carlo calculation (ompMC).

Run with ``python benchmarks/dose_monte_carlo.py --peer PYTHON [--histories N] [--keep FOLDER] [--write]``;
PYTHON is that of an environment with ``requirements/dose-peer.txt``. Beams are parallel, without a head: no
extra-focal photons, no contaminating electrons, no size of the source. What divergence does is judged by the
exact sum of ``dose_water.py``. All doses are set equal at one place only: in water, in the field of 10 cm,
8 to 12 cm deep.
"""

import argparse
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from dose_boxes import Box, ours, square
from dose_monte_carlo_answers import (
    DEEP_MM,
    OUTSIDE_MM,
    PHANTOMS,
    SIDES_MM,
    STEP_MM,
    NarrowBeam,
    Phantom,
    depths_mm,
    in_pairs,
    narrow_beam,
)
from dose_water import ALGORITHMS, beyond_percent
from isoguide.dose.beam_data import BeamData, Collimation, HeadModel
from isoguide.dose.machine import Rectangle, generic_6mv
from isoguide.dose.machine.beam_change import BeamChange
from isoguide.dose.machine.calibration import with_pencil_kernels
from isoguide.dose.machine.generic import GENERIC_TRANSPORT
from isoguide.dose.machine.point_kernel import point_kernel
from isoguide.dose.machine.spectrum import CLINAC_6MV, spectrum_of
from isoguide.dose.machine.water_dose import WaterTank
from isoguide.dose.result import DoseAlgorithm
from page import put_between_marks, table

Floats = NDArray[np.float64]
PACKAGES: Final = ("isoguide", "numpy", "scipy", "numba")
FAR_MM: Final = 1e5
"""From the source to the isocentre: 0.06° between the rays of the widest field."""
SURFACE_MM: Final = FAR_MM - 100.0
BUILD_UP_MM: Final = 20.0
CALIBRATED_MM: Final = (80.0, 120.0)
HISTORIES: Final = 1_500_000
HALF_MM: Final = 80.0
"""Of our box: between the field and what is looked at all paths lie inside."""
ELECTRONS: Final = ((24.0, 0.49), (24.0, 0.4), (18.0, 0.46))
"""How far electrons stray in degrees, and their mean depth against their range: those of the generic kernel;
0.82 of its depth, which is what a Clinac's photons (1.6 MeV) give against the generic ones (2.1 MeV); and
electrons that stray less, with their maximum where it is published."""
ACROSS_MM: Final = {"water": (55.0, 105.0, 205.0)}
"""Depths of profiles; in slabs they are those of IN_SLAB_MM."""
IN_SLABS_MM: Final = (65.0, 95.0, 145.0)


@cache
def generic_machine() -> BeamData:
    """The generic machine's photons and kernels, its head left out and its source far away."""
    plain = HeadModel(np.array([0.0, 400.0]), np.ones(2), (0.05, 0.05), 0.0, 25.0, 125.0, 0.0, 0.1, 50.0)
    machine = generic_6mv()
    reference = replace(machine.reference, source_surface_distance_mm=SURFACE_MM)
    bare = replace(
        machine,
        head=plain,
        collimation=Collimation(0.0, 0.0, 0.0, 0.0),
        source_axis_distance_mm=FAR_MM,
        reference=reference,
    )
    return with_pencil_kernels(bare)


def commissioned_machine(in_water: NarrowBeam) -> BeamData:
    """The same with its photons as hard as ompMC's depth doses in water say: one number, nothing else."""
    depth = layers_mm()
    counts = depth > BUILD_UP_MM
    wanted = np.stack([in_water.dose(side, 0.0)[0] for side in SIDES_MM])
    wanted = (wanted / in_the_middle(wanted[-1]))[:, counts]

    def misses(hardening_mm: Floats) -> Floats:
        machine = BeamChange(hardening_mm=float(hardening_mm[0])).of(generic_machine())
        tank = WaterTank.of(machine, SURFACE_MM, depth)
        found = np.stack([tank.axis_gy(Rectangle.square(side)) for side in SIDES_MM])
        return np.asarray((found / in_the_middle(found[-1]))[:, counts] - wanted).ravel()

    found = least_squares(misses, np.zeros(1), x_scale=100.0, diff_step=[1e-3], max_nfev=12)
    change = BeamChange(hardening_mm=float(found.x[0]))
    return replace(with_pencil_kernels(change.of(generic_machine())), name="commissioned")


def in_the_middle(on_axis: Floats) -> float:
    """Mean where doses are set equal."""
    depth = layers_mm()
    return float(on_axis[(depth > CALIBRATED_MM[0]) & (depth < CALIBRATED_MM[1])].mean())


@dataclass(frozen=True, eq=False)
class Planes:
    """Dose by distance from the axis and depth, ``[x, depth]``, in steps of 2.5 mm and layers of 10 mm."""

    dose: Floats

    def scaled(self, factor: float) -> "Planes":
        """Return it times a factor."""
        return Planes(self.dose * factor)


def places_mm(side_mm: float) -> Floats:
    return np.arange(0.0, side_mm / 2.0 + OUTSIDE_MM + STEP_MM / 2.0, STEP_MM)


def layers_mm() -> Floats:
    return in_pairs(depths_mm())


@cache
def found_by(machine: BeamData, algorithm: DoseAlgorithm, phantom: Phantom, side_mm: float) -> Planes:
    """What an algorithm of ours says, Gy per monitor unit."""
    slab = phantom.slab
    slabs = () if slab is None else ((slab[0], slab[1], slab[2].relative_electron_density),)
    box = Box(half_mm=HALF_MM, deep_mm=DEEP_MM, slabs=slabs)
    dose = ours(box, square(side_mm), machine, algorithm).dose_gy
    middle = dose.shape[2] // 2
    row = in_pairs(in_pairs(dose[dose.shape[0] // 2].T.astype(np.float64)))
    count = len(places_mm(side_mm))
    return Planes(0.5 * (row[middle : middle + count] + row[middle - count + 1 : middle + 1][::-1]))


def wanted_of(beam: NarrowBeam, side_mm: float) -> tuple[Planes, Floats]:
    """What ompMC says, and the standard error on the axis in percent of the dose there."""
    found, errors = zip(*(beam.dose(side_mm, float(x)) for x in places_mm(side_mm)), strict=True)
    return Planes(np.stack(found)), 100.0 * errors[0] / found[0]


def zones(phantom: Phantom) -> tuple[tuple[float, float], ...]:
    """Depths from and to in mm: above, in and behind the slab; thirds of the water where there is none."""
    if phantom.slab is None:
        return (BUILD_UP_MM, 100.0), (100.0, 200.0), (200.0, 300.0)
    start, stop, _ = phantom.slab
    return (BUILD_UP_MM, start), (start, stop), (stop, 300.0)


@dataclass(frozen=True, eq=False)
class Compared:
    """One field in one phantom: ours in units of the Monte Carlo's, and that."""

    machine: str
    phantom: Phantom
    side_mm: float
    algorithm: DoseAlgorithm
    found: Floats
    wanted: Floats
    error_percent: Floats

    @property
    def _full(self) -> float:
        return float(self.wanted[0].max())

    def axis_row(self) -> list[str]:
        depth, percent = layers_mm(), 100.0 * (self.found[0] - self.wanted[0]) / self._full
        below = depth > BUILD_UP_MM
        worst = int(np.abs(np.where(below, percent, 0.0)).argmax())
        means = [
            f"{100.0 * (self.found[0][held].sum() / self.wanted[0][held].sum() - 1.0):+.1f}"
            for held in ((depth > start) & (depth < stop) for start, stop in zones(self.phantom))
        ]
        return [
            *self._names(),
            *means,
            f"{percent[worst]:+.1f} at {depth[worst]:.0f} mm",
            f"{np.sqrt((percent[below] ** 2).mean()):.1f}",
            f"{np.sqrt((self.error_percent[below] ** 2).mean()):.2f}",
        ]

    def profile_row(self) -> list[str]:
        depth, cells = layers_mm(), []
        allowed = (1.0, 1.0) if self.phantom.slab is None else (3.0, 3.0)
        for at in ACROSS_MM.get(self.phantom.name, IN_SLABS_MM):
            layer = int(np.abs(depth - at).argmin())
            found, wanted = self.found[:, layer], self.wanted[:, layer]
            percent = 100.0 * (found - wanted) / self._full
            slope = np.abs(np.gradient(wanted, STEP_MM))
            beyond = beyond_percent(found, wanted, slope, self._full, allowed)
            root_mean = np.sqrt((percent**2).mean())
            largest = percent[np.abs(percent).argmax()]
            cells.append(f"{depth[layer]:.0f} mm: {largest:+.1f}, {root_mean:.1f}, {beyond:.0f}")
        return [*self._names(), *cells]

    def _names(self) -> list[str]:
        return [self.phantom.name, self.machine, square(self.side_mm).name, str(self.algorithm)]


def comparisons(beams: Sequence[NarrowBeam]) -> Iterator[Compared]:
    """The generic machine in water, then the commissioned one everywhere."""
    fitted = commissioned_machine(beams[0])
    cases = [(generic_machine(), PHANTOMS[0], beams[0])]
    cases += [(fitted, phantom, beam) for phantom, beam in zip(PHANTOMS, beams, strict=True)]
    wanted_there = in_the_middle(wanted_of(beams[0], SIDES_MM[-1])[0].dose[0])
    for machine, phantom, beam in cases:
        for side_mm in SIDES_MM:
            wanted, error = wanted_of(beam, side_mm)
            for algorithm in ALGORITHMS:
                there = in_the_middle(found_by(machine, algorithm, PHANTOMS[0], SIDES_MM[-1]).dose[0])
                found = found_by(machine, algorithm, phantom, side_mm).scaled(wanted_there / there)
                name = machine.name.partition("-")[0]
                yield Compared(name, phantom, side_mm, algorithm, found.dose, wanted.dose, error)


def electrons_section(beams: Sequence[NarrowBeam]) -> str:
    """What two numbers of the kernel's electrons do in depth and sideways, the smallest field."""
    water, lung = PHANTOMS[:2]
    wanted_there = in_the_middle(wanted_of(beams[0], SIDES_MM[-1])[0].dose[0])
    fitted, generic, side_mm, rows = commissioned_machine(beams[0]), generic_6mv(), SIDES_MM[0], []
    for smear_deg, depth in ELECTRONS:
        electrons = replace(GENERIC_TRANSPORT, electron_smear_deg=smear_deg, electron_depth=depth)
        point = point_kernel(generic.spectrum, electrons)
        machine = replace(with_pencil_kernels(replace(fitted, point=point)), name=f"{smear_deg:g}-{depth:g}")
        cells = []
        for phantom, beam, algorithm in (
            (water, beams[0], DoseAlgorithm.PENCIL_BEAM),
            (lung, beams[1], DoseAlgorithm.COLLAPSED_CONE),
        ):
            wanted, error = wanted_of(beam, side_mm)
            there = in_the_middle(found_by(machine, algorithm, water, SIDES_MM[-1]).dose[0])
            found = found_by(machine, algorithm, phantom, side_mm).scaled(wanted_there / there)
            one = Compared("", phantom, side_mm, algorithm, found.dose, wanted.dose, error)
            cells += [one.axis_row()[5], one.profile_row()[4 if phantom is water else 5].partition(",")[0]]
        fine = np.arange(8.0, 22.0, 0.5)
        tank = WaterTank.of(replace(generic, point=point), 1000.0, fine)
        deepest = fine[tank.axis_gy(Rectangle.square(100.0)).argmax()]
        rows.append([f"{smear_deg:g}°", f"{depth:g}", cells[1], cells[2], cells[3], f"{deepest:g}"])
    head = ("stray by", "depth against range", "pencil beam in water: largest %")
    tail = (
        "cones in lung: mean on the axis %",
        "cones in lung: largest %",
        "maximum of the generic machine, 10 cm, at mm (published: 15)",
    )
    return table("Electrons of the kernel, 3 × 3 cm, commissioned", (*head, *tail), rows)


def kept_or_new(asked: argparse.Namespace, phantom: Phantom) -> NarrowBeam:
    """Take ompMC's answer from the folder of kept ones, or ask it: photons of a Clinac (Ali and Rogers)."""
    place = None if asked.keep is None else asked.keep / f"{phantom.name.replace(' ', '-')}.npz"
    if place is not None and place.is_file():
        return NarrowBeam.read(place)
    found = narrow_beam(asked.peer, phantom, spectrum_of(CLINAC_6MV), asked.histories)
    if place is not None:
        found.write(place)
    return found


def made_with(beams: Sequence[NarrowBeam]) -> str:
    """Versions, histories and times."""
    known = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    made = ", ".join(
        f"{phantom.name} {beam.histories / 1e6:g} million in {beam.seconds:.0f} s of the processor"
        for phantom, beam in zip(PHANTOMS, beams, strict=True)
    )
    return f"Python {platform.python_version()}, {known}. ompMC {beams[0].version}, histories: {made}."


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", required=True, help="the Python that has ompMC")
    parser.add_argument("--histories", type=int, default=HISTORIES, help="photons followed per phantom")
    parser.add_argument("--keep", type=Path, help="folder where ompMC's answers are kept and looked for")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    asked = parser.parse_args(arguments)
    beams = [kept_or_new(asked, phantom) for phantom in PHANTOMS]
    compared = list(comparisons(beams))
    names = ("phantom", "machine", "field", "algorithm")
    zone = ("above the slab: mean %", "in it", "behind it")
    end = ("largest, % of the maximum", "RMS", "standard error of ompMC, %")
    texts = [
        made_with(beams),
        table("On the axis, deeper than 2 cm", (*names, *zone, *end), [one.axis_row() for one in compared]),
        table(
            "Profiles: largest and RMS in % of the maximum; % of points beyond 1 %/1 mm (slabs: 3 %/3 mm)",
            (*names, "1st depth", "2nd depth", "3rd depth"),
            [one.profile_row() for one in compared],
        ),
        electrons_section(beams),
    ]
    print("\n\n".join(texts))
    if asked.write:
        put_between_marks("dose by Monte Carlo", "\n\n".join(texts))


if __name__ == "__main__":
    main()
