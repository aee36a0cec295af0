"""Two objects of one patient are recognised, and two patients are never mixed."""

from dataclasses import replace

import pytest

from isoguide.dicom.identity import PatientIdentity, compare_patients
from isoguide.errors import MismatchError

JANE = PatientIdentity("A1", "", "DOE^JANE", "19600102", "F")


def _compare(one: PatientIdentity, other: PatientIdentity) -> tuple[str, ...]:
    return compare_patients(one, "the planning CT", other, "day.dcm")


@pytest.mark.parametrize(
    "other",
    [JANE, replace(JANE, name="Doe^Jane^A"), replace(JANE, name=""), replace(JANE, birth_date="", sex="")],
)
def test_spelling_and_omissions_do_not_make_another_patient(other: PatientIdentity) -> None:
    assert _compare(JANE, other) == ()


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (replace(JANE, patient_id="B2"), "the patient ID is 'B2' there and 'A1' in the planning CT"),
        (replace(JANE, patient_id=""), "the patient ID is ''"),
        (replace(JANE, birth_date="19600103"), "the birth date is '19600103'"),
        (replace(JANE, name="ROE^JANE", birth_date=""), "the patient name is 'ROE"),
    ],
)
def test_another_patient_is_refused_and_the_file_named(other: PatientIdentity, what: str) -> None:
    with pytest.raises(MismatchError, match=rf"day\.dcm belongs to another patient: {what}"):
        _compare(JANE, other)


def test_the_same_id_of_two_institutions_is_another_patient() -> None:
    with pytest.raises(MismatchError, match="issuer"):
        _compare(replace(JANE, issuer="HERE"), replace(JANE, issuer="THERE"))


def test_a_changed_family_name_with_the_same_id_and_birth_date_warns() -> None:
    (warning,) = _compare(JANE, replace(JANE, name="ROE^JANE"))
    assert "'DOE^JANE'" in warning
    assert "'ROE^JANE'" in warning


def test_phantoms_without_any_identity_warn() -> None:
    (warning,) = _compare(PatientIdentity(), PatientIdentity())
    assert "neither" in warning
    assert str(PatientIdentity()) == "without ID (without name)"
