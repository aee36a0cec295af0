"""Density for dose beside the truth: how many HU each method is off in the body of virtual patients.

Run with ``python benchmarks/deformable_density.py [--size small|full] [--patients N] [--site S] [--write]``.
A cone-beam day of each patient is made once as in-room images are, with and without new bowel gas, and once
without any artefact: that is the truth. The field is the true one, then that of the engine. ``--write`` puts
the table into docs/benchmarks.md.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deformable_cases import (
    MACHINE_ISOCENTRE_MM,
    SEED,
    SITES,
    Size,
    Where,
    daily_settings,
    days_of,
    phantom_of,
)
from isoguide.dose.density import density_images, disagreement, warped_planning
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.registration.deformable.engine import prepare_deformable, register_deformable
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict
from isoguide.virtual import DailySettings, simulate_daily
from isoguide.virtual.patient_body import body_weight
from page import put_between_marks, table

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

GAS_POCKETS: Final = 6
FAR_HU: Final = 100.0
RIGID: Final = "planning CT after the rigid match"
WARPED: Final = "planning CT warped"


@dataclass(frozen=True, eq=False)
class DensityCase:
    """A cone-beam day whose HU are known, ``truth_hu`` ``[k, j, i]`` on its grid, NaN where they are not."""

    where: Where
    gas: bool
    planning: Volume
    daily: Volume
    planning_from_daily: RigidTransform
    true_field: DisplacementField
    truth_hu: Floats
    body: Mask


@dataclass(frozen=True)
class DensityRow:
    """How far one method is off in the body of the day; ``seconds`` for all methods of the case together."""

    where: Where
    gas: bool
    field: str
    method: str
    mean_absolute_hu: float
    mean_hu: float
    far_share: float
    seconds: float


def density_case(
    where: Where, *, gas: bool, size: Size = "small", number: int = 0, day: int = 1
) -> DensityCase:
    """Make a day, and the same without anything that an in-room scanner does to it."""
    phantom = phantom_of(where, size, number)
    planning_from_daily, field = days_of(where, size, number)[day - 1]
    settings = daily_settings(where, "cone beam", size).with_changes(gas_pockets=GAS_POCKETS if gas else 0)
    ideal = DailySettings(
        shape=settings.shape,
        spacing_mm=settings.spacing_mm,
        jitter_mm=settings.jitter_mm,
        gas_pockets=settings.gas_pockets,
    )
    # The same random numbers put the grid and the gas in the same places: both are drawn first.
    daily, truth = (
        simulate_daily(
            phantom.anatomy,
            planning_from_daily,
            isocentre_mm=phantom.isocentre_mm,
            machine_isocentre_mm=MACHINE_ISOCENTRE_MM,
            settings=one,
            rng=np.random.default_rng([SEED, tuple(SITES).index(where), number, day, 7]),
            field=field,
        )
        for one in (settings, ideal)
    )
    known = truth.values != ideal.fill_value
    hu = np.where(known, truth.values, np.nan).astype(np.float32)
    body = body_weight(truth).on(*(slice(0, n) for n in truth.grid.shape)) >= 1.0
    return DensityCase(
        where, gas, phantom.volume, daily, planning_from_daily, field, hu, body & known & (hu > -995.0)
    )


def found_in(case: DensityCase) -> Iterator[tuple[str, DeformableRegistration]]:
    """Yield the match by the true field, and by that of the engine after the true rigid match."""
    yield "true", _match(case, case.true_field)
    prepared = prepare_deformable(case.planning)
    yield "found", register_deformable(prepared, case.daily, planning_from_daily=case.planning_from_daily)


def _match(case: DensityCase, field: DisplacementField) -> DeformableRegistration:
    return DeformableRegistration(
        FieldVerdict.FOR_DECISION,
        (),
        (),
        case.planning_from_daily,
        field,
        None,
        None,
        None,
        None,
        None,
        "truth",
        {},
    )


def density_rows(case: DensityCase) -> list[DensityRow]:
    """Make the density of a day by every method, with the true field and with the one that is found."""
    grid = case.daily.grid
    rows = [_row(case, "none", RIGID, warped_planning(case.planning, _match(case, _still()), grid), 0.0)]
    for name, found in found_in(case):
        if found.field is None:
            continue
        rows.append(_row(case, name, WARPED, warped_planning(case.planning, found, grid), 0.0))
        begin = time.perf_counter()
        images = density_images(case.planning, case.daily, found)
        seconds = time.perf_counter() - begin
        rows += [_row(case, name, str(image.method), image.volume, seconds) for image in images]
        apart = disagreement(images[0], images[1])
        rows.append(
            DensityRow(
                case.where,
                case.gas,
                name,
                "virtual CT less shading-corrected image",
                apart.mean_absolute_hu,
                apart.mean_hu,
                apart.far_apart_fraction,
                seconds,
            )
        )
    return rows


def _still() -> DisplacementField:
    grid = Grid.axial(PLANNING, (2, 2, 2), (500.0, 500.0, 500.0), (-250.0, -250.0, -250.0))
    return DisplacementField(grid, np.zeros((2, 2, 2, 3), dtype=np.float32))


def _row(case: DensityCase, field: str, method: str, made: Volume, seconds: float) -> DensityRow:
    off = (made.values - case.truth_hu)[case.body]
    size = np.abs(off)
    return DensityRow(
        case.where,
        case.gas,
        field,
        method,
        float(size.mean()),
        float(off.mean()),
        float((size > FAR_HU).mean()),
        seconds,
    )


def density_table(rows: Sequence[DensityRow]) -> str:
    """Return one line per site, field and method, without gas and with it."""
    lines = []
    for key in dict.fromkeys((row.where, row.field, row.method) for row in rows):
        cells = []
        for gas in (False, True):
            own = [row for row in rows if (row.where, row.field, row.method) == key and row.gas is gas]
            means = [float(np.mean([getattr(row, name) for row in own])) for name in _SHOWN]
            cells += [f"{means[0]:.1f}", f"{means[1]:+.1f}", f"{100.0 * means[2]:.1f}"]
        lines.append([*key, *cells])
    head = ["site", "field", "method"]
    for day in ("no gas", "new gas"):
        head += [f"{day}: mean absolute error, HU", "mean", "more than 100 HU, %"]
    return table("Density for dose", head, lines)


_SHOWN: Final = ("mean_absolute_hu", "mean_hu", "far_share")


def all_density_rows(
    size: Size = "small", patients: int = 1, sites: Sequence[Where] = tuple(SITES)
) -> list[DensityRow]:
    """Run every site, without gas and with it."""
    return [
        row
        for where in sites
        for number in range(patients)
        for gas in (False, True)
        for row in density_rows(density_case(where, gas=gas, size=size, number=number))
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=("full", "small"), default="small")
    parser.add_argument("--patients", type=int, default=1)
    parser.add_argument("--site", choices=tuple(SITES), help="one site only")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    asked = parser.parse_args()
    rows = all_density_rows(asked.size, asked.patients, [asked.site] if asked.site else tuple(SITES))
    text = density_table(rows)
    slowest = max(row.seconds for row in rows)
    text += (
        f"\n\nThree methods of one day take at most {slowest:.1f} s after the match ({asked.size} images)."
    )
    print(text)
    if asked.write:
        put_between_marks("density", text)


if __name__ == "__main__":
    main()
