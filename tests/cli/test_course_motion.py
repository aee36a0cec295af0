"""What a person reads of the motion at simulation."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "records"))

from sample_course import simulation

from isoguide.cli.course_views import show_new
from isoguide.course import StructureMotion
from isoguide.workflow.clinic.new_course import NewCourse
from isoguide.workflow.register_course import RegisteredCourse

WAY_MM = np.array([[0.0, 0.0, 0.0], [0.5, 1.0, 6.0], [0.0, 0.0, 12.0], [-0.5, -1.0, 6.0]])


def shown(motion: StructureMotion, capsys: pytest.CaptureFixture[str]) -> list[str]:
    record = simulation(motions=(motion,))
    show_new(NewCourse("C-1", RegisteredCourse(record, (), (), (), None), "lung 1"), as_json=False)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_amplitude_mid_ventilation_and_mean_place_are_said_per_axis(
    capsys: pytest.CaptureFixture[str],
) -> None:
    motion = StructureMotion("GTV", WAY_MM, (0.0, 25.0, 50.0, 75.0), 0.2, np.array([0.0, 0.5, -6.5]))
    lines = shown(motion, capsys)
    assert "motion of GTV left-right 1.0, front-back 2.0, head-feet 12.0 mm" in lines
    # The mean is (0, 0, 6): 25 % is √(0.5² + 1²) = 1.1 mm from it, as is 75 %, and the first of them counts.
    assert "mid-ventilation phase 25 %, 1.1 mm from the mean over time" in lines
    assert "mean place left +0.0, back +0.5, head -0.5 mm from where it is drawn" in lines


def test_of_bins_by_amplitude_nothing_is_said_about_the_mean(capsys: pytest.CaptureFixture[str]) -> None:
    motion = StructureMotion("GTV", WAY_MM, (0.0, 25.0, 50.0, 75.0), 0.2, np.zeros(3), "amplitude")
    text = "\n".join(shown(motion, capsys))
    assert "head-feet 12.0 mm" in text
    assert "mid-ventilation" not in text
    assert "mean place" not in text
