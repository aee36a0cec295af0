"""Whatever goes wrong with what watches the target, beam is off in time; while nothing is wrong, it is not.

``benchmarks/motion_gate.py`` tries a thousand, and faults of the process.
"""

from collections import Counter

import numpy as np
import pytest

from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.persistence import Persistence
from isoguide.motion.prediction import Predictor
from isoguide.virtual.breathing import Breathing
from isoguide.virtual.gate_campaign import FAULTS, Control, Course, FaultResult, try_faults
from isoguide.virtual.prostate_motion import ProstateMotion
from isoguide.virtual.sighting_stream import StreamSettings, breathing_truth, prostate_truth

COUNT = 87
"""Three of each kind."""


@pytest.fixture(scope="module")
def tried() -> tuple[list[FaultResult], list[Control]]:
    rng = np.random.default_rng(2026)
    breathes, lies = GateSettings(gate_mm=5.0), GateSettings(gate_mm=4.0)
    liver, other_liver = (breathing_truth(Breathing(mm), rng) for mm in (10.0, 8.0))
    prostate, other_prostate = (prostate_truth(ProstateMotion(), rng) for _ in range(2))
    quick, slow = StreamSettings(25.0, 0.04), StreamSettings(15.0, 0.1, 0.01)
    courses = [
        Course("liver, predicted", liver, StreamSettings(10.0), breathes, Predictor, 40.0, 1),
        Course("liver, 25 Hz", other_liver, quick, breathes, Persistence, 30.0, 2),
        Course("prostate, 7 Hz", prostate, StreamSettings(7.0), lies, Persistence, 40.0, 3),
        Course("prostate, 15 Hz", other_prostate, slow, lies, Persistence, 40.0, 4),
    ]
    return try_faults(courses, COUNT, seed=7)


def test_every_fault_ends_in_a_hold_in_time(tried: tuple[list[FaultResult], list[Control]]) -> None:
    results, _ = tried
    assert [result for result in results if not result.is_held] == []
    assert all(result.reason for result in results)


def test_nearly_all_of_them_were_tried_of_each_kind(tried: tuple[list[FaultResult], list[Control]]) -> None:
    results, _ = tried
    assert len(results) >= 0.95 * COUNT
    assert set(Counter(result.fault for result in results)) == set(FAULTS)


def test_without_a_fault_beam_passes_and_no_hold_is_without_cause(
    tried: tuple[list[FaultResult], list[Control]],
) -> None:
    _, controls = tried
    for control in controls:
        assert control.false_holds == 0, control.holds
        assert control.on_s > 0.4 * control.inside_s
        assert control.outside_on_s < 0.12 * control.on_s
