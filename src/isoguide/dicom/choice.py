"""Choosing one object among those found: the only one, the one asked for by UID, or asking the user."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from isoguide.dicom.identity import PatientIdentity
from isoguide.dicom.scan import DicomFile, FolderContents, FoundSeries
from isoguide.errors import AmbiguityError, MismatchError, MissingEvidenceError


class Candidate(Protocol):
    """Something with a UID and a description to choose it by."""

    @property
    def uid(self) -> str:
        """What the option takes."""
        ...

    @property
    def description(self) -> str:
        """What the user recognises it by."""
        ...


C = TypeVar("C", bound=Candidate)


@dataclass(frozen=True, slots=True, eq=False)
class FileCandidate:
    """A plan, structure set or dose file."""

    file: DicomFile

    @property
    def uid(self) -> str:
        """SOPInstanceUID."""
        return self.file.sop_instance_uid

    @property
    def description(self) -> str:
        """Label and file name."""
        item = self.file.item
        label = item.text("RTPlanLabel") or item.text("StructureSetLabel") or item.text("SeriesDescription")
        return _quoted(label) + f"in {self.file.path.name}"


@dataclass(frozen=True, slots=True, eq=False)
class SeriesCandidate:
    """An image series."""

    series: FoundSeries

    @property
    def uid(self) -> str:
        """SeriesInstanceUID."""
        return self.series.series_instance_uid

    @property
    def description(self) -> str:
        """Description and number of files."""
        count = len(self.series.files)
        plural = "s" if count > 1 else ""
        return _quoted(self.series.item.text("SeriesDescription")) + f"with {count} file{plural}"


def _quoted(text: str) -> str:
    return f"'{text}' " if text else ""


def file_candidates(files: Sequence[DicomFile]) -> tuple[FileCandidate, ...]:
    """Wrap files, each instance once: copies of one file are one candidate."""
    return tuple({file.sop_instance_uid: FileCandidate(file) for file in reversed(files)}.values())[::-1]


def series_candidates(series: Sequence[FoundSeries]) -> tuple[SeriesCandidate, ...]:
    """Wrap series."""
    return tuple(SeriesCandidate(one) for one in series)


def with_uid(candidates: Sequence[C], uid: str, *, kind: str, path: Path) -> C:
    """Return the candidate that the user named.

    Raises
    ------
    MissingEvidenceError
        If there is none; the message lists what there is.
    """
    for candidate in candidates:
        if candidate.uid == uid:
            return candidate
    msg = f"{path} holds no {kind} with the UID {uid}; it holds {listed(candidates) or 'none'}"
    raise MissingEvidenceError(msg)


def the_only_one(candidates: Sequence[C], *, kind: str, option: str, path: Path) -> C | None:
    """Return the single candidate, or None where there is none.

    Raises
    ------
    AmbiguityError
        If there are several; the message lists them with the option to choose.
    """
    if len(candidates) > 1:
        msg = (
            f"{path} holds {len(candidates)} candidates for the {kind} ({listed(candidates)}); "
            f"choose one with {option} UID"
        )
        raise AmbiguityError(msg)
    return candidates[0] if candidates else None


def listed(candidates: Sequence[Candidate]) -> str:
    """Join UIDs and descriptions for a message."""
    return "; ".join(f"{candidate.uid} {candidate.description}" for candidate in candidates)


def no_ct(contents: FolderContents, kind: str) -> MissingEvidenceError:
    """Build the error for a folder without a CT series, saying what it holds instead."""
    held: dict[str, int] = {}
    for file in contents.files:
        held[file.class_name] = held.get(file.class_name, 0) + 1
    parts = [f"{count} × {name}" for name, count in sorted(held.items())]
    if contents.unusable:
        bad = contents.unusable[0]
        parts.append(f"{len(contents.unusable)} damaged (for example {bad.path.name}: {bad.reason})")
    if contents.not_dicom:
        parts.append(f"{len(contents.not_dicom)} that are not DICOM images")
    return MissingEvidenceError(
        f"{contents.path} holds no CT series for the {kind} (found: {', '.join(parts) or 'no file'}); "
        "give its folder"
    )


def refuse_strangers(
    others: Sequence[DicomFile], patient: PatientIdentity, *, source: str, option: str
) -> None:
    """Refuse objects of other patients that lie beside the chosen ones.

    A folder that mixes patients is a mistake somewhere before us, and nobody should have to trust that the
    right object was picked out of it, unless it was named.

    Raises
    ------
    MismatchError
        If one of them has another patient ID.
    """
    for other in others:
        if other.patient.patient_id != patient.patient_id:
            msg = (
                f"{other.path} belongs to another patient ('{other.patient.patient_id}') than {source} "
                f"('{patient.patient_id}'); remove it or choose with {option} UID"
            )
            raise MismatchError(msg)
