"""What a virtual course's report says of the dose: planned, with and without image guidance."""

from html import escape
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from isoguide.dose.goals import GoalResult
from isoguide.workflow.course import Course
from isoguide.workflow.course_dose import CourseDose, DoseFigures, named
from isoguide.workflow.dvh.chart import dvh_svg
from isoguide.workflow.numbers import number, signed
from isoguide.workflow.page import bullets, section, table
from isoguide.workflow.review.drawing import (
    BLUE,
    ORANGE,
    SMALL_PT,
    Picture,
    panels,
    picture,
    zero_line,
)
from isoguide.workflow.review.html_parts import TRUTH_BADGE, not_available
from isoguide.workflow.structure_colours import kinds_of, on_paper

DOSE_SECTION: Final = "What the course delivered, with and without image guidance"
_GUIDED: Final = "with image guidance"
_UNGUIDED: Final = "without image guidance"
WORTH_TELLING: Final = 0.01
"""Share of the prescription from which on an organ is named that got more by image guidance."""
_LEAST_RANGE: Final = 4.0
_MOST_ORGANS: Final = 3
_CAPTION: Final = (
    "Each fraction against the plan, percent of the prescription: D95% of the target, the mean dose of "
    "organs. Blue dots: as treated. Orange circles: the same day, set up to the marks only."
)


def dose_section(course: Course) -> str:
    """Return the section; empty where nobody asked for a dose."""
    dose = course.dose
    if dose is None:
        return ""
    if not dose.days:
        return section(DOSE_SECTION, "<p>There was no radiation, so there is no dose.</p>")
    body = (
        f'<div class="lead">{bullets([*dose_words(dose)])}</div>'
        f"<p>{TRUTH_BADGE} All doses are those that the true patient got, added up in the planning anatomy. "
        "Without image guidance he is treated on the same days as he lay on his marks: no image, no couch "
        "correction, no gate.</p>"
        f"{_charts(course, dose)}{_structures(dose)}{_goals(dose)}{_picture(dose).html(escape(_CAPTION))}"
        f'<p class="small">What is assumed: {escape("; ".join(dose.approximations))}.</p>'
    )
    return section(DOSE_SECTION, body, kind="pictures")


def dose_words(dose: CourseDose) -> tuple[str, ...]:
    """Say what image guidance changed, for the target and for healthy tissue."""
    target = dose.target_name
    planned = named(dose.planned, target).dose_at_volume_gy(95.0)
    guided = named(dose.guided, target).dose_at_volume_gy(95.0)
    unguided = named(dose.unguided, target).dose_at_volume_gy(95.0)
    told = [
        f"{target} got at least {guided:.2f} Gy (D95%) with image guidance and would have got {unguided:.2f} "
        f"Gy without it; planned were {planned:.2f} Gy. That is {dose.change_percent('guided', target):+.1f} "
        f"% and {dose.change_percent('unguided', target):+.1f} % of the prescription."
    ]
    outside = dose.outside_target_ml
    if outside is not None:
        told.append(
            f"Outside the target {outside[1]:.0f} ml of tissue got at least half of the prescription with "
            f"image guidance, {outside[2]:.0f} ml without; planned were {outside[0]:.0f} ml."
        )
    told.append(_spared_words(dose))
    return tuple(told)


def _spared_words(dose: CourseDose) -> str:
    """Name the organ that image guidance spared most, and the one that it spared least, by mean dose."""
    spared = sorted(
        (named(dose.unguided, one.name).mean_gy - one.mean_gy, one.name)
        for one in dose.guided
        if not one.is_target
    )
    if not spared:
        return "No organ at risk is drawn."
    (least_gy, least), (most_gy, most) = spared[0], spared[-1]
    if most_gy <= 0.0:
        return "No organ got a lower mean dose by image guidance."
    told = f"Image guidance spared {most} {most_gy:.2f} Gy of mean dose"
    if least_gy < -WORTH_TELLING * dose.prescribed_so_far_gy:
        told += f", and gave {least} {-least_gy:.2f} Gy more: it lies where the plan wants the beam again"
    return f"{told}."


def _charts(course: Course, dose: CourseDose) -> str:
    shown = _shown(dose)
    names = (one.name for one in dose.planned)
    kinds = kinds_of(names, dose.target_name) if course.scene is None else course.scene.kinds
    colours = on_paper(kinds)

    def chart(found: str, words: str) -> str:
        planned = [one for one in dose.planned if one.name in shown]
        given = [one for one in getattr(dose, found) if one.name in shown]
        drawn = dvh_svg(
            planned,
            given,
            colours,
            words=("planned", words),
            prescription_gy=round(dose.prescribed_so_far_gy, 2),
        )
        return f'<figure class="drawn"><figcaption>{escape(words.capitalize())}</figcaption>{drawn}</figure>'

    return chart("guided", _GUIDED) + chart("unguided", _UNGUIDED)


def _shown(dose: CourseDose) -> set[str]:
    """Return what is drawn: targets, and the organs with the highest mean dose."""
    organs = sorted((one for one in dose.planned if not one.is_target), key=lambda one: -one.mean_gy)
    return {one.name for one in dose.planned if one.is_target} | {one.name for one in organs[:6]}


def _structures(dose: CourseDose) -> str:
    header = (
        "Structure", "D95%: planned", "with", "without", "Mean: planned", "with", "without",
        "spared by guidance", "D2%: planned", "with", "without",
    )  # fmt: skip
    rows = [_row(dose, one.name, is_target=one.is_target) for one in dose.planned]
    note = (
        f'<p class="small">Gy, over {dose.fractions:g} fractions; with and without image guidance. Spared: '
        "how much higher the mean dose would have been without it.</p>"
    )
    return table(header, rows, kind="numbers") + note


def _row(dose: CourseDose, name: str, *, is_target: bool) -> tuple[str, ...]:
    planned, guided, unguided = (
        DoseFigures.of(named(of, name)) for of in (dose.planned, dose.guided, dose.unguided)
    )
    spared = unguided.mean_gy - guided.mean_gy
    return (
        escape(name) + (" (target)" if is_target else ""),
        *(number(one.d95_gy, 2) for one in (planned, guided, unguided)),
        *(number(one.mean_gy, 2) for one in (planned, guided, unguided)),
        "–" if is_target else signed(spared, 2),
        *(number(one.d2_gy, 2) for one in (planned, guided, unguided)),
    )


def _goals(dose: CourseDose) -> str:
    if not dose.goals:
        return ""
    rows = [
        (escape(one.goal), *(_goal(result) for result in (one.planned, one.guided, one.unguided)))
        for one in dose.goals
    ]
    note = (
        f'<p class="small">For the whole course of {dose.fractions_planned} fractions, each like the mean of '
        "those treated.</p>"
    )
    return table(("Goal", "Planned", _GUIDED.capitalize(), _UNGUIDED.capitalize()), rows, kind="plain") + note


def _goal(result: GoalResult) -> str:
    if result.value is None:
        return not_available(result.reason)
    unit = "%" if result.goal.unit == "% of prescription" else result.goal.unit
    tone, word = ("calm", "met") if result.is_met else ("raised", "missed")
    return f'<span class="{tone}">{number(result.value, 1)} {escape(unit)}, {word}</span>'


def _picture(dose: CourseDose) -> Picture:
    organs = sorted(
        (one for one in dose.guided if not one.is_target),
        key=lambda one: -abs(named(dose.unguided, one.name).mean_gy - one.mean_gy),
    )
    names = [dose.target_name, *(one.name for one in organs[:_MOST_ORGANS])]

    def draw(figure: Figure) -> None:
        rows = panels(
            figure, len(names), 1, edges_in=(1.7, 0.3, 0.12, 0.42), gaps_in=(0.0, 0.16), sharex=True
        )
        for (axes,), name in zip(rows, names, strict=True):
            _panel(axes, dose, name)
        rows[-1][0].xaxis.set_major_locator(MaxNLocator(nbins=18, integer=True, min_n_ticks=1))
        rows[-1][0].set_xlim(dose.days[0].number - 0.6, dose.days[-1].number + 0.6)
        rows[-1][0].set_xlabel("Fraction")

    about = f"Dose of {len(dose.days)} fractions against the plan, with and without image guidance."
    return picture("dose-by-fraction", about, 1.25 * len(names) + 0.54, draw)


def _panel(axes: Axes, dose: CourseDose, name: str) -> None:
    is_target = name == dose.target_name
    axes.set_ylabel(
        f"{name}\n({'D95%' if is_target else 'mean'}, %)", rotation=0, ha="right", va="center", labelpad=6
    )
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.tick_params(axis="x", length=0)
    zero_line(axes)

    def change(found: DoseFigures, share: float) -> float:
        planned = dose.one_fraction[name]
        value, at = (
            (found.d95_gy, planned.d95_gy * share) if is_target else (found.mean_gy, planned.mean_gy * share)
        )
        return 100.0 * (value - at) / (dose.prescribed_gy * share)

    numbers = [day.number for day in dose.days]
    guided = [change(day.guided[name], day.share) for day in dose.days]
    unguided = [change(day.unguided[name], day.share) for day in dose.days]
    reach = max(_LEAST_RANGE, 1.2 * max(map(abs, (*guided, *unguided))))
    axes.set_ylim(-reach, reach)
    axes.vlines(numbers, guided, unguided, color=ORANGE, linewidth=0.8, alpha=0.5, zorder=1)
    axes.plot(numbers, unguided, "o", mfc="white", mec=ORANGE, ms=5.0, mew=1.3, zorder=2, label=_UNGUIDED)
    axes.plot(numbers, guided, "o", color=BLUE, ms=4.4, zorder=3, label=_GUIDED)
    if is_target:
        axes.legend(fontsize=SMALL_PT, frameon=False, ncols=2, loc="lower right")
