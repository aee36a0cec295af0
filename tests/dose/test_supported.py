"""What of a plan is refused, and what is left out and named."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from dose_machines import beam_of, plain_machine, plan_of, point_at, static_beam

from isoguide.dose.supported import require_supported, treated_beams
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.plan import Wedge

MACHINE = plain_machine()


def test_a_plain_plan_is_computed_without_reservations() -> None:
    assert require_supported(plan_of(static_beam(0.0), static_beam(90.0)), MACHINE) == ()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"radiation_type": "ELECTRON"}, "ELECTRON"),
        ({"radiation_type": "PROTON"}, "PROTON"),
        ({"radiation_type": ""}, "unknown"),
        ({"dosimeter_unit": "MINUTE"}, "MINUTE"),
        ({"other_accessories": ("block",)}, "block"),
        ({"other_accessories": ("bolus", "applicator")}, "bolus"),
        ({"fluence_mode": "NON_STANDARD:FFF"}, "flattening filter"),
        ({"source_axis_distance_mm": 800.0}, "800"),
        ({"source_axis_distance_mm": None}, "None"),
    ],
)
def test_a_beam_that_is_not_supported_is_refused_by_name(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=rf"beam 1 \(field\).*{told}"):
        require_supported(plan_of(replace(static_beam(0.0), **changes)), MACHINE)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"energy_mv": 10.0}, "10 MV"),
        ({"energy_mv": None}, "of unknown MV"),
        ({"table_pitch_deg": 1.0}, "tilted"),
        ({"table_roll_deg": -1.0}, "tilted"),
        ({"isocentre_mm": None}, "isocentre"),
    ],
)
def test_a_control_point_that_is_not_supported_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        require_supported(plan_of(static_beam(0.0, **changes)), MACHINE)


def test_several_energies_or_an_isocentre_that_moves_are_refused() -> None:
    for changes in ({"energy_mv": 10.0}, {"isocentre_mm": np.array([1.0, 0.0, 0.0])}):
        points = (point_at(0.0, 0.0), point_at(0.0, 1.0, **changes))
        with pytest.raises(InputError, match="cannot be computed"):
            require_supported(plan_of(beam_of(points)), MACHINE)


def test_data_of_an_unflattened_beam_do_not_do_for_a_flattened_one() -> None:
    unflattened = replace(MACHINE, is_flattened=False)
    standard = replace(static_beam(0.0), fluence_mode="STANDARD")
    with pytest.raises(InputError, match="without"):
        require_supported(plan_of(standard), unflattened)
    assert require_supported(plan_of(replace(standard, fluence_mode="NON_STANDARD")), unflattened) == ()


def test_a_plan_that_does_not_say_whether_it_is_flattened_is_computed_and_that_is_named() -> None:
    (told,) = require_supported(plan_of(replace(static_beam(0.0), fluence_mode="")), MACHINE)
    assert told.startswith("the plan does not say whether its beams are flattened")


def test_wedges_and_openings_that_are_not_known_are_refused() -> None:
    wedged = static_beam(0.0, wedges_in=(1,))
    with pytest.raises(MissingEvidenceError, match="wedge"):
        require_supported(plan_of(wedged), MACHINE)
    unknown = replace(wedged, wedges=(Wedge(1, "STANDARD", "W15", 15.0, 0.0),))
    with pytest.raises(MissingEvidenceError, match="W15"):
        require_supported(plan_of(unknown), MACHINE)
    with pytest.raises(MissingEvidenceError, match="neither leaves nor jaws"):
        require_supported(plan_of(static_beam(0.0, jaw_y_mm=None)), MACHINE)


def test_a_plan_without_monitor_units_is_refused() -> None:
    with pytest.raises(MissingEvidenceError, match="monitor units"):
        require_supported(plan_of(replace(static_beam(0.0), meterset_mu=None)), MACHINE)


def test_a_treatment_beam_without_monitor_units_is_left_out_and_named() -> None:
    imaging = replace(static_beam(0.0), meterset_mu=None, name="CBCT")
    setup = replace(static_beam(0.0), delivery_type="SETUP", radiation_type="ELECTRON")
    plan = plan_of(static_beam(0.0), imaging, setup)
    (told,) = require_supported(plan, MACHINE)
    assert told == "beam 2 (CBCT) has no monitor units and is left out of the dose"
    assert [beam.number for beam in treated_beams(plan)] == [1]
