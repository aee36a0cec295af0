"""A breathing trace as what a device would have seen, and how well it is predicted."""

import math
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.prediction import Predictor
from isoguide.motion.sample import Sighting, TargetSample, Unseen
from isoguide.workflow.motion.document import PredictionDocument
from isoguide.workflow.motion.recording import Recording, RecordingHeader, TakenSighting
from isoguide.workflow.motion.trace_file import BreathingTrace

SIGMA_MM: Final = 0.1
"""Error of a trace per axis: it says nothing of its own, and cameras see markers to about a tenth."""
BEGIN: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""A trace has seconds only; the time of day means nothing."""
SOURCE: Final = "a breathing trace"
FEWEST: Final = 10
_LONGITUDINAL: Final = 1


def watch_trace(trace: BreathingTrace, settings: GateSettings) -> tuple[Recording, tuple[str, ...]]:
    """Return a trace as frames that arrive at once, and what a user has to know about it.

    The place that a plan wants is not in a trace: the median of what was seen is taken for it. A signal along
    one line counts as longitudinal.

    Raises
    ------
    InputError
        If it shows something at fewer than ten times.
    """
    seen = trace.seen
    if seen.sum() < FEWEST:
        msg = f"the trace {trace.name} shows something at {seen.sum()} times: give one with {FEWEST} or more"
        raise InputError(msg)
    places_mm = in_room(trace)
    frames: list[Sighting] = []
    covariance = SIGMA_MM**2 * np.eye(3)
    for n, seconds in enumerate(trace.seconds):
        at = BEGIN + timedelta(seconds=float(seconds - trace.seconds[0]))
        if seen[n]:
            frames.append(TargetSample(places_mm[n], covariance, at, n + 1, SOURCE, 1.0, "as the trace says"))
        else:
            frames.append(Unseen(at, n + 1, SOURCE, "the trace shows nothing"))
    header = RecordingHeader(
        BEGIN, "", "", 0, f"the breathing trace {trace.name}", settings, np.zeros((0, 3)), "of the trace"
    )
    along = "" if trace.places_mm.shape[1] == 3 else " The signal along one line counts as longitudinal."
    notes = (
        "The place that the plan wants is taken to be the median of the trace; frames arrive at once."
        + along,
        *(f"{note}." for note in trace.notes),
    )
    recording = Recording(header, tuple(TakenSighting(one.at, one) for one in frames), (), (), (), (), ())
    return recording, notes


def in_room(trace: BreathingTrace) -> Array:
    """Return the places minus their median, (n, 3); NaN where nothing was seen."""
    away_mm = trace.places_mm - np.median(trace.places_mm[trace.seen], axis=0)
    if away_mm.shape[1] == 3:
        return np.asarray(away_mm)
    places_mm = np.where(np.isnan(away_mm), np.nan, 0.0).repeat(3, axis=1)
    places_mm[:, _LONGITUDINAL] = away_mm[:, 0]
    return places_mm


def prediction_error(trace: BreathingTrace, horizon_s: float) -> PredictionDocument | None:
    """Compare what is predicted over a horizon with what was then seen, beside expecting no motion.

    What was seen is joined by straight lines over steps of at most a fifth of the horizon plus two usual
    ones; None where there is nothing to compare.
    """
    seconds, places_mm = trace.seconds[trace.seen], in_room(trace)[trace.seen]
    longest_s = 0.2 * horizon_s + 2.0 * float(np.median(np.diff(seconds)))
    predictor = Predictor()
    errors: list[float] = []
    stayed: list[float] = []
    for at_s, place_mm in zip(seconds, places_mm, strict=True):
        predictor.see(float(at_s), place_mm)
        then_mm = _between(seconds, places_mm, at_s + horizon_s, longest_s)
        if then_mm is not None:
            predicted = predictor.predict(float(at_s + horizon_s))
            errors.append(float(np.linalg.norm(predicted.position_mm - then_mm)))
            stayed.append(float(np.linalg.norm(place_mm - then_mm)))
    if not errors:
        return None
    return PredictionDocument(
        horizon_s=horizon_s,
        rms_mm=math.sqrt(float(np.mean(np.square(errors)))),
        persistence_rms_mm=math.sqrt(float(np.mean(np.square(stayed)))),
        p95_mm=float(np.percentile(errors, 95)),
        predictions=len(errors),
    )


def _between(seconds: Array, places_mm: Array, at_s: float, longest_s: float) -> Array | None:
    """Return the place at a time, None beyond the ends or in a gap."""
    after = int(np.searchsorted(seconds, at_s))
    if after == 0 or after == len(seconds) or seconds[after] - seconds[after - 1] > longest_s:
        return None
    share = (at_s - seconds[after - 1]) / (seconds[after] - seconds[after - 1])
    return np.asarray((1.0 - share) * places_mm[after - 1] + share * places_mm[after])


def prediction_words(found: PredictionDocument | None) -> tuple[str, ...]:
    """Say how well the trace was predicted."""
    if found is None:
        return ()
    return (
        f"Predicted over {1000.0 * found.horizon_s:.0f} ms the error is {found.rms_mm:.2f} mm (root mean "
        f"square of {found.predictions}), 95 % within {found.p95_mm:.2f} mm; expecting the target to stay, "
        f"it is {found.persistence_rms_mm:.2f} mm.",
    )
