"""Shifts and weights that make up for a tilt: towards where tissue went, never beyond their bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.adaptation.beam_trim import LARGEST_WEIGHT, REACH_MM, TrimProblem, find_trims
from isoguide.errors import GeometryError


def profile(along_mm: np.ndarray) -> np.ndarray:
    """Dose of an opening from -30 to 30 mm with edges like a penumbra."""
    return 1.0 / (1.0 + np.exp((np.abs(along_mm) - 30.0) / 3.0))


def one_beam(organ_moved_mm: float, tilt_deg: float = 4.0, target_to_mm: float = 20.0) -> TrimProblem:
    """A target in the middle that was followed, and an organ at the edge that lies moved behind it."""
    target = np.linspace(-target_to_mm, target_to_mm, 41)
    organ = np.linspace(22.0, 40.0, 19)
    along = np.concatenate([target, organ])
    planned = np.concatenate([target, organ - organ_moved_mm])
    slope = (profile(along - 1.0) - profile(along + 1.0)) / 2.0
    parts = ((np.arange(41), 10.0), (np.arange(41, 60), 1.0))
    return TrimProblem(profile(planned), profile(along)[None], slope[None], np.array([tilt_deg]), parts)


@pytest.mark.parametrize("moved_mm", [2.0, -2.0])
def test_an_opening_follows_an_organ_beside_it_where_the_target_has_room(moved_mm: float) -> None:
    (trim,) = find_trims(one_beam(moved_mm))
    assert trim.shift_mm == pytest.approx(moved_mm, abs=0.5)
    assert trim.meterset_factor == pytest.approx(1.0, abs=0.03)


def test_a_target_without_room_holds_its_opening() -> None:
    free, held = find_trims(one_beam(3.0))[0], find_trims(one_beam(3.0, target_to_mm=30.0))[0]
    assert abs(held.shift_mm) < 0.5 * abs(free.shift_mm)


def test_a_beam_that_is_not_tilted_stays_where_it_is() -> None:
    (trim,) = find_trims(one_beam(3.0, tilt_deg=0.0))
    assert trim.shift_mm == 0.0


@given(seed=st.integers(0, 1000), beams=st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_trims_keep_their_bounds_and_never_make_it_worse(seed: int, beams: int) -> None:
    rng = np.random.default_rng(seed)
    base, slope = rng.uniform(0.0, 1.0, (beams, 30)), rng.normal(0.0, 0.05, (beams, 30))
    tilt_deg = rng.uniform(0.0, 6.0, beams)
    parts = ((np.arange(15), 10.0), (np.arange(15, 30), 1.0), (np.arange(0), 1.0))
    problem = TrimProblem(base.sum(axis=0) + rng.normal(0.0, 0.3, 30), base, slope, tilt_deg, parts)
    trims = find_trims(problem)
    shifts = np.array([one.shift_mm for one in trims])
    factors = np.array([one.meterset_factor for one in trims])
    assert (np.abs(shifts) <= REACH_MM * np.tan(np.deg2rad(tilt_deg)) + 0.006).all()
    assert (np.abs(factors - 1.0) <= LARGEST_WEIGHT + 1e-9).all()
    after = (factors[:, None] * (base + shifts[:, None] * slope)).sum(axis=0)
    assert problem.penalty(after) <= problem.penalty(base.sum(axis=0)) * 1.01


def test_doses_of_another_number_of_beams_are_refused() -> None:
    with pytest.raises(GeometryError, match="2 beams at 3 points"):
        TrimProblem(np.ones(3), np.ones((1, 3)), np.ones((1, 3)), np.ones(2), ())
