"""A fraction guided by ultrasound at the desk, with the engine itself: the couch goes where it has to."""

from pathlib import Path

import pytest
from small_patient import SmallPatient
from ultrasound_course import LYING, scanned, ultrasound_department

from isoguide.course import ProtocolAction
from isoguide.workflow.clinic.pictures.gallery import Gallery


def test_the_engine_finds_the_patient_of_the_day_and_its_figures_are_made_again_the_same(
    tmp_path: Path, patient: SmallPatient, simulated: tuple
) -> None:
    """Truth: he lies 5 mm too far left, 3 mm too far from the gantry, 2 mm too high, and is not turned."""
    with ultrasound_department(tmp_path, patient, simulated) as d:
        status = scanned(d)
        assert status.decision is not None
        assert status.decision.action is ProtocolAction.CORRECT
        (match,) = status.stored.matches
        found = match.correction
        shift_mm = (found.lateral_mm, found.longitudinal_mm, found.vertical_mm)
        assert shift_mm == pytest.approx(tuple(-LYING.translation_mm), abs=0.3)
        assert (found.pitch_deg, found.roll_deg, found.yaw_deg) == pytest.approx((0.0, 0.0, 0.0), abs=0.3)
        image = Gallery.of(d.desk).image(d.course, 1, status.stored.images[0].uid)
        again = image.found_again()
        assert again.differs_because == ""
        # Nothing pressed: what regions would still move is less than a voxel of 1.25 mm.
        moves_mm = [
            float((one.shift_mm @ one.shift_mm) ** 0.5) for one in again.registration.quality.residuals
        ]
        assert len(moves_mm) > 5
        assert sorted(moves_mm)[len(moves_mm) // 2] < 1.25
