"""Radiographs with a views file, aligned to the planning CT: the same answer as for a volume of the day."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dicom import ImageSeries
from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.images.radiograph_view import RadiographView
from isoguide.progress import Progress, part_of, silent
from isoguide.registration import (
    Quality,
    RadiographRegistration,
    Registration,
    prepare_radiographs,
    register_radiographs,
)
from isoguide.registration.assess import motion_in_words
from isoguide.workflow.inputs import PlacedPoint, PlanningInput
from isoguide.workflow.radiographs.views_file import load_views
from isoguide.workflow.request import AlignRequest

VIEWS_SUFFIX: Final = ".json"
LEVER_MM: Final = 30.0
"""Turns a rotation into mm where motions are compared: the radius that the engine takes for a target."""
CONTENT: Final = "X-ray"


@dataclass(frozen=True, slots=True, eq=False)
class ViewsInput:
    """The day's side where it is radiographs, placed in planning axes with the patient as planned.

    Parameters
    ----------
    path
        The views file.
    views
        Its radiographs.
    isocentre
        Of the machine: by the meaning of a views file that of the plan.
    content_sha256
        Of the views file.
    warnings
        What a user should know.
    """

    path: Path
    views: tuple[RadiographView, ...]
    isocentre: PlacedPoint
    content_sha256: str
    warnings: tuple[str, ...]

    @property
    def series(self) -> ImageSeries | None:
        """No DICOM series: the images are plain files."""
        return None


def is_views_file(path: Path) -> bool:
    """Tell a views file by its name."""
    return path.suffix.lower() == VIEWS_SUFFIX and not path.is_dir()


def no_report_of(path: Path) -> str:
    """Say what cannot be made of radiographs."""
    return f"no report is drawn of radiographs yet ({path}): leave --out out, and use --json"


def load_views_input(request: AlignRequest, planning: PlanningInput) -> ViewsInput:
    """Read the views file of a request.

    Raises
    ------
    InputError
        If it cannot be used, or a machine isocentre is stated beside it.
    """
    if request.machine_isocentre_mm is not None:
        msg = (
            f"{request.daily} places its views with the patient as planned, so the machine isocentre is that "
            "of the plan: leave --machine-isocentre out"
        )
        raise InputError(msg)
    views = load_views(request.daily)
    evidence = f"that of the plan, about which {request.daily.name} places its views"
    return ViewsInput(
        path=request.daily,
        views=views,
        isocentre=PlacedPoint(planning.isocentre.xyz_mm, evidence),
        content_sha256=hashlib.sha256(request.daily.read_bytes()).hexdigest(),
        warnings=tuple(dict.fromkeys((*_warnings(views), *_unseen(views)))),
    )


def _warnings(views: tuple[RadiographView, ...]) -> tuple[str, ...]:
    return tuple(words for view in views for words in view.warnings)


def _unseen(views: tuple[RadiographView, ...]) -> tuple[str, ...]:
    return tuple(
        f"{100.0 * (1.0 - view.share_that_counts):.0f} % of {view.source} is saturated and was used as it is"
        for view in views
        if view.share_that_counts < 1.0
    )


def register_views(
    planning: PlanningInput,
    daily: ViewsInput,
    target_points_mm: Array | None,
    progress: Progress = silent,
) -> Registration:
    """Match the radiographs with six degrees of freedom.

    Raises
    ------
    InputError
        If a view shows too little of the patient.
    """
    prepared = prepare_radiographs(
        planning.volume,
        isocentre_mm=planning.isocentre.xyz_mm,
        views=[view.view for view in daily.views],
        target_points_mm=target_points_mm,
        progress=part_of(progress, 0.0, 0.7),
    )
    images = [view.radiograph for view in daily.views]
    found = register_radiographs(prepared, images, progress=part_of(progress, 0.7, 1.0))
    return Registration(
        verdict=found.verdict,
        reasons=found.reasons,
        planning_from_daily=found.planning_from_daily,
        unconstrained=found.unconstrained,
        degrees_of_freedom=found.degrees_of_freedom,
        centre_mm=found.centre_mm,
        content=CONTENT,
        uncertainty=found.uncertainty,
        quality=_quality(found),
        algorithm=found.algorithm,
        settings={"views": len(daily.views)},
    )


def _quality(found: RadiographRegistration) -> Quality | None:
    """Say of the match what a match of volumes says; what it does not know is not a number."""
    quality, uncertainty = found.quality, found.uncertainty
    if quality is None or uncertainty is None:
        return None
    weakest = _weakest(uncertainty.covariance)
    return Quality(
        similarity=float(np.mean([view.similarity for view in quality.views])),
        overlap_fraction=min(1.0, *(view.shown_fraction for view in quality.views)),
        condition_number=quality.condition_number,
        weakest_direction=weakest,
        weakest_direction_words=motion_in_words(weakest),
        inverse_inconsistency_mm=np.nan,
        start_agreement_mm=np.nan,
        starts_agreeing=(0, 0),
        residuals=(),
        alternatives=quality.alternatives,
    )


def _weakest(covariance: Array) -> Array:
    """Return the least certain motion, a unit vector (6,), rotations as the shifts that they make."""
    levers = np.array([1.0, 1.0, 1.0, LEVER_MM, LEVER_MM, LEVER_MM])
    _, vectors = np.linalg.eigh(covariance * np.outer(levers, levers))
    weakest: Array = vectors[:, -1]
    return weakest
