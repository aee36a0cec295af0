"""Sorting by breath: the projections of a cone-beam scan, or the slices of a cine CT, into bins of the cycle.

A bin is named by the middle of its part of the cycle, 0 % being lungs full, as scanners count. What belongs
to no breath is left out, and what a bin lacks is said: nothing is taken from a neighbour, nothing
interpolated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.xray_view import XrayView
from isoguide.images.volume import Volume
from isoguide.motion.respiratory_signal import Breaths, Scale
from isoguide.projection.bin_weights import largest_gap_deg
from isoguide.projection.projection_set import FEWEST_PROJECTIONS

SortBy = Literal["phase", "amplitude"]
Indices = NDArray[np.intp]

FEWEST_BINS, MOST_BINS = 2, 30
WIDE_GAP_DEG: Final = 20.0
"""Beyond it streaks are to be expected: a breath of 4 s in a scan of a minute is 24° long."""
WIDEST_GAP_DEG: Final = 60.0
"""Beyond it a bin shows more of where the gap is than of the patient."""
SAME_PLACE_MM: Final = 0.1
"""Slices nearer than this along the couch are at one place."""


@dataclass(frozen=True, slots=True)
class SortSettings:
    """Into what is sorted.

    Parameters
    ----------
    bins
        Of the cycle; even for amplitude, which counts them once emptying and once filling.
    by
        "phase" (time since the end of breathing in) or "amplitude" (how full the lungs are).
    scale
        By amplitude: bins as wide as each other ("width"), or with as much time in each ("count").

    Raises
    ------
    InputError
        If the number of bins is impossible.
    """

    bins: int = 10
    by: SortBy = "phase"
    scale: Scale = "width"

    def __post_init__(self) -> None:
        if not FEWEST_BINS <= self.bins <= MOST_BINS:
            msg = f"a breath is sorted into {FEWEST_BINS} to {MOST_BINS} bins, not {self.bins}"
            raise InputError(msg)
        if self.by == "amplitude" and self.bins % 2:
            msg = (
                f"by amplitude the bins are counted while breathing out and in: give an even number, "
                f"not {self.bins}"
            )
            raise InputError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class Bin:
    """One part of the cycle: ``percent`` is its middle; ``members`` are indices of what belongs to it."""

    percent: float
    members: Indices

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"the bin {self.percent:g} %"


@dataclass(frozen=True, slots=True, eq=False)
class Sorting:
    """What belongs to which bin.

    Parameters
    ----------
    settings
        Into what was sorted.
    bins
        In the order of the cycle.
    left_out
        Indices of what belongs to no breath, or to one unlike the others.
    """

    settings: SortSettings
    bins: tuple[Bin, ...]
    left_out: Indices

    @property
    def shares(self) -> Array:
        """Share of the breath that each bin stands for, (bins,): equal by phase, by time spent else."""
        if self.settings.by == "phase":
            return np.full(len(self.bins), 1.0 / len(self.bins))
        counts = np.array([len(one.members) for one in self.bins], dtype=np.float64)
        return np.asarray(counts / counts.sum())


def sort_by_breath(breaths: Breaths, seconds: Array, settings: SortSettings | None = None) -> Sorting:
    """Sort what was exposed at some times by breath.

    Parameters
    ----------
    breaths
        On the same clock.
    seconds
        (n,).
    settings
        Into what is sorted.

    Raises
    ------
    MissingEvidenceError
        If the breath is not available.
    InputError
        If nothing was exposed during a breath: the signal covers another time.
    """
    settings = settings or SortSettings()
    percent = _percent(breaths, seconds, settings)
    known = ~np.isnan(percent)
    if not known.any():
        signal_s = breaths.signal.seconds
        msg = (
            f"nothing was exposed during a breath: on one clock, the {breaths.signal.source} covers "
            f"{signal_s[0]:.1f} to {signal_s[-1]:.1f} s, the exposures {np.min(seconds):.1f} to "
            f"{np.max(seconds):.1f} s"
        )
        raise InputError(msg)
    width = 100.0 / settings.bins
    number = np.full(len(percent), -1)
    number[known] = np.floor(percent[known] / width + 0.5).astype(int) % settings.bins
    bins = tuple(Bin(width * n, np.flatnonzero(number == n)) for n in range(settings.bins))
    return Sorting(settings, bins, np.flatnonzero(number < 0))


def _percent(breaths: Breaths, seconds: Array, settings: SortSettings) -> Array:
    if settings.by == "phase":
        return breaths.phase_percent(seconds)
    return breaths.cycle_percent(seconds, settings.scale)


@dataclass(frozen=True, slots=True, eq=False)
class UsableBins:
    """The bins of a cone-beam scan that an image can be made of, and what a person should know of them."""

    bins: tuple[Bin, ...]
    warnings: tuple[str, ...]


def usable_bins(sorting: Sorting, views: Sequence[XrayView]) -> UsableBins:
    """Say which bins have projections from enough sides.

    Parameters
    ----------
    sorting
        Of the projections.
    views
        Of the whole scan.
    """
    usable, warnings = [], []
    for one in sorting.bins:
        gap_deg = largest_gap_deg(views, one.members)
        if len(one.members) < FEWEST_PROJECTIONS:
            warnings.append(
                f"{one.label} has {len(one.members)} projections, of which no image is made: "
                f"{FEWEST_PROJECTIONS} are needed"
            )
        elif gap_deg > WIDEST_GAP_DEG:
            warnings.append(
                f"{one.label} has no projection over {gap_deg:.0f}° and no image is made of it: "
                f"{WIDEST_GAP_DEG:g}° are the most"
            )
        else:
            usable.append((one, gap_deg))
    widest = max(usable, key=lambda pair: pair[1], default=None)
    if widest is not None and widest[1] > WIDE_GAP_DEG:
        count = sum(gap_deg > WIDE_GAP_DEG for _, gap_deg in usable)
        warnings.append(
            f"{count} of {len(usable)} bins have gaps wider than {WIDE_GAP_DEG:g}°, the widest "
            f"{widest[1]:.0f}° in {widest[0].label}: expect streaks, and scan more slowly next time"
        )
    if len(sorting.left_out):
        warnings.append(
            f"{len(sorting.left_out)} of {len(views)} projections were left out: they belong to no breath, "
            "or to one unlike the others"
        )
    return UsableBins(tuple(one for one, _ in usable), tuple(warnings))


@dataclass(frozen=True, slots=True, eq=False)
class SliceSorting:
    """Which slice of a cine CT shows which bin at which place of the couch.

    Parameters
    ----------
    percents
        Of the bins, (bins,).
    places_mm
        Along the couch, increasing, (places,).
    chosen
        (bins, places): index of the slice; -1 where there is none.
    """

    percents: tuple[float, ...]
    places_mm: Array
    chosen: Indices

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not there, in words, one sentence for each bin that is not complete."""
        told = []
        for percent, row in zip(self.percents, self.chosen, strict=True):
            absent_mm = self.places_mm[row < 0]
            if len(absent_mm):
                places = ", ".join(f"{mm:g}" for mm in absent_mm)
                told.append(f"the bin {percent:g} % has no slice at {places} mm")
        return tuple(told)


def sort_slices(breaths: Breaths, seconds: Array, along_mm: Array, settings: SortSettings) -> SliceSorting:
    """Choose for each bin, at each place, the slice whose breath is nearest to the middle of the bin.

    Parameters
    ----------
    breaths
        On the clock of the scanner.
    seconds
        When each slice was taken, (n,).
    along_mm
        Where along the couch, (n,).
    settings
        Into what is sorted.

    Raises
    ------
    MissingEvidenceError
        If the breath is not available.
    InputError
        If nothing was taken during a breath, or there are not as many places as times.
    """
    if len(seconds) != len(along_mm):
        msg = f"each slice has a time and a place, not {len(seconds)} times and {len(along_mm)} places"
        raise InputError(msg)
    sorting = sort_by_breath(breaths, seconds, settings)
    percent = _percent(breaths, seconds, settings)
    order = np.argsort(along_mm, kind="stable")
    begins = np.concatenate([[True], np.diff(along_mm[order]) > SAME_PLACE_MM])
    place = np.empty(len(along_mm), dtype=np.intp)
    place[order] = np.cumsum(begins) - 1
    chosen = np.full((len(sorting.bins), int(begins.sum())), -1, dtype=np.intp)
    for number, one in enumerate(sorting.bins):
        off = np.abs((percent[one.members] - one.percent + 50.0) % 100.0 - 50.0)
        # The nearest is written last.
        for member in one.members[np.argsort(-off, kind="stable")]:
            chosen[number, place[member]] = member
    return SliceSorting(tuple(one.percent for one in sorting.bins), along_mm[order][begins], chosen)


def phase_volume(
    sorting: SliceSorting, number: int, slices: Sequence[NDArray[np.generic]], grid: Grid
) -> Volume:
    """Stack the slices of one bin.

    Parameters
    ----------
    sorting
        Of the slices.
    number
        Of the bin.
    slices
        All of them, (rows, columns) each, Hounsfield units.
    grid
        Of the volume: its slices are the places of the couch, in their order.

    Raises
    ------
    GeometryError
        If a slice of the bin is missing, or the grid is another one.
    """
    row = sorting.chosen[number]
    if (row < 0).any():
        percent = sorting.percents[number]
        absent = next(one for one in sorting.missing if one.startswith(f"the bin {percent:g} %"))
        msg = f"{absent}: no volume is made of it, because a slice must not be invented"
        raise GeometryError(msg)
    if grid.shape[0] != len(row):
        msg = f"the grid has {grid.shape[0]} slices but the couch stood at {len(row)} places"
        raise GeometryError(msg)
    return Volume(grid, np.stack([slices[one] for one in row]))
