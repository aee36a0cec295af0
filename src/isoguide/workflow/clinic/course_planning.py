"""The planning of a registered course, out of the image store, ready to be matched."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from isoguide.course import MarkerInstructions, Modality, Protocol, SimulationRecord
from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView
from isoguide.images.mask import structure_mask
from isoguide.progress import Progress, silent
from isoguide.records import StoredCourse
from isoguide.records.image_store import ImageStore
from isoguide.registration import MatchSettings, Region, prepare_planning, prepare_radiographs
from isoguide.registration.day_match import Prepared
from isoguide.registration.markers import (
    DeclaredMarkers,
    MarkerKind,
    MarkerMatchSettings,
    PreparedMarkers,
    as_the_planning_ct_shows,
)
from isoguide.registration.ultrasound import prepare_ultrasound, prepare_ultrasound_to_ct
from isoguide.treatment.protocol_limits import match_region
from isoguide.workflow.inputs import PlanningInput, load_planning
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.target import choose_target, surface_points_mm
from isoguide.workflow.ultrasound.align_input import UltrasoundReference
from isoguide.workflow.ultrasound.load_day import load_reference

PLANNING_FILE: Final = "planning file"
"""Kind of the reference images that are the files of the planning export; the label is the file's name."""


@contextmanager
def stored_files(store: ImageStore, hashes: Iterable[str]) -> Iterator[Path]:
    """Yield a folder with these files of the image store; it goes away afterwards.

    Raises
    ------
    UnreadableError
        If a file is missing in the store or is not what was kept.
    """
    folder = Path(tempfile.mkdtemp(prefix="isoguide-"))
    try:
        for number, sha256 in enumerate(hashes):
            source, target = store.path_of(sha256), folder / f"{number:05d}.dcm"
            try:
                target.symlink_to(source.absolute())
            except OSError:  # where links need rights that users lack
                shutil.copyfile(source, target)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def planning_hashes(simulation: SimulationRecord) -> tuple[str, ...]:
    """Return the files of the planning export, by their hashes in the image store.

    Raises
    ------
    MissingEvidenceError
        If the course was registered without them.
    """
    found = tuple(one.sha256 for one in simulation.reference_images if one.kind == PLANNING_FILE)
    if not found:
        msg = f"the course of plan '{simulation.plan_label}' has no planning files: register the course again"
        raise MissingEvidenceError(msg)
    return found


def planning_of(course: StoredCourse, folder: Path, progress: Progress = silent) -> PlanningInput:
    """Read the planning of a course from a folder with its files."""
    simulation = course.simulation
    x, y, z = (float(value) for value in simulation.isocentre_mm)
    request = AlignRequest(
        planning=folder,
        daily=folder,
        isocentre_mm=(x, y, z),
        planning_series_uid=simulation.planning_series_uid,
        plan_uid=simulation.plan_uid,
        structure_set_uid=simulation.structure_set_uid or None,
    )
    return load_planning(request, progress)


def prepared_for(
    planning: PlanningInput,
    protocol: Protocol,
    simulation: SimulationRecord,
    views: Sequence[XrayView] = (),
    reference: UltrasoundReference | None = None,
    progress: Progress = silent,
) -> Prepared:
    """Prepare the match that the protocol asks for.

    Parameters
    ----------
    planning
        The planning export.
    protocol
        Of the course.
    simulation
        What the course is measured against.
    views
        Of the day's radiographs in planning coordinates, with the patient as planned; none for a volume.
    reference
        Where ultrasound is matched: that of the simulation, None for the planning CT.
    progress
        Told what is done.

    Raises
    ------
    InputError
        If the region cannot be matched, or the planning CT does not show the markers.
    """
    points_mm = target_points_mm(planning, simulation.target)
    if protocol.markers is not None:
        return _prepared_markers(planning, protocol.markers, simulation, points_mm)
    if protocol.modality is Modality.ULTRASOUND:
        return _prepared_ultrasound(planning, reference, points_mm)
    if views:
        return prepare_radiographs(
            planning.volume,
            isocentre_mm=planning.isocentre.xyz_mm,
            views=views,
            target_points_mm=points_mm,
            progress=progress,
        )
    structures = planning.structure_set.structures if planning.structure_set is not None else ()
    chosen = match_region(protocol.match, [one.name for one in structures])
    region = Region.automatic()
    if chosen.box_mm is not None:
        region = Region.box(planning.isocentre.xyz_mm, (chosen.box_mm,) * 3)
    for structure in structures:
        if structure.name == chosen.structure:
            region = Region.structure(structure.name, structure_mask(structure, planning.volume.grid))
    return prepare_planning(
        planning.volume,
        isocentre_mm=planning.isocentre.xyz_mm,
        settings=MatchSettings(region=region, content=protocol.match.content),
        target_points_mm=points_mm,
        progress=progress,
    )


def _prepared_ultrasound(
    planning: PlanningInput, reference: UltrasoundReference | None, points_mm: Array | None
) -> Prepared:
    """Match to the ultrasound of the simulation; to the planning CT, for review, where there is none."""
    centre_mm = planning.isocentre.xyz_mm
    if reference is None:
        return prepare_ultrasound_to_ct(planning.volume, centre_mm=centre_mm, target_points_mm=points_mm)
    return prepare_ultrasound(reference.volume, centre_mm=centre_mm, target_points_mm=points_mm)


def ultrasound_reference(planning: PlanningInput, protocol: Protocol) -> UltrasoundReference | None:
    """Return the ultrasound of the simulation, None where none is matched to.

    Parameters
    ----------
    planning
        The planning export; its files have to be there.
    protocol
        Of the course: where it images by something else, ultrasound of the simulation is left alone.

    Raises
    ------
    AmbiguityError
        If it holds several.
    MismatchError
        If it is of another patient, another frame of reference or a treatment room.
    """
    if protocol.modality is not Modality.ULTRASOUND:
        return None
    request = AlignRequest(planning.path, planning.path)
    reference, _ = load_reference(request, planning)
    return reference


def target_points_mm(planning: PlanningInput, target: str) -> Array | None:
    """Return points (n, 3) of the target, planning LPS: where corrections are solved and residuals count.

    Parameters
    ----------
    planning
        The planning export.
    target
        Name of the structure that is treated; another is chosen where none has it.

    Returns
    -------
    Array
        None where no target was drawn.
    """
    structures = planning.structure_set.structures if planning.structure_set is not None else ()
    named = next((one for one in structures if one.name == target), None)
    treated = named or choose_target(structures, planning.isocentre.xyz_mm)
    return surface_points_mm(treated) if treated is not None else None


def _prepared_markers(
    planning: PlanningInput,
    markers: MarkerInstructions,
    simulation: SimulationRecord,
    target_points_mm: Array | None,
) -> PreparedMarkers:
    count = max(len(simulation.fiducials), 1)
    declared = DeclaredMarkers(MarkerKind(markers.kind), markers.length_mm, markers.diameter_mm, count)
    isocentre_mm = planning.isocentre.xyz_mm
    return PreparedMarkers(
        as_the_planning_ct_shows(simulation.fiducials, declared, planning.volume),
        declared,
        isocentre_mm,
        isocentre_mm[None] if target_points_mm is None else target_points_mm,
        MarkerMatchSettings(
            migration_limit_mm=markers.migration_mm, rotation_sigma_deg=markers.rotation_sigma_deg
        ),
    )
