"""Recordings of Plus: images, poses and times as they were, or a refusal."""

import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from isoguide.errors import GeometryError, InputError, MissingEvidenceError, OutputError, UnreadableError
from isoguide.geometry.frames import DAILY, PROBE, REFERENCE_SENSOR, TRACKER
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_z
from isoguide.images.ultrasound_frames import TrackedFrames, UltrasoundFrames
from isoguide.volume_files import load_volume_file
from isoguide.volume_files.tracked_sequence import (
    is_tracked_sequence,
    read_tracked_frames,
    write_tracked_frames,
)

PIXELS = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
POSE = "0 -1 0 10 1 0 0 20 0 0 1 30 0 0 0 1"
"""A quarter turn about z: x of the probe is y of the tracker."""


def sequence(
    path: Path, *changes: tuple[str, str | None], packed: bool = False, orientation: str = "MF"
) -> Path:
    """A recording made byte by byte; ``changes`` replace the value of a field or take it away."""
    stored = zlib.compress(PIXELS.tobytes()) if packed else PIXELS.tobytes()
    fields = {
        "ObjectType": "Image",
        "NDims": "3",
        "CompressedData": str(packed),
        "DimSize": "5 4 3",
        "ElementSpacing": "1 1 1",
        "ElementType": "MET_UCHAR",
        "UltrasoundImageOrientation": orientation,
    }
    for number in range(3):
        start = f"Seq_Frame{number:04d}_"
        for sensor in ("Probe", "Reference"):
            fields[f"{start}{sensor}ToTrackerTransform"] = POSE
            fields[f"{start}{sensor}ToTrackerTransformStatus"] = "OK"
        fields[f"{start}Timestamp"] = str(100.5 + number)
        fields[f"{start}ImageStatus"] = "OK"
    fields["ElementDataFile"] = "LOCAL"
    fields |= {name: value for name, value in changes if value is not None}
    for name, value in changes:
        if value is None:
            del fields[name]
    if "ElementDataFile" in fields:
        fields["ElementDataFile"] = fields.pop("ElementDataFile")
    text = "".join(f"{name} = {value}\n" for name, value in fields.items())
    path.write_bytes(text.encode() + stored)
    return path


def test_a_recording_of_the_spine_phantom_is_read(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "PlusLibData" / "TestImages" / "SpinePhantomFreehand.igs.mha"
    assert is_tracked_sequence(path)
    tracked = read_tracked_frames(path)
    assert tracked.frames.pixels.shape == (21, 616, 820)
    assert tracked.frames.at_s is not None
    # Numbers of the file's text.
    assert tracked.frames.at_s[[0, 20]].tolist() == [215.102186, 216.947186]
    pose = tracked.tracker_from_probe[0]
    assert pose is not None
    assert (pose.to_frame, pose.from_frame) == (TRACKER, PROBE)
    assert np.allclose(pose.translation_mm, [172.641, -98.0022, -22.0262])
    assert np.allclose(pose.rotation[0], [0.231245, 0.951424, -0.203269], atol=1e-5)
    reference = tracked.tracker_from_reference[20]
    assert reference is not None
    assert reference.from_frame == REFERENCE_SENSOR

    write_tracked_frames(tmp_path / "again.mha", tracked)
    again = read_tracked_frames(tmp_path / "again.mha")
    assert np.array_equal(again.frames.pixels, tracked.frames.pixels)
    assert np.array_equal(again.frames.at_s, tracked.frames.at_s)
    for ours, theirs in zip(again.tracker_from_probe, tracked.tracker_from_probe, strict=True):
        assert ours is not None
        assert theirs is not None
        assert np.allclose(ours.matrix, theirs.matrix, atol=1e-12)


@pytest.mark.parametrize("packed", [False, True])
def test_a_pose_takes_the_probe_to_the_tracker(tmp_path: Path, *, packed: bool) -> None:
    tracked = read_tracked_frames(sequence(tmp_path / "a.igs.mha", packed=packed))
    assert np.array_equal(tracked.frames.pixels, PIXELS)
    assert tracked.frames.at_s is not None
    assert tracked.frames.at_s.tolist() == [100.5, 101.5, 102.5]
    pose = tracked.tracker_from_probe[1]
    assert pose is not None
    assert np.allclose(pose.apply(np.array([1.0, 0.0, 0.0])), [10.0, 21.0, 30.0])
    assert tracked.frames.pixel_spacing_mm is None


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        ("MF", PIXELS),
        ("MFA", PIXELS),
        ("UF", PIXELS[:, :, ::-1]),
        ("MN", PIXELS[:, ::-1]),
        ("UNA", PIXELS[:, ::-1, ::-1]),
    ],
)
def test_images_are_turned_so_that_depth_grows_downwards_and_the_marked_side_is_to_the_right(
    tmp_path: Path, orientation: str, turned: np.ndarray
) -> None:
    tracked = read_tracked_frames(sequence(tmp_path / "a.mha", orientation=orientation))
    assert np.array_equal(tracked.frames.pixels, turned)


def test_a_sensor_out_of_sight_has_no_pose_and_a_missing_image_is_left_out(tmp_path: Path) -> None:
    path = sequence(
        tmp_path / "a.mha",
        ("Seq_Frame0001_ProbeToTrackerTransformStatus", "INVALID"),
        ("Seq_Frame0001_ProbeToTrackerTransform", " ".join(["0"] * 16)),
        ("Seq_Frame0002_ImageStatus", "INVALID"),
    )
    tracked = read_tracked_frames(path)
    assert len(tracked.frames.pixels) == 2
    assert [pose is None for pose in tracked.tracker_from_probe] == [False, True]
    assert tracked.tracker_from_reference[1] is not None


def test_a_reference_is_used_where_there_is_one_and_wanted(tmp_path: Path) -> None:
    path = sequence(tmp_path / "a.mha")
    assert len(read_tracked_frames(path).tracker_from_reference) == 3
    assert read_tracked_frames(path, reference=None).tracker_from_reference == ()
    assert read_tracked_frames(path, reference="Needle").tracker_from_reference == ()


def test_a_recording_is_not_taken_for_a_volume(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="not a volume; reconstruct one from it first"):
        load_volume_file(sequence(tmp_path / "a.igs.mha"), DAILY)


def test_pixels_in_a_second_file_are_read(tmp_path: Path) -> None:
    path = sequence(tmp_path / "a.mhd", ("ElementDataFile", "a.raw"))
    with pytest.raises(UnreadableError, match=r"names a\.raw for its pixels, which is not there"):
        read_tracked_frames(path)
    (tmp_path / "a.raw").write_bytes(PIXELS.tobytes())
    assert np.array_equal(read_tracked_frames(path).frames.pixels, PIXELS)


PROBE_FIELD = "Seq_Frame0001_ProbeToTrackerTransform"


@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        (PROBE_FIELD, POSE.replace("20", "nan"), GeometryError, "pose of the Probe for image 1"),
        (PROBE_FIELD, POSE.replace("-1", "-1.2"), GeometryError, "for image 1 .* not rigid"),
        (PROBE_FIELD, "0 1 0 0 1 0 0 0 0 0 1 0 0 0 0 1", GeometryError, "mirrors left and right"),
        (PROBE_FIELD, "1 2 3", UnreadableError, "must be 16 numbers"),
        (PROBE_FIELD, "a b c", UnreadableError, "must be 16 numbers"),
        (PROBE_FIELD, None, UnreadableError, f"has no {PROBE_FIELD}"),
        (f"{PROBE_FIELD}Status", None, UnreadableError, "TransformStatus; record it again"),
        (f"{PROBE_FIELD}Status", "MISSING", UnreadableError, "only OK and INVALID are known"),
        ("Seq_Frame0002_Timestamp", None, UnreadableError, "has no Seq_Frame0002_Timestamp"),
        ("Seq_Frame0002_Timestamp", "soon", UnreadableError, "Timestamp = soon for image 2, which is no num"),
        ("Seq_Frame0002_Timestamp", "101.5", GeometryError, r"do not increase at image 2, 101\.500 s after"),
        ("Seq_Frame0002_ImageStatus", None, UnreadableError, "has no Seq_Frame0002_ImageStatus"),
        ("UltrasoundImageOrientation", None, UnreadableError, "has no UltrasoundImageOrientation"),
        ("UltrasoundImageOrientation", "FM", UnreadableError, "has the orientation 'FM'"),
        ("UltrasoundImageOrientation", "MFD", UnreadableError, "has the orientation 'MFD'"),
        ("UltrasoundImageOrientation", "XX", UnreadableError, "can be used when it is MF, UF, MN or UN"),
        ("UltrasoundPixelSpacing", "0.4", UnreadableError, "must be two numbers in mm"),
        ("UltrasoundPixelSpacing", "0.4 -0.4", GeometryError, "must be positive"),
        ("DimSize", "5 4 4", UnreadableError, "80 pixels are announced and 60 are there"),
        ("DimSize", "5 4 2", UnreadableError, "40 pixels are announced and 60 are there"),
        ("DimSize", "5 4", UnreadableError, "has the size '5 4'"),
        ("DimSize", "5 4 3 1", UnreadableError, "give a sequence of flat images"),
        ("DimSize", "99999 99999 99999", UnreadableError, "has the size"),
        ("ElementType", "MET_SHORT", UnreadableError, "holds MET_SHORT with 1 values a pixel"),
        ("ElementNumberOfChannels", "3", UnreadableError, "holds MET_UCHAR with 3 values a pixel"),
        ("CompressedData", "True", UnreadableError, "its pixels cannot be unpacked"),
        ("ElementDataFile", None, UnreadableError, "not a MetaImage file"),
    ],
)
def test_a_recording_that_lacks_something_or_makes_no_sense_is_refused(
    tmp_path: Path, field: str, value: str | None, error: type[InputError], message: str
) -> None:
    path = sequence(tmp_path / "a.mha", (field, value))
    with pytest.raises(error, match=message):
        read_tracked_frames(path)


def test_a_recording_without_an_image_or_the_sensor_is_refused(tmp_path: Path) -> None:
    none = [(f"Seq_Frame000{number}_ImageStatus", "INVALID") for number in range(3)]
    with pytest.raises(UnreadableError, match="holds no image"):
        read_tracked_frames(sequence(tmp_path / "a.mha", *none))
    path = sequence(tmp_path / "b.mha")
    with pytest.raises(MissingEvidenceError, match="no poses NeedleToTracker; it has ProbeToTracker, Ref"):
        read_tracked_frames(path, probe="Needle")
    with pytest.raises(UnreadableError, match="is not a file"):
        read_tracked_frames(tmp_path / "absent.mha")
    assert not is_tracked_sequence(tmp_path / "absent.mha")


@pytest.mark.parametrize("packed", [False, True])
def test_cut_recordings_are_refused_wherever_they_are_cut(tmp_path: Path, *, packed: bool) -> None:
    whole = sequence(tmp_path / "whole.mha", packed=packed).read_bytes()
    cut = tmp_path / "cut.mha"
    for length in range(0, len(whole), 31):
        cut.write_bytes(whole[:length])
        with pytest.raises(InputError):
            read_tracked_frames(cut)


def test_a_changed_byte_of_packed_pixels_is_noticed(tmp_path: Path) -> None:
    whole = sequence(tmp_path / "whole.mha", packed=True).read_bytes()
    path = tmp_path / "odd.mha"
    for position in range(whole.index(b"LOCAL\n") + 6, len(whole)):
        odd = bytearray(whole)
        odd[position] ^= 0x55
        path.write_bytes(odd)
        with pytest.raises(UnreadableError, match="damaged"):
            read_tracked_frames(path)


def test_random_bytes_in_a_header_give_a_recording_or_a_sentence(tmp_path: Path) -> None:
    whole = sequence(tmp_path / "whole.mha", packed=True).read_bytes()
    rng = np.random.default_rng(9)
    path = tmp_path / "odd.mha"
    for _ in range(80):
        odd = bytearray(whole)
        odd[rng.integers(whole.index(b"LOCAL"))] = rng.integers(256)
        path.write_bytes(odd)
        try:
            tracked = read_tracked_frames(path)
        except InputError as error:
            assert str(path) in str(error)  # noqa: PT017 - some odd bytes do no harm
        else:
            assert len(tracked.tracker_from_probe) == len(tracked.frames.pixels)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    pose = RigidTransform.from_parts(
        TRACKER, PROBE, rotation_x(12.3) @ rotation_z(-45.6), np.array([1.0 / 3.0, -2.0, 1e-7])
    )
    frames = UltrasoundFrames(PIXELS, np.array([0.1, 0.2, 1.0 / 3.0]), (0.2, 0.4), "made")
    write_tracked_frames(tmp_path / "a.igs.mha", TrackedFrames(frames, (pose, None, pose)))
    found = read_tracked_frames(tmp_path / "a.igs.mha")
    assert np.array_equal(found.frames.pixels, PIXELS)
    assert found.frames.at_s is not None
    assert found.frames.at_s.tolist() == [0.1, 0.2, 1.0 / 3.0]
    assert found.frames.pixel_spacing_mm == (0.2, 0.4)
    assert found.tracker_from_reference == ()
    assert found.tracker_from_probe[1] is None
    assert found.tracker_from_probe[2] is not None
    assert np.allclose(found.tracker_from_probe[2].matrix, pose.matrix, atol=1e-15)
    text = (tmp_path / "a.igs.mha").read_bytes().decode("latin-1")
    assert "UltrasoundImageOrientation = MF\n" in text
    assert re.search(r"DimSize = 5 4 3\n", text)


def test_nothing_is_left_of_a_recording_that_cannot_be_written(tmp_path: Path) -> None:
    frames = UltrasoundFrames(PIXELS, np.array([0.1, 0.2, 0.3]), None, "made")
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="taken cannot be written"):
        write_tracked_frames(tmp_path / "taken", TrackedFrames(frames, (None,) * 3))
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
