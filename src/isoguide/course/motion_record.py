"""What is kept of the target's motion while the beam of a fraction was on.

Positions are lateral, longitudinal and vertical, IEC fixed, minus where the plan wants the target.
"""

from dataclasses import dataclass
from datetime import datetime

from isoguide.geometry.frames import Array, frozen_array


@dataclass(frozen=True, slots=True, eq=False)
class MotionResidual:
    """How far the target was from its planned place, over the frames of some time.

    Parameters
    ----------
    frames
        How many, 2 or more.
    mean_mm, sd_mm
        Per axis, (3,).
    p95_mm
        95 % of the frames are closer than this along each axis, either way, (3,).
    mean_length_mm, p95_length_mm
        The same of the distance.
    """

    frames: int
    mean_mm: Array
    sd_mm: Array
    p95_mm: Array
    mean_length_mm: float
    p95_length_mm: float

    def __post_init__(self) -> None:
        for name in ("mean_mm", "sd_mm", "p95_mm"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), (3,), name))


@dataclass(frozen=True, slots=True, eq=False)
class MotionHold:
    """A stretch in which beam could not pass.

    ``state`` is the gravest that the gate came to ("hold", "re-align", "stopped"), ``reason`` why it came to
    it, ``proposal_mm`` where the target had been when it asked to re-align, (3,); None where it did not.
    """

    began_at: datetime
    lasted_s: float
    state: str
    reason: str
    proposal_mm: Array | None = None

    def __post_init__(self) -> None:
        if self.proposal_mm is not None:
            object.__setattr__(self, "proposal_mm", frozen_array(self.proposal_mm, (3,), "the proposal"))


@dataclass(frozen=True, slots=True, eq=False)
class MotionRecord:
    """One delivery under a gate.

    Parameters
    ----------
    device
        What watched the target, in words.
    gate_mm
        Radius of the gate.
    started_at, ended_at
        First and last decision of the gate, aware UTC.
    watched_s
        How long the gate was asked.
    permitted_s
        For how long of it beam could pass.
    beam_on_s
        How long radiation was on.
    holds
        When and why beam could not pass, in order.
    frames, unseen
        How many came, and in how many of them the target was not found.
    inside
        While the beam was on; None with fewer than two frames.
    without_gating
        Over the whole time: what it would have been without a gate; None likewise.
    latency_median_s, latency_p99_s
        From an exposure until the gate had what it shows; None without frames.
    recording_sha256
        Of the whole recording in the image store.
    """

    device: str
    gate_mm: float
    started_at: datetime
    ended_at: datetime
    watched_s: float
    permitted_s: float
    beam_on_s: float
    holds: tuple[MotionHold, ...]
    frames: int
    unseen: int
    inside: MotionResidual | None
    without_gating: MotionResidual | None
    latency_median_s: float | None
    latency_p99_s: float | None
    recording_sha256: str

    @property
    def duty_cycle(self) -> float:
        """Share of the watched time in which beam could pass, 0 to 1; 0 where nothing was watched."""
        return self.permitted_s / self.watched_s if self.watched_s > 0.0 else 0.0

    @property
    def unseen_share(self) -> float:
        """Share of the frames that did not show the target, 0 to 1; 0 without frames."""
        return self.unseen / self.frames if self.frames else 0.0
