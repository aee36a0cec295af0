"""Who the patient is, as the files say it."""

from dataclasses import dataclass


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
        PatientBirthDate (0010,0030) as ``YYYYMMDD``.
    sex
        PatientSex (0010,0040): M, F or O.
    """

    patient_id: str
    issuer: str = ""
    name: str = ""
    birth_date: str = ""
    sex: str = ""
