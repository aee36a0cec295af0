import shutil

import numpy as np
import pytest
import SimpleITK

from isoguide.errors import InputError
from isoguide.geometry.frames import PROBE, TRACKER
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_frames import TrackedFrames, UltrasoundFrames
from isoguide.volume_files.tracked_sequence import write_tracked_frames
from isoguide.workflow.inspect import inspect_path


def test_a_planning_export_is_described_by_what_it_holds(patient):
    inspection = inspect_path(patient.planning)

    assert [item.kind for item in inspection.items] == ["CT series", "plan", "structure set"]
    assert all(item.uid for item in inspection.items)
    assert not inspection.has_problems


def test_what_is_wrong_stands_with_the_thing_it_is_wrong_with(patient, tmp_path):
    shutil.copytree(patient.daily, tmp_path / "daily")
    (tmp_path / "daily" / "CT_0020.dcm").unlink()
    (tmp_path / "daily" / "notes.txt").write_text("lunch at noon")

    inspection = inspect_path(tmp_path / "daily")

    series = next(item for item in inspection.items if item.kind == "CT series")
    assert series.problem
    assert inspection.has_problems
    assert [path.name for path in inspection.other_files] == ["notes.txt"]


def test_volume_files_are_described_too(tmp_path):
    image = SimpleITK.GetImageFromArray(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    SimpleITK.WriteImage(image, str(tmp_path / "day.mha"))
    (tmp_path / "broken.nii").write_bytes(b"nothing")

    items = {item.text.partition(":")[0]: item for item in inspect_path(tmp_path).items}

    assert "4 × 3 × 2 voxels of 1 × 1 × 1 mm" in items["day.mha"].text
    assert items["broken.nii"].problem
    assert inspect_path(tmp_path / "day.mha").items == (items["day.mha"],)


def test_a_recording_of_tracked_ultrasound_is_described_with_what_it_lacks(tmp_path):
    frames = UltrasoundFrames(np.zeros((3, 4, 5), np.uint8), np.array([1.0, 1.5, 2.0]), None, "made")
    pose = RigidTransform.identity(TRACKER, PROBE)
    write_tracked_frames(tmp_path / "sweep.igs.mha", TrackedFrames(frames, (pose, None, pose)))
    whole = (tmp_path / "sweep.igs.mha").read_bytes()
    (tmp_path / "cut.igs.mha").write_bytes(whole[:-5])

    cut, sweep = inspect_path(tmp_path).items

    assert sweep.kind == "tracked ultrasound"
    assert "3 images of 5 × 4 over 1.0 s, the probe was seen in 2 of them" in sweep.text
    assert sweep.text.endswith("its place in the room needs the probe's calibration")
    assert "damaged" in cut.problem


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        inspect_path(tmp_path / "nothing")
