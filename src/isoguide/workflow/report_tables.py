"""The report's tables, as HTML. Every figure comes with a line that says what it means."""

from collections.abc import Iterable
from html import escape

import numpy as np

import isoguide
from isoguide.dicom import ImageSeries, PatientIdentity
from isoguide.geometry.frames import Array
from isoguide.registration.radiographs.result import RadiographQuality
from isoguide.registration.result import Alternative, Quality
from isoguide.workflow.alignment import Alignment, DayInput
from isoguide.workflow.inputs import DailyInput
from isoguide.workflow.numbers import number, typeset
from isoguide.workflow.page import facts as _facts
from isoguide.workflow.page import table as _table
from isoguide.workflow.radiographs.align_views import ViewsInput
from isoguide.workflow.radiographs.report_view_pictures import file_name
from isoguide.workflow.report_pictures import residual_class
from isoguide.workflow.ultrasound.align_input import UltrasoundInput
from isoguide.workflow.words import Movement, anatomical_side, half_width_text, movements

WORST_REGIONS = 4
TO_CT_SAYS = (
    "Correlation of the ultrasound with what the planning CT explains of it, patch by patch: 1 is all."
)


def correction_table(alignment: Alignment) -> str:
    """Six lines to be read across a room: value, direction in words, 95 % uncertainty."""
    correction = alignment.correction
    if correction is None:
        return ""
    half_widths = alignment.half_widths or {}
    fixed = alignment.fixed_axes
    rows = []
    for movement in movements(correction, alignment.planning.patient_position):
        if movement.axis in fixed:
            continue
        rows.append(
            (
                escape(movement.axis),
                f'<span class="value">{_number(movement)}</span> <span class="unit">{movement.unit}</span>',
                escape(movement.direction),
                f"{escape(half_width_text(half_widths.get(movement.key)))} {movement.unit}",
            )
        )
    if fixed:
        rows.append((", ".join(fixed), '<span class="value">–</span>', "not with this couch: see below", ""))
    header = ("Move the couch", "by", "in words", "95 % uncertainty")
    return _table(header, rows, kind="correction")


def _number(movement: Movement) -> str:
    return typeset(movement.signed)


def residual_table(alignment: Alignment) -> str:
    """Say what stays at each structure when the couch cannot make the whole correction."""
    rows = [
        (
            escape(line.name) + (" (target)" if line.is_target else ""),
            f"{line.mean_mm:.1f} mm",
            f'<span class="{residual_class(line.largest_mm)}">{line.largest_mm:.1f} mm</span>',
        )
        for line in alignment.residuals
    ]
    table = _table(("Structure", "mean residual", "largest residual"), rows, kind="plain")
    full = alignment.unconstrained_correction
    if full is None:
        return table
    six = ", ".join(
        f"{movement.axis.lower()} {_number(movement)} {movement.unit}"
        for movement in movements(full, alignment.planning.patient_position)
    )
    lead = "For comparison, the correction of a 6-degree-of-freedom couch:"
    return f"{table}<p class='small'>{lead} {escape(six)}.</p>"


def quality_table(alignment: Alignment) -> str:
    """Quality figures with one line of explanation each."""
    registration = alignment.registration
    if registration.quality is None:
        if alignment.radiographs is not None and alignment.radiographs.without_depth is not None:
            return ""
        return "<p>The match did not get far enough to have quality figures.</p>"
    left_out = _not_measured(alignment)
    figures = [row for row in _figure_rows(registration.quality) if row[0] not in left_out]
    if isinstance(alignment.daily, UltrasoundInput) and alignment.daily.reference is None:
        figures = [
            (name, value, TO_CT_SAYS if name == "Similarity" else says) for name, value, says in figures
        ]
    rows = [*_uncertainty_rows(alignment), *figures]
    return _table(
        ("Figure", "value", "what it says"), [(escape(a), b, escape(c)) for a, b, c in rows], kind="plain"
    )


def _uncertainty_rows(alignment: Alignment) -> list[tuple[str, str, str]]:
    uncertainty = alignment.registration.uncertainty
    if uncertainty is None:
        return []
    where = alignment.target.name if alignment.target is not None else "the match region"
    says = f"Longest half-axis of the 95 % error ellipsoid, at the point of {where} where it is largest."
    return [("Largest uncertainty at the target", _mm(uncertainty.largest_at_target_mm), says)]


def _not_measured(alignment: Alignment) -> tuple[str, ...]:
    """Name the figures that a kind of match does not have."""
    if alignment.radiographs is not None:
        return ("Forward and backward", "Independent starts")
    if isinstance(alignment.daily, UltrasoundInput) and alignment.daily.reference is None:
        return ("Forward and backward",)
    if alignment.markers is not None:
        return ("Similarity", "Overlap", "Forward and backward", "Independent starts", "Condition number")
    return ()


def _figure_rows(quality: Quality) -> list[tuple[str, str, str]]:
    agreeing, starts = quality.starts_agreeing
    return [
        (
            "Similarity",
            _plain(quality.similarity, 3),
            "Mean local correlation of the two images: 1 is identical texture, 0 is none in common.",
        ),
        (
            "Overlap",
            f"{100.0 * quality.overlap_fraction:.0f} %",
            "Share of the match region that the day's image shows.",
        ),
        (
            "Forward and backward",
            _mm(quality.inverse_inconsistency_mm),
            "Largest difference at the target when the two images change places: small in a sound match.",
        ),
        (
            "Independent starts",
            f"{agreeing} of {starts} agree, within {_mm(quality.start_agreement_mm)}",
            "Searches from different places that ended at this answer.",
        ),
        (
            "Condition number",
            _plain(quality.condition_number, 0),
            "Best against worst determined of the six motions; large means that one of them is nearly free.",
        ),
        (
            "Weakest direction",
            escape(quality.weakest_direction_words),
            "The motion that the images determine least.",
        ),
    ]


def _mm(value: float) -> str:
    return f"{value:.2f} mm" if np.isfinite(value) else "not known"


def _plain(value: float, decimals: int) -> str:
    return number(value, decimals) if np.isfinite(value) else "not known"


def regions_table(alignment: Alignment) -> str:
    """Summary of the residual map and its worst regions in words."""
    quality = alignment.registration.quality
    if quality is None or not quality.residuals:
        return ""
    lengths = np.array([np.linalg.norm(residual.shift_mm) for residual in quality.residuals])
    summary = (
        f"<p>{len(lengths)} regions: median {np.median(lengths):.1f} mm, "
        f"95th percentile {np.percentile(lengths, 95):.1f} mm, largest {lengths.max():.1f} mm.</p>"
    )
    isocentre_mm = alignment.planning.isocentre.xyz_mm
    rows = []
    for index in np.argsort(-lengths, kind="stable")[:WORST_REGIONS]:
        residual = quality.residuals[int(index)]
        rows.append(
            (
                escape(_place(residual.centre_mm - isocentre_mm)),
                f'<span class="{residual_class(lengths[index])}">{lengths[index]:.1f} mm</span>',
                escape(f"towards the {anatomical_side(residual.shift_mm)}"),
                f"{residual.similarity:.2f}",
            )
        )
    header = ("Worst regions (from the isocentre)", "residual", "mostly", "similarity")
    return summary + _table(header, rows, kind="plain")


def _place(offset_mm: Array) -> str:
    """Say where a point lies: '40 mm left, 12 mm back, 30 mm towards the head'."""
    words = (("left", "right"), ("back", "front"), ("towards the head", "towards the feet"))
    parts = [
        f"{abs(value):.0f} mm {names[0] if value > 0.0 else names[1]}"
        for value, names in zip(offset_mm, words, strict=True)
        if round(abs(float(value))) > 0
    ]
    return ", ".join(parts) or "at the isocentre"


def alternatives_table(alignment: Alignment) -> str:
    """Compare with the competing answers one and two vertebrae away."""
    alternatives = _alternatives(alignment)
    if not alternatives:
        return ""
    if isinstance(alignment.daily, UltrasoundInput):
        return _places_elsewhere(alternatives)
    judged_on = (
        "what both show in the radiographs"
        if alignment.radiographs is not None
        else "anatomy outside the match region"
    )
    lead = (
        "<p>The match was started again one and two vertebrae up and down. Log-odds above zero say how much "
        f"better the answer above explains both images, judged on {judged_on}; below "
        "zero the alternative is better.</p>"
    )
    rows = [
        (
            typeset(f"{alternative.pitches:+d}"),
            f"{alternative.offset_mm:.1f} mm",
            _plain(alternative.similarity, 3),
            _plain(alternative.log_odds, 1),
        )
        for alternative in alternatives
    ]
    return lead + _table(("Vertebrae", "ended this far away", "similarity", "log-odds"), rows, kind="plain")


def _places_elsewhere(alternatives: Iterable[Alternative]) -> str:
    """Compare with the places at which searches from other starts ended."""
    lead = (
        "<p>Other places at which searches ended. Log-odds say how much better the answer above explains both"
        " images; below zero the other place is better.</p>"
    )
    rows = [
        (f"{one.offset_mm:.1f} mm", _plain(one.similarity, 3), _plain(one.log_odds, 1))
        for one in alternatives
    ]
    return lead + _table(("From the answer", "similarity", "log-odds"), rows, kind="plain")


def _alternatives(alignment: Alignment) -> tuple[Alternative, ...]:
    """Return the competing answers, also those of radiographs that give no answer."""
    quality: Quality | RadiographQuality | None = alignment.registration.quality
    if alignment.radiographs is not None:
        quality = alignment.radiographs.quality
    return quality.alternatives if quality is not None else ()


def identification_table(alignment: Alignment) -> str:
    """Patient, plan and series, planning and day side by side."""
    planning, daily = alignment.planning, alignment.daily
    rows = [
        (name, _escaped(first), _escaped(second))
        for name, first, second in zip(
            _SERIES_FACTS, _series_facts(planning.series), _daily_facts(daily), strict=True
        )
        if first or second
    ]
    rows.insert(0, ("Files", escape(str(planning.path)), escape(str(daily.path))))
    rows.append(("Content SHA-256", _uid(planning.content_sha256), _uid(daily.content_sha256)))
    rows.append(
        (
            "Grid",
            _grid(planning.volume.grid.shape, planning.volume.grid.spacing_mm),
            _daily_grid(daily),
        )
    )
    table = _table(("", "Planning", "Day"), [(escape(a), b, c) for a, b, c in rows], kind="plain wide")
    return table + _plan_facts(alignment)


_SERIES_FACTS = (
    "Patient",
    "Birth date",
    "Modality",
    "Series",
    "Acquired",
    "Device",
    "Study UID",
    "Series UID",
    "Frame of reference",
)


def _series_facts(series: ImageSeries | None) -> tuple[str, ...]:
    if series is None:
        return ("",) * len(_SERIES_FACTS)
    acquired = f"{series.acquired_at:%Y-%m-%d %H:%M:%S}" if series.acquired_at is not None else ""
    device = " ".join(part for part in (series.manufacturer, series.model, series.device_serial) if part)
    return (
        f"{name_text(series.patient)} ({series.patient.patient_id})",
        date_text(series.patient.birth_date),
        series.modality,
        f"{series.description or 'without description'}, {len(series.instance_uids)} images",
        acquired,
        device,
        series.study_instance_uid,
        series.series_instance_uid,
        series.frame_of_reference_uid,
    )


def _daily_facts(daily: DayInput) -> tuple[str, ...]:
    if isinstance(daily, DailyInput):
        return _series_facts(daily.series)
    if isinstance(daily, UltrasoundInput):
        return _ultrasound_facts(daily)
    headers = [origin.header for origin in daily.origins]
    if not headers:
        return _series_facts(None)
    moments = [f"{one.acquired_at:%Y-%m-%d %H:%M:%S}" for one in headers if one.acquired_at is not None]
    first = headers[0]
    return (
        f"{name_text(first.patient)} ({first.patient.patient_id})",
        date_text(first.patient.birth_date),
        _each(one.modality for one in headers),
        f"{len(headers)} radiographs: {_each(origin.place for origin in daily.origins)}",
        _each(moments),
        _each(one.serial_number for one in headers),
        _each(one.study_instance_uid for one in headers),
        _each(one.series_instance_uid for one in headers),
        _each(one.frame_of_reference_uid for one in headers),
    )


def _ultrasound_facts(daily: UltrasoundInput) -> tuple[str, ...]:
    series, patient, taken = daily.series, daily.patient, daily.acquired_at
    return (
        f"{name_text(patient)} ({patient.patient_id})" if patient is not None else "",
        date_text(patient.birth_date) if patient is not None else "",
        "US",
        "tracked sequence" if series is None else "ultrasound volume",
        f"{taken:%Y-%m-%d %H:%M:%S}" if taken is not None else "",
        "",
        series.study_instance_uid if series is not None else "",
        series.series_instance_uid if series is not None else "",
        series.frame_of_reference_uid if series is not None else "",
    )


def _each(texts: Iterable[str]) -> str:
    """List different texts, each once."""
    return ", ".join(dict.fromkeys(text for text in texts if text))


def name_text(patient: PatientIdentity) -> str:
    """Write a name without the separators of DICOM."""
    return " ".join(patient.name.replace("^", " ").split()) or "without name"


def date_text(text: str) -> str:
    """Write a DICOM date as YYYY-MM-DD; anything else as it is."""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def _escaped(text: str) -> str:
    return _uid(text) if len(text) > 30 and " " not in text else escape(text) or "–"


def _uid(text: str) -> str:
    return f'<span class="uid">{escape(text)}</span>'


def _grid(shape: tuple[int, int, int], spacing_mm: Array) -> str:
    size = " × ".join(str(n) for n in shape[::-1])
    return f"{size} voxels of {' × '.join(f'{value:.4g}' for value in spacing_mm)} mm"


def _daily_grid(daily: DayInput) -> str:
    if not isinstance(daily, ViewsInput):
        return _grid(daily.volume.grid.shape, daily.volume.grid.spacing_mm)
    return "<br>".join(
        f"{escape(file_name(one))}: {one.view.size[0]} × {one.view.size[1]} pixels of "
        f"{' × '.join(f'{value:.4g}' for value in one.view.pixel_spacing_mm)} mm"
        for one in daily.views
    )


def _plan_facts(alignment: Alignment) -> str:
    plan, structure_set = alignment.planning.plan, alignment.planning.structure_set
    facts = []
    if plan is not None:
        approval = f", {plan.approval_status.lower()}" if plan.approval_status else ""
        facts += [("Plan", f"{plan.label}{approval}"), ("Plan UID", plan.sop_instance_uid)]
    if structure_set is not None:
        facts += [
            ("Structure set", structure_set.label),
            ("Structure set UID", structure_set.sop_instance_uid),
        ]
    return _facts(facts) if facts else ""


def provenance_table(alignment: Alignment) -> str:
    """How the numbers came about: versions, settings, timing, the matrix itself."""
    registration = alignment.registration
    settings = ", ".join(f"{key} = {value}" for key, value in sorted(registration.settings.items()))
    timing = ", ".join(
        f"{step.replace('_', ' ')} {seconds:.2f} s" for step, seconds in alignment.timing_s.items()
    )
    facts = [
        ("Software", f"isoguide {isoguide.__version__}"),
        ("Algorithm", registration.algorithm),
        ("Region of match", str(alignment.request.region)),
        ("Content", registration.content),
        ("Couch", f"{alignment.request.degrees_of_freedom} degrees of freedom"),
        ("Settings of the match", settings),
        ("Made at", f"{alignment.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Timing", timing),
    ]
    return _facts(facts) + _matrix(alignment)


def _matrix(alignment: Alignment) -> str:
    if alignment.planning_from_daily is None:
        return ""
    rows = "\n".join(
        " ".join(f"{value:12.6f}" for value in row) for row in alignment.planning_from_daily.matrix
    )
    lead = "Planning from daily, DICOM LPS, mm (this is the record, angles are for reading):"
    return f"<p class='small'>{lead}</p><pre>{rows}</pre>"
