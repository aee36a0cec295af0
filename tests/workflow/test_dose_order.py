"""What a dose is asked of is taken from the plan, and what is assumed in it is told."""

from dataclasses import replace

import dosed_phantom as phantom
import numpy as np
import pytest

from isoguide.errors import AmbiguityError, GeometryError, InputError, MissingEvidenceError
from isoguide.plan import Prescription
from isoguide.workflow.dose.order import (
    body_of,
    looked_at,
    prescription_of,
    treated_structure,
)
from isoguide.workflow.dose.request import DoseRequest

BODY, PTV, LEFT, RIGHT = phantom.structures()
PLAN = phantom.plan()


def test_the_prescription_is_that_of_the_target() -> None:
    found, told = prescription_of(PLAN, PTV)
    assert (found.dose_gy, found.fractions, found.fraction_gy) == (60.0, 20, 3.0)
    assert told == ()


def test_a_prescription_to_a_site_is_taken_and_named() -> None:
    several = (Prescription(41.4, None, "PTV_41.4"), Prescription(30.0, None))
    found, told = prescription_of(replace(PLAN, prescriptions=several), PTV)
    assert found.dose_gy == 41.4
    assert told == ("the prescription of 41.4 Gy to 'PTV_41.4' is taken as that of 'PTV', the highest of 2",)


def test_without_a_prescription_nothing_is_a_share_of_it() -> None:
    found, told = prescription_of(replace(PLAN, prescriptions=()), PTV)
    assert (found.dose_gy, found.fraction_gy) == (None, None)
    assert "states no prescription" in told[0]


def test_what_the_user_states_counts_and_is_named() -> None:
    found, told = prescription_of(PLAN, PTV, dose_gy=40.0, fractions=10)
    assert (found.dose_gy, found.fractions) == (40.0, 10)
    assert told == (
        "10 fractions were stated by hand; plan 'BLOCK' has 20",
        "the prescription of 40 Gy was stated by hand",
    )


def test_a_number_of_fractions_is_not_guessed() -> None:
    with pytest.raises(MissingEvidenceError, match="state it with --fractions"):
        prescription_of(replace(PLAN, fractions_planned=None), PTV)


def test_the_target_is_found_or_named() -> None:
    assert treated_structure(PLAN, phantom.structures(), None, "x").name == "PTV"
    assert treated_structure(PLAN, phantom.structures(), "left", "x").name == "Left"
    with pytest.raises(MissingEvidenceError, match="name what is treated with --target"):
        treated_structure(PLAN, (BODY, LEFT), None, "x")
    with pytest.raises(MissingEvidenceError, match="no structure 'GTV' that encloses volume; it has 'BODY'"):
        treated_structure(PLAN, phantom.structures(), "GTV", "x")
    with pytest.raises(AmbiguityError, match="2 structures named 'Left'"):
        treated_structure(PLAN, (LEFT, LEFT, PTV), "Left", "x")


def test_all_of_the_patient_is_looked_at_unless_somebody_chooses() -> None:
    assert [one.name for one in looked_at((BODY, LEFT, PTV, RIGHT), PTV, (), "x")] == ["PTV", "Left", "Right"]
    assert [one.name for one in looked_at((BODY, LEFT, PTV), PTV, ("left",), "x")] == ["PTV", "Left"]
    with pytest.raises(AmbiguityError, match="several structures named 'Left'"):
        looked_at((PTV, LEFT, LEFT), PTV, (), "x")


def test_the_patient_is_what_was_outlined() -> None:
    inside, told = body_of(phantom.block(), phantom.structures())
    np.testing.assert_array_equal(inside, phantom.order().body)
    assert told == ("the patient is what lies within 'BODY': couch and cushions are left out",)


def test_a_patient_without_an_outline_is_found_without_his_couch() -> None:
    inside, told = body_of(phantom.block(), (PTV,))
    assert (inside ^ phantom.order().body).sum() < 0.02 * inside.sum()
    assert "no outline of the patient is drawn" in told[0]
    with pytest.raises(GeometryError, match="Hounsfield"):
        body_of(replace(phantom.block(), is_hounsfield=False), (PTV,))


def test_a_bolus_is_named() -> None:
    bolus = replace(LEFT, name="Bolus", interpreted_type="BOLUS")
    _, told = body_of(phantom.block(), (BODY, bolus))
    assert "the bolus 'Bolus' counts only" in told[0]


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"spacing_mm": 0.2}, "--spacing"),
        ({"prescription_gy": -1.0}, "--prescription"),
        ({"fractions": 0}, "--fractions"),
    ],
)
def test_impossible_numbers_are_refused(changes: dict[str, float], option: str, tmp_path) -> None:
    with pytest.raises(InputError, match=option):
        DoseRequest(tmp_path, **changes)
