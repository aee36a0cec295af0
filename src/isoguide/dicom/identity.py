"""Who an object belongs to and which examination it is part of (PS3.3 C.7.1.1, C.7.2.1)."""

from dataclasses import dataclass

from isoguide.dicom.item import Item
from isoguide.errors import MismatchError


@dataclass(frozen=True, slots=True)
class PatientIdentity:
    """What identifies a patient in DICOM; every field is empty where the file does not state it.

    Parameters
    ----------
    patient_id, issuer
        PatientID (0010,0020) and IssuerOfPatientID (0010,0021).
    name
        PatientName (0010,0010) with ``^`` between its components.
    birth_date
        PatientBirthDate (0010,0030) as ``YYYYMMDD``, or whatever an anonymiser put there.
    sex
        PatientSex (0010,0040): M, F or O.
    """

    patient_id: str = ""
    issuer: str = ""
    name: str = ""
    birth_date: str = ""
    sex: str = ""

    def __str__(self) -> str:
        return f"{self.patient_id or 'without ID'} ({self.name or 'without name'})"


@dataclass(frozen=True, slots=True)
class StudyContext:
    """The study attributes that an object derived from an image has to repeat."""

    study_id: str = ""
    date: str = ""
    time: str = ""
    accession_number: str = ""
    referring_physician: str = ""
    description: str = ""


def patient_of(item: Item) -> PatientIdentity:
    """Read the patient module."""
    return PatientIdentity(
        patient_id=item.text("PatientID"),
        issuer=item.text("IssuerOfPatientID"),
        name=item.text("PatientName").rstrip("^ "),
        birth_date=item.text("PatientBirthDate"),
        sex=item.text("PatientSex"),
    )


def study_of(item: Item) -> StudyContext:
    """Read the study module."""
    return StudyContext(
        study_id=item.text("StudyID"),
        date=item.text("StudyDate"),
        time=item.text("StudyTime"),
        accession_number=item.text("AccessionNumber"),
        referring_physician=item.text("ReferringPhysicianName"),
        description=item.text("StudyDescription"),
    )


def compare_patients(
    one: PatientIdentity, one_source: str, other: PatientIdentity, other_source: str
) -> tuple[str, ...]:
    """Check that two objects belong to one patient, and return what remains doubtful.

    The identifier decides. Birth dates that contradict each other refuse as well, because identifiers like
    '0001' are shared between institutions; a name that is spelt differently only warns, unless no birth date
    backs the identifier up.

    Raises
    ------
    MismatchError
        If the two are, or may be, different patients.
    """
    if one.patient_id != other.patient_id:
        _refuse("the patient ID", one.patient_id, one_source, other.patient_id, other_source)
    if one.issuer and other.issuer and one.issuer != other.issuer:
        _refuse("the issuer of the patient ID", one.issuer, one_source, other.issuer, other_source)
    if one.birth_date and other.birth_date and one.birth_date != other.birth_date:
        _refuse("the birth date", one.birth_date, one_source, other.birth_date, other_source)
    if _family(one.name) != _family(other.name) and one.name and other.name:
        if not (one.patient_id and one.birth_date and other.birth_date):
            _refuse("the patient name", one.name, one_source, other.name, other_source)
        return (
            f"the patient name is '{one.name}' in {one_source} but '{other.name}' in {other_source}, "
            "with the same ID and birth date",
        )
    if not one.patient_id:
        return (f"neither {one_source} nor {other_source} states a patient ID: check the identity yourself",)
    return ()


def _family(name: str) -> str:
    return name.partition("=")[0].partition("^")[0].strip().casefold()


def _refuse(what: str, one: str, one_source: str, other: str, other_source: str) -> None:
    msg = (
        f"{other_source} belongs to another patient: {what} is '{other}' there and '{one}' in {one_source}; "
        "give data of one patient"
    )
    raise MismatchError(msg)
