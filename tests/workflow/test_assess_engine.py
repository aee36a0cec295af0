"""The whole chain on a virtual patient, images and engine included."""

import numpy as np
import pytest
from prostate_to_the_left import LEFT_MM, moved_left
from small_patient import MACHINE_ISOCENTRE_MM, SmallPatient

from isoguide.registration.deformable.result import FieldVerdict
from isoguide.virtual import DailySettings, simulate_daily
from isoguide.workflow.assess.anatomy import DayAnatomy, assess_anatomy, prepare_anatomy


@pytest.mark.slow
def test_a_prostate_5_mm_further_left_in_the_images_is_found_on_the_left(patient: SmallPatient) -> None:
    """The formula moves the bones nearby as well, which the engine holds back: half of the way at least."""
    phantom, placed = patient.phantom, patient.planning_from_daily
    truth = moved_left(phantom.volume, phantom.isocentre_mm, placed).field
    daily = simulate_daily(
        phantom.anatomy,
        placed,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=np.array(MACHINE_ISOCENTRE_MM),
        settings=DailySettings.cone_beam().with_changes(shape=(44, 90, 90), spacing_mm=(3.0, 3.0, 4.0)),
        rng=np.random.default_rng(8),
        field=truth,
    )
    prostate = [one for one in phantom.structures if one.name == "Prostate"]
    planned = prepare_anatomy(phantom.volume, prostate, target_name="Prostate")
    answer = assess_anatomy(planned, DayAnatomy(daily, placed))
    assert answer.verdict is not FieldVerdict.NOT_AVAILABLE
    left_mm, back_mm, head_mm = answer.target.shift_mm
    assert LEFT_MM / 2.0 < left_mm < LEFT_MM + 1.0
    assert (back_mm, head_mm) == pytest.approx((0.0, 0.0), abs=1.2)
    assert answer.target.volume_change_percent == pytest.approx(0.0, abs=8.0)
