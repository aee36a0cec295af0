"""The tables of the report about the anatomy of the day. Every figure comes with what it means."""

from collections.abc import Sequence
from html import escape

import isoguide
from isoguide.course import FieldFigures, StructureOfDay
from isoguide.geometry.frames import Array
from isoguide.registration.deformable.quality import QualityLimits
from isoguide.workflow.assess.anatomy import AnatomyOfDay, NotAssessed
from isoguide.workflow.assess.assess import Assessment
from isoguide.workflow.assess.protocol_limits import quality_limits
from isoguide.workflow.numbers import signed
from isoguide.workflow.page import facts, table

CALM_PERCENT = 10.0
"""A change of volume below it reads as none."""
_SIDES = (("L", "R"), ("P", "A"), ("H", "F"))
"""Letters of the patient's sides along x, y, z (LPS), increasing first."""


def structures_table(anatomy: AnatomyOfDay) -> str:
    """Size, place and shape of each structure, the target first."""
    if not anatomy.structures:
        return "<p>No structure could be assessed.</p>"
    header = (
        "Structure",
        "planned",
        "today",
        "change",
        "centre has moved, mm",
        "size (was), mm",
        "surface, mm",
        "seen",
    )
    rows = [_structure_row(one) for one in anatomy.structures]
    note = (
        '<p class="small">Volumes in ml, today\'s with its standard deviation from that of the deformation; '
        "how well the structure was drawn is not part of it. Motion is against the position that the rigid "
        "match gives, towards the patient's left or right, back (P) or front (A), head or feet. Size is that "
        "of the box around it: left-right × front-back × head-feet. Surface: mean outwards (+) "
        "or inwards (−), then the 95th percentile and the largest distance either way, mm.</p>"
    )
    return table(header, rows, kind="plain figures") + note


def _structure_row(one: StructureOfDay) -> tuple[str, ...]:
    name = escape(one.name) + (' <span class="tag">target</span>' if one.is_target else "")
    change = one.volume_change_percent
    size = " × ".join(f"{value:.0f}" for value in one.extent_mm)
    was = " × ".join(f"{value:.0f}" for value in one.planned_extent_mm)
    surface = f"{signed(one.surface_mean_mm)} · {one.surface_p95_mm:.1f} · {one.surface_largest_mm:.1f}"
    return (
        name,
        f"{one.planned_volume_ml:.1f}",
        f"{one.volume_ml:.1f} ± {one.volume_sigma_ml:.1f}",
        f'<span class="{"" if abs(change) < CALM_PERCENT else "raised"}">{signed(change, 0)} %</span>',
        escape(moved_words(one.shift_mm)),
        f"{size} ({was})",
        surface,
        _seen(one.seen_fraction),
    )


def _seen(fraction: float) -> str:
    percent = f"{100.0 * fraction:.0f} %"
    return percent if fraction >= 0.995 else f'<span class="raised">{percent}</span>'


def moved_words(shift_mm: Array) -> str:
    """Say where a centre has moved, patient LPS, in mm: '2.1 L · 0.0 · 3.0 H'."""
    return " · ".join(
        f"{abs(value):.1f}" + (f" {names[0] if value > 0.0 else names[1]}" if round(value, 1) else "")
        for value, names in zip(shift_mm.tolist(), _SIDES, strict=True)
    )


def not_assessed_table(left_out: Sequence[NotAssessed]) -> str:
    """List the structures about which nothing is said, with the reason."""
    if not left_out:
        return ""
    rows = [(escape(one.name), escape(one.reason)) for one in left_out]
    return "<h3>Not assessed</h3>" + table(("Structure", "because"), rows, kind="plain")


def agreement_table(anatomy: AnatomyOfDay) -> str:
    """Compare carried contours with those drawn on the day's image; nothing where nothing was drawn."""
    rows = [
        (
            escape(one.name),
            f"{one.dice:.2f}",
            f"{one.mean_distance_mm:.1f} mm",
            f"{one.hausdorff_p95_mm:.1f} mm",
        )
        for one in anatomy.structures
        if one.dice is not None and one.mean_distance_mm is not None and one.hausdorff_p95_mm is not None
    ]
    if not rows:
        return ""
    return table(
        ("Structure", "Dice", "mean distance to agreement", "Hausdorff, 95th percentile"), rows, kind="plain"
    )


def quality_table(assessment: Assessment) -> str:
    """Quality figures of the field with their limits."""
    anatomy = assessment.anatomy
    if anatomy is None or anatomy.figures is None:
        return ""
    rows = [
        (escape(name), _marked(value, within=within), escape(limit), escape(says))
        for name, value, limit, within, says in _quality_rows(
            anatomy.figures, quality_limits(assessment.limits)
        )
    ]
    return table(("Figure", "value", "limit", "what it says"), rows, kind="plain quality")


_Row = tuple[str, str, str, bool, str]


def _quality_rows(figures: FieldFigures, limits: QualityLimits) -> list[_Row]:
    least = figures.jacobian_least
    mean, p95, strain = figures.inconsistency_mean_mm, figures.inconsistency_p95_mm, figures.bone_strain_p95
    rows = [
        (
            "Smallest Jacobian",
            f"{least:.2f}",
            f"above {limits.jacobian_least:g}",
            least > limits.jacobian_least,
            "What is left of a volume where tissue is squeezed most; 0 and below would fold.",
        ),
        (
            "Folded",
            f"{100.0 * figures.folded_fraction:.2g} %",
            "0 %",
            figures.folded_fraction == 0.0,
            "Share of the body that folds.",
        ),
        (
            "Largest Jacobian",
            f"{figures.jacobian_largest:.2f}",
            "",
            True,
            "By how much a volume has grown where tissue is stretched most.",
        ),
        (
            "There and back, mean",
            _mm(mean),
            f"{limits.inconsistency_mean_mm:g} mm",
            mean is not None and mean <= limits.inconsistency_mean_mm,
            "Where tissue returns to when the images are matched in both directions.",
        ),
        (
            "There and back, 95th percentile",
            _mm(p95),
            f"{limits.inconsistency_p95_mm:g} mm",
            p95 is not None and p95 <= limits.inconsistency_p95_mm,
            "The same, but for the worst twentieth of the body.",
        ),
        (
            "Strain of bone",
            "no bone seen" if strain is None else f"{100.0 * strain:.1f} %",
            f"{100.0 * limits.bone_strain_p95:g} %",
            strain is None or strain <= limits.bone_strain_p95,
            "Change of lengths in bone (95th percentile), which does not bend.",
        ),
        (
            "Similarity",
            f"{figures.similarity_before:.3f} → {figures.similarity_after:.3f}",
            "not less",
            figures.similarity_after >= figures.similarity_before - limits.similarity_loss,
            "Local correlation of the images after the rigid match, and after the deformation.",
        ),
        ("Longest motion", _mm(figures.longest_mm), "", True, "In the body that the day's image shows."),
    ]
    return rows + _landmark_rows(figures, limits)


def _landmark_rows(figures: FieldFigures, limits: QualityLimits) -> list[_Row]:
    mean, largest = figures.landmark_mean_mm, figures.landmark_largest_mm
    if mean is None or largest is None:
        return []
    return [
        (
            f"Error at {figures.landmarks} landmarks, mean",
            _mm(mean),
            f"{limits.landmark_mean_mm:g} mm",
            mean <= limits.landmark_mean_mm,
            "Distance from where a landmark was found to where the deformation puts it.",
        ),
        (
            "Error at landmarks, largest",
            _mm(largest),
            f"{limits.landmark_largest_mm:g} mm",
            largest <= limits.landmark_largest_mm,
            "The same at the worst of them.",
        ),
    ]


def _marked(text: str, *, within: bool) -> str:
    return escape(text) if within else f'<span class="large">{escape(text)}</span>'


def _mm(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f} mm"


def match_facts(assessment: Assessment) -> str:
    """Say what the deformation builds on."""
    alignment = assessment.alignment
    quality, uncertainty = alignment.registration.quality, alignment.registration.uncertainty
    rows = [("Verdict", alignment.verdict.value), *(("", reason) for reason in alignment.reasons)]
    if quality is not None:
        rows.append(("Similarity", f"{quality.similarity:.3f}"))
    if uncertainty is not None:
        rows.append(("Uncertainty at the target", f"{uncertainty.largest_at_target_mm:.2f} mm (95 %)"))
    return facts(rows)


def provenance_facts(assessment: Assessment) -> str:
    """How the numbers came about."""
    anatomy = assessment.anatomy
    timing = ", ".join(
        f"{step.replace('_', ' ')} {seconds:.2f} s" for step, seconds in assessment.timing_s.items()
    )
    rows = [("Software", f"isoguide {isoguide.__version__}")]
    if anatomy is not None:
        settings = ", ".join(f"{key} = {value}" for key, value in sorted(anatomy.found.settings.items()))
        rows += [("Algorithm", anatomy.found.algorithm), ("Settings", settings)]
    rows += [
        ("Protocol", assessment.request.protocol or "none: the usual limits, no alerts"),
        ("Made at", f"{assessment.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Timing", timing),
    ]
    return facts(rows)
