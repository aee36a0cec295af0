"""Numbers of a histogram as tables and documents give them: of one fraction, or times their number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.workflow.numbers import signed


@dataclass(frozen=True, slots=True)
class DoseFigures:
    """Doses of one structure in Gy: mean, and what the hottest 98, 95, 50 and 2 % get at least.

    D98% and D2% stand for the lowest and the highest dose (ICRU Report 83).
    """

    mean_gy: float
    d98_gy: float
    d95_gy: float
    d50_gy: float
    d2_gy: float

    @classmethod
    def of(cls, histogram: DoseVolumeHistogram, fractions: int = 1) -> "DoseFigures":
        """Take them from a histogram of one fraction, that many times."""
        d98, d95, d50, d2 = (histogram.dose_at_volume_gy(at) for at in (98.0, 95.0, 50.0, 2.0))
        return cls(*(value * fractions for value in (histogram.mean_gy, d98, d95, d50, d2)))


def beside_gy(now_gy: float, before_gy: float) -> str:
    """Write a dose with its change, both to 0.01 Gy: the change is that of the figures that are shown."""
    change_gy = round(now_gy, 2) - round(before_gy, 2)
    return f"{now_gy:.2f} ({signed(change_gy, 2)})"


def of_course(histograms: Mapping[str, DoseVolumeHistogram], fractions: int) -> list[DoseVolumeHistogram]:
    """Return histograms of one fraction as of a course of such fractions."""
    return [replace(one, dose_gy=one.dose_gy * fractions) for one in histograms.values()]


def in_order(names: Sequence[str], *groups: Mapping[str, DoseVolumeHistogram]) -> list[str]:
    """Return the names that any of the groups has, in the order of ``names``."""
    return [name for name in names if any(name in group for group in groups)]
