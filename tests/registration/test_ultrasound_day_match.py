"""Ultrasound as the image of the day: what it is matched to, and that a match to CT is for review."""

from dataclasses import replace

import numpy as np
import pytest
from radiograph_cases import ISOCENTRE_MM, bony_ct, prepared_pair

from isoguide.errors import MismatchError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.registration import Registration, Verdict, day_match, prepare_planning
from isoguide.registration.day_match import FOR_REVIEW, ULTRASOUND, ULTRASOUND_TO_CT, kind_of, matcher_of
from isoguide.registration.markers import PreparedMarkers
from isoguide.registration.ultrasound import (
    PreparedUltrasound,
    PreparedUltrasoundToCt,
)

UNCORRECTED = RigidTransform.translation(PLANNING, DAILY, ISOCENTRE_MM)
FOUND = Registration(
    verdict=Verdict.ACCEPT,
    reasons=("images agree",),
    planning_from_daily=UNCORRECTED,
    unconstrained=UNCORRECTED,
    degrees_of_freedom=6,
    centre_mm=ISOCENTRE_MM,
    content="auto",
    uncertainty=None,
    quality=None,
    algorithm="scripted",
    settings={},
)


def scan(frame=DAILY) -> UltrasoundVolume:
    grid = Grid.axial(frame, (4, 4, 4), (2.0, 2.0, 2.0), (-3.0, -3.0, -3.0))
    seen = np.ones((4, 4, 4), dtype=bool)
    return UltrasoundVolume(grid, np.full((4, 4, 4), 100, dtype=np.uint8), seen, ~seen, "a scan")


def scripted(monkeypatch, verdict: Verdict, name: str) -> None:
    monkeypatch.setattr(
        day_match, name, lambda _prepared, _daily, *, initial: replace(FOUND, verdict=verdict)
    )


def of_the_same(prepared_like=PreparedUltrasound):
    """The planning side is not looked at by a scripted match."""
    return object.__new__(prepared_like)


def test_the_reference_is_matched_and_says_so(monkeypatch) -> None:
    scripted(monkeypatch, Verdict.ACCEPT, "register_ultrasound")
    found = matcher_of(of_the_same())(scan(), UNCORRECTED)
    assert (found.content, found.verdict) == (ULTRASOUND, Verdict.ACCEPT)


@pytest.mark.parametrize("verdict", [Verdict.ACCEPT, Verdict.REVIEW])
def test_the_planning_ct_is_matched_for_review_whatever_the_engine_says(monkeypatch, verdict) -> None:
    scripted(monkeypatch, verdict, "register_ultrasound_to_ct")
    found = matcher_of(of_the_same(PreparedUltrasoundToCt))(scan(), UNCORRECTED)
    assert found.content == ULTRASOUND_TO_CT
    assert found.verdict is Verdict.REVIEW
    assert (FOR_REVIEW in found.reasons) is (verdict is Verdict.ACCEPT)


@pytest.mark.parametrize("kind", [PreparedUltrasound, PreparedUltrasoundToCt])
def test_no_other_image_is_matched_as_ultrasound(kind) -> None:
    with pytest.raises(MismatchError, match="prepared for ultrasound, but the image is a CT"):
        matcher_of(of_the_same(kind))(bony_ct(), UNCORRECTED)


def test_ultrasound_is_not_matched_as_anything_else() -> None:
    with pytest.raises(MismatchError, match="prepared for radiographs, but the image is ultrasound"):
        matcher_of(prepared_pair())(scan(), UNCORRECTED)
    planned = prepare_planning(bony_ct(), isocentre_mm=ISOCENTRE_MM)
    with pytest.raises(MismatchError, match="prepared for a CT of the day, but the image is ultrasound"):
        matcher_of(planned)(scan(), UNCORRECTED)
    seeds = of_the_same(PreparedMarkers)
    with pytest.raises(MismatchError, match="which no ultrasound shows"):
        matcher_of(seeds)(scan(), UNCORRECTED)
    assert kind_of(scan()) == "ultrasound"
