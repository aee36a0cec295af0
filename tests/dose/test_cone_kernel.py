"""A point kernel on cones and channels: nothing is lost, and distances and directions stay what they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.dose.cone_kernel import ELECTRON_DEGREE, PHOTON_DEGREE, WIDEST_STEP, ConeKernel, cones
from isoguide.dose.machine import generic_6mv

ANGLE = st.floats(-3.1, 3.1)


ELECTRONS = ConeKernel.of_electrons(generic_6mv().point)
PHOTONS = ConeKernel.of_photons(generic_6mv().point)


@pytest.mark.parametrize("degree", [ELECTRON_DEGREE, PHOTON_DEGREE])
def test_cones_cover_the_sphere_and_look_the_same_along_every_axis(degree: int) -> None:
    found = cones(degree)
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
    electrons, photons = (kernel.on_cones(beam) for kernel in (ELECTRONS, PHOTONS))
    assert electrons.sum() + photons.sum() == pytest.approx(1.0, abs=1e-3)
    assert min(electrons.min(), photons.min()) >= 0.0
    ahead = electrons.sum(axis=1) @ ELECTRONS.cones.directions
    ahead += photons.sum(axis=1) @ PHOTONS.cones.directions
    np.testing.assert_allclose(ahead / np.linalg.norm(ahead), beam, atol=0.03)


def test_channels_keep_the_energy_and_the_mean_distance_at_every_angle() -> None:
    point = generic_6mv().point
    for kernel, energy, decay in (
        (ELECTRONS, point.primary_per_mm_sr, point.primary_decay_per_mm),
        (PHOTONS, point.scatter_per_mm_sr, point.scatter_decay_per_mm),
    ):
        np.testing.assert_allclose(kernel.per_sr.sum(axis=0), energy / decay)
        reach = (kernel.per_sr / kernel.decay_per_mm[:, None]).sum(axis=0)
        np.testing.assert_allclose(reach, energy / decay**2)
        assert (kernel.decay_per_mm[:-1] / kernel.decay_per_mm[1:]).max() <= WIDEST_STEP + 1e-6


@pytest.mark.parametrize("kernel", [ELECTRONS, PHOTONS], ids=["electrons", "photons"])
def test_opposed_beams_send_the_same_energy_into_opposed_cones(kernel: ConeKernel) -> None:
    beam, directions = np.array([0.6, 0.0, 0.8]), kernel.cones.directions
    opposed = (directions @ -directions.T).argmax(axis=1)
    np.testing.assert_allclose(kernel.on_cones(-beam)[opposed], kernel.on_cones(beam), atol=1e-12)
