"""Deformable Spatial Registrations lead from the planning CT to the day, the opposite of the rigid ones.

Expected positions are worked out here from the equation of PS3.3 C.20.3.1.1, attribute by attribute:
``x_source = M_post (M_pre (S + i R_x row + j R_y column + k R_z depth) + d_ijk)``.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_builders import DAY_FRAME, FRAME, ROOT, dataset, item, matrix_item, plan, save
from dicom_validation import dciodvfy_errors, standard_violations
from pydicom.dataset import Dataset
from pydicom.uid import DeformableSpatialRegistrationStorage, ExplicitVRBigEndian
from written_objects import Pair, names, write_pair

from isoguide.dicom import (
    DeformableRegistrationFile,
    RegistrationDetails,
    describe_contents,
    read_deformable_registration,
    scan_folder,
    write_deformable_registration,
)
from isoguide.errors import (
    AmbiguityError,
    GeometryError,
    InputError,
    MismatchError,
    OutputError,
    UnreadableError,
)
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_z
from isoguide.images.displacement_field import DisplacementField, node_positions_mm
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict

MATCH = RigidTransform.from_parts(
    PLANNING, DAILY, rotation_z(3.0) @ rotation_x(-2.0), np.array([4.0, -7.0, 11.0])
)
SHAPE = (4, 5, 6)
LEFT_5_MM = np.array([5.0, 0.0, 0.0])


def grid_of(direction: Array, spacing_mm: tuple[float, float, float] = (6.0, 7.0, 8.0)) -> Grid:
    return Grid(PLANNING, SHAPE, np.array(spacing_mm), np.array([-20.5, 10.25, 30.0]), direction)


def field_on(grid: Grid) -> DisplacementField:
    """A smooth field that is different at every node and along every axis."""
    x, y, z = node_positions_mm(grid).T
    vectors = np.stack([3.0 + 0.05 * y, -2.0 + 0.04 * z, 1.0 - 0.03 * x], axis=-1)
    return DisplacementField(grid, vectors.reshape(*grid.shape, 3).astype(np.float32))


def found_with(
    field: DisplacementField | None, verdict: FieldVerdict = FieldVerdict.FOR_DECISION
) -> DeformableRegistration:
    return DeformableRegistration(
        verdict, ("a reason",), (), MATCH, field, None, None, None, None, None, "test", {}
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return write_pair(tmp_path_factory.mktemp("images"))


@pytest.fixture
def write(tmp_path: Path, pair: Pair) -> Callable[..., Path]:
    def writer(found: DeformableRegistration, **changes: object) -> Path:
        arguments = {"planning": pair.planning, "daily": pair.daily} | changes
        return write_deformable_registration(tmp_path / "deformable.dcm", found, **arguments).path

    return writer


def by_the_standard(ds: Dataset, number: int = 0) -> tuple[Array, Array]:
    """Grid points in the registered frame and where they are in the source, by the equation alone."""
    entry = ds.DeformableRegistrationSequence[number]
    grid = entry.DeformableRegistrationGridSequence[0]
    columns, rows, planes = grid.GridDimensions
    numbers = np.frombuffer(grid.VectorGridData, dtype="<f4")
    assert len(numbers) == 3 * columns * rows * planes
    row, column = np.array(grid.ImageOrientationPatient, dtype=float).reshape(2, 3)
    depth = np.cross(row, column)
    start, (rx, ry, rz) = np.array(grid.ImagePositionPatient, dtype=float), grid.GridResolution
    before, after = (
        np.array(sequence[0].FrameOfReferenceTransformationMatrix, dtype=float).reshape(4, 4)
        for sequence in (
            entry.PreDeformationMatrixRegistrationSequence,
            entry.PostDeformationMatrixRegistrationSequence,
        )
    )
    points, sources = [], []
    n = 0
    for k in range(planes):
        for j in range(rows):
            for i in range(columns):
                point = start + i * rx * row + j * ry * column + k * rz * depth
                led = (before @ [*point, 1.0])[:3] + numbers[n : n + 3]
                points.append(point)
                sources.append((after @ [*led, 1.0])[:3])
                n += 3
    return np.array(points), np.array(sources)


AXIAL = np.eye(3)
SAGITTAL = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
FEET_UP = np.diag([-1.0, 1.0, -1.0])
LEFT_HANDED = np.diag([1.0, 1.0, -1.0])
OBLIQUE = rotation_z(20.0) @ rotation_x(10.0)


@pytest.mark.parametrize("direction", [AXIAL, SAGITTAL, FEET_UP, LEFT_HANDED, OBLIQUE, OBLIQUE @ LEFT_HANDED])
def test_the_equation_of_the_standard_leads_tissue_to_where_the_match_found_it(
    write: Callable[..., Path], direction: Array
) -> None:
    found = found_with(field_on(grid_of(direction)))
    points, sources = by_the_standard(pydicom.dcmread(write(found)))
    assert len(points) == np.prod(SHAPE)
    np.testing.assert_allclose(sources, found.daily_positions(points), atol=1e-4)
    nodes = node_positions_mm(found.field.grid)
    np.testing.assert_allclose(np.sort(points.round(3), axis=0), np.sort(nodes.round(3), axis=0), atol=1e-3)


def test_a_target_5_mm_further_left_than_the_bones_is_led_5_mm_to_the_left(
    write: Callable[..., Path],
) -> None:
    grid = grid_of(AXIAL)
    vectors = np.broadcast_to(LEFT_5_MM.astype(np.float32), (*SHAPE, 3))
    lies = RigidTransform.translation(PLANNING, DAILY, (0.0, 0.0, 100.0))
    found = replace(found_with(DisplacementField(grid, vectors)), planning_from_daily=lies)
    path = write(found)
    points, sources = by_the_standard(pydicom.dcmread(path))
    np.testing.assert_allclose(sources - points, np.broadcast_to([5.0, 0.0, -100.0], points.shape), atol=1e-5)
    back = read_deformable_registration(path)
    np.testing.assert_allclose(
        back.field.moved(points) - points, np.broadcast_to(LEFT_5_MM, points.shape), atol=1e-5
    )


def test_another_programs_transform_made_from_the_file_leads_to_the_same_places(
    write: Callable[..., Path],
) -> None:
    # SimpleITK's field is fixed to moving too, and linear between its points.
    sitk = pytest.importorskip("SimpleITK")
    found = found_with(field_on(grid_of(SAGITTAL)))
    entry = pydicom.dcmread(write(found)).DeformableRegistrationSequence[0]
    grid = entry.DeformableRegistrationGridSequence[0]
    vectors = np.frombuffer(grid.VectorGridData, dtype="<f4").reshape(*grid.GridDimensions[::-1], 3)
    image = sitk.GetImageFromArray(vectors.astype(np.float64), isVector=True)
    image.SetOrigin([float(value) for value in grid.ImagePositionPatient])
    image.SetSpacing(list(grid.GridResolution))
    field = sitk.DisplacementFieldTransform(image)
    after = sitk.AffineTransform(3)
    matrix = np.array(entry.PostDeformationMatrixRegistrationSequence[0].FrameOfReferenceTransformationMatrix)
    after.SetMatrix(matrix.reshape(4, 4)[:3, :3].astype(float).ravel().tolist())
    after.SetTranslation(matrix.reshape(4, 4)[:3, 3].astype(float).tolist())
    corners = found.field.grid.corners_mm()
    points = np.random.default_rng(3).uniform(corners.min(axis=0) + 0.1, corners.max(axis=0) - 0.1, (20, 3))
    theirs = [after.TransformPoint(field.TransformPoint(point.tolist())) for point in points]
    np.testing.assert_allclose(theirs, found.daily_positions(points), atol=1e-4)


@pytest.mark.parametrize("direction", [SAGITTAL, FEET_UP, LEFT_HANDED])
def test_the_grid_is_written_along_the_patients_axes_for_readers_that_expect_it(
    write: Callable[..., Path], direction: Array
) -> None:
    ds = pydicom.dcmread(write(found_with(field_on(grid_of(direction)))))
    grid = ds.DeformableRegistrationSequence[0].DeformableRegistrationGridSequence[0]
    assert list(grid.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]


def test_what_was_written_is_read_back_as_it_was(write: Callable[..., Path], pair: Pair) -> None:
    found = found_with(field_on(grid_of(OBLIQUE)))
    back = read_deformable_registration(write(found))
    np.testing.assert_array_equal(back.field.vectors_mm, found.field.vectors_mm)
    np.testing.assert_allclose(back.field.grid.xyz_from_index, found.field.grid.xyz_from_index, atol=1e-9)
    np.testing.assert_allclose(back.planning_from_daily.matrix, MATCH.matrix, atol=1e-9)
    back.require_frames(
        pair.planning.frame_of_reference_uid, pair.daily.frame_of_reference_uid, pair.daily.instance_uids
    )
    assert back.image_uids == set(pair.daily.instance_uids)


def test_the_grid_is_in_the_planning_frame_and_the_source_is_the_day(
    write: Callable[..., Path], pair: Pair
) -> None:
    ds = pydicom.dcmread(write(found_with(field_on(grid_of(AXIAL)))))
    assert ds.FrameOfReferenceUID == pair.planning.frame_of_reference_uid
    entry = ds.DeformableRegistrationSequence[0]
    assert entry.SourceFrameOfReferenceUID == pair.daily.frame_of_reference_uid
    images = tuple(one.ReferencedSOPInstanceUID for one in entry.ReferencedImageSequence)
    assert images == pair.daily.instance_uids


def test_the_file_satisfies_the_standard(write: Callable[..., Path]) -> None:
    path = write(found_with(field_on(grid_of(OBLIQUE))))
    assert standard_violations(path) == []
    assert dciodvfy_errors(path) == []


def test_a_field_that_is_not_for_decision_says_so_in_the_file(write: Callable[..., Path]) -> None:
    path = write(found_with(field_on(grid_of(AXIAL)), FieldVerdict.NOT_FOR_DECISION))
    assert read_deformable_registration(path).comment == "not for decision"


def test_a_match_without_field_is_not_written(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no displacement field was found"):
        write(found_with(None, FieldVerdict.NOT_AVAILABLE))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        ("daily", {"frame_of_reference_uid": ""}, "no frame of reference"),
        ("planning", {"frame_of_reference_uid": ""}, "no frame of reference"),
        ("daily", {"instance_uids": ()}, "no DICOM instances"),
    ],
)
def test_images_that_cannot_be_named_are_refused(
    write: Callable[..., Path], tmp_path: Path, pair: Pair, which: str, change: dict, message: str
) -> None:
    with pytest.raises(OutputError, match=message):
        write(found_with(field_on(grid_of(AXIAL))), **{which: replace(getattr(pair, which), **change)})
    assert names(tmp_path) == []


def test_a_label_that_is_no_code_string_is_refused(write: Callable[..., Path]) -> None:
    with pytest.raises(OutputError, match="not a DICOM code string"):
        write(found_with(field_on(grid_of(AXIAL))), details=RegistrationDetails(label="lower"))


def test_images_of_one_frame_are_told_apart_by_their_references(tmp_path: Path) -> None:
    one_frame = write_pair(tmp_path, same_frame=True)
    written = write_deformable_registration(
        tmp_path / "deformable.dcm",
        found_with(field_on(grid_of(AXIAL))),
        planning=one_frame.planning,
        daily=one_frame.daily,
    )
    assert written.notes == ("same frame of reference UID in both images",)
    back, uid = read_deformable_registration(written.path), one_frame.daily.frame_of_reference_uid
    back.require_frames(uid, uid, one_frame.daily.instance_uids)
    with pytest.raises(MismatchError, match="or the other way round"):
        back.require_frames(uid, uid, one_frame.planning.instance_uids)


# What other systems write.


def rigid_matrix(angle_deg: float, offset_mm: tuple[float, float, float]) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_z(angle_deg) @ rotation_x(angle_deg / 3.0)
    matrix[:3, 3] = offset_mm
    return matrix


BEFORE, AFTER = rigid_matrix(4.0, (10.0, -3.0, 2.0)), rigid_matrix(-7.0, (1.0, 50.0, -6.0))


def grid_item(**changes: object) -> Dataset:
    rng = np.random.default_rng(5)
    stated = {
        "ImageOrientationPatient": [0, 1, 0, 0, 0, 1],
        "ImagePositionPatient": [-40, -30, 20],
        "GridDimensions": [4, 3, 2],
        "GridResolution": [10.0, 9.0, 8.0],
        "VectorGridData": rng.uniform(-1.5, 1.5, (2, 3, 4, 3)).astype("<f4").tobytes(),
    }
    return item(**(stated | changes))


def entry_item(*, before: Array | None = BEFORE, after: Array | None = AFTER, **changes: object) -> Dataset:
    stated = item(SourceFrameOfReferenceUID=DAY_FRAME, DeformableRegistrationGridSequence=[grid_item()])
    if before is not None:
        stated.PreDeformationMatrixRegistrationSequence = [matrix_item(before)]
    if after is not None:
        stated.PostDeformationMatrixRegistrationSequence = [matrix_item(after)]
    for keyword, value in changes.items():
        setattr(stated, keyword, value)
    return stated


def foreign(*entries: Dataset, registered: str = FRAME, **options: object) -> Dataset:
    ds = dataset(DeformableSpatialRegistrationStorage, ROOT + "8", "REG", **options)
    ds.SeriesInstanceUID, ds.FrameOfReferenceUID = ROOT + "8.1", registered
    ds.DeformableRegistrationSequence = list(entries)
    return ds


def read(tmp_path: Path, ds: Dataset) -> DeformableRegistrationFile:
    return read_deformable_registration(save(ds, tmp_path / "deformable"))


def test_matrices_before_and_after_the_deformation_are_both_applied(tmp_path: Path) -> None:
    ds = foreign(entry_item())
    points, sources = by_the_standard(ds)
    found = read(tmp_path, ds)
    np.testing.assert_allclose(found.daily_positions(points), sources, atol=1e-5)
    # What is left after the rigid part is at most as long as the longest vector of the file.
    assert found.field.longest_mm <= 1.5 * np.sqrt(3.0)


def test_a_file_without_matrices_has_none(tmp_path: Path) -> None:
    found = read(tmp_path, foreign(entry_item(before=None, after=None)))
    np.testing.assert_array_equal(found.planning_from_daily.matrix, np.eye(4))


def test_an_item_that_leaves_the_planning_frame_as_it_is_does_no_harm(tmp_path: Path) -> None:
    own = item(
        SourceFrameOfReferenceUID=FRAME, PostDeformationMatrixRegistrationSequence=[matrix_item(np.eye(4))]
    )
    ds = foreign(own, entry_item())
    points, sources = by_the_standard(ds, 1)
    np.testing.assert_allclose(read(tmp_path, ds).daily_positions(points), sources, atol=1e-5)


def test_big_endian_vectors_are_turned_round(tmp_path: Path) -> None:
    ds = foreign(entry_item())
    _, sources = by_the_standard(ds)
    swapped = np.frombuffer(
        ds.DeformableRegistrationSequence[0].DeformableRegistrationGridSequence[0].VectorGridData, "<f4"
    ).astype(">f4")
    big = foreign(
        entry_item(DeformableRegistrationGridSequence=[grid_item(VectorGridData=swapped.tobytes())]),
        syntax=ExplicitVRBigEndian,
    )
    points, _ = by_the_standard(ds)
    np.testing.assert_allclose(read(tmp_path, big).daily_positions(points), sources, atol=1e-5)


def with_vectors(values: Array) -> Dataset:
    return entry_item(
        DeformableRegistrationGridSequence=[grid_item(VectorGridData=values.astype("<f4").tobytes())]
    )


UNDEFINED = np.zeros((2, 3, 4, 3))
UNDEFINED[1, 2, 3] = np.nan
FOLDED = np.zeros((2, 3, 4, 3))
FOLDED[:, :, 2, 1] = -15.0
STRETCH = np.diag([1.02, 1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("entries", "error", "message"),
    [
        ((), UnreadableError, "no deformation grid"),
        ((entry_item(DeformableRegistrationGridSequence=[]),), UnreadableError, "no deformation grid"),
        ((entry_item(), entry_item()), AmbiguityError, "2 deformation grids"),
        (
            (entry_item(), entry_item(DeformableRegistrationGridSequence=[])),
            AmbiguityError,
            "moves one frame of reference by several items",
        ),
        (
            (entry_item(PostDeformationMatrixRegistrationSequence=[matrix_item(AFTER), matrix_item(AFTER)]),),
            AmbiguityError,
            "2 matrices",
        ),
        ((entry_item(SourceFrameOfReferenceUID=""),), UnreadableError, "does not name both its frames"),
        ((with_vectors(UNDEFINED),), GeometryError, "undefined at 1 of 24 grid points"),
        ((with_vectors(FOLDED),), GeometryError, "deformable cannot be used: .*fold"),
        ((with_vectors(np.zeros(71)),), UnreadableError, "has 284 bytes of vectors for 4 × 3 × 2"),
        (
            (entry_item(DeformableRegistrationGridSequence=[item(GridDimensions=[4, 3, 2])]),),
            UnreadableError,
            "has no ImageOrientationPatient",
        ),
        (
            (
                entry_item(
                    DeformableRegistrationGridSequence=[
                        grid_item(ImageOrientationPatient=[1, 0, 0, 0.1, 1, 0])
                    ]
                ),
            ),
            GeometryError,
            "cannot be used: the grid axes are not orthonormal",
        ),
        (
            (entry_item(PreDeformationMatrixRegistrationSequence=[matrix_item(STRETCH, "AFFINE")]),),
            GeometryError,
            "matrix of type AFFINE",
        ),
        ((entry_item(after=STRETCH),), GeometryError, "the matrix is not rigid"),
    ],
)
def test_what_does_not_say_one_thing_is_refused(
    tmp_path: Path, entries: tuple[Dataset, ...], error: type[InputError], message: str
) -> None:
    with pytest.raises(error, match=message) as refused:
        read(tmp_path, foreign(*entries))
    assert str(tmp_path / "deformable") in str(refused.value)


def test_another_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="not a Deformable Spatial Registration"):
        read(tmp_path, plan())


def test_a_registration_of_other_images_or_in_the_other_direction_is_refused(tmp_path: Path) -> None:
    found = read(tmp_path, foreign(entry_item()))
    found.require_frames(FRAME, DAY_FRAME)
    with pytest.raises(MismatchError, match="leads from the day's image to the planning CT"):
        found.require_frames(DAY_FRAME, FRAME)
    with pytest.raises(MismatchError, match="give the registration of these images"):
        found.require_frames(FRAME, ROOT + "99")


def test_inspecting_a_folder_names_it_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    save(foreign(entry_item()), tmp_path / "deformable")
    (found,) = describe_contents(scan_folder(tmp_path))
    assert found.kind == "deformable registration"
    assert found.text.startswith("of patient A1 (DOE^JANE): 2 slices of 4 × 3, 10.00 × 9.00 × 8.00 mm")
    assert not found.problem
    save(foreign(with_vectors(UNDEFINED)), tmp_path / "deformable")
    (found,) = describe_contents(scan_folder(tmp_path))
    assert "undefined at 1 of 24" in found.problem
