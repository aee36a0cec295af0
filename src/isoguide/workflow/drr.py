"""From a planning export to DICOM RT Images of its set-up fields: what a day's pair is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from isoguide.dicom import ImageSeries
from isoguide.dicom.part10 import new_uid
from isoguide.dicom.write_rtimage import PlannedField, PlannedSetup, RtImageDetails, write_rt_image
from isoguide.errors import MissingEvidenceError, OutputError
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph
from isoguide.images.structure import Structure
from isoguide.progress import Progress, part_of, silent
from isoguide.workflow.drr_request import COLOURS, DrrRequest
from isoguide.workflow.drr_views import DrrView, planned_images_of, views_of
from isoguide.workflow.inputs import PlanningInput, load_planning
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.pictures import png
from isoguide.workflow.reference_pictures import lettered, with_cross
from isoguide.workflow.setup_drr import (
    ENERGY_KEV,
    Float32,
    Weights,
    shadow_picture,
    shadows,
    shown_range,
    view_letters,
)
from isoguide.workflow.silhouette import silhouettes, with_lines

SERIES_FOLDER: Final = "DRR"
"""What is added to the output folder: one RT Image per view, and its picture where asked for."""
_SHOWN: Final[dict[Weights, str]] = {
    "all": "bone and soft tissue",
    "bone": "bone only",
    "soft": "soft tissue only",
}


@dataclass(frozen=True, slots=True, eq=False)
class Drrs:
    """What was written.

    Parameters
    ----------
    folder
        Where the files are.
    views
        In the order of the numbers of the files.
    outlines
        Names of the structures that were drawn, each with the name of its colour.
    warnings
        What the user should know, one sentence each.
    """

    folder: Path
    views: tuple[DrrView, ...]
    outlines: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Series:
    """What all images of one call have in common."""

    image: ImageSeries
    loaded: PlanningInput
    weights: Weights
    plan_class_uid: str
    created_at: datetime = field(default_factory=datetime.now)
    uid: str = field(default_factory=new_uid)


def drrs_into(
    target: Path, request: DrrRequest, *, overwrite: bool = False, progress: Progress = silent
) -> Drrs:
    """Compute the radiographs of a plan and write them to ``target/DRR``, all at once or not at all.

    The files are ``RI_01.dcm``, ``RI_02.dcm`` ... in the order of the set-up fields or of the angles, and
    ``RI_01.png`` ... beside them. Every set-up field gets its image, one for a cone-beam scan included.

    Raises
    ------
    InputError
        If the planning side cannot be used, the plan has no set-up fields about the isocentre and no angle is
        given, or a structure is not there.
    OutputError
        If the folder cannot be written, or holds images and ``overwrite`` is not set.
    """
    with published_folder(target, (SERIES_FOLDER,), overwrite=overwrite) as staging:
        loaded = load_planning(request.of_planning, part_of(progress, 0.0, 0.5))
        image = _series_of(loaded)
        planned = planned_images_of(loaded)
        views, notes = views_of(request, loaded, planned)
        structures = _structures(request, loaded)
        series = _Series(
            image, loaded, request.weights, planned.plan_class_uid if planned is not None else ""
        )
        progress(0.5, f"computing {len(views)} radiographs")
        seen = [view.in_patient(loaded.patient_position, loaded.isocentre.xyz_mm) for view in views]
        computed = shadows(loaded.volume, seen, request.weights)
        progress(0.8, "writing images")
        folder = _made(staging / SERIES_FOLDER)
        for number, (view, shadow) in enumerate(zip(views, computed, strict=True), start=1):
            _write(folder, number, view, shadow, series)
        if request.pictures:
            _draw(folder, seen, computed, series, structures)
        progress(1.0, "done")
    outlines = tuple(zip((one.name for one in structures), COLOURS, strict=False))
    return Drrs(target / SERIES_FOLDER, views, outlines, (*loaded.warnings, *notes))


def _series_of(loaded: PlanningInput) -> ImageSeries:
    if loaded.series is None:
        msg = (
            f"{loaded.path} is a volume file without patient and study, which a DICOM image has to belong "
            "to: give a folder of DICOM files"
        )
        raise MissingEvidenceError(msg)
    return loaded.series


def _structures(request: DrrRequest, loaded: PlanningInput) -> tuple[Structure, ...]:
    if request.outlined and loaded.structure_set is None:
        msg = f"{loaded.path} holds no structure set to outline: add it, or leave --outline out"
        raise MissingEvidenceError(msg)
    drawn = loaded.structure_set
    return tuple(drawn.structure(name) for name in request.outlined) if drawn is not None else ()


def _made(folder: Path) -> Path:
    try:
        folder.mkdir()
    except OSError as error:
        msg = f"cannot write to {folder.parent} ({error.strerror or error}): choose another --out"
        raise OutputError(msg) from error
    return folder


def _write(folder: Path, number: int, view: DrrView, shadow: Float32, series: _Series) -> None:
    plan = series.loaded.plan
    of_plan = f" of plan {plan.label}" if plan is not None else ""
    belongs_to = (
        PlannedField(series.plan_class_uid, plan.sop_instance_uid, view.beam_number)
        if plan is not None
        else None
    )
    write_rt_image(
        folder / f"RI_{number:02d}.dcm",
        Radiograph(view.in_room, shadow, "line integral"),
        setup=PlannedSetup(
            series.loaded.patient_position,
            series.loaded.isocentre.xyz_mm,
            view.couch_deg,
            view.collimator_deg,
        ),
        image=series.image,
        details=RtImageDetails(
            label=f"DRR {view.name}",
            description=(
                f"Computed from the planning CT (DRR), not an exposure: {_SHOWN[series.weights]}, "
                f"{ENERGY_KEV:g} keV, gantry {view.gantry_deg:g}°, couch {view.couch_deg:g}°; "
                f"CT series {series.image.series_instance_uid}"
            ),
            series_description=f"Computed set-up images{of_plan}",
            machine=view.machine,
            belongs_to=belongs_to,
            window=shown_range(shadow),
            number=number,
            created_at=series.created_at,
            series_instance_uid=series.uid,
        ),
    )


def _draw(
    folder: Path,
    seen: Sequence[XrayView],
    computed: Float32,
    series: _Series,
    structures: Sequence[Structure],
) -> None:
    """Draw every radiograph with outlines, letters and the cross, views in PLANNING."""
    grid, weights = series.loaded.volume.grid, series.weights
    lines = [silhouettes(one, grid, seen) for one in structures]
    for index, (view, shadow) in enumerate(zip(seen, computed, strict=True)):
        picture = shadow_picture(shadow, weights)
        for of_structure, colour in zip(lines, COLOURS.values(), strict=False):
            picture = with_lines(picture, of_structure[index], colour)
        path = folder / f"RI_{index + 1:02d}.png"
        try:
            path.write_bytes(png(lettered(with_cross(picture), view_letters(view))))
        except OSError as error:
            msg = f"cannot write {path} ({error.strerror or error}): choose another --out"
            raise OutputError(msg) from error
