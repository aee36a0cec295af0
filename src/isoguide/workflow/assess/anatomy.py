"""The one computation of the day's anatomy that the command, the course and the console share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

import isoguide
from isoguide.course.assessment import AssessmentRecord, FieldFigures, StructureOfDay
from isoguide.dose.density import DensityImage, DensityMethod, density_images
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.drawn_shape import DrawnShape, drawn_shape
from isoguide.images.structure import Structure
from isoguide.images.structure_measures import Agreement, agreement
from isoguide.images.surface import SurfaceChange
from isoguide.images.volume import Volume
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.deformable.carry import carried
from isoguide.registration.deformable.engine import (
    PreparedDeformable,
    prepare_deformable,
    register_deformable,
)
from isoguide.registration.deformable.quality import (
    USUAL_LIMITS,
    FieldQuality,
    Landmarks,
    QualityLimits,
    field_figures,
    judge_field,
)
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict
from isoguide.registration.deformable.settings import DeformableSettings
from isoguide.registration.deformable.shape import StructureShape, structure_of_day
from isoguide.workflow.assess.tissue_at_nodes import tissue_at_nodes
from isoguide.workflow.settings_hash import settings_hash
from isoguide.workflow.target import TARGET_TYPES


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """A structure of the plan about which nothing can be said, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"structure '{self.name}' is not assessed: {self.reason}"


@dataclass(frozen=True, slots=True, eq=False)
class PlannedAnatomy:
    """The planning side, prepared once and used for every day of a course.

    Parameters
    ----------
    prepared
        For the deformable registration; holds the planning CT.
    shapes
        What is assessed, planning LPS: the target first, then in the order of the plan.
    target_name
        The structure that is treated; None where the plan names none.
    not_assessed
        What cannot be assessed on any day: empty, on a single slice, outside the image.
    """

    prepared: PreparedDeformable
    shapes: tuple[DrawnShape, ...]
    target_name: str | None
    not_assessed: tuple[NotAssessed, ...]

    @property
    def volume(self) -> Volume:
        """The planning CT."""
        return self.prepared.planning


@dataclass(frozen=True, slots=True, eq=False)
class DayAnatomy:
    """What there is of a day.

    Parameters
    ----------
    volume
        CT or cone-beam CT.
    planning_from_daily
        The rigid match.
    drawn
        Structures that somebody drew on the day's image, daily LPS; those with the name of a structure of the
        plan are compared with it.
    landmarks
        Points that somebody found in both images.
    """

    volume: Volume
    planning_from_daily: RigidTransform
    drawn: tuple[Structure, ...] = ()
    landmarks: Landmarks | None = None


@dataclass(frozen=True, slots=True, eq=False)
class AnatomyOfDay:
    """Where target and organs are today, which size and shape they have, and whether to believe it.

    Parameters
    ----------
    found
        The displacement field on the rigid match.
    verdict, reasons
        Of the whole: that of the field, and what the figures say.
    approximations
        What is assumed rather than seen, one sentence each.
    target_name
        The structure that is treated; None where the plan names none.
    figures
        Quality of the field; None exactly when the verdict is "not available".
    structures
        The target first, then in the order of the plan; empty when the verdict is "not available".
    not_assessed
        Structures that are left out, with the reason.
    carried
        The assessed structures as they are today, daily LPS, on the slices of the day's image.
    changes
        By name, how far the surface of an assessed structure has moved.
    density
        The day in Hounsfield units by the methods asked for, on the grid of the day's image; empty when the
        verdict is not "for decision".
    """

    found: DeformableRegistration
    verdict: FieldVerdict
    reasons: tuple[str, ...]
    approximations: tuple[str, ...]
    target_name: str | None
    figures: FieldFigures | None
    structures: tuple[StructureOfDay, ...]
    not_assessed: tuple[NotAssessed, ...]
    carried: tuple[Structure, ...]
    changes: Mapping[str, SurfaceChange]
    density: tuple[DensityImage, ...] = ()

    @property
    def target(self) -> StructureOfDay | None:
        """The structure that is treated, where it could be assessed."""
        return next((one for one in self.structures if one.name == self.target_name), None)


def prepare_anatomy(
    volume: Volume,
    structures: Sequence[Structure],
    *,
    target_name: str | None,
    settings: DeformableSettings | None = None,
    progress: Progress = silent,
) -> PlannedAnatomy:
    """Prepare the planning side; use it again for every day of the course.

    Parameters
    ----------
    volume
        Planning CT.
    structures
        What to assess, planning LPS; what cannot be assessed is set aside with the reason.
    target_name
        Which of them is treated, or None.
    settings
        Of the deformable registration; the default when not given.

    Raises
    ------
    InputError
        If the planning CT shows no body.
    """
    shapes, left_out = [], []
    for structure in structures:
        try:
            shapes.append(_shape_in_image(structure, volume))
        except GeometryError as error:
            left_out.append(NotAssessed(structure.name, str(error)))
    shapes.sort(key=lambda shape: shape.structure.name != target_name)
    progress(0.1, "preparing the planning CT")
    prepared = prepare_deformable(
        volume, settings=settings, structures=tuple(structures), progress=part_of(progress, 0.1, 1.0)
    )
    return PlannedAnatomy(prepared, tuple(shapes), target_name, tuple(left_out))


def _shape_in_image(structure: Structure, volume: Volume) -> DrawnShape:
    if len(structure.points_mm) == 0:
        msg = f"structure '{structure.name}' is empty: draw it, or leave it out"
        raise GeometryError(msg)
    inside = volume.grid.contains(structure.points_mm)
    if not inside.any():
        msg = f"structure '{structure.name}' lies outside the planning image: check which image it belongs to"
        raise GeometryError(msg)
    return drawn_shape(structure)


def assess_anatomy(
    planned: PlannedAnatomy,
    day: DayAnatomy,
    *,
    limits: QualityLimits = USUAL_LIMITS,
    density: Sequence[DensityMethod] = (),
    progress: Progress = silent,
) -> AnatomyOfDay:
    """Find the day's displacement field, carry the structures and judge both.

    Parameters
    ----------
    planned
        From :func:`prepare_anatomy`.
    day
        Image, rigid match, and what was drawn or marked on it.
    limits
        What the field has to reach to be for decision.
    density
        Methods by which the density of the day is made; none unless asked for.
    progress
        Told how far it is.

    Raises
    ------
    InputError
        If a density is asked for and the grey values cannot be brought to Hounsfield units.
    Cancelled
        If ``progress`` asked to stop.
    """
    found = register_deformable(
        planned.prepared,
        day.volume,
        planning_from_daily=day.planning_from_daily,
        progress=part_of(progress, 0.0, 0.7),
    )
    anatomy = anatomy_of(planned, day, found, limits=limits, progress=part_of(progress, 0.7, 0.9))
    if not density or anatomy.verdict is not FieldVerdict.FOR_DECISION:
        return anatomy
    images = density_images(
        planned.volume, day.volume, found, methods=density, progress=part_of(progress, 0.9, 1.0)
    )
    told = (one for image in images for one in image.approximations)
    return replace(anatomy, density=images, approximations=_each_once(anatomy.approximations, told))


def anatomy_of(
    planned: PlannedAnatomy,
    day: DayAnatomy,
    found: DeformableRegistration,
    *,
    limits: QualityLimits = USUAL_LIMITS,
    progress: Progress = silent,
) -> AnatomyOfDay:
    """Say what a displacement field makes of the structures of a plan, and judge it.

    Parameters
    ----------
    planned, day
        As for :func:`assess_anatomy`.
    found
        The deformable registration of the two.
    limits
        What the field has to reach to be for decision.
    """
    if found.field is None:
        return AnatomyOfDay(
            found, found.verdict, found.reasons, found.approximations, planned.target_name,
            None, (), planned.not_assessed, (), MappingProxyType({}),
        )  # fmt: skip
    lines, left_out = [], list(planned.not_assessed)
    for number, shape in enumerate(planned.shapes):
        progress(number / len(planned.shapes), f"carrying {shape.structure.name}")
        try:
            lines.append(_Line.of(shape, planned.volume, day, found))
        except (GeometryError, MissingEvidenceError) as error:
            left_out.append(NotAssessed(shape.structure.name, str(error)))
    progress(0.9, "judging the deformation")
    body, bone = tissue_at_nodes(planned.volume, found.field.grid)
    quality = field_figures(found, body=body, bone=bone, landmarks=day.landmarks)
    agreements = {line.today.name: line.agrees for line in lines if line.agrees is not None}
    verdict, reasons = judge_field(quality, agreements, limits)
    if found.verdict is FieldVerdict.NOT_FOR_DECISION:
        verdict = found.verdict
    told = [one for line in lines for one in line.shape.approximations]
    return AnatomyOfDay(
        found=found,
        verdict=verdict,
        reasons=_each_once(found.reasons, reasons),
        approximations=_each_once(found.approximations, told),
        target_name=planned.target_name,
        figures=figures_of(quality),
        structures=tuple(line.record(planned.target_name) for line in lines),
        not_assessed=tuple(left_out),
        carried=tuple(line.today for line in lines),
        changes=MappingProxyType({line.today.name: line.shape.surface for line in lines}),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """One structure: what became of it, its contours today, how they agree with what was drawn."""

    shape: StructureShape
    today: Structure
    agrees: Agreement | None

    @classmethod
    def of(
        cls, planned: DrawnShape, planning: Volume, day: DayAnatomy, found: DeformableRegistration
    ) -> "_Line":
        today = carried(planned, found, day.volume.grid)
        shape = structure_of_day(planned, found, images=(planning, day.volume))
        return cls(shape, today, _agreement(today, day))

    def record(self, target_name: str | None) -> StructureOfDay:
        shape, agrees = self.shape, self.agrees
        return StructureOfDay(
            name=shape.name,
            is_target=shape.name == target_name or self.today.interpreted_type.upper() in TARGET_TYPES,
            planned_volume_ml=shape.planned_volume_ml,
            volume_ml=shape.volume_ml,
            volume_sigma_ml=shape.volume_sigma_ml,
            shift_mm=shape.shift_mm,
            planned_extent_mm=shape.planned_extent_mm,
            extent_mm=shape.extent_mm,
            surface_mean_mm=shape.surface.mean_mm,
            surface_p95_mm=shape.surface.p95_mm,
            surface_largest_mm=shape.surface.largest_mm,
            seen_fraction=shape.seen_fraction,
            dice=None if agrees is None else agrees.dice,
            mean_distance_mm=None if agrees is None else agrees.mean_distance_mm,
            hausdorff_p95_mm=None if agrees is None else agrees.hausdorff_p95_mm,
        )


def _agreement(today: Structure, day: DayAnatomy) -> Agreement | None:
    """Compare with what somebody drew under this name on the day's image; None where nobody did."""
    drawn = [one for one in day.drawn if one.name.casefold() == today.name.casefold() and one.is_volume]
    return agreement(today, drawn[0], day.volume.grid) if len(drawn) == 1 else None


def figures_of(quality: FieldQuality) -> FieldFigures:
    """Describe the quality of a field as records keep it."""
    return FieldFigures(
        jacobian_least=quality.jacobian_least,
        jacobian_largest=quality.jacobian_largest,
        folded_fraction=quality.folded_fraction,
        inconsistency_mean_mm=quality.inconsistency_mean_mm,
        inconsistency_p95_mm=quality.inconsistency_p95_mm,
        bone_strain_p95=quality.bone_strain_p95,
        longest_mm=quality.longest_mm,
        similarity_before=quality.similarity_before,
        similarity_after=quality.similarity_after,
        landmark_mean_mm=quality.landmark_mean_mm,
        landmark_largest_mm=quality.landmark_largest_mm,
        landmarks=quality.landmarks,
    )


def assessment_record(
    anatomy: AnatomyOfDay, *, image_uid: str, assessed_at: datetime, alerts: tuple[str, ...] = ()
) -> AssessmentRecord:
    """Describe the day's anatomy as it is kept.

    Parameters
    ----------
    anatomy
        The answer.
    image_uid
        Of which image.
    assessed_at
        Aware UTC.
    alerts
        Why re-planning should be considered, by the protocol.
    """
    left_out = [str(one) for one in anatomy.not_assessed]
    return AssessmentRecord(
        image_uid=image_uid,
        assessed_at=assessed_at,
        verdict=anatomy.verdict.value,
        reasons=anatomy.reasons,
        approximations=_each_once(anatomy.approximations, left_out),
        figures=anatomy.figures,
        structures=anatomy.structures,
        alerts=alerts,
        algorithm=anatomy.found.algorithm,
        version=isoguide.__version__,
        settings_sha256=settings_hash(anatomy.found.settings),
    )


def _each_once(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for group in groups for one in group))
