"""A dose of the planning system beside ours: the same structures, the same fraction, how far apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy.ndimage import map_coordinates

from isoguide.dicom import DoseGrid, read_dose
from isoguide.dicom.identity import compare_patients
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.histograms import dose_volume_histograms
from isoguide.dose.result import DoseVolume
from isoguide.errors import InputError, MismatchError
from isoguide.progress import Progress, silent
from isoguide.workflow.dose.day import PlannedDose
from isoguide.workflow.dose.inputs import DoseInput
from isoguide.workflow.inputs import require_existing

_WHOLE_COURSE: Final = ("PLAN", "FRACTION")
"""DoseSummationType of a dose over all fractions: FRACTION means a fraction group (PS3.3 C.8.8.3)."""
_ONE_FRACTION: Final = ("FRACTION_SESSION",)
COMPARED_FROM: Final = 0.5
"""Places that get less than this share of the highest dose are not compared."""


@dataclass(frozen=True, slots=True, eq=False)
class DoseComparison:
    """Another dose of the same plan, as one fraction.

    Parameters
    ----------
    path
        Its file.
    dose
        Of one fraction, frame PLANNING.
    histograms
        By name of the structure.
    mean_percent, sigma_percent, p95_percent
        Ours less theirs in percent of the highest of theirs: mean, standard deviation, and 95th percentile of
        its size, where theirs is at least half of its highest.
    warnings
        What does not fit, or could not be checked.
    """

    path: Path
    dose: DoseVolume
    histograms: Mapping[str, DoseVolumeHistogram]
    mean_percent: float
    sigma_percent: float
    p95_percent: float
    warnings: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "histograms", MappingProxyType(dict(self.histograms)))


def compare_dose(
    path: Path, given: DoseInput, planned: PlannedDose, progress: Progress = silent
) -> DoseComparison:
    """Read a dose and compare ours with it.

    Raises
    ------
    InputError
        If it is no dose of a plan in Gy, or belongs to another patient or another frame of reference.
    """
    require_existing(path)
    progress(0.0, f"reading {path.name}")
    theirs = read_dose(path)
    warnings = _checked(theirs, given)
    dose = DoseVolume(theirs.grid, theirs.dose_gy).scaled(1.0 / _fractions(theirs, given))
    shown = [one for one in given.order.structures if one.name in planned.placed.histograms]
    histograms = dose_volume_histograms(dose, shown, progress)
    percent = _difference_percent(planned.placed.dose, dose)
    return DoseComparison(
        path=path,
        dose=dose,
        histograms={one.name: one for one in histograms},
        mean_percent=float(percent.mean()),
        sigma_percent=float(percent.std()),
        p95_percent=float(np.percentile(np.abs(percent), 95.0)),
        warnings=warnings,
    )


def _checked(theirs: DoseGrid, given: DoseInput) -> tuple[str, ...]:
    image, path = given.planning.image, theirs.path
    warnings = compare_patients(image.patient, f"the {image.label}", theirs.patient, str(path))
    if theirs.frame_of_reference_uid != image.frame_of_reference_uid:
        msg = f"{path} is in another frame of reference than the {image.label}: give the dose on this CT"
        raise MismatchError(msg)
    if theirs.plan_uid and theirs.plan_uid != given.plan.sop_instance_uid:
        warnings += (f"{path} belongs to another plan ({theirs.plan_uid}) than '{given.plan.label}'",)
    if not theirs.plan_uid:
        warnings += (f"{path} does not say which plan it belongs to",)
    return warnings


def _fractions(theirs: DoseGrid, given: DoseInput) -> int:
    if theirs.summation_type in _ONE_FRACTION:
        return 1
    if theirs.summation_type in _WHOLE_COURSE:
        return given.order.prescription.fractions
    msg = (
        f"{theirs.path} sums up '{theirs.summation_type or 'nothing stated'}', not the dose of a plan: give "
        "that of the whole plan"
    )
    raise InputError(msg)


def _difference_percent(ours: DoseVolume, theirs: DoseVolume) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Ours less theirs, percent of the highest of theirs, at their voxels that get enough in our grid."""
    highest_gy = float(theirs.dose_gy.max())
    kji = np.argwhere(theirs.dose_gy >= COMPARED_FROM * highest_gy)
    index = ours.grid.index(theirs.grid.xyz(kji[:, ::-1].astype(np.float64)))[:, ::-1]
    inside = ((index >= 0.0) & (index <= np.array(ours.grid.shape) - 1.0)).all(axis=1)
    if highest_gy <= 0.0 or not inside.any():
        msg = "the dose to compare with does not meet the computed one: check that both are of this plan"
        raise MismatchError(msg)
    here = map_coordinates(ours.dose_gy, index[inside].T, np.float64, order=1)
    there = theirs.dose_gy[tuple(kji[inside].T)].astype(np.float64)
    percent: np.ndarray[tuple[int], np.dtype[np.float64]] = 100.0 * (here - there) / highest_gy
    return percent
