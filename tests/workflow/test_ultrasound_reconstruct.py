"""From a recording to a volume on disk, with its place and its patient, or without both."""

import json
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from scipy import ndimage
from tracked_phantom import ball, place_section, recorded, straight_sweep, write_probe

from isoguide.dicom import PatientIdentity
from isoguide.dicom.ultrasound_volume import read_ultrasound_volume
from isoguide.errors import InputError, MissingEvidenceError, OutputError
from isoguide.geometry.frames import FIXED, PLANNING, REFERENCE_SENSOR
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.compounding import compound
from isoguide.images.ultrasound_fan import find_fan
from isoguide.volume_files.tracked_sequence import read_tracked_frames, write_tracked_frames
from isoguide.workflow.ultrasound.load_sweep import place_sweep
from isoguide.workflow.ultrasound.plus_config import read_plus_config
from isoguide.workflow.ultrasound.reconstruct import (
    UltrasoundReconstructRequest,
    reconstruct_ultrasound_into,
)

BALL_MM = np.array([3.0, 18.0, 2.0])
IN_ROOM = RigidTransform.translation(FIXED, REFERENCE_SENSOR, (10.0, -5.0, 20.0))
IN_PLAN = RigidTransform.translation(PLANNING, REFERENCE_SENSOR, (1.0, 2.0, 3.0))
TAKEN = datetime(2026, 3, 1, 8, 45)


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "sweep.igs.mha"
    poses = straight_sweep()
    poses[12] = None
    write_tracked_frames(path, recorded(poses, ball(BALL_MM)))
    return path


def asked(recording, **options):
    probe = write_probe(recording.parent, place=options.pop("place", None))
    return UltrasoundReconstructRequest(recording, probe=probe, spacing_mm=1.0, **options)


def bright_centre(volume):
    places = np.argwhere(volume.values > 130)[:, ::-1]
    return volume.grid.xyz(places.astype(float)).mean(axis=0)


def test_a_volume_in_the_room_is_written_with_its_patient_and_read_again(tmp_path, recording):
    request = asked(
        recording,
        place=place_section(IN_ROOM),
        patient=PatientIdentity(patient_id="P7"),
        taken_at=TAKEN,
        patient_position="HFS",
    )
    made = reconstruct_ultrasound_into(tmp_path / "out", request)
    assert made.is_placed
    read = read_ultrasound_volume(tmp_path / "out" / "volume.dcm")
    assert read.volume.frame == FIXED
    assert read.patient.patient_id == "P7"
    assert read.acquired_at == TAKEN
    np.testing.assert_allclose(bright_centre(read.volume), BALL_MM + [10.0, -5.0, 20.0], atol=0.35)
    np.testing.assert_array_equal(read.volume.seen, made.volume.seen)
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["images"] == {
        "recorded": 41,
        "used": 40,
        "left_out": [{"number": 13, "why": "the tracker did not see the probe or the reference"}],
    }
    assert result["has_place_in_room"] is True
    page = (tmp_path / "out" / "report.html").read_text()
    assert "left out: 1 image (13)" in page
    assert "patient P7" in page


def test_a_reference_of_the_simulation_is_in_the_frame_of_the_planning_ct(tmp_path, recording, patient):
    request = asked(
        recording, place=place_section(IN_PLAN, to="planning"), planning=patient.planning, taken_at=TAKEN
    )
    made = reconstruct_ultrasound_into(tmp_path / "out", request)
    read = read_ultrasound_volume(tmp_path / "out" / "volume.dcm")
    assert read.volume.frame == PLANNING
    assert read.patient == made.patient
    np.testing.assert_allclose(bright_centre(read.volume), BALL_MM + [1.0, 2.0, 3.0], atol=0.35)
    other = replace(request, patient=PatientIdentity(patient_id="somebody else"))
    with pytest.raises(InputError, match="the patient ID 'somebody else' is not that of"):
        reconstruct_ultrasound_into(tmp_path / "other", other)


def test_without_a_place_there_is_a_picture_and_no_dicom(tmp_path, recording):
    made = reconstruct_ultrasound_into(tmp_path / "out", asked(recording))
    assert not made.is_placed
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "report.html",
        "result.json",
        "volume-in-reference.mha",
    ]
    assert "not be used for guidance" in made.warnings[-1]
    with pytest.raises(OutputError, match="already holds"):
        reconstruct_ultrasound_into(tmp_path / "out", asked(recording))
    reconstruct_ultrasound_into(tmp_path / "out", asked(recording), overwrite=True)


def place(to="fixed"):
    return place_section(IN_ROOM if to == "fixed" else IN_PLAN, to=to)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"place": place(), "taken_at": TAKEN}, "belongs to a patient"),
        ({"place": place(), "patient": PatientIdentity(patient_id="P7")}, "does not say the day"),
        ({"place": place("planning"), "taken_at": TAKEN}, "frame of reference is needed: give --planning"),
    ],
)
def test_a_volume_with_a_place_is_nobodys_and_of_no_day_by_no_means(tmp_path, recording, options, said):
    with pytest.raises(MissingEvidenceError, match=said):
        reconstruct_ultrasound_into(tmp_path / "out", asked(recording, **options))
    assert not (tmp_path / "out").exists()


def test_a_sweep_needs_the_calibration_of_its_probe(recording):
    with pytest.raises(MissingEvidenceError, match="give --probe FILE, or --plus-config FILE"):
        UltrasoundReconstructRequest(recording)


def test_the_spine_phantom_is_as_plus_reconstructed_it(shared_data):
    sitk = pytest.importorskip("SimpleITK")
    folder = shared_data / "PlusLibData"
    tracked = read_tracked_frames(folder / "TestImages" / "SpinePhantomFreehand.igs.mha")
    config = folder / "ConfigFiles" / "Testing" / "PlusDeviceSet_SpinePhantomFreehandReconstructionOnly.xml"
    fan = find_fan(tracked.frames.pixels, source="phantom")
    sweep = place_sweep(tracked, read_plus_config(config, face_px=fan.face_px)).sweep
    # As the configuration says: voxels of 0.5 mm, mean, holes up to nine sticks of a voxel.
    ours = compound(sweep, spacing_mm=0.5, method="mean", fill_mm=4.5)
    theirs = sitk.ReadImage(str(folder / "TestImages" / "SpinePhantomFreehandReconstructed.mha"))
    values = sitk.GetArrayFromImage(theirs).astype(float)
    places = np.argwhere(ours.seen)
    index = (ours.grid.xyz(places[:, ::-1].astype(float)) - theirs.GetOrigin()) / theirs.GetSpacing()
    reference = ndimage.map_coordinates(values, index[:, ::-1].T, order=1, cval=0.0)
    mine = ours.values[tuple(places.T)].astype(float)
    common = reference > 0.0
    assert common.mean() > 0.95
    assert np.corrcoef(mine[common], reference[common])[0, 1] >= 0.95
    # Plus averages the empty screen beside the image into its edge; one millimetre inside there is no
    # difference.
    inside = common & ndimage.binary_erosion(ours.seen, iterations=2)[tuple(places.T)]
    assert np.corrcoef(mine[inside], reference[inside])[0, 1] >= 0.99
