"""What a written protocol means for a fraction: its limits, its gate, and what of the plan is matched."""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace

from isoguide.course import MatchInstructions, Monitoring, Protocol
from isoguide.errors import AmbiguityError, InputError
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.prediction import LONGEST_HORIZON_S
from isoguide.treatment.limits import BeamLimits, CouchLimits, FractionLimits


def fraction_limits(
    protocol: Protocol, couch: CouchLimits | None = None, beam: BeamLimits | None = None
) -> FractionLimits:
    """Return what a fraction under a protocol may do without asking.

    Parameters
    ----------
    protocol
        Its lowest action levels say what needs a person; a size that it has no level for keeps the limit of
        :class:`FractionLimits`.
    couch
        Of the room: what it can do is narrowed by what the protocol allows.
    beam
        Of the room.

    Raises
    ------
    InputError
        If couch and protocol leave no travel.
    """
    own = FractionLimits()
    return FractionLimits(
        image_age_s=protocol.image_age_s,
        approval_s=protocol.approval_s,
        images=protocol.images,
        tolerance_mm=protocol.tolerance.shift_mm,
        tolerance_deg=protocol.tolerance.rotation_deg,
        largest_shift_mm=_lowest_level(protocol, "shift_mm", own.largest_shift_mm),
        largest_angle_deg=_lowest_level(protocol, "rotation_deg", own.largest_angle_deg),
        largest_residual_mm=_lowest_level(protocol, "residual_mm", own.largest_residual_mm),
        verify_with_image=protocol.intrafraction.verify_with_image,
        couch=_narrowed(couch or CouchLimits(), protocol),
        beam=beam or BeamLimits(),
    )


def _lowest_level(protocol: Protocol, name: str, otherwise: float) -> float:
    stated = [level.limits[name] for level in protocol.action_levels if name in level.limits]
    return min(stated, default=otherwise)


def _narrowed(couch: CouchLimits, protocol: Protocol) -> CouchLimits:
    allowed, rotation = protocol.match.degrees_of_freedom, protocol.rotation
    return replace(
        couch,
        degrees_of_freedom=allowed if allowed < couch.degrees_of_freedom else couch.degrees_of_freedom,
        pitch_deg=_within(couch.pitch_deg, rotation.pitch_deg),
        roll_deg=_within(couch.roll_deg, rotation.roll_deg),
    )


def _within(travel_deg: tuple[float, float] | None, most_deg: float) -> tuple[float, float]:
    low_deg, high_deg = travel_deg or (-most_deg, most_deg)
    return max(low_deg, -most_deg), min(high_deg, most_deg)


def gate_settings(protocol: Protocol) -> GateSettings:
    """Return what the gate demands while the beam is on, by the section "monitoring" of a protocol.

    Raises
    ------
    InputError
        If the protocol asks for no monitoring, or for what no gate may do.
    """
    watched, gate_mm = protocol.monitoring, protocol.intrafraction.shift_mm
    if watched is None or gate_mm is None:
        msg = f"the protocol {protocol.label} does not ask for monitoring: add that section, or treat without"
        raise InputError(msg)
    return settings_of_gate(watched, gate_mm)


def settings_of_gate(watched: Monitoring, gate_mm: float) -> GateSettings:
    """Return what a gate of this radius demands.

    Raises
    ------
    InputError
        If that is what no gate may do.
    """
    asked = {item.name for item in fields(watched)} & {item.name for item in fields(GateSettings)}
    try:
        settings = GateSettings(gate_mm, **{name: getattr(watched, name) for name in asked})
    except InputError as error:
        raise InputError(f"monitoring.{error}") from None
    if settings.stale_s + settings.system_latency_s > LONGEST_HORIZON_S:
        msg = (
            f"monitoring.stale_s is {settings.stale_s:g}: with {settings.system_latency_s:g} s of the "
            f"machine the target would be predicted for more than {LONGEST_HORIZON_S:g} s"
        )
        raise InputError(msg)
    return settings


@dataclass(frozen=True, slots=True)
class MatchRegion:
    """What is matched: a structure of the plan, a box about the isocentre, or what the engine chooses.

    At most one of ``structure`` and ``box_mm`` (its edge) is set; ``why`` says how it came to this.
    """

    structure: str | None
    box_mm: float | None
    why: str


def match_region(instructions: MatchInstructions, names: Collection[str]) -> MatchRegion:
    """Choose the region among the names of a plan's structures: the first one that the protocol names.

    A name that differs only in capital letters counts where no structure has it exactly.

    Raises
    ------
    AmbiguityError
        If several structures do so.
    """
    absent: list[str] = []
    for wanted in instructions.structures:
        found = _structure_called(wanted, names)
        if found is not None:
            without = f", because there is no {', '.join(absent)}" if absent else ""
            return MatchRegion(found, None, f"matched on '{found}'{without}")
        absent.append(f"'{wanted}'")
    missing = f", because the plan has no {', '.join(absent)}" if absent else ""
    if instructions.box_mm is not None:
        words = f"matched in a box of {instructions.box_mm:g} mm about the isocentre{missing}"
        return MatchRegion(None, instructions.box_mm, words)
    return MatchRegion(None, None, f"matched in the automatic region about the isocentre{missing}")


def _structure_called(wanted: str, names: Collection[str]) -> str | None:
    if wanted in names:
        return wanted
    similar = [name for name in names if name.strip().casefold() == wanted.strip().casefold()]
    if len(similar) > 1:
        spelled = ", ".join(f"'{name}'" for name in similar)
        msg = f"the protocol matches on '{wanted}', and the plan has {spelled}: name one of them exactly"
        raise AmbiguityError(msg)
    return similar[0] if similar else None
