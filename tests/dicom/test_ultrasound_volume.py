"""Enhanced US Volumes: what was written comes back at its place, and what has no place is refused."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_validation import dciodvfy_errors, standard_violations
from pydicom.dataset import Dataset
from written_objects import PATIENT, names

from isoguide.dicom import describe_contents, scan_folder
from isoguide.dicom.ultrasound_volume import read_ultrasound_volume
from isoguide.dicom.write_ultrasound import UltrasoundDetails, write_ultrasound_volume
from isoguide.errors import AmbiguityError, GeometryError, InputError, OutputError, UnreadableError
from isoguide.geometry.frames import DAILY, FIXED, PLANNING, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import rotation_x, rotation_z
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.plan import PatientPosition

ACQUIRED = datetime(2025, 3, 4, 9, 8, 7)
CT_FRAME = "1.2.3.4.5"
SHAPE = (4, 5, 6)


def volume_in(frame: Frame) -> UltrasoundVolume:
    rng = np.random.default_rng(4)
    direction = rotation_x(20.0) @ rotation_z(-35.0)
    grid = Grid(frame, SHAPE, np.array([0.4, 0.5, 0.8]), np.array([11.0, -22.0, 33.0]), direction)
    seen = rng.random(SHAPE) > 0.3
    values = rng.integers(0, 256, SHAPE).astype(np.uint8)
    return UltrasoundVolume(grid, values, seen, seen & (rng.random(SHAPE) > 0.5))


def written(path: Path, frame: Frame = FIXED, position: PatientPosition | None = PatientPosition.HFS) -> Path:
    write_ultrasound_volume(
        path,
        volume_in(frame),
        PATIENT,
        acquired_at=ACQUIRED,
        frame_of_reference_uid=CT_FRAME if frame == PLANNING else None,
        patient_position=position,
        details=UltrasoundDetails(laterality="L", body_part="BREAST"),
    )
    return path


def changed(path: Path, change: Callable[[Dataset], object]) -> Path:
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("frame", [FIXED, PLANNING])
def test_a_volume_comes_back_with_its_place_its_values_and_its_masks(tmp_path: Path, frame: Frame) -> None:
    before = volume_in(frame)
    found = read_ultrasound_volume(written(tmp_path / "us.dcm", frame))
    after = found.volume
    assert after.frame == frame
    assert found.in_room is (frame == FIXED)
    assert np.allclose(after.grid.xyz_from_index, before.grid.xyz_from_index, atol=1e-9)
    assert np.array_equal(after.seen, before.seen)
    assert np.array_equal(after.shadowed, before.shadowed)
    assert np.array_equal(after.values, np.where(before.seen, before.values, 0))
    assert found.patient == PATIENT
    assert (found.patient_id, found.patient_name, found.birth_date) == ("ISO-001", "Müller^Zoë", "19500102")
    assert (found.laterality, found.acquired_at, found.warnings) == ("L", ACQUIRED, ())
    if frame == PLANNING:
        assert found.frame_of_reference_uid == CT_FRAME


@pytest.mark.parametrize(("frame", "position"), [(FIXED, PatientPosition.FFP), (PLANNING, None)])
def test_the_files_satisfy_the_standard(
    tmp_path: Path, frame: Frame, position: PatientPosition | None
) -> None:
    path = written(tmp_path / "us.dcm", frame, position)
    assert dciodvfy_errors(path) == []
    # The table of functional groups lists all that any frame may have: dciodvfy knows which it must.
    assert [text for text in standard_violations(path) if "functional-groups" not in text] == []


def test_a_volume_in_the_room_states_its_planes_in_the_patient_too(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(written(tmp_path / "us.dcm"))
    position = dataset.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient
    # Head first supine, as IEC 61217 has it: x stays, LPS y is -z of the room, LPS z is y of the room.
    assert np.allclose([float(value) for value in position], [11.0, -33.0, -22.0])
    assert dataset.TableFrameOfReferenceUID == "1.2.840.10008.1.4.3.1"


def test_without_masks_the_black_around_the_image_was_not_seen_but_black_within_was(tmp_path: Path) -> None:
    values = np.full(SHAPE, 90, np.uint8)
    values[:, :2] = 0
    values[1:3, 3, 2:4] = 0  # a bladder
    grid = Grid.axial(FIXED, SHAPE, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    everything = np.ones(SHAPE, dtype=bool)
    path = tmp_path / "us.dcm"
    volume = UltrasoundVolume(grid, values, everything, ~everything)
    write_ultrasound_volume(path, volume, PATIENT, acquired_at=ACQUIRED)
    changed(path, Dataset.remove_private_tags)
    found = read_ultrasound_volume(path)
    assert not found.volume.seen[:, :2].any()
    assert found.volume.seen[:, 2:].all()
    assert "does not say what lies in shadow" in found.warnings[0]


def test_two_volumes_of_one_file_are_chosen_between_by_number(tmp_path: Path) -> None:
    def later(dataset: Dataset) -> None:
        dataset.DimensionOrganizationType = "3D_TEMPORAL"
        for index, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            frame.FrameContentSequence[0].DimensionIndexValues = [1 + index // 2, 1 + index % 2, 1]

    path = changed(written(tmp_path / "us.dcm"), later)
    with pytest.raises(AmbiguityError, match="holds 2 volumes of different times; choose one"):
        read_ultrasound_volume(path)
    with pytest.raises(AmbiguityError, match="has no volume 3, only 2"):
        read_ultrasound_volume(path, number=3)
    second = read_ultrasound_volume(path, number=2).volume
    whole = volume_in(FIXED)
    assert np.array_equal(second.seen, whole.seen[2:])
    assert np.allclose(second.grid.origin_mm, whole.grid.xyz(np.array([0, 0, 2])))


def without_place(dataset: Dataset) -> None:
    del dataset.TableFrameOfReferenceUID
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        del frame.PlanePositionSequence


def of_a_patient_without_place(dataset: Dataset) -> None:
    without_place(dataset)
    del dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence


def sheared(dataset: Dataset) -> None:
    matrix = list(dataset.VolumeToTableMappingMatrix)
    matrix[1] += 0.2
    dataset.VolumeToTableMappingMatrix = matrix


def gap(dataset: Dataset) -> None:
    group = dataset.PerFrameFunctionalGroupsSequence[3].PlanePositionVolumeSequence[0]
    group.ImagePositionVolume = [0.0, 0.0, 3.2]


def flow(dataset: Dataset) -> None:
    dataset.SharedFunctionalGroupsSequence[0].ImageDataTypeSequence[0].DataType = "FLOW_VELOCITY"


def fewer_planes(dataset: Dataset) -> None:
    del dataset.PerFrameFunctionalGroupsSequence[2]


def no_spacing(dataset: Dataset) -> None:
    del dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence


def damaged_mask(dataset: Dataset) -> None:
    block = dataset.private_block(0x0077, "ISOGUIDE ULTRASOUND")
    block[0x01].value = b"no mask "


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (without_place, InputError, "neither its place in the room nor in a patient"),
        (of_a_patient_without_place, InputError, "record it with a tracked probe"),
        (sheared, GeometryError, "VolumeToTableMappingMatrix that cannot be used: the matrix is not rigid"),
        (gap, GeometryError, "us.dcm"),
        (flow, UnreadableError, "shows FLOW_VELOCITY instead of the brightness of tissue"),
        (fewer_planes, UnreadableError, "describes 3 of its 4 planes"),
        (no_spacing, UnreadableError, "no PixelMeasuresSequence for its plane 1"),
        (damaged_mask, UnreadableError, "damaged mask of what was seen"),
        (lambda ds: setattr(ds, "PhotometricInterpretation", "RGB"), UnreadableError, "only grey ultrasound"),
        (lambda ds: setattr(ds, "PixelRepresentation", 1), UnreadableError, "signed values"),
        (lambda ds: delattr(ds, "NumberOfFrames"), UnreadableError, "NumberOfFrames"),
        (lambda ds: setattr(ds, "VolumeToTableMappingMatrix", [1.0]), UnreadableError, "instead of 16"),
    ],
)
def test_a_file_that_does_not_say_where_it_is_or_what_it_shows_is_refused(
    tmp_path: Path, change: Callable[[Dataset], object], error: type[InputError], message: str
) -> None:
    path = changed(written(tmp_path / "us.dcm"), change)
    with pytest.raises(error, match=message):
        read_ultrasound_volume(path)


def test_cut_files_are_refused_wherever_they_are_cut(tmp_path: Path) -> None:
    whole = written(tmp_path / "us.dcm").read_bytes()
    cut = tmp_path / "cut.dcm"
    for length in range(0, len(whole), 397):
        cut.write_bytes(whole[:length])
        with pytest.raises(InputError):
            read_ultrasound_volume(cut)


def test_an_encoding_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "us.dcm")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.7"))
    with pytest.raises(UnreadableError, match=r"us\.dcm"):
        read_ultrasound_volume(path)


@pytest.mark.parametrize("distance_mm", [1e6, 1e300])
def test_a_plane_outside_every_room_is_refused(tmp_path: Path, distance_mm: float) -> None:
    def far(dataset: Dataset) -> None:
        group = dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionVolumeSequence[0]
        group.ImagePositionVolume = [0.0, 0.0, distance_mm]

    with pytest.raises(UnreadableError, match=r"states a plane 1e\+\d+ mm away"):
        read_ultrasound_volume(changed(written(tmp_path / "us.dcm"), far))

    def moved(dataset: Dataset) -> None:
        matrix = list(dataset.VolumeToTableMappingMatrix)
        matrix[3] = distance_mm
        dataset.VolumeToTableMappingMatrix = matrix

    with pytest.raises(GeometryError, match="it moves the volume by"):
        read_ultrasound_volume(changed(written(tmp_path / "us.dcm"), moved))


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    def widen(dataset: Dataset) -> None:
        pixels = np.frombuffer(dataset.PixelData, np.uint8).astype("<u2") << 8
        dataset.PixelData = pixels.tobytes()
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset["PixelData"].VR = "OW"

    path = written(tmp_path / "us.dcm")
    before = read_ultrasound_volume(path).volume
    assert np.array_equal(read_ultrasound_volume(changed(path, widen)).volume.values, before.values)


@pytest.mark.parametrize(
    ("frame", "uid", "details", "message"),
    [
        (DAILY, None, UltrasoundDetails(), "cannot be written; bring it to"),
        (FIXED, CT_FRAME, UltrasoundDetails(), "without the frame of reference"),
        (PLANNING, None, UltrasoundDetails(), "with the frame of reference"),
        (FIXED, None, UltrasoundDetails(laterality="X"), "side 'X'"),
        (FIXED, None, UltrasoundDetails(body_part="TOE"), "body part TOE"),
    ],
)
def test_what_does_not_fit_is_not_written(
    tmp_path: Path, frame: Frame, uid: str | None, details: UltrasoundDetails, message: str
) -> None:
    with pytest.raises(OutputError, match=message):
        write_ultrasound_volume(
            tmp_path / "us.dcm",
            volume_in(frame),
            PATIENT,
            acquired_at=ACQUIRED,
            frame_of_reference_uid=uid,
            details=details,
        )
    assert names(tmp_path) == []


def test_a_folder_says_where_its_ultrasound_volumes_are(tmp_path: Path) -> None:
    written(tmp_path / "a.dcm")
    written(tmp_path / "b.dcm", PLANNING)
    changed(written(tmp_path / "c.dcm"), without_place)
    found = describe_contents(scan_folder(tmp_path))
    assert [finding.kind for finding in found] == ["ultrasound volume"] * 3
    assert found[0].text == (
        "a.dcm of patient ISO-001 (Müller^Zoë): 4 planes of 6 × 5, 0.40 × 0.50 × 0.80 mm, placed in the room"
    )
    assert found[1].text.endswith(f"placed in the frame of reference {CT_FRAME}")
    assert "has no place in the room" in found[2].problem
