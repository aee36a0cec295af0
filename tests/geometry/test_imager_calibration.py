"""Source and detector from beads: as near to the truth as the covariance says, or refused."""

import numpy as np
import pytest

from isoguide.errors import GeometryError
from isoguide.geometry.imager_calibration import PARAMETERS, calibrate_view
from phantom_images import bead_positions, rough_view, true_view

BEADS_MM = bead_positions()
SD_PX = 0.05


def calibrated(seed: int, beads_mm: np.ndarray = BEADS_MM):
    view = true_view(30.0)
    noise = np.random.default_rng(seed).normal(0.0, SD_PX, (len(beads_mm), 2))
    return calibrate_view(beads_mm, view.project(beads_mm) + noise, rough_view(0.0))


def test_without_noise_source_and_detector_are_found_exactly():
    view = true_view(30.0)
    found = calibrate_view(BEADS_MM, view.project(BEADS_MM), rough_view(0.0))
    np.testing.assert_allclose(found.view.source_mm, view.source_mm, atol=1e-4)
    np.testing.assert_allclose(found.view.detector_centre_mm, view.detector_centre_mm, atol=1e-4)
    assert found.rms_px < 1e-6


def test_over_many_images_the_errors_are_as_large_as_the_covariance_says():
    view, isocentre = true_view(30.0), np.zeros((1, 3))
    distances, projections, rms = [], [], []
    for seed in range(40):
        found = calibrated(seed)
        error = np.concatenate(
            [found.view.source_mm - view.source_mm, found.view.detector_centre_mm - view.detector_centre_mm]
        )
        distances.append(error @ np.linalg.solve(found.covariance[:6, :6], error) / 6.0)
        missed = (found.view.project(isocentre) - view.project(isocentre))[0]
        projections.append(
            missed @ np.linalg.solve(found.projection_covariance_px(isocentre)[0], missed) / 2.0
        )
        rms.append(found.rms_px)
    # Scaled by 39 degrees of freedom each is F distributed: means of 1.05 with standard errors of 0.10, 0.17.
    assert np.mean(distances) == pytest.approx(1.05, abs=0.4)
    assert np.mean(projections) == pytest.approx(1.05, abs=0.6)
    assert np.mean(rms) == pytest.approx(SD_PX, rel=0.05)


def test_the_residuals_and_their_degrees_of_freedom_are_those_of_the_beads():
    found = calibrated(0)
    assert found.residuals_px.shape == (24, 2)
    assert found.rms_px == pytest.approx(np.sqrt((found.residuals_px**2).sum() / (48 - PARAMETERS)))
    np.testing.assert_array_equal(found.source_sd_mm, np.sqrt(np.diag(found.covariance)[:3]))


def test_seven_beads_are_too_few():
    with pytest.raises(GeometryError, match="7 beads were found in the image, but 8 are needed"):
        calibrated(0, BEADS_MM[:7])


def test_beads_on_a_plane_leave_the_source_undetermined():
    with pytest.raises(GeometryError, match="lie nearly on a plane, which leaves the source undetermined"):
        calibrated(0, BEADS_MM * [1.0, 1.0, 0.02])


def test_beads_that_are_close_together_do_not_determine_the_source():
    with pytest.raises(
        GeometryError, match=r"determine source and detector only to \d+\.\d mm, more than 10"
    ):
        calibrated(0, BEADS_MM * 0.25)


def test_a_bead_that_is_not_where_the_phantom_file_says_is_noticed():
    moved = BEADS_MM.copy()
    moved[5] += [4.0, 0.0, 0.0]
    with pytest.raises(GeometryError, match=r"pixels away from where the phantom has them, more than 0\.5"):
        calibrate_view(moved, true_view(30.0).project(BEADS_MM), rough_view(0.0))
