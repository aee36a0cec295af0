"""Losses of a structure in simulated ultrasound: what a tracker has to notice within three frames."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.motion.ultrasound_points import TrackedPoints, UltrasoundPointTracker
from isoguide.motion.ultrasound_settings import UltrasoundTrackerSettings
from isoguide.virtual.ultrasound_sequence import (
    LIVER_BLOBS,
    LIVER_TARGETS_MM,
    PROSTATE_BLOBS,
    PROSTATE_TARGETS_MM,
    MovingTissue,
    UltrasoundSequence,
    Upset,
)

PERIOD_S: Final = 0.1
WARM_UP: Final = 10
"""Frames of a quiet target before the loss, the first included."""
WATCHED: Final = 6
"""Frames after the loss."""
WITHIN: Final = 3
"""The loss has to be noticed in this frame after it at the latest."""
OUT_MM: Final = 5.0
"""So far from the plane nothing of the target is seen in a slice of 3.5 mm."""
WRONG_MM: Final = 1.8
"""A place in a shadow that is off by more is that of something else."""


class Loss(StrEnum):
    """How a structure is lost."""

    LEAVES_PLANE = "the target leaves the plane"
    LOOK_ALIKE = "the image jumps to a look-alike"
    LIFTED = "the probe is lifted"
    SHADOW = "a shadow falls on the target"
    FROZEN = "the image is frozen"
    SLIPPED = "the probe slips along the skin"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of an injected loss.

    Parameters
    ----------
    loss
        Its kind.
    noticed_after
        In which frame after it, 1 the first; 0 where it was not, or the target had been lost already.
    is_noticed
        Whether no place was stated in the third frame or later; in a shadow none that is wrong.
    said
        The reason that was given.
    was_seen
        Whether the target was seen before.
    """

    loss: Loss
    noticed_after: int
    is_noticed: bool
    said: str
    was_seen: bool


class QuietSequence:
    """A tissue whose first frames are simulated once, for many losses.

    Parameters
    ----------
    seed
        Of tissue, motion and noise; even ones are livers, odd ones prostates.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, WARM_UP])
        if seed % 2:
            moving, blobs, targets = MovingTissue.prostate(rng), PROSTATE_BLOBS, PROSTATE_TARGETS_MM
        else:
            moving, blobs, targets = MovingTissue.liver(rng), LIVER_BLOBS, LIVER_TARGETS_MM
        self.sequence = UltrasoundSequence(moving, blobs, targets, seed=seed)
        self.images = [self.sequence.image(n * PERIOD_S, rng) for n in range(WARM_UP)]

    @property
    def targets(self) -> int:
        """How many there are."""
        return len(self.sequence.targets_mm)


def try_loss(
    quiet: QuietSequence,
    loss: Loss,
    target: int,
    rng: np.random.Generator,
    settings: UltrasoundTrackerSettings | None = None,
) -> Tried:
    """Let a target be followed, and then be lost.

    Parameters
    ----------
    quiet
        The tissue before.
    loss
        How it is lost.
    target
        Which of its targets is followed.
    rng
        How strong, how fast, where.
    settings
        Of the tracker.
    """
    first = quiet.images[0]
    place_px = _pixel(first, quiet.sequence.truth_mm(0.0)[target])
    tracker = UltrasoundPointTracker(
        first.values, first.in_fan, first.pixel_spacing_mm, place_px[None], settings
    )
    before = [tracker.see(image.values) for image in quiet.images[1:]][-1]
    noticed_after, is_noticed, said = 0, True, ""
    for after, values in enumerate(_lost(quiet, loss, target, rng, tracker), start=1):
        seen = tracker.see(values)
        if not seen.seen[0]:
            noticed_after, said = noticed_after or after, said or seen.reasons[0]
        elif after >= WITHIN and not (loss is Loss.SHADOW and _is_right(quiet, target, after, seen)):
            is_noticed = False
    return Tried(loss, noticed_after, is_noticed, said, bool(before.seen[0]))


def _lost(
    quiet: QuietSequence,
    loss: Loss,
    target: int,
    rng: np.random.Generator,
    tracker: UltrasoundPointTracker,
) -> list[NDArray[np.uint8]]:
    """Return the frames after a loss; what comes before it is shown to the tracker."""
    begin_s = WARM_UP * PERIOD_S
    times = [begin_s + n * PERIOD_S for n in range(WATCHED)]
    sequence = quiet.sequence
    if loss is Loss.FROZEN:
        return [quiet.images[-1].values] * WATCHED
    if loss is Loss.LIFTED:
        upset = Upset(is_lifted=True, gain_db=float(rng.uniform(-3.0, 3.0)))
        return [sequence.image(at_s, rng, upset).values for at_s in times]
    if loss is Loss.SHADOW:
        along_mm = float(sequence.truth_mm(begin_s)[target, 0] + rng.uniform(-3.0, 3.0))
        upset = Upset(along_mm, float(rng.uniform(34.0, 60.0)), float(rng.uniform(-50.0, -32.0)))
        return [sequence.image(at_s, rng, upset).values for at_s in times]
    if loss is Loss.LOOK_ALIKE:
        away_mm = rng.uniform(0.0, 12.0) * _direction(rng, 2)
        other = sequence.other_tissue(int(rng.integers(1 << 20))).moved(lambda _: away_mm)
        return [other.image(at_s, rng).values for at_s in times]
    if loss is Loss.SLIPPED:
        away_mm = rng.uniform(25.0, 35.0) * np.array([rng.choice([-1.0, 1.0]), 0.0, 0.0])
        away_mm[2] = rng.choice([-1.0, 1.0]) * rng.uniform(6.0, 10.0)
        other = sequence.moved(lambda _: away_mm)
        return [other.image(at_s, rng).values for at_s in times]
    return _leaving(sequence, rng, tracker)


def _leaving(
    sequence: UltrasoundSequence, rng: np.random.Generator, tracker: UltrasoundPointTracker
) -> list[NDArray[np.uint8]]:
    begin_s = WARM_UP * PERIOD_S
    speed_mm_s = float(np.exp(rng.uniform(np.log(6.0), np.log(80.0)))) * float(rng.choice([-1.0, 1.0]))
    aside = 0.2 * speed_mm_s * _direction(rng, 2)

    def extra_mm(seconds: float) -> Array:
        since_s = max(seconds - begin_s + PERIOD_S, 0.0)
        return np.array([0.0, 0.0, speed_mm_s * since_s]) + np.clip(aside * since_s, -3.0, 3.0)

    leaving, at_s = sequence.moved(extra_mm), begin_s
    while abs(float(leaving.truth_mm(at_s)[0, 2])) < OUT_MM:
        tracker.see(leaving.image(at_s, rng).values)
        at_s += PERIOD_S
    return [leaving.image(at_s + n * PERIOD_S, rng).values for n in range(WATCHED)]


def _is_right(quiet: QuietSequence, target: int, after: int, seen: TrackedPoints) -> bool:
    """Tell whether a target is found where it is: a shadow that it shines through hides nothing."""
    truth_mm = quiet.sequence.truth_mm((WARM_UP + after - 1) * PERIOD_S)[target, :2]
    return float(np.linalg.norm(place_mm(quiet.images[0], seen)[0] - truth_mm)) <= WRONG_MM


def _direction(rng: np.random.Generator, axes: int) -> Array:
    way = np.zeros(3)
    way[:axes] = rng.standard_normal(axes)
    return np.asarray(way / np.linalg.norm(way))


def _pixel(image: UltrasoundImage, place_mm: Array) -> Array:
    return np.asarray((place_mm[:2] - image.corner_mm) / np.array(image.pixel_spacing_mm))


def place_mm(image: UltrasoundImage, points: TrackedPoints) -> Array:
    """Return what a tracker says, (n, 2), in the image's coordinates: along the face, and depth."""
    return np.asarray(image.corner_mm + points.pixels * np.array(image.pixel_spacing_mm))
