"""The closed loop in rooms without a CT: pairs of radiographs, matched on bone or on implanted seeds."""

import pytest

from isoguide.errors import InputError
from isoguide.treatment.states import State
from isoguide.workflow.scenario_file import load_scenario, parse_scenario
from isoguide.workflow.simulate import simulate
from isoguide.workflow.virtual_patient import virtual_patient

LEFT_MM, LEFT_DEG = 0.7, 0.4
TEXT = """
title = "A room without a CT"
seed = 5
[patient]
site = "{site}"
voxel_mm = {voxel}
[set_up]
fixed_mm = [6.0, -4.0, 5.0]
fixed_deg = [0.8, -0.6, 1.0]
[room.imaging]
model = "{model}"
match = "{match}"
{more}
"""


def scenario(model="stereo pair", match="anatomy", site="prostate", voxel="[1.5, 1.5, 2.5]", more=""):
    return parse_scenario(TEXT.format(model=model, match=match, site=site, voxel=voxel, more=more), "a test")


@pytest.fixture(scope="module")
def prostate():
    """With seeds that the voxels of his planning CT show."""
    return virtual_patient(scenario())


def treated(wanted, patient=None):
    (fraction,) = simulate(wanted, patient=patient, for_report=False).fractions
    return fraction


def check_treated(fraction):
    assert fraction.outcome.state is State.CLOSED, fraction.outcome.reason
    assert fraction.set_up.residual.largest_mm > 7.0
    assert fraction.treated.residual.largest_mm < LEFT_MM
    assert fraction.treated.residual.angle_deg < LEFT_DEG
    measured, needed = fraction.measured, fraction.set_up.needed
    for name in ("lateral_mm", "longitudinal_mm", "vertical_mm"):
        assert getattr(measured, name) == pytest.approx(getattr(needed, name), abs=0.4), name


def test_a_patient_who_lies_wrong_is_treated_where_the_plan_wants_him_by_two_radiographs(prostate):
    fraction = treated(scenario(), prostate)
    check_treated(fraction)
    assert fraction.imaging_model == "stereoscopic X-rays"


def test_four_seeds_in_two_radiographs_do_the_same(prostate):
    fraction = treated(scenario(match="markers"), prostate)
    check_treated(fraction)
    assert fraction.outcome.matches[0].registration.content == "markers"


def test_radiographs_of_tubes_that_are_off_treat_the_patient_off_by_as_much(prostate):
    more = "isocentre_offset_mm = [1.5, 0.0, 0.0]"
    fraction = treated(scenario(match="markers", more=more), prostate)
    assert fraction.outcome.state is State.CLOSED
    assert fraction.treated.residual.mean_mm == pytest.approx(1.5, abs=0.4)


def test_a_patient_without_seeds_cannot_be_matched_on_them():
    with pytest.raises(InputError, match=r'room\.imaging\.match = "markers".* has no implanted seeds'):
        simulate(scenario(match="markers", site="lung", voxel="[4.0, 4.0, 5.0]"), for_report=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stereoscopic-x-rays", "kv-arm-pair", "implanted-seeds"])
def test_the_scenarios_that_ship_end_as_they_say(name):
    assert simulate(load_scenario(name), for_report=False).surprises == ()
