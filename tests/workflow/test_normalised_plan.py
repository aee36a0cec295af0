"""Monitor units of a virtual plan by dose: the target gets on average what was prescribed."""

from dataclasses import replace

import numpy as np
import pytest
from small_patient import SmallPatient

from isoguide.dose.machine import generic_6mv
from isoguide.dose.result import DoseDistribution
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.virtual.treatment_plan import normalised


def uniform(patient: SmallPatient, gray: float, half_mm: float = 80.0) -> DoseDistribution:
    """The same dose everywhere about the isocentre."""
    count = int(half_mm / 5.0) * 2
    origin = tuple(patient.phantom.isocentre_mm - half_mm)
    grid = Grid.axial(PLANNING, (count, count, count), (5.0, 5.0, 5.0), origin)
    return DoseDistribution(grid, np.full(grid.shape, gray, dtype=np.float32))


def test_monitor_units_follow_the_dose(patient: SmallPatient) -> None:
    """60 Gy in 20 fractions are 3 Gy: where 4 Gy come out, three quarters of the monitor units are right."""
    plan = patient.session.plan
    found = normalised(plan, patient.phantom, generic_6mv(), uniform(patient, 4.0))
    assert found.beams[0].meterset_mu == pytest.approx(0.75 * plan.beams[0].meterset_mu, rel=1e-4)
    assert [beam.meterset_mu for beam in found.beams[1:]] == [None] * (len(plan.beams) - 1)
    assert replace(found, beams=plan.beams).label == plan.label


def test_a_plan_that_prescribes_nothing_has_no_monitor_units_by_dose(patient: SmallPatient) -> None:
    nothing = replace(patient.session.plan, prescriptions=())
    with pytest.raises(MissingEvidenceError, match="no prescription"):
        normalised(nothing, patient.phantom, generic_6mv(), uniform(patient, 4.0))


def test_a_dose_that_misses_the_target_sets_nothing(patient: SmallPatient) -> None:
    with pytest.raises(GeometryError, match="misses"):
        normalised(patient.session.plan, patient.phantom, generic_6mv(), uniform(patient, 4.0, half_mm=20.0))
