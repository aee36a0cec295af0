"""Radiographs with a views file, aligned to the planning CT: the same answer as for a volume of the day."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from isoguide.dicom import ImageSeries
from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.images.radiograph_view import RadiographView
from isoguide.progress import Progress, part_of, silent
from isoguide.registration import (
    Registration,
    prepare_radiographs,
    register_radiographs,
)
from isoguide.registration.day_match import registration_of_radiographs
from isoguide.workflow.inputs import PlacedPoint, PlanningInput
from isoguide.workflow.radiographs.views_file import load_views
from isoguide.workflow.request import AlignRequest

VIEWS_SUFFIX: Final = ".json"


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
    return registration_of_radiographs(found)
