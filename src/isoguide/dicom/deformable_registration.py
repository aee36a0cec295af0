"""Deformable Spatial Registration objects (PS3.3 A.39.2, C.20.3): where tissue of one frame is in another.

They point the other way than Spatial Registrations. The grid of vectors lies in the *registered* frame, and
a position there is led to the *source* by ``x_source = M_post (M_pre x_registered + d)`` with the vector d of
its grid point. Here the registered frame is that of the planning CT and the source is that of the day, so
that with ``planning_from_daily = (M_post M_pre)^-1`` and ``u = R_pre^-1 d`` tissue at x of the planning CT
lies at ``planning_from_daily^-1 (x + u(x))`` of the day.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import UID, DeformableSpatialRegistrationStorage

from isoguide.dicom.identity import PatientIdentity
from isoguide.dicom.item import Item, tolerating_odd_values
from isoguide.dicom.scan import DicomFile, open_dicom
from isoguide.dicom.spatial_registration import rigid_of
from isoguide.errors import AmbiguityError, GeometryError, MismatchError, UnreadableError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField

PRE: Final = "PreDeformationMatrixRegistrationSequence"
POST: Final = "PostDeformationMatrixRegistrationSequence"
_IDENTITY_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class DeformableRegistrationFile:
    """Where the tissue of a planning CT is found in the day's image, as a file says it.

    Parameters
    ----------
    field
        Displacement u at the grid points of the file, planning LPS; constant beyond them, where the file says
        nothing.
    planning_from_daily
        The rigid part, both matrices of the file together.
    planning_for_uid, daily_for_uid
        FrameOfReferenceUID of the registered frame and of the source.
    image_uids
        SOPInstanceUID of the images of the source that it is for; empty for all of its frame.
    comment
        What its maker says of it.
    patient, path
        Whose it is, and the file.
    """

    field: DisplacementField
    planning_from_daily: RigidTransform
    planning_for_uid: str
    daily_for_uid: str
    image_uids: frozenset[str]
    comment: str
    patient: PatientIdentity
    path: Path

    def require_frames(
        self, planning_for_uid: str, daily_for_uid: str, daily_image_uids: Iterable[str] = ()
    ) -> None:
        """Refuse a file that does not lead from this planning CT to this day's image.

        Parameters
        ----------
        planning_for_uid, daily_for_uid
            Frames of reference of the two images.
        daily_image_uids
            SOPInstanceUIDs of the day's image: when both have one frame, only they tell the direction.

        Raises
        ------
        MismatchError
            If it relates other frames of reference, these two the other way round, or other images.
        """
        stated = (self.planning_for_uid, self.daily_for_uid)
        if stated == (planning_for_uid, daily_for_uid):
            self._require_images(frozenset(daily_image_uids))
            return
        if stated == (daily_for_uid, planning_for_uid):
            msg = (
                f"{self.path} leads from the day's image to the planning CT, so its grid is in the frame of"
                " the day; export it with the planning CT as the registered (fixed) image"
            )
            raise MismatchError(msg)
        msg = (
            f"{self.path} leads from the frame of reference {stated[0]} to {stated[1]}, not from"
            f" {planning_for_uid} to {daily_for_uid}; give the registration of these images"
        )
        raise MismatchError(msg)

    def _require_images(self, daily_image_uids: frozenset[str]) -> None:
        if daily_image_uids and self.image_uids and not self.image_uids & daily_image_uids:
            msg = (
                f"{self.path} leads to other images than those of the day, or the other way round; give the"
                " registration whose source is the day's image"
            )
            raise MismatchError(msg)

    def daily_positions(self, points_mm: Array) -> Array:
        """Return where tissue of planning positions (n, 3) lies in the day's image, (n, 3) daily LPS."""
        return self.planning_from_daily.inverse().apply(self.field.moved(points_mm))


@tolerating_odd_values
def read_deformable_registration(source: DicomFile | Path | str) -> DeformableRegistrationFile:
    """Read the one deformation grid of a Deformable Spatial Registration.

    Raises
    ------
    UnreadableError
        If it is another kind of object, has no grid, or what it needs is absent or damaged.
    AmbiguityError
        If it has several grids, or moves a frame of reference twice.
    GeometryError
        If a matrix is not rigid, a vector is undefined, the grid is sheared, or tissue would fold.
    """
    file = source if isinstance(source, DicomFile) else open_dicom(source)
    if file.sop_class_uid != DeformableSpatialRegistrationStorage:
        msg = f"{file.path} is {file.class_name}, not a Deformable Spatial Registration; give another file"
        raise UnreadableError(msg)
    registered_uid = file.item.text("FrameOfReferenceUID")
    entry = _the_entry(file, registered_uid)
    source_uid = entry.text("SourceFrameOfReferenceUID")
    if not registered_uid or not source_uid:
        msg = f"{file.path} does not name both its frames of reference; export it again"
        raise UnreadableError(msg)
    before, after = _matrix(entry, PRE, file), _matrix(entry, POST, file)
    return DeformableRegistrationFile(
        _field(entry.items("DeformableRegistrationGridSequence")[0], before[:3, :3], file),
        RigidTransform(DAILY, PLANNING, after @ before).inverse(),
        registered_uid,
        source_uid,
        frozenset(one.text("ReferencedSOPInstanceUID") for one in entry.items("ReferencedImageSequence"))
        - {""},
        entry.text("FrameOfReferenceTransformationComment"),
        file.patient,
        file.path,
    )


def _the_entry(file: DicomFile, registered_uid: str) -> Item:
    """Return the item with the deformation grid; others may only say that a frame stays as it is."""
    entries = file.item.items("DeformableRegistrationSequence")
    with_grid = [one for one in entries if one.items("DeformableRegistrationGridSequence")]
    if not with_grid:
        msg = (
            f"{file.path} has no deformation grid, so it moves nothing but rigidly; export the deformation"
            " with its vectors, or give a Spatial Registration"
        )
        raise UnreadableError(msg)
    grids = sum(len(one.items("DeformableRegistrationGridSequence")) for one in with_grid)
    if grids > 1:
        msg = (
            f"{file.path} has {grids} deformation grids and does not say which one counts where; export each"
            " deformation as an object of its own"
        )
        raise AmbiguityError(msg)
    moved = {registered_uid, with_grid[0].text("SourceFrameOfReferenceUID")}
    for other in entries:
        if other is with_grid[0] or other.text("SourceFrameOfReferenceUID") not in moved:
            continue
        matrices = [_matrix(other, PRE, file), _matrix(other, POST, file)]
        if not np.allclose(matrices, np.eye(4), rtol=0.0, atol=_IDENTITY_TOLERANCE):
            msg = (
                f"{file.path} moves one frame of reference by several items, whose order is not said; export"
                " the registration with one item"
            )
            raise AmbiguityError(msg)
    return with_grid[0]


def _matrix(entry: Item, keyword: str, file: DicomFile) -> Array:
    """Return the 4×4 matrix before or after the deformation, the identity where there is none."""
    matrices = entry.items(keyword)
    if len(matrices) > 1:
        msg = f"{file.path} has {len(matrices)} matrices in {keyword} where one is allowed; export it again"
        raise AmbiguityError(msg)
    return rigid_of(matrices[0], file).matrix if matrices else np.eye(4)


def _field(stated: Item, rotation_before: Array, file: DicomFile) -> DisplacementField:
    columns, rows, planes = (int(n) for n in stated.need_numbers("GridDimensions", 3))
    along = stated.need_numbers("ImageOrientationPatient", 6).reshape(2, 3)
    vectors = _vectors(stated, (planes, rows, columns), file)
    try:
        grid = Grid(
            PLANNING,
            (planes, rows, columns),
            stated.need_numbers("GridResolution", 3),
            stated.need_numbers("ImagePositionPatient", 3),
            np.stack([*along, np.cross(*along)], axis=1),
        )
        return DisplacementField(grid, (vectors @ rotation_before).astype(np.float32))
    except GeometryError as error:
        msg = f"{file.path} cannot be used: {error}; export it again"
        raise GeometryError(msg) from error


def _vectors(stated: Item, shape: tuple[int, int, int], file: DicomFile) -> NDArray[np.float64]:
    """Return the vectors (k, j, i, 3), which are stored plane by plane and row by row, x, y, z of each."""
    content = stated.dataset.get("VectorGridData")
    needed = 4 * 3 * int(np.prod(shape))
    if not isinstance(content, bytes) or min(shape) < 1 or len(content) != needed:
        size = f"{len(content)} bytes" if isinstance(content, bytes) else "no bytes"
        columns, rows, planes = shape[::-1]
        msg = (
            f"{file.path} has {size} of vectors for {columns} × {rows} × {planes} grid points, which take"
            f" {needed}; export it again"
        )
        raise UnreadableError(msg)
    syntax = file.transfer_syntax_uid
    order = ">" if syntax and not UID(syntax).is_little_endian else "<"
    vectors = np.frombuffer(content, dtype=f"{order}f4").reshape(*shape, 3)
    undefined = int((~np.isfinite(vectors)).any(axis=-1).sum())
    if undefined:
        msg = (
            f"{file.path} leaves the deformation undefined at {undefined} of {vectors[..., 0].size} grid"
            " points; export it for a region in which it is known everywhere"
        )
        raise GeometryError(msg)
    return vectors.astype(np.float64)
