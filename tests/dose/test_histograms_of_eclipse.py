"""Histograms beside those that a planning system states of its own structures."""

import sys
from pathlib import Path

import pytest

from isoguide.dose.histograms import dose_volume_histograms

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from dvh_cases import ECLIPSE_NAMES, ECLIPSE_PRESCRIPTION_GY, eclipse_dose, eclipse_structures, eclipse_table

TAKEN = ("CTV", "GTV", "PTV1", "Orbit - left", "Orbit - right", "Lens - left")
"""Those with a steep gradient at one of their ends are in the benchmark, with how far Eclipse goes beyond."""


def test_eclipse_states_the_same_of_a_head_and_neck_phantom(shared_data: Path) -> None:
    structures = eclipse_structures(shared_data, TAKEN)
    stated = eclipse_table(shared_data)
    found = dose_volume_histograms(eclipse_dose(shared_data), structures)
    assert len(found) == len(TAKEN)
    for one in found:
        theirs = stated[ECLIPSE_NAMES.get(one.name, one.name)]
        # Means within 1 % of themselves, D95% within 0.1 % of the prescription; Eclipse writes 0.1 ml.
        assert one.mean_gy == pytest.approx(theirs.mean_gy, rel=0.01)
        within_gy = 0.001 * ECLIPSE_PRESCRIPTION_GY
        assert one.dose_at_volume_gy(95.0) == pytest.approx(theirs.dose_at_volume_gy(95.0), abs=within_gy)
        assert one.volume_ml == pytest.approx(theirs.volume_ml, rel=0.03, abs=0.06)
