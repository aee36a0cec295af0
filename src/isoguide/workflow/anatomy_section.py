"""What a virtual course's report says of the anatomy: measured beside the truth, some days drawn."""

from isoguide.workflow.course import Course
from isoguide.workflow.course_anatomy import CourseAnatomy, volume_error_percent
from isoguide.workflow.page import picture_row, section
from isoguide.workflow.review.anatomy_figures import anatomy_picture
from isoguide.workflow.review.anatomy_page import HEADING, anatomy_html
from isoguide.workflow.review.html_parts import TRUTH_BADGE


def anatomy_section(course: Course) -> str:
    """Return the section; empty where no day was assessed."""
    anatomy = course.anatomy
    if anatomy is None or not anatomy.assessed:
        return ""
    trend, truths = anatomy.trend, anatomy.truths
    lead = (
        "<p>After treatment the day's image was matched to the planning CT once more, now with tissue that "
        "may stretch, and target and organs were carried along. Nothing of it moved the couch. "
        f"{TRUTH_BADGE} {_accuracy(anatomy)}</p>"
    )
    body = lead + anatomy_html(trend, anatomy_picture(trend, truths), truths) + _pictures(anatomy)
    return section(HEADING, body, kind="pictures")


def _accuracy(anatomy: CourseAnatomy) -> str:
    """Say how far the volumes are from the true ones, and when the truth calls for a new plan."""
    truths = anatomy.truths
    errors = [
        (abs(volume_error_percent(day, truths[series.name][day.fraction])), series.name, day.fraction)
        for series in anatomy.trend.structures
        for day in series.counting
    ]
    if not errors:
        return "No day may be decided by, so no volume is compared with the true one."
    worst, name, fraction = max(errors)
    mean = sum(error for error, _, _ in errors) / len(errors)
    said = (
        f"Of {len(errors)} volumes the mean error is {mean:.1f} %, the largest {worst:.1f} % ({name}, "
        f"fraction {fraction})."
    )
    calls = [alert for alert in anatomy.true_trend.alerts if alert.measure == "volume"]
    told = (f"{alert.structure} calls for a new plan in fraction {alert.run.raised_in}" for alert in calls)
    return f"{said} By true volumes {', '.join(told) or 'nothing calls for a new plan'}."


def _pictures(anatomy: CourseAnatomy) -> str:
    parts = []
    for number, one in anatomy.assessed:
        rows = "".join(picture_row(title, title, pictures) for title, pictures in one.pictures)
        if rows:
            is_last = number == anatomy.assessed[-1][0]
            opened = " open" if is_last else ""
            parts.append(f"<details{opened}><summary>Fraction {number}</summary>{rows}</details>")
    return "".join(parts)
