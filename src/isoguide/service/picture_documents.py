"""What the gallery gives, as documents."""

import math
from collections.abc import Sequence

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.registration.result import RegionResidual
from isoguide.service.documents.base import CouchPose, Six, Three
from isoguide.service.documents.fraction import SimilarityAnswer
from isoguide.service.documents.images import (
    DailyPictures,
    DoseDocument,
    MarkerPlace,
    MatchFigures,
    OutlineDocument,
    PlannedStructures,
    PlanningPictures,
    RegionResidualDocument,
    ShadowOverlays,
    StructureDocument,
    UltrasoundMasks,
    UltrasoundReference,
    ViewDocument,
    VolumeHeader,
    WindowPreset,
)
from isoguide.workflow.clinic.pictures.gallery import Gallery
from isoguide.workflow.clinic.pictures.match_figures import FoundAgain
from isoguide.workflow.clinic.pictures.open_image import OpenImage
from isoguide.workflow.clinic.pictures.plan_scene import PlanScene
from isoguide.workflow.clinic.pictures.plan_shadow import Overlays, ShownView
from isoguide.workflow.clinic.pictures.planned_dose import CGY_PER_GY
from isoguide.workflow.clinic.pictures.pose_trial import PoseTrial
from isoguide.workflow.clinic.pictures.structure_distance import DrawnStructure
from isoguide.workflow.clinic.pictures.ultrasound_voxels import UltrasoundVoxels
from isoguide.workflow.clinic.pictures.voxel_bytes import VoxelBytes
from isoguide.workflow.clinic.pictures.windows import NamedWindow, planning_windows, ultrasound_windows


def planning_pictures(gallery: Gallery, course_id: str, address: str) -> PlanningPictures:
    """Say what is drawn of a plan, but for its structures: who opens it waits for this.

    Parameters
    ----------
    gallery, course_id
        Of which course.
    address
        Of this document; what it names lies below it.
    """
    plan = gallery.plan(course_id)
    series = plan.series
    return PlanningPictures(
        volume=header_of(gallery.planning_voxels(course_id), f"{address}/voxels"),
        ultrasound=_reference(gallery, course_id, f"{address}/ultrasound"),
        taken_at=series.acquired_at.isoformat() if series.acquired_at is not None else "",
        patient_position=plan.planning.patient_position,
        frame_of_reference_uid=series.frame_of_reference_uid,
        isocentre_mm=three_of(plan.planning.isocentre.xyz_mm),
        dose=_dose(plan, address),
        no_dose_because=plan.no_dose_because,
        windows=_presets(planning_windows()),
    )


def planned_structures(gallery: Gallery, course_id: str, address: str) -> PlannedStructures:
    """Say which structures of a plan are drawn; parameters as for :func:`planning_pictures`."""
    drawn, not_drawn = gallery.structures(course_id)
    return PlannedStructures(
        structures=tuple(structure_document(one, address) for one in drawn), not_drawn=not_drawn
    )


def daily_pictures(image: OpenImage, address: str) -> DailyPictures:
    """Say what is drawn of an image of the day; ``address`` is that of this document."""
    day, content = image.day, image.day.image
    views = enumerate(image.views())
    volume = masks = None
    if image.kind == "volume":
        volume = header_of(image.voxels(), f"{address}/voxels")
    elif image.kind == "ultrasound":
        volume, masks = _ultrasound(image.ultrasound(), f"{address}/ultrasound")
    return DailyPictures(
        uid=content.uid,
        kind=image.kind,
        acquired_at=content.acquired_at.isoformat(),
        volume=volume,
        ultrasound=masks,
        matched_to=day.matched_to,
        views=tuple(_view(index, one, f"{address}/views/{index}/pixels") for index, one in views),
        is_hounsfield=image.kind == "volume" and content.volume.is_hounsfield,
        machine_isocentre_mm=three_of(content.machine_isocentre_mm),
        uncorrected=tuple(day.uncorrected.matrix.ravel().tolist()),
        windows=_presets(image.windows()),
    )


def _reference(gallery: Gallery, course_id: str, address: str) -> UltrasoundReference | None:
    reference = gallery.plan(course_id).reference
    if reference is None:
        return None
    volume, masks = _ultrasound(gallery.reference_voxels(course_id), address)
    return UltrasoundReference(
        volume=volume,
        masks=masks,
        taken_at=reference.acquired_at.isoformat() if reference.acquired_at is not None else "",
        windows=_presets(ultrasound_windows()),
    )


def _ultrasound(voxels: UltrasoundVoxels, address: str) -> tuple[VolumeHeader, UltrasoundMasks]:
    shadow = voxels.shadow
    masks = UltrasoundMasks(
        fan=header_of(voxels.fan, f"{address}/fan"),
        shadow=header_of(shadow, f"{address}/shadow") if shadow is not None else None,
    )
    return header_of(voxels.brightness, f"{address}/brightness"), masks


def header_of(voxels: VoxelBytes, address: str) -> VolumeHeader:
    """Say where voxels are and where they are fetched."""
    grid = voxels.grid
    k, j, i = grid.shape
    return VolumeHeader(
        size=(i, j, k),
        spacing_mm=three_of(grid.spacing_mm),
        origin_mm=three_of(grid.origin_mm),
        direction=tuple(grid.direction.ravel().tolist()),
        bytes=len(voxels.content),
        address=f"{address}?v={voxels.sha256}",
        sha256=voxels.sha256,
    )


def shadow_overlays(found: Overlays) -> ShadowOverlays:
    """Say what lies over a radiograph."""
    return ShadowOverlays(
        isocentre=_two(found.isocentre),
        outlines=tuple(
            OutlineDocument(
                name=one.name,
                color=one.colour,
                lines=tuple(tuple(_two(point) for point in line) for line in one.lines),
            )
            for one in found.outlines
        ),
        markers=tuple(
            MarkerPlace(
                name=one.name,
                expected=_two(one.expected),
                found=_two(one.found) if one.found is not None else None,
                tolerance_px=one.tolerance_px,
            )
            for one in found.markers
        ),
        were_markers_sought=found.were_markers_sought,
    )


def match_figures(uid: str, found: FoundAgain) -> MatchFigures:
    """Say why to believe a match; nothing of one that is not the recorded one."""
    registration = found.registration
    quality, uncertainty = registration.quality, registration.uncertainty
    if found.differs_because or quality is None:
        why = found.differs_because or "; ".join(registration.reasons)
        return no_figures(uid, f"the match has no figures: {why}" if not found.differs_because else why)
    low_high = found.region_mm
    return MatchFigures(
        image_uid=uid,
        similarity=_known(quality.similarity),
        overlap_fraction=_known(quality.overlap_fraction),
        starts_agreeing=quality.starts_agreeing,
        largest_at_target_mm=_known(uncertainty.largest_at_target_mm) if uncertainty is not None else None,
        weakest_direction=quality.weakest_direction_words,
        residuals=tuple(_residual(one) for one in quality.residuals),
        region_centre_mm=three_of(low_high.mean(axis=0)) if low_high is not None else None,
        region_size_mm=three_of(np.ptp(low_high, axis=0)) if low_high is not None else None,
    )


def no_figures(uid: str, why: str) -> MatchFigures:
    """Say that there are no figures, and why."""
    return MatchFigures(
        image_uid=uid,
        not_available_because=why,
        similarity=None,
        overlap_fraction=None,
        starts_agreeing=(0, 0),
        largest_at_target_mm=None,
        weakest_direction="",
        residuals=(),
        region_centre_mm=None,
        region_size_mm=None,
    )


def similarity_answer(trial: PoseTrial, similarity: float | None) -> SimilarityAnswer:
    """Say what a pose would mean."""
    return SimilarityAnswer(
        correction=Six.of(trial.correction),
        pose=CouchPose.of(trial.pose),
        residual_mm=trial.residual_mm,
        needs_person=trial.needs_person,
        out_of_reach=trial.out_of_reach,
        similarity=similarity,
        from_engine_mm=trial.from_engine_mm,
        from_engine_deg=trial.from_engine_deg,
    )


def three_of(values: Array) -> Three:
    """Return three numbers as a document holds them."""
    x, y, z = (float(value) for value in values)
    return x, y, z


def structure_document(one: DrawnStructure, address: str) -> StructureDocument:
    """Say how a structure is drawn; its distance lies below ``address``."""
    number = one.structure.number
    return StructureDocument(
        number=number,
        name=one.structure.name,
        color=one.colour,
        kind=one.kind,
        interpreted_type=one.structure.interpreted_type,
        distance=header_of(one.distance, f"{address}/structures/{number}/distance"),
    )


def _dose(plan: PlanScene, address: str) -> DoseDocument | None:
    if plan.dose is None:
        return None
    simulation = plan.course.simulation
    fractions, each_gy = simulation.fractions_planned, simulation.dose_per_fraction_gy
    return DoseDocument(
        volume=header_of(plan.dose.voxels, f"{address}/dose/voxels"),
        steps_per_gy=round(CGY_PER_GY),
        largest_gy=plan.dose.largest_gy,
        prescription_gy=fractions * each_gy if fractions is not None and each_gy is not None else None,
    )


def _view(index: int, shown: ShownView, address: str) -> ViewDocument:
    rows, columns = shown.grey.shape
    left, right, top, bottom = shown.letters
    return ViewDocument(
        index=index,
        name=shown.name,
        columns=columns,
        rows=rows,
        pixel_mm=shown.pixel_mm,
        address=f"{address}?v={shown.sha256}",
        sha256=shown.sha256,
        isocentre=_two(shown.isocentre),
        right_axis=three_of(shown.view.row_direction),
        down_axis=three_of(shown.view.column_direction),
        left=left,
        right=right,
        top=top,
        bottom=bottom,
    )


def _presets(windows: Sequence[NamedWindow]) -> tuple[WindowPreset, ...]:
    return tuple(
        WindowPreset(
            name=one.name,
            centre_hu=(one.window.low + one.window.high) / 2.0,
            width_hu=one.window.high - one.window.low,
        )
        for one in windows
    )


def _residual(one: RegionResidual) -> RegionResidualDocument:
    return RegionResidualDocument(
        centre_mm=three_of(one.centre_mm),
        shift_mm=three_of(one.shift_mm),
        similarity=_known(one.similarity),
    )


def _two(point: Array) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
