"""What a displacement field is good for, as far as the solve itself can tell, and what it assumes."""

from dataclasses import dataclass
from typing import Final

from isoguide.registration.deformable.result import FieldVerdict

LEAST_SEEN: Final = 0.1
"""Below this share of the planned body in the day's image there is not enough to say how it deforms."""
HALF_SEEN: Final = 0.5
LEAST_SIMILARITY: Final = 0.4
"""Other body regions stay below it, whatever they are deformed to."""
LOW_SIMILARITY: Final = 0.6
LARGEST_INCONSISTENCY_MM: Final = 5.0
"""95th percentile of where tissue returns to. The 2 to 3 mm of AAPM TG-132 are judged with the other figures;
beyond this, the way back and the way there are different answers."""
MENTIONED_ML: Final = 1.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict is made from.

    Parameters
    ----------
    seen_fraction
        Share of the planned body that the day's image shows.
    similarity_before, similarity_after
        Mean local correlation.
    inconsistency_p95_mm
        95th percentile in the body that is seen.
    foreign_ml
        Volume of what only one of the two images shows: gas, metal.
    """

    seen_fraction: float
    similarity_before: float
    similarity_after: float
    inconsistency_p95_mm: float
    foreign_ml: float


def judge(evidence: Evidence) -> tuple[FieldVerdict, tuple[str, ...]]:
    """Return the verdict and its reasons."""
    if evidence.seen_fraction < LEAST_SEEN:
        reason = (
            f"the day's image shows {100.0 * evidence.seen_fraction:.0f} % of the planned body, too little to"
            f" say how it deforms (at least {100.0 * LEAST_SEEN:.0f} %): check the match and the region"
        )
        return FieldVerdict.NOT_AVAILABLE, (reason,)
    if evidence.similarity_after < LEAST_SIMILARITY:
        reason = (
            f"the images do not show the same anatomy: their local correlation is"
            f" {evidence.similarity_after:.2f} however it is deformed (at least {LEAST_SIMILARITY:g})"
        )
        return FieldVerdict.NOT_AVAILABLE, (reason,)
    doubts = tuple(_doubts(evidence))
    # Poor agreement that differs from one way to the other is two signs of one thing: they do not match.
    if (
        evidence.similarity_after < LOW_SIMILARITY
        and evidence.inconsistency_p95_mm > LARGEST_INCONSISTENCY_MM
    ):
        return FieldVerdict.NOT_AVAILABLE, ("the images do not show the same anatomy: " + "; ".join(doubts),)
    return (FieldVerdict.NOT_FOR_DECISION if doubts else FieldVerdict.FOR_DECISION), doubts


def _doubts(evidence: Evidence) -> list[str]:
    doubts = []
    if evidence.similarity_after < LOW_SIMILARITY:
        doubts.append(
            f"the images agree poorly (local correlation {evidence.similarity_after:.2f},"
            f" at least {LOW_SIMILARITY:g})"
        )
    if evidence.similarity_after < evidence.similarity_before:
        doubts.append(
            f"the field makes the images less alike (local correlation {evidence.similarity_before:.2f}"
            f" before, {evidence.similarity_after:.2f} after)"
        )
    if evidence.inconsistency_p95_mm > LARGEST_INCONSISTENCY_MM:
        doubts.append(
            f"matched there and back, tissue returns {evidence.inconsistency_p95_mm:.1f} mm off at the"
            f" 95th percentile (at most {LARGEST_INCONSISTENCY_MM:g} mm)"
        )
    return doubts


def approximations(evidence: Evidence) -> tuple[str, ...]:
    """Say what is assumed rather than seen."""
    assumed = []
    hidden = 1.0 - evidence.seen_fraction
    if hidden > 0.005:
        more = ", which is more than half" if evidence.seen_fraction < HALF_SEEN else ""
        assumed.append(
            f"{100.0 * hidden:.0f} % of the planned body lies outside the day's image{more}:"
            " there the deformation is that of its edge"
        )
    if evidence.foreign_ml > MENTIONED_ML:
        assumed.append(
            f"{evidence.foreign_ml:.0f} ml are gas, metal or empty in one of the two images only:"
            " there the deformation is that of the surroundings"
        )
    return tuple(assumed)
