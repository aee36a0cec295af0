"""A point kernel on cones and channels: nothing is lost, and distances and directions stay what they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.dose.cone_kernel import WIDEST_STEP, ConeKernel, cones
from isoguide.dose.machine import generic_6mv

ANGLE = st.floats(-3.1, 3.1)


@pytest.fixture(scope="module")
def kernel() -> ConeKernel:
    return ConeKernel.of(generic_6mv().point)


def test_cones_cover_the_sphere_and_look_the_same_along_every_axis() -> None:
    found = cones()
    assert found.belongs_sr.sum() == pytest.approx(4.0 * np.pi)
    np.testing.assert_allclose(np.linalg.norm(found.directions, axis=1), 1.0)
    sizes = found.belongs_sr.sum(axis=0)
    for turn in (np.diag([-1.0, 1.0, 1.0]), np.eye(3)[[1, 2, 0]]):
        nearest = ((found.directions @ turn.T) @ found.directions.T).argmax(axis=1)
        assert len(set(nearest)) == len(nearest)
        np.testing.assert_allclose(sizes[nearest], sizes, rtol=1e-9)


@settings(max_examples=30)
@given(ANGLE, ANGLE)
def test_a_beam_from_anywhere_sends_all_its_energy_into_the_cones(polar: float, turn: float) -> None:
    beam = np.array([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)])
    shares = ConeKernel.of(generic_6mv().point).on_cones(beam)
    assert shares.sum() == pytest.approx(1.0, abs=1e-3)
    assert shares.min() >= 0.0
    ahead = shares.sum(axis=1) @ cones().directions
    np.testing.assert_allclose(ahead / np.linalg.norm(ahead), beam, atol=0.03)


def test_channels_keep_the_energy_and_the_mean_distance_at_every_angle(kernel: ConeKernel) -> None:
    point, split = generic_6mv().point, kernel.electron_channels
    for part, energy, decay in (
        (slice(0, split), point.primary_per_mm_sr, point.primary_decay_per_mm),
        (slice(split, None), point.scatter_per_mm_sr, point.scatter_decay_per_mm),
    ):
        np.testing.assert_allclose(kernel.per_sr[part].sum(axis=0), energy / decay)
        reach = (kernel.per_sr[part] / kernel.decay_per_mm[part, None]).sum(axis=0)
        np.testing.assert_allclose(reach, energy / decay**2)
    steps = kernel.decay_per_mm[: split - 1] / kernel.decay_per_mm[1:split]
    assert steps.max() <= WIDEST_STEP + 1e-6


def test_opposed_beams_send_the_same_energy_into_opposed_cones(kernel: ConeKernel) -> None:
    beam = np.array([0.6, 0.0, 0.8])
    opposed = (cones().directions @ -cones().directions.T).argmax(axis=1)
    np.testing.assert_allclose(kernel.on_cones(-beam)[opposed], kernel.on_cones(beam), atol=1e-12)
