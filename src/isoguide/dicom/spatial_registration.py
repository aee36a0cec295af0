"""Spatial Registration objects as a graph of frames of reference (PS3.3 C.20.2).

Each matrix takes the frame of its item to the registered frame of the object: ``x_registered = M x_source``.
Real objects hold identity items for the registered frame itself and go through third frames, so the way
from one frame to another is searched, and every way there is has to agree.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from pydicom.uid import SpatialRegistrationStorage

from isoguide.dicom.identity import PatientIdentity
from isoguide.dicom.item import Item, tolerating_odd_values
from isoguide.dicom.scan import DicomFile, open_dicom
from isoguide.errors import GeometryError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import DAILY, PLANNING, Array, Frame
from isoguide.geometry.transforms import RigidTransform

AGREEMENT_MM: Final = 0.1
AGREEMENT_DEG: Final = 0.05
"""Two ways between the same frames may differ by this much."""
_IDENTITY_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class FrameRegistration:
    """One matrix, taking coordinates of ``source_uid`` to ``registered_uid``, and the file it is in."""

    registered_uid: str
    source_uid: str
    registered_from_source: RigidTransform
    path: Path


@dataclass(frozen=True, slots=True, eq=False)
class SpatialRegistration:
    """The rigid relations between frames of reference that one or several objects state."""

    registrations: tuple[FrameRegistration, ...]
    patient: PatientIdentity
    path: Path

    @property
    def frame_of_reference_uids(self) -> frozenset[str]:
        """All frames of reference that are related."""
        return frozenset(uid for edge in self.registrations for uid in (edge.registered_uid, edge.source_uid))

    def between(self, planning_for_uid: str, daily_for_uid: str) -> RigidTransform:
        """Return planning_from_daily between two frames of reference.

        Raises
        ------
        MissingEvidenceError
            If no way leads from one to the other.
        GeometryError
            If two ways disagree by more than 0.1 mm or 0.05 degrees.
        """
        planning_from = self._reachable_from(planning_for_uid)
        if daily_for_uid not in planning_from:
            msg = (
                f"{self.path} does not relate the frame of reference {daily_for_uid} to {planning_for_uid}; "
                "give the registration of these images"
            )
            raise MissingEvidenceError(msg)
        for edge in self.registrations:
            if edge.registered_uid in planning_from:
                _check_agreement(edge, planning_from)
        return RigidTransform(PLANNING, DAILY, planning_from[daily_for_uid])

    def _reachable_from(self, start_uid: str) -> dict[str, Array]:
        """Matrices that take each frame to the start frame, breadth first so that few are multiplied."""
        start_from = {start_uid: np.eye(4)}
        queue = [start_uid]
        for here in queue:
            for edge in self.registrations:
                matrix = edge.registered_from_source.matrix
                if edge.registered_uid == here and edge.source_uid not in start_from:
                    start_from[edge.source_uid] = start_from[here] @ matrix
                    queue.append(edge.source_uid)
                elif edge.source_uid == here and edge.registered_uid not in start_from:
                    inverse = edge.registered_from_source.inverse().matrix
                    start_from[edge.registered_uid] = start_from[here] @ inverse
                    queue.append(edge.registered_uid)
        return start_from


def _check_agreement(edge: FrameRegistration, start_from: dict[str, Array]) -> None:
    by_edge = start_from[edge.registered_uid] @ edge.registered_from_source.matrix
    difference = RigidTransform(DAILY, DAILY, np.linalg.inv(by_edge) @ start_from[edge.source_uid])
    apart_mm = float(np.linalg.norm(difference.translation_mm))
    if apart_mm > AGREEMENT_MM or difference.angle_deg > AGREEMENT_DEG:
        msg = (
            f"{edge.path} contradicts itself or another registration: two ways between the same frames of "
            f"reference differ by {apart_mm:.2f} mm and {difference.angle_deg:.3f} degrees; export it again"
        )
        raise GeometryError(msg)


@tolerating_odd_values
def read_spatial_registration(source: DicomFile | Path | str) -> SpatialRegistration:
    """Read the rigid matrices of one Spatial Registration.

    Raises
    ------
    UnreadableError
        If it is not a Spatial Registration, or has no usable item.
    GeometryError
        If a matrix is not rigid, or an item multiplies several: their order is read differently by different
        systems, so such an object is refused until the vendor's convention is known.
    """
    file = source if isinstance(source, DicomFile) else open_dicom(source)
    item = file.item
    if file.sop_class_uid != SpatialRegistrationStorage:
        msg = f"{file.path} is {file.class_name}, not a Spatial Registration; give another file"
        raise UnreadableError(msg)
    registered_uid = item.text("FrameOfReferenceUID")
    edges = [
        edge for entry in item.items("RegistrationSequence") for edge in _edges(entry, registered_uid, file)
    ]
    if not registered_uid or not edges:
        msg = f"{file.path} names no frames of reference to relate; export the registration again"
        raise UnreadableError(msg)
    return SpatialRegistration(tuple(edges), file.patient, file.path)


def combined(registrations: Sequence[SpatialRegistration]) -> SpatialRegistration:
    """Join the graphs of several objects, so that a way may lead over more than one of them.

    Raises
    ------
    MissingEvidenceError
        If there is none.
    """
    if not registrations:
        msg = "there is no Spatial Registration; give the file of one"
        raise MissingEvidenceError(msg)
    edges: Iterable[FrameRegistration] = (edge for one in registrations for edge in one.registrations)
    return SpatialRegistration(tuple(edges), registrations[0].patient, registrations[0].path)


def _edges(entry: Item, registered_uid: str, file: DicomFile) -> list[FrameRegistration]:
    source_uid = entry.text("FrameOfReferenceUID")
    matrices = [
        matrix
        for group in entry.items("MatrixRegistrationSequence")
        for matrix in group.items("MatrixSequence")
    ]
    transforms = [rigid_of(matrix, file) for matrix in matrices]
    moving = [
        one for one in transforms if not np.allclose(one.matrix, np.eye(4), rtol=0, atol=_IDENTITY_TOLERANCE)
    ]
    if len(moving) > 1:
        msg = (
            f"{file.path} multiplies {len(moving)} matrices for one frame of reference, and systems "
            "differ in "
            "their order; export the registration as a single matrix"
        )
        raise GeometryError(msg)
    if moving and not source_uid:
        msg = f"{file.path} moves images without naming their frame of reference; export it with the frame"
        raise UnreadableError(msg)
    if not transforms or not source_uid:
        return []
    return [FrameRegistration(registered_uid, source_uid, (moving or transforms)[0], file.path)]


def rigid_of(matrix: Item, file: DicomFile) -> RigidTransform:
    """Return the matrix of an item of a Matrix (or Deformation Matrix Registration) Sequence.

    Raises
    ------
    GeometryError
        If it is not rigid, by its type or by its values.
    """
    kind = matrix.text("FrameOfReferenceTransformationMatrixType")
    if kind not in ("RIGID", ""):
        msg = (
            f"{file.path} holds a matrix of type {kind}; only RIGID registrations can be used for positioning"
        )
        raise GeometryError(msg)
    values = matrix.need_numbers("FrameOfReferenceTransformationMatrix", 16).reshape(4, 4)
    registered, moving = Frame("registered patient LPS"), Frame("source patient LPS")
    try:
        return RigidTransform(registered, moving, values)
    except GeometryError as error:
        msg = f"{file.path} cannot be used: {error}; export a rigid registration"
        raise GeometryError(msg) from error
