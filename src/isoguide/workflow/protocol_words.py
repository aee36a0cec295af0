"""A written protocol in plain sentences, for a page or a terminal."""

from collections.abc import Iterable, Iterator
from typing import Final

from isoguide.course import (
    ActionLevel,
    AssessmentInstructions,
    DoseInstructions,
    MarkerInstructions,
    MatchInstructions,
    Monitoring,
    Protocol,
    ProtocolAction,
    Role,
    ScheduleKind,
)
from isoguide.course.assessment_limits import MEASURES, Measure
from isoguide.course.monitoring import DEVICE_WORDS
from isoguide.course.protocol import LEVEL_LIMITS
from isoguide.dose.goal_text import goal_words
from isoguide.treatment import FractionLimits
from isoguide.treatment.signatures import LEAST_REASON_WORDS

_LEVEL: Final = {
    "shift_mm": "a shift of {:g} mm",
    "rotation_deg": "a rotation of {:g}°",
    "residual_mm": "{:g} mm left at the target",
}
_DONE: Final = {
    ProtocolAction.SECOND_LOOK: "two people have to agree before anything is done (second look)",
    ProtocolAction.REIMAGE: "another image is taken (image again)",
    ProtocolAction.REPOSITION: "the patient is set up again",
    ProtocolAction.STOP: "the fraction is stopped",
}
_CONTENT: Final = {"auto": "everything in it", "bone": "bone", "soft": "soft tissue"}
_CHANGED: Final[dict[Measure, str]] = {
    "volume": "has changed its volume by more than {:g} %",
    "surface": "has its surface more than {:g} mm from where it was planned (95th percentile)",
    "shift": "has moved by more than {:g} mm against what is matched",
}
_FREEDOM: Final = {3: "shifts", 4: "shifts and yaw", 6: "shifts and rotations"}


def protocol_words(protocol: Protocol) -> tuple[str, ...]:
    """Return the protocol as sentences: what is imaged when, what is tolerated and what not, who signs.

    Every number of the protocol appears, and the source of each.
    """
    return (
        f"{protocol.title} ({protocol.label}), for {protocol.site}.",
        _schedule(protocol),
        _match(protocol.match) if protocol.markers is None else _markers(protocol.markers, protocol.match),
        *_sizes(protocol),
        *_during_the_fraction(protocol),
        *_assessment(protocol.assessment),
        *_dose(protocol.dose),
        *_approval(protocol),
        *source_words(protocol),
    )


def limit_words(protocol: Protocol) -> tuple[str, ...]:
    """Return the sentences about sizes and times: what is done beyond which, how old an image may be."""
    return (*_sizes(protocol), *_during_the_fraction(protocol))


def source_words(protocol: Protocol) -> tuple[str, ...]:
    """Return one sentence for each source, with the keys that it stands for; those without one come last."""
    keys: dict[str, list[str]] = {}
    for key in protocol.values:
        if key in protocol.sources:
            keys.setdefault(protocol.sources[key], []).append(key)
    sentences = [f"{', '.join(named)}: {source}." for source, named in keys.items()]
    without = numbers_without_source(protocol)
    if without:
        sentences.append(f"No source is given for {', '.join(without)}.")
    return tuple(sentences)


def numbers_without_source(protocol: Protocol) -> tuple[str, ...]:
    """Return the keys of numbers that do not say where they come from."""
    return tuple(key for key in protocol.numbers if key not in protocol.sources)


def _schedule(protocol: Protocol) -> str:
    schedule = protocol.schedule
    first, every = f"The first {schedule.first} fractions", f"each {_ordinal(schedule.every)} fraction"
    said = {
        ScheduleKind.DAILY: "Every fraction is imaged",
        ScheduleKind.FIRST_THEN_WEEKLY: (
            f"{first} are imaged and then {every}; an image is used on its day only"
        ),
        ScheduleKind.NAL: (
            f"{first} are imaged; from then on minus the mean of their set-up errors is made at set-up, "
            "without more images (NAL)"
        ),
        ScheduleKind.ENAL: (
            f"{first} are imaged and then {every}; what a straight line through all set-up errors expects is "
            "made up for at set-up (eNAL)"
        ),
        ScheduleKind.SAL: (
            f"After the k-th measurement the mean set-up error is corrected when it is longer than "
            f"{schedule.alpha_mm:g} mm/√k; after {schedule.most} measurements without a correction imaging "
            "ends (SAL)"
        ),
    }
    return f"{said[schedule.kind]}. Modality: {protocol.modality}."


def _match(match: MatchInstructions) -> str:
    box = "the automatic region" if match.box_mm is None else f"a box of {match.box_mm:g} mm"
    regions = [*(f"'{name}'" for name in match.structures), f"{box} about the isocentre"]
    return (
        f"Matched is {', or else '.join(regions)}, on {_CONTENT[match.content]}, with "
        f"{match.degrees_of_freedom} degrees of freedom ({_FREEDOM[match.degrees_of_freedom]})."
    )


def _markers(markers: MarkerInstructions, match: MatchInstructions) -> str:
    turn = (
        f"may have turned by {markers.rotation_sigma_deg:g}° (standard deviation)"
        if markers.rotation_sigma_deg is not None
        else "may have turned in any way"
    )
    return (
        f"Matched are the implanted markers ({markers.kind}, {markers.length_mm:g} × "
        f"{markers.diameter_mm:g} mm) with {match.degrees_of_freedom} degrees of freedom "
        f"({_FREEDOM[match.degrees_of_freedom]}); they {turn}, and one that moved by more than "
        f"{markers.migration_mm:g} mm is named."
    )


def _sizes(protocol: Protocol) -> Iterator[str]:
    tolerance, rotation = protocol.tolerance, protocol.rotation
    yield (
        f"Up to a shift of {tolerance.shift_mm:g} mm and a rotation of {tolerance.rotation_deg:g}° the "
        "position is not corrected; beyond, it is."
    )
    for level in sorted(protocol.action_levels, key=lambda level: level.action.gravity):
        yield f"Above {_either(_limits(level))}, {_DONE[level.action]}."
    own = FractionLimits()
    usual = dict(
        zip(LEVEL_LIMITS, (own.largest_shift_mm, own.largest_angle_deg, own.largest_residual_mm), strict=True)
    )
    named = {name for level in protocol.action_levels for name in level.limits}
    silent = [_LEVEL[name].format(usual[name]) for name in LEVEL_LIMITS if name not in named]
    if silent:
        yield f"No action level limits the size otherwise: above {_either(silent)}, two people have to agree."
    yield (
        f"A pitch beyond ±{rotation.pitch_deg:g}° or a roll beyond ±{rotation.roll_deg:g}° is not made: "
        f"{_DONE[rotation.beyond]}."
    )


def _limits(level: ActionLevel) -> Iterator[str]:
    for name, limit in level.limits.items():
        yield _LEVEL[name].format(limit)


def _during_the_fraction(protocol: Protocol) -> Iterator[str]:
    watched = protocol.intrafraction
    yield (
        f"A fraction has at most {protocol.images} exposures; an image is used for at most "
        f"{protocol.image_age_s:g} s, an approval for {protocol.approval_s:g} s."
    )
    if watched.verify_with_image:
        yield "After a correction an image has to show the position before the beam."
    if watched.shift_mm is not None and protocol.monitoring is not None:
        yield from _monitoring(protocol.monitoring, watched.shift_mm)
    elif watched.shift_mm is not None:
        yield (
            "Where something watches the patient during the beam, it is held when he moves by more than "
            f"{watched.shift_mm:g} mm."
        )
    if watched.reimage_after_s is not None:
        yield (
            f"The beam is held when the image is {watched.reimage_after_s:g} s old, and the position is "
            "imaged again."
        )


def _monitoring(watched: Monitoring, gate_mm: float) -> Iterator[str]:
    again = "" if watched.xray_every_s is None else f" (after {watched.xray_every_s:g} s at the latest)"
    yield (
        f"During the beam the target is watched by {DEVICE_WORDS[watched.device]}{again}. Beam passes only "
        f"while it is within {gate_mm:g} mm of its place: it begins after {watched.dwell_s:g} s with a "
        f"probability of at least {watched.settled_probability:g}, and is held below "
        f"{watched.least_probability:g}."
    )
    yield (
        f"It is held too when the newest frame is older than {watched.stale_s:g} s, when there are fewer "
        f"than {watched.fewest_per_s:g} frames a second, and when it takes longer than "
        f"{watched.longest_latency_s:g} s from the exposure to beam off; a target that stays away for "
        f"{watched.realign_after_s:g} s asks for a new image."
    )


def _assessment(asked: AssessmentInstructions | None) -> Iterator[str]:
    if asked is None:
        return
    beside = ", ".join(f"'{name}'" for name in asked.structures)
    also = f" and, where the plan has them, {beside}" if beside else ""
    yield f"Of the anatomy of the day are assessed the target{also}."
    when = "on one assessed day" if asked.days == 1 else f"on {asked.days} assessed days in a row"
    for who, is_target in (("a target", True), ("any other structure", False)):
        told = [
            _CHANGED[measure].format(limit)
            for measure in MEASURES
            if (limit := asked.limit(measure, is_target=is_target)) is not None
        ]
        if told:
            yield f"Re-planning is to be considered when {who} {_either(told)} {when}."
    yield (
        "A day counts for that when its deformation is for decision: tissue that is matched there and back "
        f"misses itself by at most {asked.inconsistency_mm:g} mm on average; landmarks, where given, are met "
        f"within {asked.landmark_mean_mm:g} mm on average and {asked.landmark_largest_mm:g} mm at most; what "
        f"was drawn on the day's image agrees with a Dice of at least {asked.least_dice:g} and a mean "
        f"distance of at most {asked.mean_distance_mm:g} mm. Of a structure a share of at least "
        f"{asked.least_seen:g} has to be seen. A day that does not count neither raises nor ends an alert."
    )


def _dose(asked: DoseInstructions | None) -> Iterator[str]:
    if asked is None:
        return
    yield (
        f"The dose of the day is computed by the method '{asked.algorithm}' on voxels of "
        f"{asked.spacing_mm:g} mm."
    )
    if asked.goals:
        yield f"Its goals, over the whole course: {'; '.join(goal_words(goal) for goal in asked.goals)}."
    when = "on one day" if asked.days == 1 else f"on {asked.days} days in a row"
    told = ["a goal that the plan meets is missed"] if asked.goals else []
    if asked.target_d95_percent is not None:
        told.append(f"D95% of a target falls by more than {asked.target_d95_percent:g} % of the prescription")
    if asked.organ_mean_gy is not None:
        told.append(
            f"the mean dose of another structure rises by more than {asked.organ_mean_gy:g} Gy a fraction"
        )
    yield (
        f"Somebody has to look at the dose when {_either(told)} {when}. A day counts for that when its dose "
        "is for decision; another one neither raises nor ends an alert."
    )


def _approval(protocol: Protocol) -> Iterator[str]:
    approval = protocol.approval
    yield f"What the protocol says is signed by one person: {_roles(approval.routine)}."
    yield f"A second look is signed by one more: {_roles(approval.second_look)}."
    yield (
        f"Doing otherwise is signed, with a reason of at least {LEAST_REASON_WORDS} words, by "
        f"{_roles(approval.override)}, and by the second person where the protocol asks for a second look or "
        "something graver."
    )


def _roles(roles: Iterable[Role]) -> str:
    return _either(str(role) for role in roles)


def _either(words: Iterable[str]) -> str:
    *before, last = words
    return f"{', '.join(before)} or {last}" if before else last


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
