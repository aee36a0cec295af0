"""How a department works: how often it images, images again, overrides and stops, and what imaging costs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from isoguide.course import CourseHistory
from isoguide.review.estimate import Estimate, rate_estimate


@dataclass(frozen=True, slots=True)
class Conduct:
    """Counts and rates of F fractions; rates are per fraction, their intervals take fractions as independent.

    Parameters
    ----------
    fractions
        F; the rates are None where it is zero.
    images
        Exposures in all.
    images_per_fraction
        Their mean.
    imaged
        Fractions with a usable image.
    imaged_again
        Fractions with more exposures than the first and, where a corrected position was verified, the second.
    overridden
        Fractions in which somebody did otherwise than the protocol says.
    stopped
        Fractions that ended without treatment.
    """

    fractions: int
    images: int
    images_per_fraction: float | None
    imaged: Estimate | None
    imaged_again: Estimate | None
    overridden: Estimate | None
    stopped: Estimate | None


@dataclass(frozen=True, slots=True)
class DoseSum:
    """Imaging dose in one metric; values of different metrics never add.

    ``exposures`` counts those with a dose in this metric, ``largest_course`` is the course with most of it.
    """

    metric: str
    exposures: int
    total: float
    per_exposure: float
    per_course: float
    largest_course: str
    largest: float


def conduct_of(histories: Sequence[CourseHistory]) -> Conduct:
    """Return how the fractions of some courses went."""
    count = images = imaged = imaged_again = overridden = stopped = 0
    for history in histories:
        for summary in history.fractions:
            count += 1
            images += summary.images
            imaged += summary.measured is not None
            imaged_again += summary.images > (1 if summary.residual is None else 2)
            overridden += bool(summary.overrides)
            stopped += summary.state == "stopped"
    if not count:
        return Conduct(0, 0, None, None, None, None, None)
    return Conduct(
        fractions=count,
        images=images,
        images_per_fraction=images / count,
        imaged=rate_estimate(imaged, count),
        imaged_again=rate_estimate(imaged_again, count),
        overridden=rate_estimate(overridden, count),
        stopped=rate_estimate(stopped, count),
    )


def dose_sums(histories: Sequence[CourseHistory]) -> tuple[DoseSum, ...]:
    """Return the imaging dose of some courses, one sum for each metric, by the name of the metric.

    ``per_course`` is the mean over the courses that have a dose in this metric.
    """
    courses: defaultdict[str, dict[str, float]] = defaultdict(dict)
    exposures: defaultdict[str, int] = defaultdict(int)
    for history in histories:
        for summary in history.fractions:
            for dose in summary.doses:
                of_course = courses[dose.metric]
                of_course[history.course_id] = of_course.get(history.course_id, 0.0) + dose.value
                exposures[dose.metric] += 1
    return tuple(_dose_sum(metric, exposures[metric], courses[metric]) for metric in sorted(courses))


def _dose_sum(metric: str, exposures: int, courses: dict[str, float]) -> DoseSum:
    total = sum(courses.values())
    largest_course = max(courses, key=lambda course: courses[course])
    return DoseSum(
        metric=metric,
        exposures=exposures,
        total=total,
        per_exposure=total / exposures,
        per_course=total / len(courses),
        largest_course=largest_course,
        largest=courses[largest_course],
    )
